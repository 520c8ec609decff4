"""Personal data has an end: delivered messages go after the office's retention time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from appliance import files
from appliance.mail.spool import MESSAGES
from appliance.store.database import exclusive
from appliance.store.times import to_text


def remove_old(db: Database, spool: Path, before: datetime) -> int:
    """Remove messages delivered before `before`: sound, text and row. Returns how many.

    What was never delivered stays, however old. The files go first, so that a crash in between
    leaves nothing that nobody knows of. Raises OSError when a file cannot be removed.
    """
    old = db.execute(
        "SELECT o.id, m.id, m.sound FROM outbox AS o JOIN messages AS m ON m.id = o.message"
        " WHERE o.delivered_at != '' AND o.delivered_at < ?",
        [to_text(before)],
    ).fetchall()
    for mail, message, sound in old:
        files.remove((spool / sound).with_suffix(".wav"))
        files.remove(spool / sound)
        with exclusive(db):
            db.execute("DELETE FROM outbox WHERE id = ?", [mail])
            db.execute("DELETE FROM messages WHERE id = ?", [message])
    with exclusive(db):
        db.execute(
            "DELETE FROM outbox WHERE message IS NULL AND delivered_at != '' AND delivered_at < ?",
            [to_text(before)],
        )
    return len(old)


def remove_orphans(db: Database, spool: Path, before: datetime) -> None:
    """Remove sounds that no message knows of, which a power cut may have left, once they are old."""
    known = {Path(sound).stem for (sound,) in db.execute("SELECT sound FROM messages").fetchall()}
    for file in (spool / MESSAGES).glob("*"):
        if file.stem.partition(".wav")[0].partition(".mp3")[0] not in known and (
            file.stat().st_mtime < before.timestamp()
        ):
            files.remove(file)
