"""A backup restored onto a box that has gone on since: nobody is called or written to a second time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.hotline.callbacks import Result
from appliance.store import callbacks, ledger, outbox, times
from appliance.store.changes import by_page
from appliance.store.config import import_config, read_config
from appliance.store.database import open_store
from appliance.store.restoring import take_over

EXAMPLE = Path(__file__).parents[2] / "appliance/config_example.toml"
ERIKA = "+491701234567"
START = times.now() - timedelta(hours=1)
ADA = by_page("ada")
Opens = Callable[[str], Database]


@pytest.fixture
def opens(tmp_path: Path) -> Iterator[Opens]:
    """Opens a new store of this name, or one that was copied."""
    opened = []

    def opens(name: str) -> Database:
        opened.append(open_store(tmp_path / name, durable=False))
        return opened[-1]

    yield opens
    for each in opened:
        each.close()


@pytest.fixture
def db(opens: Opens) -> Database:
    db = opens("box.db")
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))
    return db


@pytest.fixture
def backup(tmp_path: Path, opens: Opens) -> Callable[[Database, str], Database]:
    def backup(db: Database, name: str) -> Database:
        target = sqlite3.connect(tmp_path / name)
        db.conn.backup(target)
        target.close()
        return opens(name)

    return backup


Backup = Callable[[Database, str], Database]


def asks(db: Database, call: str, minute: float) -> int:
    """Erika calls in this minute after the start and asks to be called back."""
    at = START + timedelta(minutes=minute)
    ledger.open_call(db, call, dialled="093155510", caller=ERIKA, caller_name="Erika", started_at=at)
    ledger.move_call(db, call, "support", at)
    place = callbacks.place_kept(db, ERIKA, "support") or at
    request = callbacks.request(db, call, ERIKA, arrived=place, now=at)
    ledger.close_call(db, call, at)
    callbacks.close_after_call(db, call, at)
    return request


def is_called(db: Database, request: int, result: Result, minute: float) -> None:
    at = START + timedelta(minutes=minute)
    attempt = callbacks.begin_attempt(db, request)
    assert attempt
    assert callbacks.dial(db, attempt, "anna", at)
    if result is Result.TALKED:
        callbacks.connect(db, attempt, "PJSIP/desk_1-0000002a", at)
    callbacks.note_result(db, attempt, result)
    callbacks.settle_attempt(db, attempt, at)


def is_given_up(db: Database, request: int, minute: float) -> None:
    for number in range(3):
        is_called(db, request, Result.BUSY, minute + number / 10)


def states(db: Database) -> list[str]:
    return [state for (state,) in db.execute("SELECT state FROM callbacks ORDER BY id").fetchall()]


def owed(db: Database) -> list[int]:
    assert ledger.check(db, alive=frozenset()) == []
    return [each.id for each in callbacks.waiting(db)]


def test_who_asked_again_and_was_reached_since_is_not_called(db: Database, backup: Backup) -> None:
    request = asks(db, "1.0", 0)
    monday = backup(db, "monday.db")
    assert asks(db, "2.0", 1) == request
    is_called(db, request, Result.TALKED, 2)
    take_over(db, monday, ADA, {})
    assert (states(db), owed(db)) == (["reached"], [])


def test_nor_when_his_first_call_is_forgotten_or_his_place_is_another(db: Database, backup: Backup) -> None:
    request = asks(db, "1.0", 0)
    monday = backup(db, "monday.db")
    asks(db, "2.0", 1)
    is_called(db, request, Result.TALKED, 2)
    without_call, without_place = backup(db, "call.db"), backup(db, "place.db")
    without_call.execute("DELETE FROM steps WHERE call = '1.0'")
    without_call.execute("DELETE FROM calls WHERE call = '1.0'")
    without_place.execute("UPDATE callbacks SET arrived = created_at")
    for box in (without_call, without_place):
        take_over(box, monday, ADA, {})
        assert (states(box), callbacks.waiting(box)) == (["reached"], [])
        assert box.execute("SELECT outcome FROM calls WHERE call = '1.0'").fetchone() == ("called back",)


def test_what_is_settled_in_a_later_backup_is_settled_here(
    db: Database, backup: Backup, opens: Opens
) -> None:
    """Monday's backup, then Tuesday's: he was given up in between, and the office was told."""
    request = asks(db, "1.0", 0)
    monday = backup(db, "monday.db")
    is_given_up(db, request, 2)
    tuesday = backup(db, "tuesday.db")
    new = opens("new.db")
    take_over(new, monday, ADA, {})
    assert len(owed(new)) == 1
    for _ in range(2):
        take_over(new, tuesday, ADA, {})
        assert (states(new), owed(new)) == (["not reached"], [])
        assert new.execute("SELECT callback, attempts FROM outbox").fetchall() == [(1, 0)]
        assert new.execute("SELECT outcome FROM calls").fetchall() == [("not reached",)]
        assert new.execute("SELECT attempts, result FROM callbacks").fetchall() == [(3, "busy")]


def test_who_was_reached_by_a_later_backup_is_reached_here(
    db: Database, backup: Backup, opens: Opens
) -> None:
    request = asks(db, "1.0", 0)
    monday = backup(db, "monday.db")
    is_called(db, request, Result.TALKED, 2)
    new = opens("new.db")
    take_over(new, monday, ADA, {})
    take_over(new, db, ADA, {})
    assert (states(new), owed(new)) == (["reached"], [])
    assert new.execute("SELECT outcome, agent FROM calls").fetchall() == [("called back", "anna")]


def test_who_asks_again_on_the_new_box_is_called_whatever_became_of_him_on_the_old(
    db: Database, backup: Backup, opens: Opens
) -> None:
    request = asks(db, "1.0", 0)
    monday = backup(db, "monday.db")
    is_given_up(db, request, 2)
    tuesday = backup(db, "tuesday.db")
    new = opens("new.db")
    take_over(new, monday, ADA, {})
    again = asks(new, "9.0", 5)
    for _ in range(2):
        take_over(new, tuesday, ADA, {})
        assert owed(new) == [again]
        assert sorted(states(new)) == ["not reached", "waiting"]
    is_given_up(new, again, 7)
    assert states(new) == ["not reached", "not reached"]
    assert new.execute("SELECT count(DISTINCT callback) FROM outbox").fetchone() == (2,)


def test_who_is_being_called_meanwhile_has_one_mail_in_the_end(
    db: Database, backup: Backup, opens: Opens
) -> None:
    request = asks(db, "1.0", 0)
    monday = backup(db, "monday.db")
    is_given_up(db, request, 2)
    new = opens("new.db")
    take_over(new, monday, ADA, {})
    attempt = callbacks.begin_attempt(new, 1)
    assert attempt
    new.execute("UPDATE callbacks SET attempts = 3, result = 'busy'")
    take_over(new, db, ADA, {})
    assert states(new) == ["calling"]
    callbacks.settle_attempt(new, attempt, times.now())
    assert states(new) == ["not reached"]
    assert new.execute("SELECT callback FROM outbox").fetchall() == [(1,)]


def test_two_people_of_one_firm_stay_two(db: Database, backup: Backup, opens: Opens) -> None:
    """The second asked while the first talked, in whose place he stood."""
    request = asks(db, "1.0", 0)
    before = backup(db, "before.db")
    attempt = callbacks.begin_attempt(db, request)
    assert attempt
    assert callbacks.dial(db, attempt, "anna", START)
    callbacks.connect(db, attempt, "PJSIP/desk_1-0000002a", START)
    asks(db, "2.0", 1)
    callbacks.settle_attempt(db, attempt, START + timedelta(minutes=2))
    for box in (opens("new.db"), before, db):
        take_over(box, db if box is not db else before, ADA, {})
        assert (states(box), owed(box)) == (["reached", "waiting"], [2])


def test_who_asked_weeks_ago_is_not_called_but_told_to_the_office(db: Database, opens: Opens) -> None:
    asks(db, "1.0", -30 * 1440)
    new = opens("new.db")
    take_over(new, db, ADA, {})
    assert (states(new), owed(new)) == (["not reached"], [])
    assert new.execute("SELECT callback FROM outbox WHERE delivered_at = ''").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("age_days", "made_days_ago", "goes_out"),
    [
        (100, 200, False),  # this box has sent it, and forgotten it after 90 days
        (80, 200, True),
        (100, 50, True),  # made after the old one broke: nobody has sent it
    ],
)
def test_a_mail_that_was_sent_and_forgotten_here_is_not_sent_again(
    db: Database, opens: Opens, age_days: int, made_days_ago: int, goes_out: bool
) -> None:
    at = times.to_text(times.now() - timedelta(days=age_days))
    message = db.execute(
        "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound)"
        " VALUES ('1.0', 'support', '', '', ?, 3, 'messages/1.0.mp3')",
        [at],
    ).lastrowid
    outbox.put(db, "message", message, "message", ("t@x.example", "de"))
    db.execute("UPDATE outbox SET created_at = ?", [at])
    here = opens("here.db")
    made = (times.now() - timedelta(days=made_days_ago)).isoformat(" ")
    here.execute("UPDATE _sqlite_migrations SET applied_at = ?", [made])
    take_over(here, db, ADA, {})
    waits = here.execute("SELECT delivered_at = '' FROM outbox WHERE message NOT NULL").fetchall()
    assert waits == [(int(goes_out),)]
