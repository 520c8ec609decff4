"""The numbers of the office: calls, outcomes, waits and the service level, by hour, day or week."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Step = Literal["hour", "day", "week"]

# How a call ended, as far as the numbers tell it apart, in the order of the plot.
GROUPS = ("talked", "called back", "message", "hung up", "closed", "open")
_GROUP = {
    "talked": "talked",
    "called back": "called back",
    "called again": "called back",
    "not reached": "hung up",
    "callback cancelled": "called back",
    "message": "message",
    "hung up": "hung up",
    "told closed": "closed",
    "told unassigned": "closed",
    "": "open",
}


@dataclass(frozen=True, slots=True)
class CallFacts:
    """A call as the numbers need it. `waited_seconds` is how long he stood in line, 0 when he did not.

    `promise_seconds` is what his department promises, 0 for nothing.
    """

    department: str
    started_at: datetime
    waited_seconds: float
    outcome: str
    promise_seconds: float = 0.0


@dataclass(slots=True)
class Figures:
    """What a number of calls add up to."""

    groups: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0))
    calls: int = 0
    waited: int = 0
    waited_seconds: float = 0.0
    longest_wait_seconds: float = 0.0
    promised: int = 0
    kept: int = 0

    def add(self, call: CallFacts) -> None:
        """Count one call."""
        group = _GROUP.get(call.outcome, "open")
        self.groups[group] += 1
        self.calls += 1
        if call.waited_seconds > 0:
            self.waited += 1
            self.waited_seconds += call.waited_seconds
            self.longest_wait_seconds = max(self.longest_wait_seconds, call.waited_seconds)
        if call.promise_seconds and group not in ("closed", "open"):
            self.promised += 1
            self.kept += group == "talked" and call.waited_seconds <= call.promise_seconds

    @property
    def mean_wait_seconds(self) -> float | None:
        """Of those who stood in line; None when nobody did."""
        return self.waited_seconds / self.waited if self.waited else None

    @property
    def service_level(self) -> float | None:
        """The share of callers who talked to somebody within the promised time; None when nobody wanted to.

        Who was told that it is closed did not get as far; all others count, also who hung up at once.
        """
        return self.kept / self.promised if self.promised else None


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days on the office's wall clock, `last` included, in buckets of one step."""

    first: date
    last: date
    step: Step
    zone: ZoneInfo

    @property
    def begin(self) -> datetime:
        """The first instant, in UTC."""
        return _midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first instant after the period, in UTC."""
        return _midnight(self.last + timedelta(days=1), self.zone)

    @property
    def buckets(self) -> list[tuple[date, int]]:
        """The date and hour each bucket begins with; the hour is 0 unless the step is one hour."""
        if self.step == "hour":
            return [(day, hour) for day in self._days() for hour in range(24)]
        return [
            (day, 0) for day in self._days() if self.step == "day" or day.weekday() == self.first.weekday()
        ]

    def bucket_of(self, instant: datetime) -> tuple[date, int]:
        """The bucket an instant of the period belongs to. An hour that the clock repeats is one bucket."""
        wall = instant.astimezone(self.zone)
        if self.step == "hour":
            return wall.date(), wall.hour
        behind = (wall.date() - self.first).days % 7 if self.step == "week" else 0
        return wall.date() - timedelta(days=behind), 0

    def _days(self) -> Iterable[date]:
        return (self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1))


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a period: in all, by bucket, and by department."""

    period: Period
    total: Figures
    by_bucket: dict[tuple[date, int], Figures]
    by_department: dict[str, Figures]


def report(period: Period, calls: Sequence[CallFacts]) -> Report:
    """Add up the calls that began in the period; others do not count."""
    total, by_department = Figures(), dict[str, Figures]()
    by_bucket = {bucket: Figures() for bucket in period.buckets}
    for call in calls:
        figures = by_bucket.get(period.bucket_of(call.started_at))
        if figures is None or not period.begin <= call.started_at < period.end:
            continue
        figures.add(call)
        total.add(call)
        by_department.setdefault(call.department, Figures()).add(call)
    return Report(period, total, by_bucket, by_department)


def period_of(kind: str, last: date, zone: ZoneInfo) -> Period:
    """The period of a kind that ends with the day `last`; a month is 28 days, a quarter 13 weeks."""
    days, step = _KINDS[kind]
    return Period(last - timedelta(days=days - 1), last, step, zone)


_KINDS: dict[str, tuple[int, Step]] = {
    "day": (1, "hour"),
    "week": (7, "day"),
    "month": (28, "day"),
    "quarter": (91, "week"),
}
KINDS = tuple(_KINDS)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
