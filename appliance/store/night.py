"""The night switch in the store: one row, whoever moves it."""

from __future__ import annotations

from datetime import datetime

from sqlite_utils import Database

from appliance.hotline.hours import NightMode
from appliance.hotline.night import NIGHT_MODES, Forgotten, NightSwitch
from appliance.hotline.night import forgotten as is_forgotten
from appliance.store import outbox
from appliance.store.changes import Author, Difference, note
from appliance.store.database import exclusive
from appliance.store.office import office_mailbox
from appliance.store.schedule import department_hours
from appliance.store.times import from_text, to_text


def night_switch(db: Database) -> NightSwitch:
    """Where the night switch stands."""
    mode, since, changed_by = db.execute("SELECT mode, since, changed_by FROM night_switch").fetchone()
    return NightSwitch(mode, from_text(since), changed_by)


def night_mode(db: Database) -> NightMode:
    """The mode alone, for whoever asks often."""
    mode: NightMode = db.execute("SELECT mode FROM night_switch").fetchone()[0]
    return mode


def set_night_mode(db: Database, mode: str, by: Author, now: datetime, *, undoes: int | None = None) -> None:
    """Commit the night switch; where it stands already, since when and by whom stays.

    A move is noted as a change, which undoes the change `undoes`; that of a phone code by a trigger.
    Raises ValueError for a mode there is not.
    """
    if mode not in NIGHT_MODES:
        raise ValueError(mode)
    with exclusive(db):
        before = night_mode(db)
        if before == mode:
            return
        db.execute(
            "UPDATE night_switch SET mode = ?, since = ?, changed_by = ?",
            [mode, to_text(now), f"phone {by.name}" if by.how == "phone" else by.how],
        )
        note(db, by, "night", [Difference(("night",), before, mode)], undoes=undoes)


def ignore_night_switch(db: Database) -> frozenset[str]:
    """The departments for which only their hours count."""
    rows = db.execute("SELECT name FROM departments WHERE ignores_night_switch = 1").fetchall()
    return frozenset(row[0] for row in rows)


def forgotten(db: Database, now: datetime) -> Forgotten | None:
    """Whether the switch stands where it does because nobody thought of it."""
    switch = night_switch(db)
    if switch.mode == "auto":
        return None
    ignoring = ignore_night_switch(db)
    follow = [
        hours for name, hours in department_hours(db).items() if hours is not None and name not in ignoring
    ]
    return is_forgotten(switch, follow, now)


def remind(db: Database, now: datetime) -> bool:
    """Put a mail about a forgotten switch into the outbox, once until it is moved again; whether it did."""
    if _reminded(db) or forgotten(db, now) is None:
        return False
    with exclusive(db):  # look again: somebody else may have moved it, or reminded, just now
        found = None if _reminded(db) else forgotten(db, now)
        if found is None:
            return False
        switch = found.switch
        reminder = db.execute(
            "INSERT INTO night_reminders (mode, since, missed_at, noticed_at) VALUES (?, ?, ?, ?)",
            [switch.mode, to_text(switch.since), to_text(found.missed_at), to_text(now)],
        ).lastrowid
        outbox.put(db, "night_reminder", reminder, f"night-{reminder}", office_mailbox(db))
    return True


def forget_reminders(db: Database, before: datetime) -> None:
    """Delete reminders from before an instant whose mail is gone and whose switch has been moved since."""
    db.execute(
        "DELETE FROM night_reminders WHERE noticed_at < ? AND since NOT IN (SELECT since FROM night_switch)"
        " AND id NOT IN (SELECT night_reminder FROM outbox WHERE night_reminder NOT NULL)",
        [to_text(before)],
    )


def _reminded(db: Database) -> bool:
    question = "SELECT 1 FROM night_reminders WHERE since = (SELECT since FROM night_switch)"
    return db.execute(question).fetchone() is not None
