"""The ledger: every call, its steps and its one outcome, and the proof that none is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from appliance.hotline.outcomes import Evidence, Outcome, outcome_of
from appliance.store.database import exclusive
from appliance.store.office import agent_at
from appliance.store.times import from_text, to_text

WAITS = "waits"
TAKEN_ON_CALL = "on-call takes the call"
TAKEN_OVER = "taken over"
ASKED = "colleague asked"


def open_call(
    db: Database,
    call: str,
    *,
    dialled: str,
    caller: str,
    caller_name: str,
    started_at: datetime,
    department: str = "",
) -> None:
    """Enter a call that began. Entering it again changes nothing: dialog and records both tell.

    `department` is where it leads when the number itself is not one of ours, as in a block.
    """
    db.execute(
        """
        INSERT INTO calls (call, dialled, number, department, language, caller, caller_name, started_at)
        SELECT ?1, ?2, coalesce(t.number, ''), coalesce(d.name, ''), coalesce(d.language, ''), ?3, ?4, ?5
        FROM (SELECT 1) LEFT JOIN destinations AS t ON t.dialled = ?2
        LEFT JOIN departments AS d ON d.name = coalesce(t.department, ?6) WHERE true
        ON CONFLICT (call) DO NOTHING""",
        [call, dialled, caller, caller_name, to_text(started_at), department],
    )


def move_call(db: Database, call: str, department: str, at: datetime, *, handed_over: bool = False) -> None:
    """Enter that the caller is now with another department; telling it again changes nothing.

    He speaks its language, unless an agent has handed him over.
    """
    moved = db.execute(
        "UPDATE calls SET department = d.name, language = iif(?3, calls.language, d.language) "
        "FROM departments AS d WHERE d.name = ?1 AND call = ?2 AND department <> ?1",
        [department, call, handed_over],
    ).rowcount
    if moved:
        add_step(db, call, "handed over" if handed_over else "department", department, at)


def add_step(db: Database, call: str, step: str, detail: str, at: datetime) -> None:
    """Add a step to a call's story. The first WAITS also says since when the caller stands in line."""
    db.execute(
        "INSERT INTO steps (call, at, step, detail) VALUES (?, ?, ?, ?)", [call, to_text(at), step, detail]
    )
    if step == WAITS:
        db.execute(
            "UPDATE calls SET waits_since = ? WHERE call = ? AND waits_since = ''", [to_text(at), call]
        )


def take_on_call(db: Database, call: str, name: str, at: datetime) -> None:
    """Enter that somebody on duty has pressed 1: an agent, or who answers at this number (E.164)."""
    add_step(db, call, TAKEN_ON_CALL, name, at)


def connect_call(db: Database, call: str, channel: str, at: datetime) -> tuple[str, str]:
    """Enter that the caller talks to the agent whose phone this channel is, or to the number on duty that
    has taken the call; other channels are not news.

    Returns the agent and the caller's department, both '' for a channel or call that is none of ours.
    """
    agent = agent_at(db, channel) or _number_on_call(db, call)
    if not agent:
        return "", ""
    connected = db.execute(
        "UPDATE calls SET agent = ?1, "
        "connected_at = CASE connected_at WHEN '' THEN ?2 ELSE connected_at END "
        "WHERE call = ?3",
        [agent, to_text(at), call],
    ).rowcount
    if not connected:
        return "", ""
    before = db.execute(
        "SELECT step, detail FROM steps WHERE call = ? "
        "AND step IN ('talks', 'agent rings', 'calls back', 'transferred') ORDER BY id DESC LIMIT 1",
        [call],
    ).fetchone()
    if before != ("talks", agent):
        add_step(db, call, "talks", agent, at)
    return agent, str(db.execute("SELECT department FROM calls WHERE call = ?", [call]).fetchone()[0])


def take_over(db: Database, call: str, channel: str, at: datetime) -> None:
    """Enter that a colleague who was asked first has the caller now; he is whose phone this channel is."""
    agent = agent_at(db, channel)
    if agent and _is_known(db, call):
        add_step(db, call, TAKEN_OVER, agent, at)


def was_asked(db: Database, call: str, extension: str, at: datetime) -> None:
    """Enter that somebody was asked until now to take the caller over; nothing between colleagues alone."""
    if _is_known(db, call):
        add_step(db, call, ASKED, extension, at)


def put_aside_at(db: Database, call: str) -> datetime | None:
    """Until when somebody was asked to take the caller over, or when he has done so, the last time."""
    row = db.execute(
        "SELECT max(at) FROM steps WHERE call = ? AND step IN (?, ?)", [call, TAKEN_OVER, ASKED]
    ).fetchone()
    return from_text(row[0]) if row[0] else None


def _is_known(db: Database, call: str) -> bool:
    return db.execute("SELECT 1 FROM calls WHERE call = ?", [call]).fetchone() is not None


def had_him_before(db: Database, call: str) -> str:
    """The agent who talked to the caller last, but for the one who has just taken him over; '' for nobody."""
    row = db.execute(
        "SELECT detail FROM steps WHERE call = ?1 AND step = 'talks' AND detail <> coalesce("
        "  (SELECT detail FROM steps WHERE call = ?1 AND step = ?2 ORDER BY id DESC LIMIT 1), '')"
        "ORDER BY id DESC LIMIT 1",
        [call, TAKEN_OVER],
    ).fetchone()
    return str(row[0]) if row else ""


def caller_name(db: Database, call: str) -> str | None:
    """The caller's name as the line has delivered it; None for a call the ledger does not know yet."""
    row = db.execute("SELECT caller_name FROM calls WHERE call = ?", [call]).fetchone()
    return str(row[0]) if row else None


def _number_on_call(db: Database, call: str) -> str:
    """The outside number at which somebody on duty has taken this call and is to be put through, else ''."""
    row = db.execute(
        "SELECT s.detail FROM steps AS s JOIN calls AS c ON c.call = s.call AND c.connected_at = '' "
        "WHERE s.call = ? AND s.step = ? AND s.detail GLOB '+*' ORDER BY s.id DESC LIMIT 1",
        [call, TAKEN_ON_CALL],
    ).fetchone()
    return str(row[0]) if row else ""


def open_calls(db: Database, *, started_before: datetime | None = None) -> list[str]:
    """Calls that go on, as far as we know; only those that began before an instant, if one is given."""
    before = to_text(started_before) if started_before else "9999"
    rows = db.execute("SELECT call FROM calls WHERE ended_at = '' AND started_at < ?", [before])
    return [row[0] for row in rows.fetchall()]


def set_ticket(db: Database, call: str, ticket: str, at: datetime) -> None:
    """Commit the ticket or customer number the caller has keyed in."""
    with exclusive(db):
        db.execute("UPDATE calls SET ticket = ? WHERE call = ?", [ticket, call])
        add_step(db, call, "ticket", ticket, at)


def close_call(db: Database, call: str, at: datetime, *, message_kept: bool = False) -> Outcome | None:
    """Enter that a call is over, and its one outcome.

    None when it is over already, was never ours, or when the caller is still to be called back: then
    the outcome is given when that is settled.
    """
    row = db.execute(
        "SELECT connected_at, EXISTS (SELECT 1 FROM callbacks WHERE id = callback AND closed_at = '') "
        "FROM calls WHERE call = ? AND ended_at = ''",
        [call],
    ).fetchone()
    if row is None:
        return None
    connected_at, owed = row
    db.execute("UPDATE calls SET ended_at = ? WHERE call = ?", [to_text(at), call])
    if owed and not connected_at:
        add_step(db, call, "hangs up", "", at)
        return None
    steps = db.execute("SELECT DISTINCT step FROM steps WHERE call = ?", [call]).fetchall()
    outcome = outcome_of(
        Evidence(
            talked=bool(connected_at), message_kept=message_kept, steps=frozenset(step for (step,) in steps)
        )
    )
    db.execute("UPDATE calls SET outcome = ? WHERE call = ?", [str(outcome), call])
    add_step(db, call, "ended", str(outcome), at)
    return outcome


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the ledger that must not be; `call` is where, '' when it is about no one call."""

    call: str
    what: str


# What must never be in the ledger, and the question that finds the calls it is true of.
_FAULTS = {
    "talked, but to nobody": "SELECT call FROM calls WHERE outcome = 'talked' AND agent = ''",
    "called back, but nobody talked": (
        "SELECT call FROM calls WHERE outcome = 'called back' AND connected_at = ''"
    ),
    "the outcome is a message, but there is none": (
        "SELECT call FROM calls WHERE outcome = 'message' AND call NOT IN (SELECT call FROM messages)"
    ),
    "a message without a mail to anybody": (
        "SELECT call FROM messages WHERE id NOT IN (SELECT message FROM outbox WHERE message NOT NULL)"
    ),
    "a callback was promised and nobody knows of it": (
        "SELECT DISTINCT call FROM steps WHERE step = 'callback promised' "
        "AND call IN (SELECT call FROM calls WHERE callback IS NULL)"
    ),
    "not reached, and nobody is told by mail": (
        "SELECT call FROM callbacks WHERE state = 'not reached' "
        "AND id NOT IN (SELECT callback FROM outbox WHERE callback NOT NULL)"
    ),
    "steps of a call the ledger does not know": (
        "SELECT DISTINCT call FROM steps WHERE call NOT IN (SELECT call FROM calls)"
    ),
}


def check(db: Database, *, alive: frozenset[str]) -> list[Fault]:
    """Every reason to doubt that no caller was lost. `alive` are the calls still going on.

    A call without an outcome is no fault while its caller is to be called back.
    """
    unsettled = db.execute(
        "SELECT call FROM calls WHERE outcome = '' "
        "AND NOT EXISTS (SELECT 1 FROM callbacks WHERE id = callback AND closed_at = '')"
    ).fetchall()
    faults = [
        Fault(call, "the call is over and has no outcome") for (call,) in unsettled if call not in alive
    ]
    for what, question in _FAULTS.items():
        faults += [Fault(call, what) for (call,) in db.execute(question).fetchall()]
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

    A call whose message is still kept stays, too, and one for which a callback is still owed.
    """
    with exclusive(db):
        old = [
            row[0]
            for row in db.execute(
                "SELECT call FROM calls WHERE started_at < ? AND outcome <> '' "
                "AND call NOT IN (SELECT call FROM messages) "
                "AND NOT EXISTS (SELECT 1 FROM callbacks WHERE id = calls.callback AND closed_at = '')",
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
        "INSERT INTO cursors (name, position) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
        [name, position],
    )
