"""What needs somebody's attention, in words, as the supervisor last saw it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlite_utils import Database

from appliance.store.database import exclusive


def show_attention(db: Database, troubles: Sequence[tuple[str, str, str]]) -> None:
    """Commit the whole list: kind, German sentence, English sentence. Writes only when it changed."""
    if attention(db) != list(troubles):
        with exclusive(db):
            db.execute("DELETE FROM attention")
            for trouble in troubles:
                db.execute("INSERT INTO attention (kind, german, english) VALUES (?, ?, ?)", trouble)


def attention(db: Database) -> list[tuple[str, str, str]]:
    """The list: kind, German sentence, English sentence."""
    return db.execute("SELECT kind, german, english FROM attention ORDER BY id").fetchall()
