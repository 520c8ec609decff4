"""The ledger's calls of a period, added up: what the page of numbers and the weekly report show."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlite_utils import Database

from appliance.hotline.figures import CallFacts, Period, Report, report
from appliance.store import times


def read_report(db: Database, period: Period, department: str = "") -> Report:
    """Add up the ledger's calls of a period, of one department or of all."""
    rows = db.execute(
        """
        SELECT c.department, CAST(strftime('%s', c.started_at) AS INTEGER),
          CASE WHEN c.waits_since = '' THEN 0 ELSE max(0, (julianday(CASE
              WHEN c.connected_at > c.waits_since AND c.connected_at <= c.ended_at THEN c.connected_at
              WHEN c.ended_at = '' THEN c.waits_since ELSE c.ended_at END)
              - julianday(c.waits_since)) * 86400) END,
          c.outcome, coalesce(d.promise_minutes, 0) * 60
        FROM calls AS c LEFT JOIN departments AS d ON d.name = c.department
        WHERE c.started_at >= ?1 AND c.started_at < ?2 AND (?3 = '' OR c.department = ?3)""",
        [times.to_text(period.begin), times.to_text(period.end), department],
    ).fetchall()
    return report(
        period,
        [
            CallFacts(name, datetime.fromtimestamp(started, UTC), waited, outcome, promise)
            for name, started, waited, outcome, promise in rows
        ],
    )
