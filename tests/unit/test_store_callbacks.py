"""Callbacks in the store: asked for, called, settled; and, whatever happens in between, never lost."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlite_utils import Database

from appliance.hotline.callbacks import Result, State
from appliance.store import callbacks, ledger, night
from appliance.store.changes import BY_PANEL
from appliance.store.database import exclusive, open_store
from appliance.store.times import from_text, to_text
from tests.unit.seed import seeded_store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ERIKA = "+491701234567"
SUPPORT, OFFICE = "093155510", "093155520"
ANNAS_CHANNEL = "PJSIP/desk_1-0000002a"


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = seeded_store(tmp_path / "store.db")
    yield db
    db.close()


def rings_in(
    db: Database, call: str, *, number: str = ERIKA, dialled: str = SUPPORT, at: datetime = NOON
) -> None:
    ledger.open_call(db, call, dialled=dialled, caller=number, caller_name="Erika", started_at=at)
    ledger.add_step(db, call, "rang in", dialled, at)


def hangs_up(db: Database, call: str, at: datetime = NOON, *, message_kept: bool = False) -> None:
    """The end of a call in Asterisk's records, as the bookkeeper enters it."""
    ledger.close_call(db, call, at, message_kept=message_kept)
    callbacks.close_after_call(db, call, at)


def owes(
    db: Database, call: str = "1.0", *, number: str = ERIKA, dialled: str = SUPPORT, at: datetime = NOON
) -> int:
    """Somebody rang in, was promised a callback and has hung up; the request's id."""
    rings_in(db, call, number=number, dialled=dialled, at=at)
    request = callbacks.request(db, call, number, arrived=at, now=at)
    hangs_up(db, call, at)
    return request


def row(db: Database, request: int) -> dict[str, object]:
    return next(db.query("SELECT * FROM callbacks WHERE id = ?", [request]))


def state(db: Database, request: int) -> tuple[object, object, object]:
    found = row(db, request)
    return found["state"], found["attempts"], found["result"]


def outcome(db: Database, call: str) -> str:
    return str(db.execute("SELECT outcome FROM calls WHERE call = ?", [call]).fetchone()[0])


def faults(db: Database) -> set[str]:
    return {fault.what for fault in ledger.check(db, alive=frozenset(ledger.open_calls(db)))}


def in_line(db: Database) -> list[int]:
    return [c.id for c in callbacks.waiting(db)]


def begun(db: Database, request: int) -> str:
    attempt = callbacks.begin_attempt(db, request)
    assert attempt is not None
    assert callbacks.id_of(attempt) == request
    return attempt


def ends_in(db: Database, attempt: str, result: Result, at: datetime = NOON) -> None:
    """The customer is dialled, and this is how it ended."""
    assert callbacks.dial(db, attempt, "anna", at)
    if result is Result.TALKED:
        callbacks.connect(db, attempt, ANNAS_CHANNEL, at)
    else:
        callbacks.note_result(db, attempt, result)
    callbacks.settle_attempt(db, attempt, at)


# Asking


def test_what_is_asked_for_stands_in_line_with_everything_known_of_the_call(db: Database) -> None:
    rings_in(db, "1.0")
    ledger.set_ticket(db, "1.0", "4711", NOON)
    request = callbacks.request(db, "1.0", "+49931777", arrived=after(-90), now=NOON)
    hangs_up(db, "1.0")
    (found,) = callbacks.waiting(db)
    assert (found.id, found.call, found.department, found.language) == (request, "1.0", "support", "de")
    assert (found.number, found.name, found.ticket) == ("+49931777", "Erika", "4711")
    assert (found.arrived, found.others_from) == (after(-90), after(-30))
    assert found.is_due(NOON)
    assert outcome(db, "1.0") == "", "the promise is owed: no outcome yet"
    assert faults(db) == set()


def test_a_call_nobody_knows_asks_for_nothing(db: Database) -> None:
    with pytest.raises(LookupError):
        callbacks.request(db, "9.0", ERIKA, arrived=NOON, now=NOON)
    assert in_line(db) == []


@pytest.mark.parametrize("order", [("1.0", "2.0"), ("2.0", "1.0")])
def test_asked_for_twice_it_is_one_request_in_the_older_place(db: Database, order: tuple[str, str]) -> None:
    arrived = {"1.0": NOON, "2.0": after(300)}
    for call in order:
        rings_in(db, call, at=arrived[call])
        callbacks.request(db, call, ERIKA, arrived=arrived[call], now=after(400))
        hangs_up(db, call, after(400))
    (found,) = callbacks.waiting(db)
    assert (found.arrived, found.call) == (NOON, order[1])
    ends_in(db, begun(db, found.id), Result.TALKED, after(500))
    assert (outcome(db, "1.0"), outcome(db, "2.0")) == ("called back", "called back")
    assert faults(db) == set()


def test_a_ticket_is_kept_until_another_is_given(db: Database) -> None:
    tickets = []
    for call, ticket in (("1.0", "11"), ("2.0", ""), ("3.0", "33")):
        rings_in(db, call)
        if ticket:
            ledger.set_ticket(db, call, ticket, NOON)
        request = callbacks.request(db, call, ERIKA, arrived=NOON, now=NOON)
        tickets.append(row(db, request)["ticket"])
    assert tickets == ["11", "11", "33"]


def test_asked_for_again_all_attempts_are_made_anew(db: Database) -> None:
    request = owes(db)
    ends_in(db, begun(db, request), Result.BUSY)
    assert state(db, request) == ("waiting", 1, "busy")
    assert not callbacks.waiting(db)[0].is_due(after(60))
    assert owes(db, "2.0", at=after(60)) == request
    assert row(db, request)["attempts"] == 0
    assert callbacks.waiting(db)[0].is_due(after(60))


def test_each_department_calls_back_for_itself(db: Database) -> None:
    assert owes(db) != owes(db, "2.0", dialled=OFFICE)
    assert len(in_line(db)) == 2


def test_who_asks_while_somebody_at_his_number_talks_is_called_back_too(db: Database) -> None:
    """Two people of one firm show the same number: the conversation of one settles nothing for the other."""
    first = owes(db)
    attempt = begun(db, first)
    assert callbacks.dial(db, attempt, "anna", after(60))
    callbacks.connect(db, attempt, ANNAS_CHANNEL, after(70))
    second = owes(db, "2.0", at=after(80))
    callbacks.settle_attempt(db, attempt, after(200))
    assert (state(db, first)[0], outcome(db, "1.0")) == ("reached", "called back")
    assert (state(db, second), outcome(db, "2.0")) == (("waiting", 0, ""), "")
    assert in_line(db) == [second]
    assert faults(db) == set()


def test_the_place_is_kept_for_who_calls_in_again(db: Database) -> None:
    owes(db)
    assert callbacks.place_kept(db, ERIKA, "support") == NOON
    assert callbacks.place_kept(db, ERIKA, "office") is None
    assert callbacks.place_kept(db, "+49931777", "support") is None


def test_who_is_to_be_called_at_another_number_has_his_place_and_is_not_called_while_he_is_here(
    db: Database,
) -> None:
    elsewhere = "+49931777"
    rings_in(db, "1.0")
    request = callbacks.request(db, "1.0", elsewhere, arrived=NOON, now=NOON)
    hangs_up(db, "1.0")
    assert callbacks.place_kept(db, ERIKA, "support") == NOON
    rings_in(db, "2.0")
    assert in_line(db) == []
    assert callbacks.begin_attempt(db, request) is None
    hangs_up(db, "2.0")
    assert in_line(db) == [request]


def test_it_is_known_whether_the_office_wants_to_call_or_was_asked(db: Database) -> None:
    owes(db)
    assert not callbacks.was_ordered(db, "1.0")
    callbacks.request(db, "1.0", ERIKA, arrived=NOON, now=after(9), step=callbacks.ORDERED)
    assert callbacks.was_ordered(db, "1.0")


# Who stands in line


def test_a_closed_department_calls_nobody_and_an_open_one_does(db: Database) -> None:
    request = owes(db, dialled=OFFICE)
    db.execute("UPDATE night_switch SET mode = 'night'")
    assert in_line(db) == []
    db.execute("UPDATE night_switch SET mode = 'auto'")
    assert in_line(db) == [request]


def test_who_is_on_the_telephone_with_us_is_not_called(db: Database) -> None:
    request = owes(db)
    rings_in(db, "2.0", dialled=OFFICE)
    assert in_line(db) == []
    hangs_up(db, "2.0")
    assert in_line(db) == [request]


def test_not_before_the_call_in_which_it_was_asked_for_is_over(db: Database) -> None:
    """Also when the number he gave is not the one he calls from."""
    rings_in(db, "1.0", number="")
    request = callbacks.request(db, "1.0", ERIKA, arrived=NOON, now=NOON)
    assert in_line(db) == []
    hangs_up(db, "1.0")
    assert in_line(db) == [request]


def test_a_number_is_called_for_one_department_at_a_time(db: Database) -> None:
    first, second = owes(db), owes(db, "2.0", dialled=OFFICE)
    attempt = begun(db, first)
    assert in_line(db) == []
    assert callbacks.begin_attempt(db, second) is None, "chosen in the same moment as the first"
    ends_in(db, attempt, Result.BUSY)
    assert in_line(db) == [first, second]


def test_the_line_is_in_order_of_arrival(db: Database) -> None:
    owed = {
        seconds: owes(db, f"{seconds}.0", number=f"+4993177{seconds}", at=after(seconds))
        for seconds in (30, 10, 20)
    }
    assert in_line(db) == [owed[10], owed[20], owed[30]]


# An attempt: each step once, and only forward


def test_an_attempt_begins_once(db: Database) -> None:
    request = owes(db)
    attempt = begun(db, request)
    assert callbacks.begin_attempt(db, request) is None
    assert callbacks.calling(db) == {request}
    assert callbacks.calling_in(db) == [attempt]
    found = callbacks.of_attempt(db, attempt)
    assert found is not None
    assert (found.id, found.state, found.attempt) == (request, State.CALLING, attempt)
    assert callbacks.of_attempt(db, "callback-99-abc") is None


def test_a_customer_is_dialled_once_in_an_attempt(db: Database) -> None:
    request = owes(db)
    attempt = begun(db, request)
    assert callbacks.dial(db, attempt, "anna", NOON)
    assert not callbacks.dial(db, attempt, "anna", NOON)
    assert state(db, request) == ("calling", 1, "no answer"), "what holds should nobody tell more"
    assert [step["step"] for step in ledger.story(db, "1.0")].count("calls back") == 1


def test_who_calls_in_while_the_agent_is_rung_is_not_dialled(db: Database) -> None:
    request = owes(db)
    attempt = begun(db, request)
    rings_in(db, "2.0")
    assert not callbacks.dial(db, attempt, "anna", NOON)
    callbacks.settle_attempt(db, attempt, NOON)
    hangs_up(db, "2.0")
    assert state(db, request) == ("waiting", 0, "")
    assert in_line(db) == [request], "he has only asked how long it will take"


def test_who_calls_in_before_an_agent_is_rung_is_not_called(db: Database) -> None:
    request = owes(db)
    rings_in(db, "2.0")
    assert callbacks.begin_attempt(db, request) is None


@pytest.mark.parametrize("result", [Result.BUSY, Result.NO_ANSWER, Result.NOT_CONFIRMED, Result.NO_LINE])
def test_a_failed_attempt_is_settled_once_and_tried_again(db: Database, result: Result) -> None:
    request = owes(db)
    attempt = begun(db, request)
    ends_in(db, attempt, result)
    later = row(db, request)
    assert (later["state"], later["attempts"], later["attempt"]) == ("waiting", 1, "")
    assert from_text(str(later["next_attempt_at"])) > NOON
    callbacks.settle_attempt(db, attempt, after(9999))
    callbacks.note_result(db, attempt, Result.TALKED)
    callbacks.connect(db, attempt, ANNAS_CHANNEL, after(9999))
    assert not callbacks.dial(db, attempt, "anna", after(9999))
    assert row(db, request) == later
    assert [step["detail"] for step in ledger.story(db, "1.0") if step["step"] == "callback failed"] == [
        result
    ]


def test_an_attempt_without_a_dialled_customer_costs_nothing(db: Database) -> None:
    request = owes(db)
    for _ in range(5):
        callbacks.settle_attempt(db, begun(db, request), after(60))
    assert state(db, request) == ("waiting", 0, "")
    assert callbacks.waiting(db)[0].is_due(after(60))


def test_after_the_last_attempt_the_mailbox_is_told_once(db: Database) -> None:
    request = owes(db)
    for _ in range(3):
        assert state(db, request)[0] == "waiting"
        attempt = begun(db, request)
        ends_in(db, attempt, Result.BUSY)
    callbacks.settle_attempt(db, attempt, NOON)
    assert (state(db, request)[0], outcome(db, "1.0")) == ("not reached", "not reached")
    assert db.execute("SELECT callback, recipient, language FROM outbox").fetchall() == [
        (request, "t@x.example", "de")
    ]
    assert in_line(db) == []
    assert faults(db) == set()


def test_a_conversation_settles_it_and_the_ledger_knows_who_talked(db: Database) -> None:
    request = owes(db)
    attempt = begun(db, request)
    assert callbacks.dial(db, attempt, "anna", after(60))
    callbacks.connect(db, attempt, "PJSIP/line-00000001", after(70))
    assert state(db, request)[2] == "no answer", "the customer's own channel proves no conversation"
    callbacks.connect(db, attempt, ANNAS_CHANNEL, after(71))
    callbacks.connect(db, attempt, ANNAS_CHANNEL, after(99))
    callbacks.note_result(db, attempt, Result.NOT_CONFIRMED)
    callbacks.settle_attempt(db, attempt, after(200))
    callbacks.settle_attempt(db, attempt, after(300))
    assert state(db, request) == ("reached", 1, "talked")
    call = next(db.query("SELECT * FROM calls"))
    assert (call["outcome"], call["agent"], call["connected_at"]) == (
        "called back",
        "anna",
        to_text(after(71)),
    )
    assert faults(db) == set()


def test_a_department_that_is_gone_still_settles_what_it_began(db: Database) -> None:
    request = owes(db, dialled=OFFICE)
    attempt = begun(db, request)
    db.execute("DELETE FROM departments WHERE name = 'office'")
    ends_in(db, attempt, Result.BUSY)
    assert state(db, request)[0] == "not reached"
    assert db.execute("SELECT recipient FROM outbox").fetchall() == [("t@x.example",)]
    assert faults(db) == set()


# Promised while it was closed


def given_up(db: Database, request: int, *, days: float) -> bool:
    """Whether it is so many days after noon."""
    callbacks.give_up_old(db, NOON + timedelta(days=days))
    return state(db, request)[0] == "not reached"


def test_who_is_not_called_within_a_week_of_opening_is_given_up_by_mail(db: Database) -> None:
    request = owes(db)
    assert not given_up(db, request, days=6.9)
    assert given_up(db, request, days=7.1)
    assert db.execute("SELECT callback, recipient FROM outbox").fetchall() == [(request, "t@x.example")]
    assert outcome(db, "1.0") == "not reached"
    assert faults(db) == set()


def test_a_promise_made_before_long_holidays_outlives_them(db: Database) -> None:
    db.execute(
        "INSERT INTO opening_hours SELECT 'office', value, '08:00', '17:00' FROM json_each('[0,1,2,3,4]')"
    )
    db.execute("INSERT INTO special_days VALUES ('office', '2026-11-24', '2026-12-08', 'closed')")
    request = owes(db, dialled=OFFICE)
    assert not given_up(db, request, days=8)
    assert not given_up(db, request, days=21.7), "it opens on the 9th of December at 8"
    assert given_up(db, request, days=22)


def moves_switch(db: Database, mode: str, at: datetime) -> None:
    night.set_night_mode(db, mode, BY_PANEL, at)
    db.execute("UPDATE changes SET at = ? WHERE id = (SELECT max(id) FROM changes)", [to_text(at)])


def test_a_promise_made_by_night_outlives_the_night_switch(db: Database) -> None:
    moves_switch(db, "night", after(-60))
    at_office, at_support = owes(db, dialled=OFFICE), owes(db, "2.0")
    assert given_up(db, at_support, days=8), "it ignores the switch"
    db.execute("UPDATE departments SET always_open = 1")
    assert not given_up(db, at_office, days=20)
    moves_switch(db, "auto", NOON + timedelta(days=20))
    assert not given_up(db, at_office, days=26.9)
    assert given_up(db, at_office, days=27.1)


def test_a_promise_made_by_day_is_not_prolonged_by_a_night(db: Database) -> None:
    db.execute("UPDATE departments SET always_open = 1, ignores_night_switch = 0")
    request = owes(db)
    moves_switch(db, "night", NOON + timedelta(days=5))
    assert given_up(db, request, days=7.1)


# Settled by other ways


def test_struck_off_it_is_over_for_every_call_that_asked(db: Database) -> None:
    request = owes(db)
    owes(db, "2.0")
    assert callbacks.cancel(db, request, NOON)
    assert (outcome(db, "1.0"), outcome(db, "2.0")) == ("callback cancelled", "callback cancelled")
    assert not callbacks.cancel(db, request, NOON)
    assert not callbacks.cancel(db, 99, NOON)
    assert in_line(db) == []
    assert faults(db) == set()


def test_struck_off_while_the_agent_is_rung_nobody_is_dialled(db: Database) -> None:
    request = owes(db)
    attempt = begun(db, request)
    assert callbacks.cancel(db, request, NOON)
    assert not callbacks.dial(db, attempt, "anna", NOON)
    callbacks.settle_attempt(db, attempt, NOON)
    assert state(db, request)[0] == "cancelled"


def test_once_the_customer_is_dialled_it_is_too_late_to_strike_it_off(db: Database) -> None:
    """He may be talking at this moment: the ledger would deny it."""
    request = owes(db)
    attempt = begun(db, request)
    assert callbacks.dial(db, attempt, "anna", NOON)
    assert not callbacks.cancel(db, request, NOON)
    callbacks.connect(db, attempt, ANNAS_CHANNEL, NOON)
    assert not callbacks.cancel(db, request, NOON)
    callbacks.settle_attempt(db, attempt, NOON)
    assert (state(db, request)[0], outcome(db, "1.0")) == ("reached", "called back")


@pytest.mark.parametrize("helped", ["talks", "message"])
def test_who_calls_in_again_and_is_helped_is_not_called_back(db: Database, helped: str) -> None:
    request, elsewhere = owes(db), owes(db, "3.0", dialled=OFFICE)
    rings_in(db, "2.0", at=after(60))
    if helped == "talks":
        ledger.connect_call(db, "2.0", ANNAS_CHANNEL, after(70))
    hangs_up(db, "2.0", after(90), message_kept=helped == "message")
    assert state(db, request)[0] == "called again"
    assert outcome(db, "1.0") == "called again"
    assert outcome(db, "2.0") == ("talked" if helped == "talks" else "message")
    assert in_line(db) == [elsewhere], "the other department owes him still"


def test_who_calls_in_again_and_gives_up_is_called_back(db: Database) -> None:
    request = owes(db)
    rings_in(db, "2.0", at=after(60))
    hangs_up(db, "2.0", after(90))
    assert outcome(db, "2.0") == "hung up"
    assert in_line(db) == [request]


def test_who_talks_in_the_call_that_asked_is_not_called_back(db: Database) -> None:
    """The supervisor died just after the promise, and the floor put him through."""
    rings_in(db, "1.0", number="")
    request = callbacks.request(db, "1.0", ERIKA, arrived=NOON, now=NOON)
    ledger.connect_call(db, "1.0", ANNAS_CHANNEL, after(5))
    hangs_up(db, "1.0", after(60))
    assert (outcome(db, "1.0"), state(db, request)[0]) == ("talked", "called again")
    assert faults(db) == set()


# The end of personal data


def test_what_is_settled_and_old_is_forgotten_with_its_calls(db: Database) -> None:
    request = owes(db)
    assert callbacks.cancel(db, request, NOON)
    callbacks.forget(db, after(1))
    assert row(db, request), "its call still tells of it"
    assert ledger.forget(db, after(1)) == 1
    callbacks.forget(db, NOON)
    assert row(db, request), "not older than that instant"
    callbacks.forget(db, after(1))
    assert db.execute("SELECT count(*) FROM callbacks").fetchone() == (0,)


def test_a_call_is_remembered_while_a_callback_is_owed_for_it(db: Database) -> None:
    """A missed caller has his outcome; the callback the office ordered for him has not been made yet."""
    rings_in(db, "1.0")
    hangs_up(db, "1.0")
    request = callbacks.request(db, "1.0", ERIKA, arrived=NOON, now=NOON, step="callback ordered")
    assert outcome(db, "1.0") == "hung up"
    assert ledger.forget(db, after(9999)) == 0
    ends_in(db, begun(db, request), Result.TALKED, after(9999))
    assert faults(db) == set()
    assert ledger.forget(db, after(9999)) == 1


def test_what_a_mail_still_tells_of_is_kept(db: Database) -> None:
    request = owes(db)
    for _ in range(3):
        ends_in(db, begun(db, request), Result.BUSY)
    ledger.forget(db, after(1))
    callbacks.forget(db, after(1))
    assert row(db, request)
    db.execute("DELETE FROM outbox")
    callbacks.forget(db, after(1))
    assert db.execute("SELECT count(*) FROM callbacks").fetchone() == (0,)


# What the check finds


NEW_CALL = "INSERT INTO calls (call, dialled, started_at, ended_at, outcome"
NEW_CALLBACK = (
    "INSERT INTO callbacks (call, department, language, number, name, ticket, arrived, created_at, "
    "next_attempt_at, closed_at, state) VALUES ('9.0', 'support', 'de', '+49170', '', '', 'x', 'x', 'x', 'x',"
)


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (f"{NEW_CALL}) VALUES ('9.0', '', 'x', 'x', 'talked')", "talked, but to nobody"),
        (f"{NEW_CALL}) VALUES ('9.0', '', 'x', 'x', 'called back')", "called back, but nobody talked"),
        (
            f"{NEW_CALL}) VALUES ('9.0', '', 'x', 'x', 'message')",
            "the outcome is a message, but there is none",
        ),
        (f"{NEW_CALL}) VALUES ('9.0', '', 'x', '', '')", "the call is over and has no outcome"),
        (
            "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound) "
            "VALUES ('9.0', 'support', '', '', 'x', 3, 'x')",
            "a message without a mail to anybody",
        ),
        (
            f"{NEW_CALL}) VALUES ('9.0', '', 'x', 'x', 'hung up');"
            "INSERT INTO steps (call, step) VALUES ('9.0', 'callback promised')",
            "a callback was promised and nobody knows of it",
        ),
        (
            f"{NEW_CALLBACK} 'not reached')",
            "not reached, and nobody is told by mail",
        ),
        (
            "INSERT INTO steps (call, step) VALUES ('9.0', 'greeted')",
            "steps of a call the ledger does not know",
        ),
        (
            f"{NEW_CALLBACK} 'cancelled');{NEW_CALL}, callback) VALUES ('9.0', '', 'x', 'x', '', 1)",
            "the call is over and has no outcome",
        ),
    ],
)
def test_the_check_finds_each_fault_by_its_name(db: Database, harm: str, what: str) -> None:
    assert ledger.check(db, alive=frozenset()) == []
    for statement in harm.split(";"):
        db.execute(statement)
    assert ledger.check(db, alive=frozenset()) == [ledger.Fault("9.0", what)]


def test_every_fault_the_check_names_is_tested() -> None:
    marks = test_the_check_finds_each_fault_by_its_name.pytestmark
    tested = {what for _, what in marks[0].args[1]}
    assert tested == {*ledger._FAULTS, "the call is over and has no outcome"}


# Everything in any order


class Crash(Exception):
    """The program was killed before a statement reached the store."""


NUMBERS = (ERIKA, "+49931777")
live_calls = st.runner().flatmap(lambda machine: st.sampled_from(sorted(machine.live) or [""]))
attempts = st.runner().flatmap(lambda machine: st.sampled_from(machine.attempts or [""]))
requests = st.runner().flatmap(lambda machine: st.sampled_from(sorted(machine.promised) or [0]))


class Callbacks(RuleBasedStateMachine):
    """Callers, attempts, the office, a bookkeeper who comes late, a program killed before any statement.

    Asterisk goes on meanwhile: what it records is entered in its order, by whoever lives then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "store.db"
        db = seeded_store(self.file)
        db.execute("UPDATE departments SET callback_attempts = 2")
        db.close()
        self.now = NOON
        self.calls = 0
        self.live: dict[str, str] = {}  # the calls that go on, and whose number
        self.attempts: list[str] = []  # in which an agent's phone rings or is answered
        self.dialled: set[str] = set()  # attempts in which the customer's phone has rung
        self.talks: set[str] = set()
        self.talked: set[int] = set()  # requests whose customer has talked to an agent
        self.promised: dict[int, str] = {}
        self.records: list[Callable[[], object]] = []  # what Asterisk wrote and nobody has read
        self.at_risk = False
        self.open()

    def open(self) -> None:
        self.db = open_store(self.file, durable=False)
        self.fuse = 0
        execute = self.db.execute

        def fragile(*values: object) -> object:
            self.fuse -= self.at_risk
            if self.at_risk and self.fuse == 0:
                raise Crash
            return execute(*values)  # type: ignore[arg-type]

        self.db.execute = fragile  # type: ignore[method-assign,assignment]

    def teardown(self) -> None:
        self.db.close()
        self.folder.cleanup()

    def survives(self, work: Callable[[], object]) -> object:
        """Do something; None when we were killed over it. A transaction that is open goes with us."""
        self.at_risk = True
        try:
            return work()
        except Crash:
            self.db.conn.close()
            self.open()
            return None
        finally:
            self.at_risk = False

    @rule(statements=st.integers(1, 12))
    def will_be_killed(self, statements: int) -> None:
        self.fuse = statements

    @rule(seconds=st.sampled_from((1, 30, 600, 9000)))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    # Asterisk and its records

    @rule(times=st.integers(1, 5))
    def records_are_read(self, times: int) -> None:
        for _ in range(min(times, len(self.records))):
            if not self.survives(lambda: self.enter(self.records[0])):
                return
            self.records.pop(0)

    def enter(self, record: Callable[[], object]) -> bool:
        with exclusive(self.db):
            record()
        return True

    @precondition(lambda self: len(self.live) < 3)
    @rule(number=st.sampled_from(("", *NUMBERS)), dialled=st.sampled_from((SUPPORT, OFFICE)))
    def somebody_rings_in(self, number: str, dialled: str) -> None:
        self.calls += 1
        call, at = f"{self.calls}.0", self.now
        self.live[call] = number
        self.records.append(lambda: rings_in(self.db, call, number=number, dialled=dialled, at=at))
        self.records_are_read(len(self.records))

    @rule(call=live_calls, number=st.sampled_from(NUMBERS))
    def asks_for_a_callback(self, call: str, number: str) -> None:
        if call not in ledger.open_calls(self.db):
            return
        department = self.db.execute("SELECT department FROM calls WHERE call = ?", [call]).fetchone()[0]
        place, known = callbacks.place_kept(self.db, number, department), set(self.promised)
        request = self.survives(
            lambda: callbacks.request(self.db, call, number, arrived=self.now, now=self.now)
        )
        if isinstance(request, int):
            self.promised[request] = number
            if place and request in known:
                assert callbacks.place_kept(self.db, number, department) == place, "the older place is kept"

    @rule(call=live_calls, how=st.sampled_from(("gives up", "gives up", "talks", "message")))
    def call_ends(self, call: str, how: str) -> None:
        if not call:
            return
        at = self.now
        del self.live[call]
        if how == "talks":
            self.records.append(lambda: ledger.connect_call(self.db, call, ANNAS_CHANNEL, at))
        if how == "message":
            self.records.append(lambda: self.message(call))
        self.records.append(lambda: hangs_up(self.db, call, at, message_kept=how == "message"))

    def caller_of(self, call: str) -> str:
        return str(self.db.execute("SELECT caller FROM calls WHERE call = ?", [call]).fetchone()[0])

    def message(self, call: str) -> None:
        message = self.db.execute(
            "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound) "
            "VALUES (?1, '', '', '', 'x', 3, ?1) RETURNING id",
            [call],
        ).fetchone()[0]
        self.db.execute(
            "INSERT INTO outbox (message, message_id, recipient, language) VALUES (?, ?, 'x', 'de')",
            [message, call],
        )

    @precondition(lambda self: len(self.live) < 3)
    @rule(number=st.sampled_from(NUMBERS), dialled=st.sampled_from((SUPPORT, OFFICE)))
    def somebody_asks_and_goes(self, number: str, dialled: str) -> None:
        """The steps above in a row, so that there is always somebody to call back."""
        self.somebody_rings_in(number, dialled)
        call = f"{self.calls}.0"
        self.asks_for_a_callback(call, number)
        self.call_ends(call, "gives up")
        self.records_are_read(len(self.records))

    # Calling back

    @rule(takes_it=st.booleans())
    def somebody_is_chosen(self, takes_it: bool) -> None:
        """Agents are rung for everybody who is due; some pick up at once."""
        for found in callbacks.waiting(self.db):
            self.now = max(self.now, found.next_attempt_at)
            attempt = self.survives(lambda found=found: callbacks.begin_attempt(self.db, found.id))  # type: ignore[misc]
            if isinstance(attempt, str):
                self.attempts.append(attempt)
                if takes_it:
                    self.agent_takes_it(attempt)

    @rule(attempt=attempts)
    def agent_takes_it(self, attempt: str) -> None:
        if not attempt or not self.survives(lambda: callbacks.dial(self.db, attempt, "anna", self.now)):
            return
        request = callbacks.id_of(attempt)
        assert attempt not in self.dialled, "dialled twice in one attempt"
        assert request not in self.talked, "dialled again after he has talked"
        assert row(self.db, request)["state"] == "calling"
        number = row(self.db, request)["number"]
        assert not self.db.execute(
            "SELECT 1 FROM calls WHERE caller = ? AND ended_at = ''", [number]
        ).fetchone(), "dialled while he was on the telephone with us"
        self.dialled.add(attempt)

    @rule(
        attempt=attempts,
        result=st.sampled_from([r for r in Result if r is not Result.NOT_DIALLED]),
        is_over=st.booleans(),
    )
    def customer_is_dialled(self, attempt: str, result: Result, is_over: bool) -> None:
        if attempt not in self.dialled or attempt in self.talks:
            return
        at = self.now
        if result is Result.TALKED:
            self.talks.add(attempt)
            self.talked.add(callbacks.id_of(attempt))
            self.records.append(lambda: callbacks.connect(self.db, attempt, ANNAS_CHANNEL, at))
        else:
            self.survives(lambda: callbacks.note_result(self.db, attempt, result))
        if is_over:
            self.attempt_ends(attempt)

    @rule(attempt=attempts)
    def attempt_ends(self, attempt: str) -> None:
        if attempt:
            at = self.now
            self.attempts.remove(attempt)
            self.records.append(lambda: callbacks.settle_attempt(self.db, attempt, at))

    @rule()
    def attempts_asterisk_does_not_know_are_settled(self) -> None:
        for attempt in set(callbacks.calling_in(self.db)) - set(self.attempts):
            self.records.append(lambda attempt=attempt: callbacks.settle_attempt(self.db, attempt, self.now))  # type: ignore[misc]
        self.records_are_read(len(self.records))

    @rule(request=requests)
    def office_strikes_off(self, request: int) -> None:
        self.survives(lambda: callbacks.cancel(self.db, request, self.now))

    # What always holds

    @invariant()
    def nobody_is_lost(self) -> None:
        known = {r["id"]: r for r in self.db.query("SELECT * FROM callbacks")}
        opened = [(r["number"], r["department"]) for r in known.values() if not r["closed_at"]]
        assert len(opened) == len(set(opened)), "two requests for one person"
        called = [r["number"] for r in known.values() if r["state"] == "calling"]
        assert len(called) == len(set(called)), "one person is called twice at a time"
        assert set(self.promised) <= set(known)
        for found in known.values():
            assert bool(found["closed_at"]) == (found["state"] not in ("waiting", "calling"))
            if found["state"] == "reached":
                assert found["id"] in self.talked
        if not self.records:
            nobody_talks = {
                r["id"]
                for r in known.values()
                if r["state"] == "waiting" and r["call"] not in self.live
                if r["number"] not in (*self.live.values(), *called)
                if (asked_from := self.caller_of(r["call"])) == "" or asked_from not in self.live.values()
            }
            assert nobody_talks == set(in_line(self.db)), "who is owed a call stands in line"
        assert faults(self.db) == set()


Callbacks.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
test_callbacks_in_any_order = Callbacks.TestCase
