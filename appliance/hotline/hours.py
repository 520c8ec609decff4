"""Opening hours: weekly spans, special days and public holidays on the office's wall clock.

A department is open exactly when the clock on the office's wall shows a time inside one of its
spans. A span belongs to the date it begins on: special days and public holidays replace the spans
that begin on their dates, and a night that began on the evening before goes on to its end.
When that clock jumps forward the skipped times never happen; when it is put back the
repeated hour happens twice.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

State = Literal["open", "closed"]
NightMode = Literal["auto", "day", "night"]
Why = Literal["always open", "hours", "special day", "public holiday", "night mode", "day mode"]

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES

# Most changes are near. A weekly rule changes every week, but a clock change may swallow a short span.
# Two public holidays a week apart may swallow a weekly span as well.
_HORIZONS = (timedelta(days=3), timedelta(days=36))
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


@dataclass(frozen=True, slots=True, order=True)
class SpecialDays:
    """Dates, `last` included, on which other times hold: pairs of minutes as in `Span`, none when closed.

    Raises ValueError when the last date is before the first, or for times out of range.
    """

    first: date
    last: date
    times: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"ends before it begins: {self!r}")
        self.spans_on(self.first)

    def spans_on(self, day: date) -> tuple[Span, ...]:
        """The spans that begin on one of the dates."""
        return tuple(Span(day.weekday(), opens, closes) for opens, closes in self.times)


@dataclass(frozen=True, slots=True)
class Hours:
    """When a department is open on the wall clock of `zone`.

    On a date of `special_days` (no two of which share one) only their times hold; on public `holidays`
    it is closed; on all others the weekly `spans` hold.
    """

    spans: tuple[Span, ...]
    zone: ZoneInfo
    special_days: tuple[SpecialDays, ...] = ()
    holidays: Container[date] = frozenset()

    def special(self, day: date) -> SpecialDays | None:
        """The special days this date belongs to."""
        return next((each for each in self.special_days if each.first <= day <= each.last), None)

    def spans_on(self, day: date) -> tuple[Span, ...]:
        """The spans that begin on this date."""
        special = self.special(day)
        if special is not None:
            return special.spans_on(day)
        if day in self.holidays:
            return ()
        return tuple(span for span in self.spans if span.weekday == day.weekday())


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a department is open, and what decided it."""

    state: State
    why: Why


def opening(
    hours: Hours | None, night_mode: NightMode, instant: datetime, *, ignores_night_switch: bool = False
) -> Opening:
    """Decide as the view `opening` of the store does; `hours` None means always open.

    For whoever ignores the night switch only the hours count, wherever it stands.
    """
    if night_mode == "night" and not ignores_night_switch:
        return Opening("closed", "night mode")
    if night_mode == "day" and not ignores_night_switch:
        return Opening("open", "day mode")
    if hours is None:
        return Opening("open", "always open")
    began = _open_since(hours, instant)
    day = began or instant.astimezone(hours.zone).date()
    why: Why = "hours"
    if hours.special(day) is not None:
        why = "special day"
    elif day in hours.holidays:
        why = "public holiday"
    return Opening("open" if began else "closed", why)


def is_open(hours: Hours, instant: datetime) -> bool:
    """Whether the wall clock shows a time inside a span. Raises ValueError for a naive datetime."""
    return _open_since(hours, instant) is not None


def _open_since(hours: Hours, instant: datetime) -> date | None:
    """The date on which the span began that the wall clock is in; None when it is in none."""
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {instant!r}")
    wall = instant.astimezone(hours.zone)
    minute = wall.hour * 60 + wall.minute
    for day, since in ((wall.date(), minute), (wall.date() - _DAY, minute + DAY_MINUTES)):
        if any(0 <= since - span.opens < span.length_minutes for span in hours.spans_on(day)):
            return day
    return None


def changes(hours: Hours, start: datetime, end: datetime) -> list[tuple[datetime, State]]:
    """The state at `start`, then every change after it and before `end`, as UTC instants."""
    found = [(start.astimezone(UTC), _state(hours, start))]
    found.extend(changes_after(hours, start, end))
    return found


def changes_after(hours: Hours, start: datetime, end: datetime) -> Iterator[tuple[datetime, State]]:
    """Changes strictly between `start` and `end`, in order; no day is looked at before it is asked for."""
    state = _state(hours, start)
    for instant in _candidates_between(hours, start, end):
        if start < instant < end and _state(hours, instant) != state:
            state = _state(hours, instant)
            yield instant, state


def next_change(hours: Hours, instant: datetime) -> tuple[datetime, State] | None:
    """The first change after `instant`, or None when the state never changes."""
    until = [instant + horizon for horizon in _HORIZONS]
    until += [_begin(each.last, hours.zone) + _HORIZONS[-1] for each in hours.special_days]
    for end in sorted(until):
        for change in changes_after(hours, instant, end):
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


def _candidates_between(hours: Hours, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every instant at which the state could change from `start` to `end` and a little around, in order."""
    day = start.astimezone(hours.zone).date() - _DAY  # a clock put back at midnight mixes two dates
    last_day = end.astimezone(hours.zone).date() + _DAY
    found: set[datetime] = set()
    while day <= last_day:
        found |= _candidates(hours, day)
        # No clock is a whole day ahead of UTC: what later dates have lies behind this midnight.
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        yield from sorted(instant for instant in found if instant < midnight)
        found = {instant for instant in found if instant >= midnight}
        day += _DAY
    yield from sorted(found)


def _candidates(hours: Hours, day: date) -> set[datetime]:
    """Every instant on this date at which the state could change."""
    midnight = datetime(day.year, day.month, day.day)
    # "until 24:00" ends at the next date's 00:00, so midnight itself is always a candidate.
    spans = [*hours.spans_on(day), *hours.spans_on(day - _DAY)]
    minutes = {0} | {span.opens for span in spans} | {span.closes % DAY_MINUTES for span in spans}
    found = set()
    for minute in minutes:
        wall = midnight + timedelta(minutes=minute)
        for fold in (0, 1):  # both passes of a repeated hour
            found.add(wall.replace(tzinfo=hours.zone, fold=fold).astimezone(UTC))
    jump = _clock_change(hours.zone, midnight)
    if jump is not None:
        found.add(jump)
    return found


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


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
