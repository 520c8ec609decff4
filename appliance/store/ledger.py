"""The ledger: every call, its steps and its one outcome, and the proof that none is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from appliance.hotline.outcomes import Evidence, Outcome, outcome_of
from appliance.store.database import exclusive
from appliance.store.times import to_text


def open_call(
    db: Database,
    call: str,
    *,
    dialled: str,
    caller: str,
    caller_name: str,
    started_at: datetime,
) -> None:
    """Enter a call that began. Entering it again changes nothing: dialog and records both tell."""
    db.execute(
        """
        INSERT INTO calls (call, dialled, number, department, language, caller, caller_name, started_at)
        SELECT ?1, ?2, coalesce(f.number, ''), coalesce(f.department, ''), coalesce(f.language, ''),
          ?3, ?4, ?5
        FROM (SELECT 1) LEFT JOIN floor AS f ON f.dialled = ?2 WHERE true
        ON CONFLICT (call) DO NOTHING""",
        [call, dialled, caller, caller_name, to_text(started_at)],
    )


def add_step(db: Database, call: str, step: str, detail: str, at: datetime) -> None:
    """Add a step to a call's story."""
    db.execute(
        "INSERT INTO steps (call, at, step, detail) VALUES (?, ?, ?, ?)", [call, to_text(at), step, detail]
    )


def connect_call(db: Database, call: str, phone: str, at: datetime) -> None:
    """Enter that the caller talks to whoever owns this phone; other channels are not news."""
    row = db.execute("SELECT agent FROM phone_owners WHERE phone = ?", [phone]).fetchone()
    if row is None:
        return
    connected = db.execute(
        "UPDATE calls SET agent = ?1, "
        "connected_at = CASE connected_at WHEN '' THEN ?2 ELSE connected_at END WHERE call = ?3",
        [row[0], to_text(at), call],
    ).rowcount
    if connected:
        add_step(db, call, "talks", row[0], at)


def open_calls(db: Database) -> list[str]:
    """Calls without an outcome yet."""
    return [row[0] for row in db.execute("SELECT call FROM calls WHERE outcome = ''").fetchall()]


def close_call(db: Database, call: str, at: datetime, *, message_kept: bool = False) -> Outcome | None:
    """Give an ended call its one outcome; None when it has one already or was never ours."""
    row = db.execute("SELECT connected_at FROM calls WHERE call = ? AND outcome = ''", [call]).fetchone()
    if row is None:
        return None
    steps = db.execute("SELECT DISTINCT step FROM steps WHERE call = ?", [call]).fetchall()
    outcome = outcome_of(
        Evidence(talked=bool(row[0]), message_kept=message_kept, steps=frozenset(step for (step,) in steps))
    )
    db.execute("UPDATE calls SET outcome = ?, ended_at = ? WHERE call = ?", [str(outcome), to_text(at), call])
    add_step(db, call, "ended", str(outcome), at)
    return outcome


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the ledger that must not be; `call` is where, '' when it is about no one call."""

    call: str
    what: str


def check(db: Database, *, alive: frozenset[str]) -> list[Fault]:
    """Every reason to doubt that no caller was lost. `alive` are the calls still going on."""
    faults = [
        Fault(call, "the call is over and has no outcome") for call in open_calls(db) if call not in alive
    ]
    faults += [
        Fault(row[0], "talked, but to nobody")
        for row in db.execute("SELECT call FROM calls WHERE outcome = 'talked' AND agent = ''").fetchall()
    ]
    faults += [
        Fault(row[0], "the outcome is a message, but there is none")
        for row in db.execute(
            "SELECT call FROM calls WHERE outcome = 'message' AND call NOT IN (SELECT call FROM messages)"
        ).fetchall()
    ]
    faults += [
        Fault(row[0], "a message without a mail to anybody")
        for row in db.execute(
            "SELECT call FROM messages WHERE id NOT IN (SELECT message FROM outbox WHERE message NOT NULL)"
        ).fetchall()
    ]
    faults += [
        Fault(row[0], "steps of a call the ledger does not know")
        for row in db.execute(
            "SELECT DISTINCT call FROM steps WHERE call NOT IN (SELECT call FROM calls)"
        ).fetchall()
    ]
    return faults


def outcomes(db: Database) -> dict[str, int]:
    """How many calls ended how."""
    return dict(
        db.execute(
            "SELECT outcome, count(*) FROM calls WHERE outcome <> '' GROUP BY outcome ORDER BY outcome"
        ).fetchall()
    )


def story(db: Database, call: str) -> list[dict[str, str]]:
    """The steps of one call in order: at, step, detail."""
    return list(db.query("SELECT at, step, detail FROM steps WHERE call = ? ORDER BY at, id", [call]))


def forget(db: Database, before: datetime) -> int:
    """Delete ended calls that began before an instant, with their stories; returns how many.

    A call whose message is still kept stays, too.
    """
    with exclusive(db):
        old = [
            row[0]
            for row in db.execute(
                "SELECT call FROM calls WHERE started_at < ? AND outcome <> '' "
                "AND call NOT IN (SELECT call FROM messages)",
                [to_text(before)],
            ).fetchall()
        ]
        for call in old:
            db.execute("DELETE FROM steps WHERE call = ?", [call])
            db.execute("DELETE FROM calls WHERE call = ?", [call])
    return len(old)


def cursor(db: Database, name: str) -> str:
    """How far a record has been read, '' for not at all."""
    row = db.execute("SELECT position FROM cursors WHERE name = ?", [name]).fetchone()
    return str(row[0]) if row else ""


def move_cursor(db: Database, name: str, position: str) -> None:
    """Note how far a record has been read; in the same transaction as what was read."""
    db.execute(
        "INSERT INTO cursors VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET position = excluded.position",
        [name, position],
    )
