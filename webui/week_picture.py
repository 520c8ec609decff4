"""The picture of a department's week, and what the next weeks have that is special; the template draws it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from appliance.hotline.hours import DAY_MINUTES, Hours, SpecialDays, clock_text

WIDTH: Final = 720
ROW: Final = 26
LEFT: Final = 84
TOP: Final = 20
AHEAD_DAYS: Final = 42


@dataclass(frozen=True, slots=True)
class Row:
    """A day of the week: its pieces (x, width), and why it is not as usual ('' when it is)."""

    day: date
    y: int
    pieces: tuple[tuple[float, float], ...]
    why: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything the template draws."""

    width: int
    height: int
    left: int
    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """Dates that are not as usual, with their times ('' for closed) and what they are."""

    first: date
    last: date
    times: str
    why: str


def week_picture(hours: Hours | None, today: date) -> Picture:
    """The seven days from Monday of this week on, as they really are: special days and holidays counted."""
    monday = today - timedelta(days=today.weekday())
    rows = []
    for number in range(7):
        day = monday + timedelta(days=number)
        pieces = [(0, DAY_MINUTES)] if hours is None else _pieces(hours, day)
        rows.append(
            Row(
                day,
                TOP + number * ROW,
                tuple((_x(opens), round(_x(closes) - _x(opens), 1)) for opens, closes in pieces),
                "" if hours is None else _why(hours, day),
            )
        )
    ticks = tuple((_x(hour * 60), hour) for hour in range(0, 25, 4))
    return Picture(WIDTH, TOP + 7 * ROW + 4, LEFT, tuple(rows), ticks)


def special_ahead(hours: Hours | None, today: date) -> list[SpecialDay]:
    """What is special in the next six weeks, in order; what is already going on begins before `today`."""
    if hours is None:
        return []
    found: list[SpecialDay] = []
    for number in range(AHEAD_DAYS):
        day = today + timedelta(days=number)
        special = hours.special(day)
        if special is not None:
            if not found or found[-1].first != special.first:
                found.append(SpecialDay(special.first, special.last, _times(special), "special day"))
        elif day in hours.holidays:
            found.append(SpecialDay(day, day, "", "public holiday"))
    return found


def _pieces(hours: Hours, day: date) -> list[tuple[int, int]]:
    """When it is open on this date, as minutes after midnight: also by what began the evening before."""
    found = []
    for span in hours.spans_on(day - timedelta(days=1)):
        over = span.opens + span.length_minutes - DAY_MINUTES
        if over > 0:
            found.append((0, over))
    for span in hours.spans_on(day):
        found.append((span.opens, min(DAY_MINUTES, span.opens + span.length_minutes)))
    return found


def _why(hours: Hours, day: date) -> str:
    if hours.special(day) is not None:
        return "special day"
    return "public holiday" if day in hours.holidays else ""


def _times(special: SpecialDays) -> str:
    return ", ".join(f"{clock_text(opens)}-{clock_text(closes)}" for opens, closes in special.times)


def _x(minutes: int) -> float:
    return round(LEFT + minutes / DAY_MINUTES * (WIDTH - LEFT - 8), 1)
