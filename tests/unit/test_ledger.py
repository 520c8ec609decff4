"""The ledger: one outcome for every call, whoever was alive to see it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from appliance.bookkeeper import Bookkeeper
from appliance.hotline.outcomes import Evidence, Outcome, outcome_of
from appliance.store import callbacks, ledger
from appliance.store.times import from_text, now, to_text
from tests.unit.seed import seeded_store

STEPS = (
    "rang in",
    "greeted",
    "closed told",
    "unassigned told",
    "nobody present told",
    "leaves message",
    "waits",
)


@given(st.booleans(), st.booleans(), st.frozensets(st.sampled_from(STEPS)))
def test_every_evidence_has_one_outcome_and_the_best_counts(
    talked: bool, kept: bool, steps: frozenset[str]
) -> None:
    outcome = outcome_of(Evidence(talked, kept, steps))
    if talked:
        assert outcome is Outcome.TALKED
    elif kept:
        assert outcome is Outcome.MESSAGE
    else:
        assert outcome in (Outcome.HUNG_UP, Outcome.TOLD_CLOSED, Outcome.TOLD_UNASSIGNED)
        assert (outcome is Outcome.TOLD_UNASSIGNED) == ("unassigned told" in steps)


@given(st.datetimes(timezones=st.just(UTC)))
def test_instants_survive_the_store_to_the_millisecond(instant: datetime) -> None:
    if instant.year < 1000:
        return
    assert abs(from_text(to_text(instant)) - instant) < timedelta(milliseconds=1)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        to_text(datetime(2026, 11, 24))


class Office:
    """A bookkeeper on a seeded store, and Asterisk's pen."""

    def __init__(self, folder: Path) -> None:
        self.db: Database = seeded_store(folder / "store.db")
        self.file = folder / "records.csv"
        self.folder = folder
        self.messages: list[str] = []
        self.spoken: set[str] = set()

    def bookkeeper(self) -> Bookkeeper:
        return Bookkeeper(self.folder / "store.db", self.file, take_message=self.take_message)

    def take_message(self, call: str) -> bool:
        self.messages.append(call)
        return call in self.spoken

    def asterisk_writes(
        self, event: str, call: str, *, channel: str = "PJSIP/line-1", detail: str = ""
    ) -> None:
        user = event if event in ("incoming", "step") else ""
        extra = f'{{""extra"":""{detail}""}}' if detail else ""
        with self.file.open("a") as stream:
            stream.write(
                f'"{event}","{user}","{time.time()}","{call}","{channel}",'
                f'"0170 1234567","O\'Neil","{extra}"\n'
            )

    def call(self, call: str) -> dict[str, str]:
        return next(self.db.query("SELECT * FROM calls WHERE call = ?", [call]))

    def until_entered(self, call: str) -> None:
        deadline = time.monotonic() + 5
        while not self.db.execute("SELECT 1 FROM calls WHERE call = ?", [call]).fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def until_closed(self, call: str) -> dict[str, str]:
        deadline = time.monotonic() + 5
        while not self.db.execute("SELECT 1 FROM calls WHERE call = ? AND outcome <> ''", [call]).fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self.call(call)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_a_call_while_we_were_away_is_entered_afterwards(office: Office) -> None:
    office.asterisk_writes("incoming", "1.0", detail="093155510")
    office.asterisk_writes("step", "1.0", detail="floor")
    office.asterisk_writes("BRIDGE_ENTER", "1.0", channel="PJSIP/desk_1-00000001")
    office.asterisk_writes("BRIDGE_ENTER", "1.0")
    office.asterisk_writes("LINKEDID_END", "1.0")
    bookkeeper = office.bookkeeper()
    bookkeeper.start()
    row = office.until_closed("1.0")
    bookkeeper.stop()
    assert (row["outcome"], row["agent"], row["department"]) == ("talked", "anna", "support")
    assert (row["number"], row["caller"], row["caller_name"]) == ("+4993155510", "+491701234567", "O'Neil")
    assert [step["step"] for step in ledger.story(office.db, "1.0")] == ["rang in", "floor", "talks", "ended"]
    assert office.messages == ["1.0"], "what was recorded is looked for before the outcome"


def test_records_are_entered_once_across_restarts(office: Office) -> None:
    for number in range(3):
        office.asterisk_writes("incoming", f"{number}.0", detail="093155510")
        office.asterisk_writes("LINKEDID_END", f"{number}.0")
        bookkeeper = office.bookkeeper()
        bookkeeper.start()
        office.until_closed(f"{number}.0")
        bookkeeper.stop()
    assert ledger.outcomes(office.db) == {"hung up": 3}
    assert office.db.execute("SELECT count(*) FROM steps").fetchone() == (6,)


def test_the_dialogs_steps_and_the_records_meet_in_one_story(office: Office) -> None:
    bookkeeper = office.bookkeeper()
    bookkeeper.start()
    office.asterisk_writes("incoming", "1.0", detail="093155520")
    bookkeeper.note("1.0", "closed told")
    office.asterisk_writes("LINKEDID_END", "1.0")
    assert office.until_closed("1.0")["outcome"] == "told closed"
    bookkeeper.stop()
    assert ledger.check(office.db, alive=frozenset()) == []


def test_a_call_cut_off_by_a_restart_of_asterisk_is_closed(office: Office) -> None:
    bookkeeper = office.bookkeeper()
    bookkeeper.start()
    office.asterisk_writes("incoming", "1.0", detail="093155510")
    office.asterisk_writes("incoming", "2.0", detail="093155510")
    office.until_entered("2.0")
    bookkeeper.reconcile(frozenset({"2.0"}), now() + timedelta(seconds=1), ())
    assert office.until_closed("1.0")["outcome"] == "hung up"
    bookkeeper.stop()
    assert ledger.open_calls(office.db) == ["2.0"]
    assert ledger.check(office.db, alive=frozenset({"2.0"})) == []
    assert [fault.call for fault in ledger.check(office.db, alive=frozenset())] == ["2.0"]


@pytest.mark.parametrize(
    "harm",
    [
        "INSERT INTO calls (call, dialled, started_at, outcome) VALUES ('9.0', '', 'x', 'talked')",
        "INSERT INTO calls (call, dialled, started_at, outcome) VALUES ('9.0', '', 'x', 'message')",
        "INSERT INTO calls (call, dialled, started_at) VALUES ('9.0', '', 'x')",
        "INSERT INTO steps (call, step) VALUES ('9.0', 'greeted')",
        "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound) "
        "VALUES ('9.0', 'support', '', '', 'x', 3, 'x')",
    ],
)
def test_the_check_finds_what_must_not_be(office: Office, harm: str) -> None:
    assert ledger.check(office.db, alive=frozenset()) == []
    office.db.execute(harm)
    assert {fault.call for fault in ledger.check(office.db, alive=frozenset())} == {"9.0"}


def test_a_call_gets_its_outcome_only_once(office: Office) -> None:
    ledger.open_call(office.db, "1.0", dialled="093155510", caller="", caller_name="", started_at=now())
    assert ledger.close_call(office.db, "1.0", now()) is Outcome.HUNG_UP
    assert ledger.close_call(office.db, "1.0", now()) is None
    assert ledger.close_call(office.db, "unknown", now()) is None


def test_a_recording_in_the_spool_counts_as_a_message(office: Office) -> None:
    office.spoken.add("1.0")
    bookkeeper = office.bookkeeper()
    bookkeeper.start()
    office.asterisk_writes("incoming", "1.0", detail="093155510")
    office.asterisk_writes("LINKEDID_END", "1.0")
    assert office.until_closed("1.0")["outcome"] == "message"
    bookkeeper.stop()
    assert ledger.check(office.db, alive=frozenset()), "until it is taken in, somebody should look"


# The ledger by itself, without a bookkeeper


def opened(db: Database, call: str = "1.0", dialled: str = "093155510") -> datetime:
    at = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    ledger.open_call(db, call, dialled=dialled, caller="+49170", caller_name="E", started_at=at)
    return at


def test_a_call_is_entered_once_and_the_first_to_tell_counts(office: Office) -> None:
    at = opened(office.db)
    ledger.open_call(
        office.db, "1.0", dialled="093155520", caller="", caller_name="", started_at=at + timedelta(hours=1)
    )
    row = office.call("1.0")
    assert (row["department"], row["caller"], row["started_at"]) == ("support", "+49170", to_text(at))


def test_a_number_that_is_not_ours_is_entered_without_a_department(office: Office) -> None:
    opened(office.db, dialled="0999")
    row = office.call("1.0")
    assert (row["dialled"], row["number"], row["department"], row["language"]) == ("0999", "", "", "")


def test_the_first_wait_says_since_when(office: Office) -> None:
    at = opened(office.db)
    for seconds in (10, 20):
        ledger.add_step(office.db, "1.0", ledger.WAITS, "", at + timedelta(seconds=seconds))
    assert office.call("1.0")["waits_since"] == to_text(at + timedelta(seconds=10))


def test_who_talked_is_the_last_agent_since_the_first(office: Office) -> None:
    at = opened(office.db)
    for seconds, channel in ((1, "PJSIP/line-1"), (2, "PJSIP/desk_1-2"), (3, "PJSIP/desk_2-3"), (4, "x")):
        ledger.connect_call(office.db, "1.0", channel, at + timedelta(seconds=seconds))
    ledger.connect_call(office.db, "unknown", "PJSIP/desk_1-2", at)
    row = office.call("1.0")
    assert (row["agent"], row["connected_at"]) == ("bert", to_text(at + timedelta(seconds=2)))
    assert [step["detail"] for step in ledger.story(office.db, "1.0")] == ["anna", "bert"]
    assert ledger.close_call(office.db, "1.0", at) is Outcome.TALKED
    assert ledger.check(office.db, alive=frozenset()) == []


def test_open_calls_are_those_that_began_before_the_question(office: Office) -> None:
    at = opened(office.db)
    assert ledger.open_calls(office.db) == ["1.0"]
    assert ledger.open_calls(office.db, started_before=at) == []
    assert ledger.open_calls(office.db, started_before=at + timedelta(milliseconds=1)) == ["1.0"]
    ledger.close_call(office.db, "1.0", at)
    assert ledger.open_calls(office.db) == []


def test_who_is_to_be_called_back_has_no_outcome_yet_and_that_is_no_fault(office: Office) -> None:
    at = opened(office.db)
    request = callbacks.request(office.db, "1.0", "+49170", arrived=at, now=at)
    assert ledger.close_call(office.db, "1.0", at) is None
    assert office.call("1.0")["ended_at"] == to_text(at)
    assert ledger.story(office.db, "1.0")[-1]["step"] == "hangs up"
    assert ledger.check(office.db, alive=frozenset()) == []
    callbacks.cancel(office.db, request, at)
    assert ledger.outcomes(office.db) == {"callback cancelled": 1}


def test_a_ticket_is_on_the_call_and_in_its_story(office: Office) -> None:
    at = opened(office.db)
    ledger.set_ticket(office.db, "1.0", "4711", at)
    assert office.call("1.0")["ticket"] == "4711"
    assert ledger.story(office.db, "1.0")[-1] == {"at": to_text(at), "step": "ticket", "detail": "4711"}


def test_old_calls_go_with_their_stories_and_others_stay(office: Office) -> None:
    at = opened(office.db)
    for call in ("2.0", "3.0"):
        opened(office.db, call)
    for call in ("1.0", "2.0"):
        ledger.add_step(office.db, call, "greeted", "", at)
        ledger.close_call(office.db, call, at, message_kept=call == "2.0")
    office.db.execute(
        "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound) "
        "VALUES ('2.0', '', '', '', 'x', 3, 'x')"
    )
    assert ledger.forget(office.db, at) == 0, "none began before"
    assert ledger.forget(office.db, at + timedelta(hours=1)) == 1
    left = [row[0] for row in office.db.execute("SELECT call FROM calls ORDER BY call").fetchall()]
    assert left == ["2.0", "3.0"], "a message is kept, and a call that goes on"
    assert ledger.story(office.db, "1.0") == []


def test_a_cursor_moves(office: Office) -> None:
    assert ledger.cursor(office.db, "x") == ""
    for position in ("1:0", "1:7"):
        ledger.move_cursor(office.db, "x", position)
        assert ledger.cursor(office.db, "x") == position
