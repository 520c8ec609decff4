"""What the page wants done that only the supervisor may do: committed here, taken one after the other.

A wish outlives a power cut: the supervisor takes it up again until it is answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlite_utils import Database

from appliance.store.changes import Author
from appliance.store.database import exclusive
from appliance.store.times import to_text

KINDS: Final = ("restart", "test mail", "restore", "forget number", "factory reset")
"""What is done one after the other; "record prompt" is done meanwhile: it takes as long as a person does."""
_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish. `answer` is what came of it, a word and its values; None while it waits or is being done."""

    id: int
    kind: str
    values: dict[str, Any]
    by: Author
    asked_at: str
    answer: dict[str, Any] | None


def ask(db: Database, kind: str, by: Author, now: datetime, **values: Any) -> int:
    """Commit a wish; returns its number. What was answered a day ago is forgotten on the way."""
    with exclusive(db):
        db.execute("DELETE FROM wishes WHERE answer <> '' AND asked_at < ?", [to_text(now - _KEPT)])
        row = db.execute(
            "INSERT INTO wishes (kind, detail, who, how, asked_at) VALUES (?, ?, ?, ?, ?)",
            [kind, json.dumps(values), by.name, by.how, to_text(now)],
        ).lastrowid
    assert row is not None
    return row


def waiting(db: Database) -> Wish | None:
    """The oldest wish without an answer, of those that are done one after the other."""
    which = f"answer = '' AND kind IN ({', '.join('?' * len(KINDS))}) ORDER BY id LIMIT 1"
    return next(_wishes(db, which, *KINDS), None)


def unanswered(db: Database, kind: str) -> list[Wish]:
    """Every wish of a kind without an answer, the oldest first."""
    return list(_wishes(db, "answer = '' AND kind = ? ORDER BY id", kind))


def newest(db: Database, kind: str, **about: Any) -> Wish | None:
    """The newest wish of a kind, with its answer if there is one; of those with these values, where given."""
    found = _wishes(db, "kind = ? ORDER BY id DESC", kind)
    return next((wish for wish in found if about.items() <= wish.values.items()), None)


def wish(db: Database, number: int) -> Wish | None:
    """The wish of this number; None when it is forgotten."""
    return next(_wishes(db, "id = ?", number), None)


def answer(db: Database, number: int, word: str, **values: Any) -> None:
    """Commit what came of a wish; what it was about is forgotten with that."""
    db.execute(
        "UPDATE wishes SET answer = ?,"
        " detail = CASE WHEN kind IN ('restart', 'record prompt') THEN detail ELSE '{}' END WHERE id = ?",
        [json.dumps({"word": word, **values}, ensure_ascii=False), number],
    )


def _wishes(db: Database, which: str, *values: object) -> Any:
    return (
        Wish(
            id=row["id"],
            kind=row["kind"],
            values=json.loads(row["detail"]),
            by=Author(row["who"], row["how"]),
            asked_at=row["asked_at"],
            answer=json.loads(row["answer"]) if row["answer"] else None,
        )
        for row in db.query(f"SELECT * FROM wishes WHERE {which}", list(values))
    )
