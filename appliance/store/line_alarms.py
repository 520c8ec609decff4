"""Mails about lines that have been in trouble for longer than somebody wants to wait."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlite_utils import Database

from appliance.hotline.line_states import LineState, to_be_mailed
from appliance.store import outbox
from appliance.store.database import exclusive
from appliance.store.lines import line_states
from appliance.store.office import office_mailbox
from appliance.store.times import from_text, to_text


def report(db: Database, now: datetime, patience: timedelta) -> bool:
    """Put a mail about each line into the outbox that somebody should look at; whether it did."""
    if not _due(db, now, patience):
        return False
    with exclusive(db):
        recipient = office_mailbox(db)
        for state in _due(db, now, patience):
            alarm = db.execute(
                "INSERT INTO line_alarms (line, trouble, since, noticed_at) VALUES (?, ?, ?, ?)",
                [state.line, str(state.trouble), to_text(state.since or now), to_text(now)],
            ).lastrowid
            outbox.put(db, "line_alarm", alarm, f"line-{alarm}", recipient)
    return True


def forget(db: Database, before: datetime) -> None:
    """Delete what was noted before an instant, where the mail is gone and the trouble is over."""
    db.execute(
        "DELETE FROM line_alarms WHERE noticed_at < ?"
        " AND id NOT IN (SELECT line_alarm FROM outbox WHERE line_alarm NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM line_states AS s"
        "  WHERE s.line = line_alarms.line AND s.since = line_alarms.since)",
        [to_text(before)],
    )


def _due(db: Database, now: datetime, patience: timedelta) -> list[LineState]:
    rows = db.execute("SELECT line, max(since), max(noticed_at) FROM line_alarms GROUP BY line").fetchall()
    known = {line: (from_text(since), from_text(noticed_at)) for line, since, noticed_at in rows}
    return to_be_mailed(line_states(db), now, patience, known)
