"""Desk boxes in the store: whose they are, where they are, and which of their presses were taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from appliance.hotline.presence import Press
from appliance.store.changes import BY_BOX, Author, Difference, note
from appliance.store.database import exclusive
from appliance.store.times import from_text, to_text

PAIRING_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Box:
    """A box by its serial number. `agent` is empty while it is nobody's, `port` while it is not there."""

    serial: str
    agent: str
    sound: bool
    port: str
    firmware: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Pairing:
    """The next press on a box that is nobody's makes it this agent's."""

    agent: str
    until: datetime


@dataclass(frozen=True, slots=True)
class NumberedPress:
    """A press as a box tells it; `press` is None when it meant nothing to an agent."""

    number: int
    press: Press | None
    age_seconds: float
    pairs: bool


def all_boxes(db: Database) -> list[Box]:
    """Every box that was ever there. One whose agent is gone is nobody's."""
    rows = db.query("""
        SELECT b.serial, coalesce(a.name, '') AS agent, b.sound, b.port, b.firmware, b.seen_at
        FROM boxes AS b LEFT JOIN agents AS a ON a.name = b.agent ORDER BY b.serial""")
    return [Box(**row | {"sound": bool(row["sound"]), "seen_at": from_text(row["seen_at"])}) for row in rows]


def open_pairing(db: Database) -> Pairing | None:
    """Who waits for a box; it may have ended by now."""
    row = db.execute(
        "SELECT p.agent, p.until FROM pairing AS p JOIN agents AS a ON a.name = p.agent"
    ).fetchone()
    return Pairing(row[0], from_text(row[1])) if row else None


def begin_pairing(db: Database, agent: str, now: datetime) -> Pairing:
    """From now on the next press on a box that is nobody's makes it this agent's.

    Raises LookupError for an unknown agent.
    """
    with exclusive(db):
        if not db.execute("SELECT 1 FROM agents WHERE name = ?", [agent]).fetchone():
            raise LookupError(agent)
        pairing = Pairing(agent, now + timedelta(seconds=PAIRING_SECONDS))
        db.execute(
            "INSERT OR REPLACE INTO pairing (id, agent, until) VALUES (1, ?, ?)",
            [agent, to_text(pairing.until)],
        )
    return pairing


def pair(db: Database, serial: str, agent: str, by: Author = BY_BOX, *, undoes: int | None = None) -> None:
    """The box is this agent's, '' for nobody's; it is noted by whom. Raises LookupError for no known box."""
    with exclusive(db):
        row = db.execute("SELECT agent FROM boxes WHERE serial = ?", [serial]).fetchone()
        _change(db, serial, "agent = ?", agent)
        if row[0] != agent:
            whose = Difference(("box", serial), row[0] or None, agent or None)
            note(db, by, f"box:{serial}", [whose], undoes=undoes)


def unpair(db: Database, serial: str, by: Author) -> None:
    """The box is nobody's. Raises LookupError for an unknown box."""
    pair(db, serial, "", by)


def set_sound(db: Database, serial: str, *, on: bool) -> None:
    """Whether its buzzer sounds while it rings. Raises LookupError for an unknown box."""
    _change(db, serial, "sound = ?", int(on))


def _change(db: Database, serial: str, what: str, value: object) -> None:
    if not db.execute(f"UPDATE boxes SET {what} WHERE serial = ?", [value, serial]).rowcount:
        raise LookupError(serial)


def note_there(db: Database, serial: str, port: str, firmware: str, now: datetime) -> None:
    """The box answers at this port."""
    db.execute(
        "INSERT INTO boxes (serial, port, firmware, seen_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (serial) DO UPDATE"
        " SET port = excluded.port, firmware = excluded.firmware, seen_at = excluded.seen_at",
        [serial, port, firmware, to_text(now)],
    )


def note_gone(db: Database, serial: str, port: str, now: datetime) -> None:
    """The box does not answer at this port any more; elsewhere it may."""
    db.execute(
        "UPDATE boxes SET port = '', seen_at = ? WHERE serial = ? AND port = ?", [to_text(now), serial, port]
    )


def take_presses(
    db: Database,
    serial: str,
    boot: int,
    presses: Iterable[NumberedPress],
    now: datetime,
    *,
    allows: Callable[[], bool],
) -> int:
    """Note the presses that were not noted before, in one commit; returns the last number taken.

    They are numbered from 1 since the box's start `boot`. `allows` is asked for each new one
    whether it counts.
    """
    with exclusive(db):
        row = db.execute("SELECT boot, taken FROM boxes WHERE serial = ?", [serial]).fetchone()
        taken = row[1] if row and row[0] == boot else 0
        for press in presses:
            if press.number <= taken:
                continue
            taken = press.number
            if allows():
                _note(db, serial, press, now)
        db.execute("UPDATE boxes SET boot = ?, taken = ? WHERE serial = ?", [boot, taken, serial])
    return int(taken)


def _note(db: Database, serial: str, press: NumberedPress, now: datetime) -> None:
    row = db.execute(
        "SELECT a.name FROM boxes AS b JOIN agents AS a ON a.name = b.agent WHERE b.serial = ?", [serial]
    ).fetchone()
    if row and press.press:
        at = to_text(now - timedelta(seconds=press.age_seconds))
        db.execute(
            "INSERT INTO presses (button, press, at) VALUES (?, ?, ?)",
            [f"agent:{row[0]}", str(press.press), at],
        )
    elif not row and press.pairs:
        pairing = open_pairing(db)
        if pairing and now < pairing.until:
            pair(db, serial, pairing.agent)
            db.execute("DELETE FROM pairing")
