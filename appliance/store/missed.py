"""Missed callers: who hung up before anybody took his call, and has not reached us since; until done with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from appliance.store import callbacks
from appliance.store.database import exclusive
from appliance.store.times import from_text


@dataclass(frozen=True, slots=True)
class MissedCaller:
    """One of them: the call, who it was, and how long he had waited.

    `caller` is E.164, '' when it was not sent; `called_back` whether he is in line for that. For whom a
    phone rang at once, `waits_since` is when he rang in.
    """

    call: str
    department: str
    caller: str
    caller_name: str
    ticket: str
    waits_since: datetime
    waited_seconds: float
    called_back: bool


# Who wanted an agent: he stood in line, or a phone rang for him, or he was told that nobody is there.
_WANTED = """({0}.waits_since <> '' OR EXISTS (SELECT 1 FROM steps AS s WHERE s.call = {0}.call
    AND s.step IN ('agent rings', 'on-call rings', 'nobody present told')))"""
_MISSED = f"""
SELECT c.call, c.department, c.caller, c.caller_name, c.ticket,
  coalesce(nullif(c.waits_since, ''), c.started_at) AS since,
  (julianday(c.ended_at) - julianday(coalesce(nullif(c.waits_since, ''), c.started_at))) * 86400
    AS waited_seconds,
  EXISTS (SELECT 1 FROM callbacks AS b WHERE b.closed_at = '' AND b.department = c.department
            AND b.number = c.caller) AS called_back
FROM calls AS c LEFT JOIN inbox AS i ON i.subject = 'missed:' || c.call
WHERE c.outcome = 'hung up' AND {_WANTED.format("c")}
  AND NOT EXISTS (SELECT 1 FROM calls AS later WHERE later.caller = c.caller AND c.caller <> ''
    AND later.started_at > c.started_at AND (later.outcome IN ('talked', 'called back', 'message')
      OR later.outcome = 'hung up' AND {_WANTED.format("later")}))
  AND NOT EXISTS (SELECT 1 FROM callbacks AS b WHERE b.id = c.callback AND b.closed_at <> '')
  AND (coalesce(i.done_at, '') <> '') = ?
ORDER BY since DESC, c.call DESC
"""


def missed_callers(db: Database, *, done: bool = False) -> list[MissedCaller]:
    """The missed callers, newest first; who tried several times stands here once. `done`: those done with."""
    return [
        MissedCaller(
            call=row["call"],
            department=row["department"],
            caller=row["caller"],
            caller_name=row["caller_name"],
            ticket=row["ticket"],
            waits_since=from_text(row["since"]),
            waited_seconds=row["waited_seconds"],
            called_back=bool(row["called_back"]),
        )
        for row in db.query(_MISSED, [done])
    ]


def call_back(db: Database, call: str, now: datetime) -> MissedCaller:
    """Put a missed caller back in line, in the place he had, to be called back.

    Raises LookupError when this call is not a missed one, ValueError when its number is not known.
    """
    with exclusive(db):
        missed = next((m for m in missed_callers(db) if m.call == call), None)
        if missed is None:
            raise LookupError(call)
        if not missed.caller:
            raise ValueError(call)
        callbacks.request(
            db, call, missed.caller, arrived=missed.waits_since, now=now, step=callbacks.ORDERED
        )
    return missed
