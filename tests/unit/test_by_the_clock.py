"""A box that was off without a clock of its own: hours wait for a time that can be right."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.by_the_clock import ClockWaits, by_the_clock, clock_can_be_right
from appliance.hotline.clock import EARLIEST, LATEST
from appliance.store import times
from appliance.store.config import import_config, read_config
from appliance.store.database import open_store
from appliance.store.migrations import NOW as SQL_NOW
from tests.unit.seed import seeded_store

NOW = EARLIEST + timedelta(days=100)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_store(tmp_path / "freizeichen.db")
    yield db
    db.close()


@pytest.fixture(autouse=True)
def synchronized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that says so; it is not there."""
    file = tmp_path / "timesync" / "synchronized"
    monkeypatch.setattr("appliance.by_the_clock.SYNCHRONIZED", file)
    return file


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(times, "now", lambda: moment)


@pytest.mark.parametrize(
    ("moment", "can_be"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), False),
        (EARLIEST - timedelta(seconds=1), False),
        (NOW - timedelta(days=1), False),  # something was written down later
        (NOW - timedelta(minutes=1), True),
        (NOW, True),
        (NOW + timedelta(days=400), True),
        (LATEST, False),
    ],
)
def test_work_is_done_only_by_a_clock_that_can_be_right(
    db: Database, monkeypatch: pytest.MonkeyPatch, moment: datetime, can_be: bool
) -> None:
    db.execute(
        "INSERT INTO steps (call, at, step, detail) VALUES ('1', ?, 'greeted', '')", [times.to_text(NOW)]
    )
    at(monkeypatch, moment)
    done: list[Database] = []
    work = by_the_clock(done.append)
    assert clock_can_be_right(db) is can_be
    if can_be:
        work(db)
    else:
        with pytest.raises(ClockWaits):
            work(db)
    assert done == ([db] if can_be else [])


@pytest.mark.parametrize(
    "entry",
    [
        "INSERT INTO changes (at, how, subject, differences) VALUES (?, 'panel', 'night', '[]')",
        "UPDATE presence SET since = ?",
        "INSERT INTO steps (call, at, step) VALUES ('1', ?, 'rang in')",
    ],
)
def test_one_entry_of_a_clock_that_was_ahead_holds_nothing_up_once_it_is_set_by_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synchronized: Path, entry: str
) -> None:
    db = seeded_store(tmp_path / "store.db")
    at(monkeypatch, NOW)
    db.execute(entry, [times.to_text(NOW + timedelta(days=400))])
    assert not clock_can_be_right(db)
    synchronized.parent.mkdir()
    synchronized.touch()
    assert clock_can_be_right(db)
    for moment in (EARLIEST - timedelta(seconds=1), LATEST):
        at(monkeypatch, moment)
        assert not clock_can_be_right(db), "this cannot be, whoever has set it"


def test_an_empty_box_believes_any_time_since_it_was_made(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, EARLIEST)
    assert clock_can_be_right(db)


def test_a_clock_that_is_too_early_closes_nobody(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    example = Path(__file__).parents[2] / "appliance/config_example.toml"
    at(monkeypatch, NOW)
    import_config(db, read_config(example.read_text("utf-8")))
    closed_some_time = db.execute("SELECT count(*) FROM schedule WHERE state = 'closed'").fetchone()[0]
    assert closed_some_time
    (text,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'opening'").fetchone()
    select = text.partition(" AS\n")[2].replace(SQL_NOW, "'1970-01-01T00:00:00.000Z'")
    assert SQL_NOW in text
    assert {row["state"] for row in db.query(select)} == {"open"}
