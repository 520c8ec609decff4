"""Missed callers: who hung up while waiting and has not reached us since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.hotline.callbacks import Result
from appliance.store import callbacks, ledger, missed
from tests.unit.seed import seeded_store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ERIKA, FRITZ = "+491701234567", "+491709876543"
SUPPORT, OFFICE = "093155510", "093155520"


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = seeded_store(tmp_path / "store.db")
    yield db
    db.close()


def call(
    db: Database,
    name: str,
    how: str = "gives up",
    *,
    caller: str = ERIKA,
    dialled: str = SUPPORT,
    at: float = 0,
    waits: float = 90,
) -> None:
    """A whole call that begins `at` seconds after noon and waits, if it waits, so long."""
    ledger.open_call(db, name, dialled=dialled, caller=caller, caller_name="E", started_at=after(at))
    if how != "never waits":
        ledger.add_step(db, name, ledger.WAITS, "", after(at + 5))
    if how == "talks":
        ledger.connect_call(db, name, "PJSIP/desk_1-1", after(at + 6))
    end = after(at + 5 + waits)
    ledger.close_call(db, name, end, message_kept=how == "message")
    callbacks.close_after_call(db, name, end)


def names(db: Database) -> list[str]:
    return [caller.call for caller in missed.missed_callers(db)]


def test_who_gave_up_waiting_is_missed_with_all_that_is_known(db: Database) -> None:
    ledger.open_call(db, "1.0", dialled=SUPPORT, caller=ERIKA, caller_name="E", started_at=NOON)
    ledger.set_ticket(db, "1.0", "4711", NOON)
    call(db, "1.0")
    (caller,) = missed.missed_callers(db)
    assert (caller.call, caller.department, caller.caller, caller.caller_name, caller.ticket) == (
        *("1.0", "support", ERIKA, "E", "4711"),
    )
    assert caller.waits_since == after(5)
    assert caller.waited_seconds == pytest.approx(90, abs=0.01)
    assert not caller.called_back


@pytest.mark.parametrize("step", ["agent rings", "on-call rings", "nobody present told"])
def test_who_hung_up_before_anybody_answered_is_missed_though_he_never_waited(
    db: Database, step: str
) -> None:
    ledger.open_call(db, "1.0", dialled=SUPPORT, caller=ERIKA, caller_name="E", started_at=NOON)
    ledger.add_step(db, "1.0", step, "anna", after(3))
    ledger.close_call(db, "1.0", after(20))
    (caller,) = missed.missed_callers(db)
    assert (caller.call, caller.waits_since) == ("1.0", NOON)
    assert caller.waited_seconds == pytest.approx(20, abs=0.01)
    call(db, "2.0", "talks", at=60)
    assert names(db) == []


@pytest.mark.parametrize("how", ["never waits", "talks", "message"])
def test_who_did_not_wait_in_vain_is_not_missed(db: Database, how: str) -> None:
    call(db, "1.0", how)
    assert names(db) == []


def test_who_tried_several_times_stands_here_once_with_the_last(db: Database) -> None:
    call(db, "1.0")
    call(db, "2.0", at=300)
    call(db, "3.0", caller=FRITZ, at=200)
    assert names(db) == ["2.0", "3.0"], "the newest first"


@pytest.mark.parametrize("how", ["talks", "message"])
def test_who_has_reached_us_since_is_not_missed_any_more(db: Database, how: str) -> None:
    call(db, "1.0")
    call(db, "2.0", how, at=300, dialled=OFFICE)
    assert names(db) == []


def test_who_only_looked_in_since_is_still_missed(db: Database) -> None:
    call(db, "1.0")
    call(db, "2.0", "never waits", at=300)
    assert names(db) == ["1.0"]


def test_a_conversation_before_does_not_help(db: Database) -> None:
    call(db, "1.0", "talks")
    call(db, "2.0", at=300)
    assert names(db) == ["2.0"]


def test_callers_without_a_number_are_different_people(db: Database) -> None:
    call(db, "1.0", caller="")
    call(db, "2.0", caller="", at=300)
    call(db, "3.0", "talks", caller="", at=600)
    assert names(db) == ["2.0", "1.0"]


def test_one_press_puts_him_back_in_line_in_the_place_he_had(db: Database) -> None:
    call(db, "1.0")
    assert missed.call_back(db, "1.0", after(500)).call == "1.0"
    (found,) = callbacks.waiting(db)
    assert (found.number, found.department, found.arrived) == (ERIKA, "support", after(5))
    assert found.is_due(after(500))
    assert [(m.call, m.called_back) for m in missed.missed_callers(db)] == [("1.0", True)]
    missed.call_back(db, "1.0", after(600))
    assert len(callbacks.waiting(db)) == 1, "pressed twice it is one callback"
    assert ledger.check(db, alive=frozenset()) == []


@pytest.mark.parametrize("how", ["reached", "cancelled"])
def test_once_called_back_or_struck_off_he_is_off_the_list(db: Database, how: str) -> None:
    call(db, "1.0")
    missed.call_back(db, "1.0", after(500))
    (found,) = callbacks.waiting(db)
    if how == "cancelled":
        assert callbacks.cancel(db, found.id, after(600))
    else:
        attempt = callbacks.begin_attempt(db, found.id)
        assert attempt
        assert callbacks.dial(db, attempt, "anna", after(600))
        callbacks.connect(db, attempt, "PJSIP/desk_1-2", after(610))
        callbacks.settle_attempt(db, attempt, after(700))
    assert names(db) == []
    assert ledger.outcomes(db) == {"hung up": 1}, "he did hang up: a call has one outcome"
    assert ledger.check(db, alive=frozenset()) == []


def test_a_failed_attempt_leaves_him_on_the_list(db: Database) -> None:
    call(db, "1.0")
    missed.call_back(db, "1.0", after(500))
    attempt = callbacks.begin_attempt(db, callbacks.waiting(db)[0].id)
    assert attempt
    assert callbacks.dial(db, attempt, "anna", after(600))
    callbacks.note_result(db, attempt, Result.BUSY)
    callbacks.settle_attempt(db, attempt, after(700))
    assert [(m.call, m.called_back) for m in missed.missed_callers(db)] == [("1.0", True)]


def test_who_is_not_missed_or_not_known_is_not_called(db: Database) -> None:
    call(db, "1.0", caller="")
    call(db, "2.0", "talks", at=300)
    with pytest.raises(ValueError, match=r"^1\.0$"):
        missed.call_back(db, "1.0", NOON)
    for name in ("2.0", "9.0"):
        with pytest.raises(LookupError):
            missed.call_back(db, name, NOON)
    assert callbacks.waiting(db) == []
