"""What has been: the talks and waits of a department, from which the expected wait is learned."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlite_utils import Database

from appliance.hotline.estimate import MOST_CALLS, History
from appliance.store.ledger import TAKEN_ON_CALL
from appliance.store.times import to_text

_DAYS = 28


def department_history(db: Database, department: str, now: datetime) -> History:
    """The newest conversations of four weeks with their wrap-up, and how patient callers were.

    Somebody who is called back has waited as long as he held the line. What is told on duty, while it is
    closed, says nothing of the opening hours.
    """
    values = {
        "department": department,
        "since": to_text(now - timedelta(days=_DAYS)),
        "calls": MOST_CALLS,
        "on_call": TAKEN_ON_CALL,
    }
    handling = db.execute(
        """
        SELECT (julianday(talk.over_at) - julianday(talk.began_at)) * 86400 + d.wrap_up_seconds
        FROM departments AS d JOIN (
          SELECT connected_at AS began_at, ended_at AS over_at FROM calls
          WHERE department = :department AND started_at > :since AND outcome = 'talked'
            AND NOT EXISTS (SELECT 1 FROM steps AS s WHERE s.call = calls.call AND s.step = :on_call)
          UNION ALL
          SELECT max(c.connected_at), b.closed_at FROM callbacks AS b JOIN calls AS c ON c.callback = b.id
          WHERE b.department = :department AND b.closed_at > :since AND b.state = 'reached' GROUP BY b.id
        ) AS talk ON talk.began_at <> ''
        WHERE d.name = :department ORDER BY talk.began_at DESC LIMIT :calls""",
        values,
    ).fetchall()
    gave_up, waited_seconds = db.execute(
        """
        SELECT count(*) FILTER (WHERE outcome IN ('hung up', 'message')), coalesce(sum(julianday(
            CASE WHEN connected_at > waits_since THEN min(connected_at, ended_at) ELSE ended_at END
          ) - julianday(waits_since)), 0) * 86400
        FROM (SELECT * FROM calls WHERE department = :department AND started_at > :since
                AND waits_since <> '' AND ended_at <> '' ORDER BY started_at DESC LIMIT :calls)""",
        values,
    ).fetchone()
    return History(tuple(max(0.0, seconds) for (seconds,) in reversed(handling)), gave_up, waited_seconds)
