"""The on-call rota: who is rung while a department is closed, and when that is handed over.

A duty goes from the hand-over's time on one date to the same time on the next, on the office's wall
clock. Handing over happens once, when that clock shows the time (or a later one) for the first time:
a clock that is put back afterwards gives nobody his duty back, and a time that is skipped is made up for
at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from appliance.hotline.hours import DAY_MINUTES, Hours, State, changes

NOBODY = ""

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_WEEK_DAYS = 7


@dataclass(frozen=True, slots=True)
class HandOver:
    """When a duty begins: the time of day (minutes after midnight), and the weekday (0 is Monday) of a week.

    Raises ValueError when a field is out of range.
    """

    weekday: int
    minutes: int

    def __post_init__(self) -> None:
        if not (0 <= self.weekday <= 6 and 0 <= self.minutes < DAY_MINUTES):
            raise ValueError(f"no time of a week: {self!r}")

    def week_of(self, day: date) -> date:
        """The date on which the week of duty begins that this date belongs to."""
        return day - timedelta(days=(day.weekday() - self.weekday) % _WEEK_DAYS)


@dataclass(frozen=True, slots=True, order=True)
class DutyDates:
    """Dates, `last` included, on which `duty` is on call, whatever the week says.

    Raises ValueError when the last date is before the first.
    """

    first: date
    last: date
    duty: str

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"ends before it begins: {self!r}")


@dataclass(frozen=True, slots=True)
class Rota:
    """Who is on duty when. What is more special goes first: `dates`, then `weekdays`, then `weeks`.

    `weeks` take turns week by week, the first of them in the week of `first_week`; `weekdays` are
    (0 for Monday, duty). No two of `dates` share a date, and no weekday is there twice.
    """

    hand_over: HandOver
    zone: ZoneInfo
    weeks: tuple[str, ...] = ()
    first_week: date = date(2024, 1, 1)
    weekdays: tuple[tuple[int, str], ...] = ()
    dates: tuple[DutyDates, ...] = ()

    def duty_from(self, day: date) -> str:
        """Who is on duty from the hand-over on this date to that on the next; NOBODY for a gap."""
        for each in self.dates:
            if each.first <= day <= each.last:
                return each.duty
        for weekday, duty in self.weekdays:
            if weekday == day.weekday():
                return duty
        if not self.weeks:
            return NOBODY
        since = self.hand_over.week_of(day) - self.hand_over.week_of(self.first_week)
        return self.weeks[since.days // _WEEK_DAYS % len(self.weeks)]

    def handed_over_at(self, day: date) -> datetime:
        """The instant (UTC) at which the duty of this date begins."""
        wall = datetime(day.year, day.month, day.day) + self.hand_over.minutes * _MINUTE
        instant = min(wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        while instant.astimezone(self.zone).replace(tzinfo=None) < wall:  # the clock skips this time
            instant += _MINUTE
        return instant


@dataclass(frozen=True, slots=True)
class OnCallPhone:
    """A telephone that is rung for a duty: an agent's phone on his desk, as Asterisk calls it, or an outside
    number (E.164).

    `destination` is what Asterisk is told to reach a number outside, '' without a line.
    """

    agent: str = ""
    phone: str = ""
    number: str = ""
    destination: str = ""

    @property
    def name(self) -> str:
        """Whom the story of a call names: the agent, or the number."""
        return self.agent or self.number


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is rung now for a closed department, in order; nobody in a gap of its rota, or without one.

    `department_prompt` names the department ("for technical support"), '' when nothing does. An outside
    phone is rung over a line with so many `channels` (0: nobody knows), whose calls are named by the pattern
    `line_calls`, and is shown `shown_number`, the department's.
    """

    phones: tuple[OnCallPhone, ...] = ()
    ring_seconds: int = 0
    department_prompt: str = ""
    shown_number: str = ""
    line_calls: str = ""
    channels: int = 0


class Rung(StrEnum):
    """How ringing one phone on duty ended; the last two were not rung at all.

    NOT_TAKEN: it was answered and nobody pressed 1, as a mailbox does.
    """

    TALKED = "talked"
    NO_ANSWER = "no answer"
    REFUSED = "refused"
    NOT_TAKEN = "not taken"
    UNREACHABLE = "unreachable"
    CALLER_GONE = "caller gone"
    MESSAGE_WANTED = "message wanted"
    TALKS = "talks"
    NO_LINE = "no line"


class Duty(StrEnum):
    """What came of ringing all who are on duty."""

    TALKED = "talked"
    MESSAGE_WANTED = "message wanted"
    NOT_REACHED = "not reached"


def on_duty(rota: Rota, instant: datetime) -> str:
    """Who is on duty, NOBODY for a gap. Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {instant!r}")
    day = instant.astimezone(rota.zone).date() + _DAY  # a clock put back at midnight shows a date again
    while rota.handed_over_at(day) > instant:
        day -= _DAY
    return rota.duty_from(day)


def hand_overs(rota: Rota, start: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """Who is on duty at `start`, then every change after it and before `end`, as UTC instants."""
    return [(start.astimezone(UTC), on_duty(rota, start)), *_changes_after(rota, start, end)]


def next_hand_over(rota: Rota, instant: datetime) -> tuple[datetime, str] | None:
    """The first change after `instant`, or None when the same one is always on duty."""
    horizons = [instant + timedelta(days=_WEEK_DAYS * (len(rota.weeks) + 1))]
    horizons += [rota.handed_over_at(each.last) + timedelta(days=_WEEK_DAYS + 2) for each in rota.dates]
    return next(_changes_after(rota, instant, max(horizons)), None)


def first_gap(rota: Rota, hours: Hours | None, start: datetime, end: datetime) -> datetime | None:
    """The first instant before `end` at which it is closed and nobody is on duty; None for none.

    `hours` None means always open.
    """
    if hours is None:
        return None
    state: State = "open"
    duty = NOBODY
    both: list[tuple[datetime, State | None, str | None]] = [
        *((at, state, None) for at, state in changes(hours, start, end)),
        *((at, None, duty) for at, duty in hand_overs(rota, start, end)),
    ]
    both.sort(key=lambda change: change[0])
    for number, (at, new_state, new_duty) in enumerate(both):
        state = state if new_state is None else new_state
        duty = duty if new_duty is None else new_duty
        is_last_of_instant = number + 1 == len(both) or both[number + 1][0] > at
        if is_last_of_instant and state == "closed" and duty == NOBODY:
            return at
    return None


def _changes_after(rota: Rota, start: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    """Changes strictly between `start` and `end`, in order."""
    duty = on_duty(rota, start)
    day = start.astimezone(rota.zone).date() - _DAY
    while (at := rota.handed_over_at(day)) < end:
        if at > start and rota.duty_from(day) != duty:
            duty = rota.duty_from(day)
            yield at, duty
        day += _DAY


def line_has_channel(channels: int, busy: int) -> bool:
    """Whether somebody outside can be rung for a caller over a line with so many channels (0: nobody knows).

    Unlike for a callback the last one is taken: the caller is on the line already, and it is urgent.
    """
    return channels == 0 or busy < channels
