"""The weekly report: put into the outbox once a week, whatever happens in between."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from appliance.hotline.weekly import last_day_of_report
from appliance.store import outbox
from appliance.store.database import exclusive
from appliance.store.office import office_facts
from appliance.store.times import to_text


def put_report(db: Database, now: datetime) -> bool:
    """Put the report that is due into the outbox, once, if it is wanted; whether it did.

    A box that was off on that day does it later. The first report is the first that falls due after the
    reports were switched on.
    """
    if _wanted(db) is None:
        return False
    with exclusive(db):
        wanted = _wanted(db)
        if wanted is None:
            return False
        mailbox, weekday, language = wanted
        last = last_day_of_report(weekday, ZoneInfo(office_facts(db).time_zone), now).isoformat()
        newest = db.execute("SELECT max(last_day) FROM weekly_reports").fetchone()[0]
        if newest is not None and newest >= last:
            return False
        report = db.execute(
            "INSERT INTO weekly_reports (last_day, noticed_at) VALUES (?, ?)", [last, to_text(now)]
        ).lastrowid
        if newest is None:
            return False  # that week was over before anybody wanted reports
        outbox.put(db, "weekly_report", report, f"week-{last}", (mailbox, language))
    return True


def forget_reports(db: Database, before: datetime) -> None:
    """Delete what was noted of reports before an instant whose mail is gone; the newest stays."""
    db.execute(
        "DELETE FROM weekly_reports WHERE noticed_at < ?"
        " AND id NOT IN (SELECT weekly_report FROM outbox WHERE weekly_report NOT NULL)"
        " AND last_day < (SELECT max(last_day) FROM weekly_reports)",
        [to_text(before)],
    )


def _wanted(db: Database) -> tuple[str, str, str] | None:
    row: tuple[str, str, str] | None = db.execute(
        "SELECT report_mailbox, report_weekday, language FROM office WHERE report_mailbox <> ''"
    ).fetchone()
    return row
