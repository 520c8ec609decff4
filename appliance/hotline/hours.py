"""Opening hours: weekly spans on the office's wall clock, and when they change next.

A department is open exactly when the clock on the office's wall shows a time inside one of its
spans. When that clock jumps forward the skipped times never happen; when it is put back the
repeated hour happens twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

State = Literal["open", "closed"]
NightMode = Literal["auto", "day", "night"]
Why = Literal["always open", "hours", "night mode", "day mode"]

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES

# Most changes are near. A weekly rule changes every week, but a clock change may swallow a short span.
_HORIZONS = (timedelta(days=3), timedelta(days=22))
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """One stretch of opening: `weekday` 0 is Monday, `opens` and `closes` are minutes after midnight.

    `closes` at or before `opens` means the next day; 24:00 (1440) is allowed as the closing time.
    Raises ValueError when a field is out of range.
    """

    weekday: int
    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not (0 <= self.weekday <= 6 and 0 <= self.opens < DAY_MINUTES and 0 <= self.closes <= DAY_MINUTES):
            raise ValueError(f"not a span of a week: {self!r}")

    @property
    def start(self) -> int:
        """Minutes from Monday 00:00 to the opening."""
        return self.weekday * DAY_MINUTES + self.opens

    @property
    def length_minutes(self) -> int:
        """How long the span lasts on the wall clock, at most a day."""
        return self.closes - self.opens + (DAY_MINUTES if self.closes <= self.opens else 0)

    def covers(self, week_minute: int) -> bool:
        """Whether the span contains this minute of the week (0 is Monday 00:00)."""
        return (week_minute - self.start) % WEEK_MINUTES < self.length_minutes


@dataclass(frozen=True, slots=True)
class Hours:
    """The weekly spans of a department on the wall clock of `zone`."""

    spans: tuple[Span, ...]
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a department is open, and what decided it."""

    state: State
    why: Why


def opening(hours: Hours | None, night_mode: NightMode, instant: datetime) -> Opening:
    """Decide as the view `opening` of the store does; `hours` None means always open."""
    if hours is None:
        return Opening("open", "always open")
    if night_mode == "night":
        return Opening("closed", "night mode")
    if night_mode == "day":
        return Opening("open", "day mode")
    return Opening("open" if is_open(hours, instant) else "closed", "hours")


def is_open(hours: Hours, instant: datetime) -> bool:
    """Whether the wall clock shows a time inside a span. Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {instant!r}")
    wall = instant.astimezone(hours.zone)
    minute = wall.weekday() * DAY_MINUTES + wall.hour * 60 + wall.minute
    return any(span.covers(minute) for span in hours.spans)


def changes(hours: Hours, start: datetime, end: datetime) -> list[tuple[datetime, State]]:
    """The state at `start`, then every change after it and before `end`, as UTC instants."""
    found = [(start.astimezone(UTC), _state(hours, start))]
    found.extend(_changes_after(hours, start, end))
    return found


def next_change(hours: Hours, instant: datetime) -> tuple[datetime, State] | None:
    """The first change after `instant`, or None when the state never changes."""
    for horizon in _HORIZONS:
        for change in _changes_after(hours, instant, instant + horizon):
            return change
    return None


def overlap(spans: Sequence[Span]) -> tuple[Span, Span] | None:
    """Two spans that share a minute of the week, the earlier one first, or None."""
    ordered = sorted(spans)
    if len(ordered) < 2:
        return None
    for span, following in zip(ordered, ordered[1:] + ordered[:1], strict=True):
        if (following.start - span.start) % WEEK_MINUTES < span.length_minutes:
            return span, following
    return None


def read_clock(text: str) -> int:
    """Minutes after midnight of "8:00", "08:00" or "24:00". Raises ValueError for anything else."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time of day: {text!r}")
    hour, minute = int(match[1]), int(match[2])
    if minute > 59 or hour * 60 + minute > DAY_MINUTES:
        raise ValueError(f"no such time of day: {text!r}")
    return hour * 60 + minute


def clock_text(minutes: int) -> str:
    """Write minutes after midnight as "08:00"."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _state(hours: Hours, instant: datetime) -> State:
    return "open" if is_open(hours, instant) else "closed"


def _changes_after(hours: Hours, start: datetime, end: datetime) -> Iterator[tuple[datetime, State]]:
    """Changes strictly between `start` and `end`, in order."""
    day = start.astimezone(hours.zone).date() - _DAY  # a clock put back at midnight mixes two dates
    last_day = end.astimezone(hours.zone).date() + _DAY
    candidates: set[datetime] = set()
    while day <= last_day:
        candidates |= _candidates(hours, day)
        day += _DAY
    state = _state(hours, start)
    for instant in sorted(candidates):
        if start < instant < end and _state(hours, instant) != state:
            state = _state(hours, instant)
            yield instant, state


def _candidates(hours: Hours, day: date) -> set[datetime]:
    """Every instant on this date at which the state could change."""
    midnight = datetime(day.year, day.month, day.day)
    # "until 24:00" ends at the next date's 00:00, so midnight itself is always a candidate.
    minutes = {0} | {span.opens for span in hours.spans} | {span.closes % DAY_MINUTES for span in hours.spans}
    found = set()
    for minute in minutes:
        wall = midnight + timedelta(minutes=minute)
        for fold in (0, 1):  # both passes of a repeated hour
            found.add(wall.replace(tzinfo=hours.zone, fold=fold).astimezone(UTC))
    jump = _clock_change(hours.zone, midnight)
    if jump is not None:
        found.add(jump)
    return found


def _clock_change(zone: ZoneInfo, midnight: datetime) -> datetime | None:
    """The instant of this date at which the wall clock jumps, to the minute, or None."""
    low = midnight.replace(tzinfo=zone).astimezone(UTC)
    high = (midnight + _DAY).replace(tzinfo=zone, fold=1).astimezone(UTC)
    before = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == before:
        return None
    while high - low > _MINUTE:
        middle = low + (high - low) // _MINUTE // 2 * _MINUTE
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
