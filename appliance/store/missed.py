"""Missed callers: who hung up while waiting, has not reached us since, and is not marked as done."""

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

    `caller` is E.164, '' when it was not sent; `called_back` whether he is in line for that.
    """

    call: str
    department: str
    caller: str
    caller_name: str
    ticket: str
    waits_since: datetime
    waited_seconds: float
    called_back: bool


_MISSED = """
SELECT c.call, c.department, c.caller, c.caller_name, c.ticket, c.waits_since,
  (julianday(c.ended_at) - julianday(c.waits_since)) * 86400 AS waited_seconds,
  EXISTS (SELECT 1 FROM callbacks AS b WHERE b.closed_at = '' AND b.department = c.department
            AND b.number = c.caller) AS called_back
FROM calls AS c
WHERE c.outcome = 'hung up' AND c.waits_since <> ''
  AND NOT EXISTS (SELECT 1 FROM calls AS later WHERE later.caller = c.caller AND c.caller <> ''
    AND later.started_at > c.started_at AND (later.outcome IN ('talked', 'called back', 'message')
      OR later.outcome = 'hung up' AND later.waits_since <> ''))
  AND NOT EXISTS (SELECT 1 FROM callbacks AS b WHERE b.id = c.callback AND b.closed_at <> '')
  AND NOT EXISTS (SELECT 1 FROM inbox WHERE subject = 'missed:' || c.call AND done_at <> '')
ORDER BY c.waits_since DESC, c.call DESC
"""


def missed_callers(db: Database) -> list[MissedCaller]:
    """The missed callers, newest first; who tried several times stands here once."""
    return [
        MissedCaller(
            call=row["call"],
            department=row["department"],
            caller=row["caller"],
            caller_name=row["caller_name"],
            ticket=row["ticket"],
            waits_since=from_text(row["waits_since"]),
            waited_seconds=row["waited_seconds"],
            called_back=bool(row["called_back"]),
        )
        for row in db.query(_MISSED)
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
            db, call, missed.caller, arrived=missed.waits_since, now=now, step="callback ordered"
        )
    return missed
