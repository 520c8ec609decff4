"""What has been: the talks and waits of a department, from which the expected wait is learned."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlite_utils import Database

from appliance.hotline.estimate import MOST_CALLS, History
from appliance.store.times import to_text

_DAYS = 28


def department_history(db: Database, department: str, now: datetime) -> History:
    """The newest conversations of four weeks with their wrap-up, and how patient callers were."""
    values = {"department": department, "since": to_text(now - timedelta(days=_DAYS)), "calls": MOST_CALLS}
    handling = db.execute(
        """
        SELECT (julianday(c.ended_at) - julianday(c.connected_at)) * 86400 + d.wrap_up_seconds
        FROM calls AS c JOIN departments AS d ON d.name = c.department
        WHERE c.department = :department AND c.started_at > :since AND c.outcome = 'talked'
        ORDER BY c.started_at DESC LIMIT :calls""",
        values,
    ).fetchall()
    gave_up, waited_seconds = db.execute(
        """
        SELECT count(*) FILTER (WHERE outcome IN ('hung up', 'message')), coalesce(sum(julianday(
            CASE WHEN connected_at > waits_since THEN connected_at ELSE ended_at END
          ) - julianday(waits_since)), 0) * 86400
        FROM (SELECT * FROM calls WHERE department = :department AND started_at > :since
                AND waits_since <> '' AND ended_at <> '' ORDER BY started_at DESC LIMIT :calls)""",
        values,
    ).fetchone()
    return History(tuple(max(0.0, seconds) for (seconds,) in reversed(handling)), gave_up, waited_seconds)
