"""The schedule the floor opens and closes by says what the domain says."""

from __future__ import annotations

import random
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.hotline.hours import NightMode, opening
from appliance.store import times
from appliance.store.database import data_version, open_store
from appliance.store.migrations import NOW
from appliance.store.night import ignore_night_switch
from appliance.store.schedule import department_hours, refresh_schedule
from tests.unit.seed import NEW_DEPARTMENT, NEW_OFFICE

SATURDAY = datetime(2026, 10, 24, 10, tzinfo=UTC)  # the clock goes back in the night


@pytest.fixture
def db(tmp_path: Path) -> Database:
    db = open_store(tmp_path / "store.db", durable=False)
    for statement in (
        f"{NEW_OFFICE} (1, 'Musterbüro', 'de', 'DE', '0931', 'Europe/Berlin', 90)",
        f"{NEW_DEPARTMENT} ('always', 'A', 'de', 'a@x.example', 'greeting', 1, 20, 15, 180)",
        f"{NEW_DEPARTMENT} ('hours', 'B', 'de', 'b@x.example', 'greeting', 0, 20, 15, 180)",
        f"{NEW_DEPARTMENT} ('never', 'C', 'de', 'c@x.example', 'greeting', 0, 20, 15, 180)",
        "INSERT INTO opening_hours VALUES ('hours', 0, '08:00', '12:00'), ('hours', 0, '13:00', '17:00')",
        "INSERT INTO opening_hours VALUES ('hours', 5, '22:00', '02:30'), ('hours', 3, '00:00', '24:00')",
    ):
        db.execute(statement)
    db.conn.commit()
    return db


def said(db: Database, mode: NightMode, instant: datetime) -> dict[str, str]:
    """What the domain says of every department."""
    ignoring = ignore_night_switch(db)
    return {
        name: opening(hours, mode, instant, ignores_night_switch=name in ignoring).state
        for name, hours in department_hours(db).items()
    }


def view_at(db: Database, instant: datetime) -> dict[str, str]:
    """What the view `opening` says when it is `instant`: its own text with another clock."""
    (text,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'opening'").fetchone()
    assert NOW in text
    select = text.partition(" AS\n")[2].replace(NOW, f"'{times.to_text(instant)}'")
    return {row["department"]: row["state"] for row in db.query(select)}


@pytest.mark.parametrize("mode", ["auto", "day", "night"])
def test_the_floor_and_the_domain_agree_for_five_weeks(db: Database, mode: NightMode) -> None:
    refresh_schedule(db, SATURDAY)
    db.execute("UPDATE departments SET ignores_night_switch = 1 WHERE name IN ('always', 'never')")
    db.execute("UPDATE night_switch SET mode = ?", [mode])
    for minutes in range(0, 35 * 24 * 60, 15):
        instant = SATURDAY + timedelta(minutes=minutes)
        assert view_at(db, instant) == said(db, mode, instant), instant


def test_the_floor_and_the_domain_agree_all_year_on_special_days_and_holidays(db: Database) -> None:
    db.execute("UPDATE office SET state = 'BY'")
    db.execute(
        "INSERT INTO opening_hours VALUES ('hours', 4, '08:00', '18:00'), ('hours', 1, '08:00', '18:00')"
    )
    for first, last, hours in (
        ("2026-02-27", "2026-03-03", "closed"),
        ("2026-12-24", "2026-12-24", "08:00-12:00"),
        ("2026-12-30", "2027-01-02", "22:00-02:00"),
    ):
        db.execute("INSERT INTO special_days VALUES ('hours', ?, ?, ?)", [first, last, hours])
    chance = random.Random(1)
    begin, why = datetime(2025, 12, 30, tzinfo=UTC), set[str]()
    for weeks in range(0, 54, 4):  # Python is away four weeks at a time
        refresh_schedule(db, begin + timedelta(weeks=weeks))
        hours = department_hours(db)["hours"]
        for minutes in chance.sample(range(28 * 24 * 60), 600):
            instant = begin + timedelta(weeks=weeks, minutes=minutes)
            expected = opening(hours, "auto", instant)
            assert view_at(db, instant)["hours"] == expected.state, instant
            why.add(f"{expected.state}: {expected.why}")
    assert why == {
        *("open: hours", "closed: hours", "closed: public holiday"),
        *("open: special day", "closed: special day"),
    }


def test_the_view_itself_shows_the_state_of_now(db: Database) -> None:
    now = times.now()
    refresh_schedule(db, now)
    shown = {row["department"]: row["state"] for row in db.query("SELECT * FROM opening")}
    assert shown == said(db, "auto", now)


def test_the_first_row_is_the_state_now_and_the_rest_reaches_35_days(db: Database) -> None:
    assert refresh_schedule(db, SATURDAY)
    rows = list(db.query("SELECT at, state FROM schedule WHERE department = 'hours' ORDER BY at"))
    assert rows[0] == {"at": "2026-10-24T10:00:00.000Z", "state": "closed"}
    assert rows[1] == {"at": "2026-10-24T20:00:00.000Z", "state": "open"}
    assert times.from_text(rows[-1]["at"]) >= SATURDAY + timedelta(days=34)
    assert db.execute("SELECT count(*) FROM schedule WHERE department = 'always'").fetchone()[0] == 0
    assert [row["state"] for row in db.query("SELECT * FROM schedule WHERE department = 'never'")] == [
        "closed"
    ]


def test_nothing_is_written_until_something_changed(db: Database, tmp_path: Path) -> None:
    watcher = open_store(tmp_path / "store.db")
    assert refresh_schedule(db, SATURDAY)
    before = data_version(watcher)
    for hours in range(1, 14):
        assert not refresh_schedule(db, SATURDAY + timedelta(hours=hours))
    assert data_version(watcher) == before
    assert refresh_schedule(db, SATURDAY + timedelta(days=1))  # it must always reach 35 days
    assert data_version(watcher) != before


def test_changed_hours_replace_the_schedule(db: Database) -> None:
    refresh_schedule(db, SATURDAY)
    db.execute("DELETE FROM opening_hours WHERE weekday = 5")
    db.conn.commit()
    assert refresh_schedule(db, SATURDAY)
    assert view_at(db, datetime(2026, 10, 24, 21, tzinfo=UTC))["hours"] == "closed"
    db.execute("UPDATE departments SET always_open = 1")
    db.conn.commit()
    assert refresh_schedule(db, SATURDAY)
    assert db.execute("SELECT count(*) FROM schedule").fetchone()[0] == 0


def test_a_failed_write_leaves_the_old_schedule(db: Database) -> None:
    refresh_schedule(db, SATURDAY)
    before = list(db.query("SELECT * FROM schedule"))
    db.execute("CREATE TRIGGER full BEFORE INSERT ON schedule BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(sqlite3.DatabaseError, match="disk full"):
        refresh_schedule(db, SATURDAY + timedelta(days=3))
    assert list(db.query("SELECT * FROM schedule")) == before


def test_an_empty_store_has_no_hours(tmp_path: Path) -> None:
    db = open_store(tmp_path / "empty.db")
    assert department_hours(db) == {}
    assert not refresh_schedule(db, SATURDAY)


def test_who_ignores_the_night_switch_says_when_it_opens_wherever_that_stands(db: Database) -> None:
    db.execute(
        "INSERT INTO schedule (department, at, state, reopening) SELECT name, '2020-01-01T00:00:00.000Z',"
        " 'closed', 'reopens-today&hour-8' FROM departments WHERE name <> 'always'"
    )
    db.execute("UPDATE departments SET ignores_night_switch = 1 WHERE name = 'never'")
    db.execute("UPDATE night_switch SET mode = 'night'")
    shown = db.execute("SELECT department, state, reopening FROM opening ORDER BY department").fetchall()
    assert shown == [
        ("always", "closed", ""),
        ("hours", "closed", ""),  # nobody knows when the switch is moved
        ("never", "closed", "reopens-today&hour-8"),
    ]
