"""What the books say of a call that somebody on duty has taken, or that nobody has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.hotline.outcomes import Evidence, Outcome, outcome_of
from appliance.mail.outbox import Outbox
from appliance.mail.server import MailServer
from appliance.store import ledger
from appliance.store.history import department_history
from appliance.store.missed import missed_callers
from appliance.store.times import to_text
from tests.unit.test_ledger import Office

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MOBILE = "+491704444444"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    ledger.open_call(
        office.db, "1.0", dialled="093155510", caller="+491701234567", caller_name="", started_at=NOON
    )
    return office


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ({"closed told"}, Outcome.TOLD_CLOSED),
        ({"closed told", "on-call rings"}, Outcome.HUNG_UP),
        ({"closed told", "on-call rings", "on-call not reached"}, Outcome.TOLD_CLOSED),
        ({"closed told", "on-call not reached"}, Outcome.TOLD_CLOSED),
    ],
)
def test_who_hangs_up_while_it_rings_was_not_only_told_closed(steps: set[str], outcome: Outcome) -> None:
    assert outcome_of(Evidence(steps=frozenset(steps))) is outcome


def test_a_mobile_that_has_pressed_1_talks_from_the_first_bridge_on(office: Office) -> None:
    ledger.connect_call(office.db, "1.0", "PJSIP/line-1", after(1))
    assert office.call("1.0")["connected_at"] == "", "nobody has taken it yet"
    ledger.take_on_call(office.db, "1.0", MOBILE, after(2))
    assert office.call("1.0")["connected_at"] == "", "pressing 1 is not yet talking"
    for seconds, channel in ((3, "PJSIP/line-1"), (4, "PJSIP/line-2")):
        ledger.connect_call(office.db, "1.0", channel, after(seconds))
    row = office.call("1.0")
    assert (row["agent"], row["connected_at"]) == (MOBILE, to_text(after(3)))
    steps = [(step["step"], step["detail"]) for step in ledger.story(office.db, "1.0")]
    assert steps == [("on-call takes the call", MOBILE), ("talks", MOBILE)]
    assert ledger.close_call(office.db, "1.0", after(60)) is Outcome.TALKED
    assert ledger.check(office.db, alive=frozenset()) == []


def test_a_desk_on_duty_talks_when_it_is_in_the_conversation_itself(office: Office) -> None:
    ledger.take_on_call(office.db, "1.0", "bert", after(2))
    ledger.connect_call(office.db, "1.0", "PJSIP/line-1", after(3))
    assert office.call("1.0")["connected_at"] == ""
    ledger.connect_call(office.db, "1.0", "PJSIP/desk_2-1", after(4))
    assert office.call("1.0")["agent"] == "bert"


def test_who_has_taken_it_while_we_were_away_is_entered_afterwards(office: Office) -> None:
    office.asterisk_writes("incoming", "2.0", detail="093155510")
    office.asterisk_writes("step", "2.0", detail="on-call rings")
    office.asterisk_writes("taken", "2.0", channel="PJSIP/line-2", detail=MOBILE)
    office.asterisk_writes("BRIDGE_ENTER", "2.0", channel="PJSIP/line-2")
    office.asterisk_writes("BRIDGE_ENTER", "2.0")
    office.asterisk_writes("LINKEDID_END", "2.0")
    bookkeeper = office.bookkeeper()
    bookkeeper.start()
    row = office.until_closed("2.0")
    bookkeeper.stop()
    assert (row["outcome"], row["agent"]) == ("talked", MOBILE)


def test_a_conversation_on_duty_says_nothing_of_opening_hours_and_who_let_it_ring_is_missed(
    office: Office,
) -> None:
    ledger.add_step(office.db, "1.0", "closed told", "", NOON)
    ledger.take_on_call(office.db, "1.0", "bert", after(2))
    ledger.connect_call(office.db, "1.0", "PJSIP/desk_2-1", after(4))
    ledger.close_call(office.db, "1.0", after(3600))
    ledger.open_call(office.db, "2.0", dialled="093155510", caller=MOBILE, caller_name="", started_at=NOON)
    for step in ("closed told", "on-call rings"):
        ledger.add_step(office.db, "2.0", step, "", after(5))
    assert ledger.close_call(office.db, "2.0", after(9)) is Outcome.HUNG_UP
    assert department_history(office.db, "support", after(7200)).handling_seconds == ()
    assert [caller.call for caller in missed_callers(office.db)] == ["2.0"]


@pytest.mark.parametrize("reached", [True, False])
def test_the_mail_says_that_nobody_on_duty_was_reached(office: Office, tmp_path: Path, reached: bool) -> None:
    office.db.execute(
        "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound) "
        f"VALUES ('1.0', 'support', '', '', '{to_text(NOON)}', 3, 'x.mp3')"
    )
    office.db.execute(
        "INSERT INTO outbox (message, message_id, recipient, language) VALUES (1, 'm', 'r', 'de')"
    )
    if not reached:
        ledger.add_step(office.db, "1.0", "on-call not reached", "", NOON)
    outbox = Outbox(tmp_path / "store.db", tmp_path)
    server = MailServer("127.0.0.1", 25, "none", "", "", "a@b.example")
    (due,) = outbox._due(office.db, server, everything=True)
    assert due.facts.on_call_missed is not reached
