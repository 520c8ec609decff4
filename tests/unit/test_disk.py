"""What spares the card: small pages, commits that do not wait, a log for the database of Asterisk."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from appliance.prepare import spare_the_disk
from appliance.store.database import not_durable, open_store

FULL, NORMAL = 2, 1


def test_a_new_store_has_small_pages_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    new = open_store(tmp_path / "new.db")
    assert new.execute("PRAGMA page_size").fetchone()[0] == 1024
    old = sqlite3.connect(tmp_path / "old.db")
    old.execute("CREATE TABLE cursors_before (a)")
    old.close()
    assert open_store(tmp_path / "old.db").execute("PRAGMA page_size").fetchone()[0] == 4096


def test_commits_are_durable_again_whatever_happens_between(tmp_path: Path) -> None:
    db = open_store(tmp_path / "store.db")
    with not_durable(db):
        assert db.execute("PRAGMA synchronous").fetchone()[0] == NORMAL
    with pytest.raises(ZeroDivisionError), not_durable(db):
        _ = 1 / 0
    assert db.execute("PRAGMA synchronous").fetchone()[0] == FULL


@pytest.mark.parametrize("before", ["nothing", "empty", "old"])
def test_asterisks_database_gets_a_write_ahead_log_and_keeps_it(tmp_path: Path, before: str) -> None:
    file = tmp_path / "astdb.sqlite3"
    if before == "empty":
        file.touch(0o660)
    elif before == "old":
        with sqlite3.connect(file) as db:
            db.execute("CREATE TABLE astdb (key PRIMARY KEY, value)")
        db.close()
    spare_the_disk(file)
    again = sqlite3.connect(file)
    assert again.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    again.close()


def test_a_database_in_use_or_broken_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "astdb.sqlite3"
    writing = sqlite3.connect(file, isolation_level=None)
    writing.execute("CREATE TABLE astdb (key PRIMARY KEY, value)")
    writing.execute("BEGIN EXCLUSIVE")
    spare_the_disk(file, patience_seconds=0.1)
    writing.execute("COMMIT")
    assert writing.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    writing.close()
    file.write_bytes(b"no database, but longer than its header has to be" * 10)
    spare_the_disk(file)
