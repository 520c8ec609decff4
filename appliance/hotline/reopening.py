"""When a closed department opens again, in words: "tomorrow at eight", "on Monday at nine"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import NamedTuple
from zoneinfo import ZoneInfo

from appliance.hotline.hours import Hours, State, changes, next_change

REOPENING_KEYS = (
    *("reopens-today", "reopens-tomorrow"),
    *(f"reopens-weekday-{weekday}" for weekday in range(1, 8)),
    *(f"reopens-day-{day}" for day in range(1, 32)),
    *(f"month-{month}" for month in range(1, 13)),
    *(f"hour-{hour}" for hour in range(24)),
    *(f"minute-{minute}" for minute in range(1, 60)),
)

_WEEK = 7
_LONGEST_DAYS = 360  # a date without its year must not be misunderstood


class Stretch(NamedTuple):
    """From `at` on (UTC) a department is `state`, and a closed one says with `reopening` when it opens."""

    at: datetime
    state: State
    reopening: tuple[str, ...]


def stretches(hours: Hours, start: datetime, end: datetime) -> list[Stretch]:
    """What is said at `start`, then whatever changes it before `end`: openings, closings, and midnights."""
    turns = changes(hours, start, end)
    found: list[Stretch] = []
    for (at, state), following in zip_longest(turns, turns[1:]):
        if state == "open":
            found.append(Stretch(at, state, ()))
            continue
        opens, _ = following or next_change(hours, at) or (None, state)
        for moment in (at, *_midnights(hours.zone, at, following[0] if following else end)):
            said = reopening(opens.astimezone(hours.zone), moment.astimezone(hours.zone)) if opens else ()
            if not found or found[-1][1:] != (state, said):
                found.append(Stretch(moment, state, said))
    return found


def reopening(opens: datetime, now: datetime) -> tuple[str, ...]:
    """The prompts that say when it opens; both instants are on the wall clock of the office.

    Within a week the day is named by its weekday, later by its date; none for what is in a year or past.
    """
    days = (opens.date() - now.date()).days
    if not 0 <= days <= _LONGEST_DAYS:
        return ()
    day: tuple[str, ...] = (f"reopens-day-{opens.day}", f"month-{opens.month}")
    if days == 0:
        day = ("reopens-today",)
    elif days == 1:
        day = ("reopens-tomorrow",)
    elif days < _WEEK:
        day = (f"reopens-weekday-{opens.isoweekday()}",)
    minute = (f"minute-{opens.minute}",) if opens.minute else ()
    return (*day, f"hour-{opens.hour}", *minute)


def _midnights(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every midnight of the wall clock between two instants, in UTC."""
    day = start.astimezone(zone).date()
    while True:
        day += timedelta(days=1)
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        if midnight >= end:
            return
        if midnight > start:
            yield midnight
