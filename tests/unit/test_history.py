"""What a department has seen: conversations, and how patient its callers are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.hotline.estimate import History
from appliance.store import callbacks, history, ledger
from appliance.store.history import department_history
from tests.unit.seed import seeded_store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WRAP_UP_SECONDS = 5  # of support in the seed
ERIKA = "+491701234567"


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
    *,
    at: float = 0,
    waits: float | None = None,
    talks: float | None = None,
    message: bool = False,
    dialled: str = "093155510",
) -> None:
    """A call at noon + `at` seconds that waits and talks so many seconds, one after the other."""
    ledger.open_call(db, name, dialled=dialled, caller=ERIKA, caller_name="", started_at=after(at))
    if waits is not None:
        ledger.add_step(db, name, ledger.WAITS, "", after(at))
    if talks is not None:
        ledger.connect_call(db, name, "PJSIP/desk_1-1", after(at + (waits or 0)))
    ledger.close_call(db, name, after(at + (waits or 0) + (talks or 0)), message_kept=message)


def seen(db: Database, department: str = "support") -> tuple[list[float], int, float]:
    """Handling seconds, how many gave up, and the seconds waited, rounded to whole ones."""
    found = department_history(db, department, after(7200))
    return [round(s, 1) for s in found.handling_seconds], found.gave_up, round(found.waited_seconds, 1)


def is_called_back(db: Database, name: str, at: float, talks: float) -> None:
    """The callback asked for in this call, made and talked."""
    number = db.execute("SELECT callback FROM calls WHERE call = ?", [name]).fetchone()[0]
    attempt = callbacks.begin_attempt(db, number)
    assert attempt
    assert callbacks.dial(db, attempt, "anna", after(at))
    callbacks.connect(db, attempt, "PJSIP/desk_1-1", after(at))
    callbacks.settle_attempt(db, attempt, after(at + talks))


def test_nothing_seen_is_the_empty_history(db: Database) -> None:
    assert department_history(db, "support", NOON) == History()
    assert department_history(db, "gone", NOON) == History()


def test_a_conversation_counts_with_its_wrap_up_the_newest_last(db: Database) -> None:
    call(db, "2.0", at=1000, waits=30, talks=100)
    call(db, "1.0", talks=60)
    assert seen(db) == ([60 + WRAP_UP_SECONDS, 100 + WRAP_UP_SECONDS], 0, 30)


def test_who_gave_up_or_left_a_message_was_not_served(db: Database) -> None:
    call(db, "1.0", waits=40)
    call(db, "2.0", waits=50, message=True)
    call(db, "3.0", waits=10, talks=60)
    call(db, "4.0")  # hung up before he was in line
    assert seen(db) == ([65], 2, 100)


def test_departments_learn_each_for_itself(db: Database) -> None:
    call(db, "1.0", talks=60)
    call(db, "2.0", waits=20, dialled="093155520")
    assert seen(db) == ([65], 0, 0)
    assert seen(db, "office") == ([], 1, 20)


def test_what_is_older_than_four_weeks_is_forgotten(db: Database) -> None:
    call(db, "1.0", at=7200 - 28 * 86400 - 1, waits=10, talks=60)
    call(db, "2.0", at=7200 - 28 * 86400 + 1, waits=20, talks=70)
    assert seen(db) == ([75], 0, 20)


def test_the_newest_conversations_are_enough(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_CALLS", 40)
    for number in range(50):
        call(db, f"{number:03}.0", at=number, waits=1, talks=number)
    handling, _, waited = seen(db)
    assert handling == [number + WRAP_UP_SECONDS for number in range(10, 50)]
    assert waited == 40


def test_a_call_that_goes_on_is_not_looked_at(db: Database) -> None:
    ledger.open_call(db, "1.0", dialled="093155510", caller="", caller_name="", started_at=NOON)
    ledger.add_step(db, "1.0", ledger.WAITS, "", NOON)
    assert seen(db) == ([], 0, 0)


def test_who_is_called_back_waited_only_while_he_held_the_line(db: Database) -> None:
    """The hours until a callback say nothing about how patient people at the telephone are."""
    ledger.open_call(db, "1.0", dialled="093155510", caller=ERIKA, caller_name="", started_at=NOON)
    ledger.add_step(db, "1.0", ledger.WAITS, "", NOON)
    callbacks.request(db, "1.0", ERIKA, arrived=NOON, now=after(30))
    ledger.close_call(db, "1.0", after(40))
    assert seen(db)[1:] == (0, 40), "not yet called back"
    is_called_back(db, "1.0", at=3600, talks=100)
    assert seen(db)[1:] == (0, 40)


def test_a_missed_caller_who_is_called_back_gave_up_and_waited_as_long_as_he_did(db: Database) -> None:
    call(db, "1.0", waits=40)
    callbacks.request(db, "1.0", ERIKA, arrived=NOON, now=after(60), step="callback ordered")
    is_called_back(db, "1.0", at=3600, talks=100)
    assert seen(db)[1:] == (1, 40)


def test_a_conversation_of_a_callback_occupies_an_agent_like_any_other(db: Database) -> None:
    """However many calls asked for it, it is one conversation."""
    for name in ("1.0", "2.0"):
        ledger.open_call(db, name, dialled="093155510", caller=ERIKA, caller_name="", started_at=NOON)
        callbacks.request(db, name, ERIKA, arrived=NOON, now=NOON)
        ledger.close_call(db, name, after(10))
    call(db, "3.0", at=600, talks=60)
    is_called_back(db, "1.0", at=3600, talks=100)
    assert seen(db)[0] == [60 + WRAP_UP_SECONDS, 100 + WRAP_UP_SECONDS]
