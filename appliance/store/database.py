"""Opening the store, and the one way to read and then write without a race."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from appliance.store.migrations import migrations

# Of a new store. Rows are short, and every commit writes each page it has touched: with SQLite's usual 4096
# a call writes four times as much.
_PAGE_BYTES = 1024


def open_store(path: Path | str, *, durable: bool = True) -> Database:
    """Open the store at `path`, creating it or bringing its schema up to date.

    One connection belongs to one thread. With `durable` every commit is on disk when it
    returns (one fsync of the WAL, which also carries every earlier commit of other
    connections); without it a power cut may take the last commits, never the file.
    """
    db = Database(str(path))
    db.execute("PRAGMA busy_timeout = 10000")
    db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA secure_delete = ON")  # a deleted telephone number is overwritten
    if migrations.pending(db):
        with exclusive(db):  # two programs may start at once: the second finds nothing pending
            migrations.apply(db)
    return db


@contextmanager
def exclusive(db: Database) -> Iterator[Database]:
    """A transaction that holds the write lock from its first statement.

    SQLite's usual deferred transaction fails with "database is locked" when somebody else
    writes between our read and our write; this one waits its turn instead.
    """
    if db.conn.in_transaction:
        yield db
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        db.conn.rollback()
        raise
    db.conn.commit()


@contextmanager
def not_durable(db: Database) -> Iterator[None]:
    """For what a power cut makes worthless anyway: commits in this context do not wait for the disk."""
    db.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        db.execute("PRAGMA synchronous = FULL")


def data_version(db: Database) -> int:
    """A number that changes when another connection commits (``PRAGMA data_version``)."""
    return int(db.conn.execute("PRAGMA data_version").fetchone()[0])
