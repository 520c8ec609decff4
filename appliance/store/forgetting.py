"""Forgetting one telephone number in the store: everything of its calls, and every mention elsewhere."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from appliance.hotline.numbers import SEPARATORS, dialled_forms, to_e164
from appliance.store.changes import SECRET
from appliance.store.database import exclusive
from appliance.store.office import office_facts

_CHECKPOINTS = 50


class CannotForget(ValueError):
    """Why a number is not forgotten now: no number, going on, set up. Nothing was changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was deleted: calls, sounds relative to the spool, and how many callbacks and messages."""

    calls: tuple[str, ...]
    sounds: tuple[str, ...]
    callbacks: int
    messages: int


@dataclass(frozen=True, slots=True)
class Number:
    """A number to forget, and how to find it in any text: in every form a line or a person writes it."""

    e164: str
    pattern: re.Pattern[str]
    in_bytes: re.Pattern[bytes]  # of a text in UTF-8

    def is_in(self, text: object) -> bool:
        """Whether the text has the number in it, with no further digit before or behind."""
        return isinstance(text, str) and self.pattern.search(text) is not None


def number_of(db: Database, text: str) -> Number:
    """The number a person has typed. Raises CannotForget for what is none."""
    facts = office_facts(db)
    e164 = to_e164(text, facts.country, facts.area_code)
    if e164 is None:
        raise CannotForget("no number")
    # A number without its area code is found only where it stands alone: any text has such digits.
    long = {
        form for form in dialled_forms(e164, facts.country, facts.area_code) if len(form) >= len(e164) - 3
    }
    between = f"(?:{'|'.join(map(re.escape, SEPARATORS))})*"
    spaced = (between.join(map(re.escape, form)) for form in sorted(long, key=len, reverse=True))
    pattern = rf"(?<![0-9+])(?:{'|'.join(spaced)})(?![0-9])"
    return Number(e164, re.compile(pattern), re.compile(pattern.encode()))


def forget_in_store(db: Database, number: Number) -> Forgotten:
    """Delete every call, message and callback of the number, and every mention, in one commit.

    A wish to forget it keeps what is still to be removed outside the store, until `forget_wish`; what such a
    wish has kept already, before a power cut, is among what is returned.

    Raises CannotForget while a call of the number goes on, and for a number that the office has set up.
    """
    with exclusive(db):
        _refuse_what_is_set_up(db, number)
        begun = _begun(db, number)
        callbacks = _ids(db, "SELECT id, number FROM callbacks", number)
        calls = set(_ids(db, "SELECT call, caller FROM calls", number))
        calls |= set(_ids(db, "SELECT call, caller FROM messages", number))
        calls |= {call for (call,) in _of(db, "SELECT call FROM callbacks WHERE id IN", callbacks)}
        for detail in begun.values():  # its recording may have come back as a message of nobody
            calls |= set(detail.get("calls", ()))
        if any(
            call in calls for (call,) in db.execute("SELECT call FROM calls WHERE ended_at = ''").fetchall()
        ) or any(
            state == "calling" for (state,) in _of(db, "SELECT state FROM callbacks WHERE id IN", callbacks)
        ):
            raise CannotForget("going on")
        messages = _of(db, "SELECT id, sound FROM messages WHERE call IN", calls)
        _of(db, "DELETE FROM outbox WHERE message IN", [row[0] for row in messages])
        _of(db, "DELETE FROM outbox WHERE callback IN", callbacks)
        _of(db, "DELETE FROM messages WHERE call IN", calls)
        _of(db, "DELETE FROM steps WHERE call IN", calls)
        _of(db, "DELETE FROM calls WHERE call IN", calls)
        # Who asked to be called back at this number keeps the rest of his call.
        others = [call for (call,) in _of(db, "SELECT call FROM calls WHERE callback IN", callbacks)]
        _of(db, "DELETE FROM steps WHERE step = 'callback promised' AND call IN", others)
        _of(
            db,
            "UPDATE calls SET callback = NULL, outcome = coalesce(nullif(outcome, ''), 'callback cancelled')"
            " WHERE callback IN",
            callbacks,
        )
        _of(db, "DELETE FROM callbacks WHERE id IN", callbacks)
        _forget_mentions(db, number)
        sounds = {sound for _, sound in messages}
        for wish, detail in begun.items():
            sounds |= set(detail.get("sounds", ()))
            more = {"calls": sorted(calls), "sounds": sorted(sounds)}
            db.execute("UPDATE wishes SET detail = ? WHERE id = ?", [json.dumps(detail | more), wish])
    return Forgotten(tuple(sorted(calls)), tuple(sorted(sounds)), len(callbacks), len(messages))


def forget_wish(db: Database, number: Number) -> None:
    """Everything is done that somebody wished for: of whom, goes as well."""
    with exclusive(db):
        for wish in _begun(db, number):
            db.execute("UPDATE wishes SET detail = '{}' WHERE id = ?", [wish])


def _begun(db: Database, number: Number) -> dict[int, dict[str, Any]]:
    """The wishes to forget this number, each with its values."""
    rows = db.execute("SELECT id, detail FROM wishes WHERE kind = 'forget number'").fetchall()
    found = {wish: json.loads(detail) for wish, detail in rows}
    return {wish: detail for wish, detail in found.items() if number.is_in(detail.get("number"))}


def leave_no_trace(db: Database) -> None:
    """Let the files of the store hold nothing but what is in it now: no free page, nothing in the WAL.

    Waits for whoever is just reading. Raises sqlite3.Error when that takes too long; later it works.
    """
    db.execute("VACUUM")
    if not any(empty_wal(db) for _ in range(_CHECKPOINTS)):
        raise sqlite3.OperationalError("the store is being read without end")


def empty_wal(db: Database) -> bool:
    """Bring every commit into the file itself and cut the WAL off; False while somebody still reads it."""
    db.execute("PRAGMA busy_timeout = 200")  # meanwhile nobody else can write: calls go first
    try:
        return bool(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    finally:
        db.execute("PRAGMA busy_timeout = 10000")


def _refuse_what_is_set_up(db: Database, number: Number) -> None:
    rows = db.execute(
        "SELECT number FROM numbers UNION ALL SELECT number FROM blocks"
        " UNION ALL SELECT number FROM duty_phones WHERE number NOT NULL"
    ).fetchall()
    if any(number.is_in(row[0]) for row in rows):
        raise CannotForget("set up")


def _ids(db: Database, question: str, number: Number) -> list[Any]:
    return [key for key, text in db.execute(question).fetchall() if number.is_in(text)]


def _of(db: Database, statement: str, keys: Iterable[object]) -> list[Any]:
    """Run a statement that ends in IN for these keys, however many there are."""
    return db.execute(
        f"{statement} (SELECT value FROM json_each(?))", [json.dumps(sorted(keys, key=str))]
    ).fetchall()


def _forget_mentions(db: Database, number: Number) -> None:
    """In what people wrote and noted about other things."""
    for table, column in (
        ("steps", "detail"),
        ("inbox", "note"),
        ("calls", "caller_name"),
        ("callbacks", "name"),
        ("messages", "caller_name"),
        ("outbox", "last_error"),
        ("failed_sign_ins", "name"),
    ):
        for row in _ids(db, f"SELECT rowid, {column} FROM {table}", number):
            db.execute(f"UPDATE {table} SET {column} = '' WHERE rowid = ?", [row])
    for change, text in db.execute("SELECT id, differences FROM changes").fetchall():
        found = json.loads(text)
        left = [[path, _without(before, number), _without(after, number)] for path, before, after in found]
        if left != found:
            db.execute(
                "UPDATE changes SET differences = ? WHERE id = ?",
                [json.dumps(left, ensure_ascii=False), change],
            )


def _without(value: Any, number: Number) -> Any:
    """The value, hidden where the number is in it: it then cannot be undone any more."""
    if isinstance(value, dict):
        return {key: _without(part, number) for key, part in value.items()}
    if isinstance(value, list):
        return [_without(part, number) for part in value]
    return SECRET if number.is_in(value) else value
