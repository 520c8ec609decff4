"""The inbox: what people owe callers, who deals with it, and who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlite_utils import Database

from appliance.store import callbacks
from appliance.store.database import exclusive
from appliance.store.times import from_text, to_text

LONGEST_NOTE = 500


def exists(db: Database, subject: str) -> bool:
    """Whether there is such a message (``message:12``), missed call (``missed:CALL``) or callback."""
    kind, _, key = subject.partition(":")
    question = {
        "message": "SELECT 1 FROM messages WHERE id = ?",
        "missed": "SELECT 1 FROM calls WHERE call = ? AND outcome = 'hung up'",
        "callback": "SELECT 1 FROM callbacks WHERE id = ?",
    }.get(kind)
    return question is not None and db.execute(question, [key]).fetchone() is not None


def take(db: Database, subject: str, who: str) -> str:
    """Note that `who` deals with it; returns who does, which is somebody else when that one was first.

    Raises LookupError for what there is not.
    """
    with exclusive(db):
        row = _row(db, subject)
        if row["taken_by"]:
            return str(row["taken_by"])
        _set(db, subject, taken_by=who)
        note_act(db, who, "took", subject)
    return who


def give_back(db: Database, subject: str, who: str) -> None:
    """Nobody deals with it any more. Raises LookupError for what there is not."""
    with exclusive(db):
        if _row(db, subject)["taken_by"]:
            _set(db, subject, taken_by="")
            note_act(db, who, "gave back", subject)


def settle(db: Database, subject: str, who: str, now: datetime, *, done: bool) -> None:
    """Note that it is done, or that it is to be done after all. Raises LookupError."""
    with exclusive(db):
        if bool(_row(db, subject)["done_at"]) == done:
            return
        _set(db, subject, done_by=who if done else "", done_at=to_text(now) if done else "")
        note_act(db, who, "done" if done else "not done", subject)


def write_note(db: Database, subject: str, who: str, note: str) -> None:
    """Keep a note about it. Raises LookupError, or ValueError for one longer than `LONGEST_NOTE`."""
    note = "\n".join(line.rstrip() for line in note.strip().splitlines())
    if len(note) > LONGEST_NOTE:
        raise ValueError(len(note))
    with exclusive(db):
        if _row(db, subject)["note"] != note:
            _set(db, subject, note=note)
            note_act(db, who, "note", subject)


def call_back_message(db: Database, message: int, who: str, now: datetime) -> None:
    """Put who left a message in line to be called back, in the place of the moment he left it.

    Raises LookupError for a message there is not, or whose call is not in the ledger any more;
    ValueError when the number is not known.
    """
    with exclusive(db):
        row = next(db.query("SELECT call, caller, recorded_at FROM messages WHERE id = ?", [message]), None)
        if row is None:
            raise LookupError(message)
        if not row["caller"]:
            raise ValueError(message)
        arrived = from_text(row["recorded_at"])
        callbacks.request(db, row["call"], row["caller"], arrived=arrived, now=now, step=callbacks.ORDERED)
        note_act(db, who, "ordered callback", f"message:{message}")


def call_now(db: Database, callback: int, who: str, now: datetime) -> bool:
    """Let a callback that rests be called as soon as somebody is free; False when it does not rest."""
    with exclusive(db):
        changed = db.execute(
            "UPDATE callbacks SET next_attempt_at = ?1 "
            "WHERE id = ?2 AND state = 'waiting' AND next_attempt_at > ?1",
            [to_text(now), callback],
        ).rowcount
        if changed:
            note_act(db, who, "call now", f"callback:{callback}")
    return bool(changed)


def note_act(db: Database, who: str, what: str, subject: str) -> None:
    """Add to the history of who did what. Its words never hold personal data of callers."""
    db.execute("INSERT INTO acts (who, what, subject) VALUES (?, ?, ?)", [who, what, subject])


def forget(db: Database, before: datetime) -> None:
    """Delete what people did before an instant; what is about a call goes with that, if that goes earlier."""
    with exclusive(db):
        db.execute("DELETE FROM acts WHERE at < ?", [to_text(before)])


def acts(db: Database, subjects: list[str]) -> dict[str, list[dict[str, str]]]:
    """What people did with each of these, oldest first: at, who, what."""
    found: dict[str, list[dict[str, str]]] = {}
    marks = ",".join("?" * len(subjects))
    for row in db.query(
        f"SELECT at, who, what, subject FROM acts WHERE subject IN ({marks}) ORDER BY id", subjects
    ):
        found.setdefault(row.pop("subject"), []).append(row)
    return found


def _row(db: Database, subject: str) -> dict[str, Any]:
    if not exists(db, subject):
        raise LookupError(subject)
    db.execute("INSERT INTO inbox (subject) VALUES (?) ON CONFLICT DO NOTHING", [subject])
    return next(db.query("SELECT * FROM inbox WHERE subject = ?", [subject]))


def _set(db: Database, subject: str, **values: str) -> None:
    changes = ", ".join(f"{name} = ?" for name in values)
    db.execute(f"UPDATE inbox SET {changes} WHERE subject = ?", [*values.values(), subject])
