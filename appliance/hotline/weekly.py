"""When the report of the week is due, and which days it is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AT = time(6)
"""On the office's wall clock: before anybody begins to work."""


def last_day_of_report(weekday: str, zone: ZoneInfo, now: datetime) -> date:
    """The last of the seven days that the newest report which is due at `now` is about.

    It is due at six in the morning of the weekday, and is about the seven days before.
    """
    wall = now.astimezone(zone)
    due = wall.date() - timedelta(days=(wall.weekday() - WEEKDAYS.index(weekday)) % 7)
    if now < datetime.combine(due, AT, zone).astimezone(UTC):
        due -= timedelta(days=7)
    return due - timedelta(days=1)
