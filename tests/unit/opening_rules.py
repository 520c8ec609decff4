"""Generated opening rules of a whole office for a year, and the paper calendar they are checked against."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import holidays
from hypothesis import strategies as st
from sqlite_utils import Database

from appliance.hotline.hours import NightMode, Span, SpecialDays, State, clock_text, overlap
from appliance.store.config_hours import write_times
from appliance.store.schedule import refresh_schedule

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
YEAR = 2026
BEGIN = datetime(YEAR, 1, 1, tzinfo=UTC)
BLOCKS = range(26)
AWAY = timedelta(weeks=2)
"""For how long Python is away: BLOCKS times this is the year."""

_PAPER_FIRST, _PAPER_DAYS = date(YEAR - 1, 12, 28), 380
_ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "America/St_Johns", "Asia/Kolkata")


# Quarters of an hour after midnight: many in the hours in which clocks change, others anywhere.
_QUARTERS = st.one_of(st.integers(0, 12), st.integers(0, 95))


@dataclass(frozen=True, slots=True)
class DepartmentRules:
    """When one department is open."""

    always_open: bool
    ignores_night_switch: bool
    closed_on_holidays: bool
    spans: tuple[Span, ...]
    special_days: tuple[SpecialDays, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """An office: where it is, its departments by name, and when the night switch is moved in the year."""

    zone: ZoneInfo
    state: str
    departments: dict[str, DepartmentRules]
    moves: tuple[tuple[datetime, NightMode], ...]

    def mode(self, instant: datetime) -> NightMode:
        """Where the night switch stands."""
        return ([mode for at, mode in self.moves if at <= instant] or ["auto"])[-1]


@st.composite
def _spans(draw: st.DrawFn) -> tuple[Span, ...]:
    spans: list[Span] = []
    for weekday in range(7):
        for _ in range(draw(st.integers(0, 2))):
            span = Span(weekday, draw(_QUARTERS) * 15, draw(_QUARTERS) * 15)
            if overlap([*spans, span]) is None:
                spans.append(span)
    return tuple(sorted(spans))


@st.composite
def _special_days(draw: st.DrawFn) -> tuple[SpecialDays, ...]:
    found, day = [], _PAPER_FIRST
    for pause, length, times in draw(
        st.lists(
            st.tuples(
                st.integers(1, 90),
                st.sampled_from([0, 0, 1, 9]),
                st.sampled_from([(), ((600, 720),), ((480, 720), (780, 1020)), ((1320, 120),), ((0, 1440),)]),
            ),
            max_size=8,
        )
    ):
        found.append(SpecialDays(day + pause * DAY, day + (pause + length) * DAY, times))
        day = found[-1].last
    return tuple(found)


@st.composite
def rules(draw: st.DrawFn, names: Sequence[str]) -> Rules:
    """Any office with these departments."""
    departments = {}
    for name in names:
        always_open = draw(st.sampled_from([False, False, False, True]))
        departments[name] = DepartmentRules(
            always_open,
            ignores_night_switch=draw(st.booleans()),
            closed_on_holidays=draw(st.booleans()),
            spans=() if always_open else draw(_spans()),
            special_days=() if always_open else draw(_special_days()),
        )
    modes: st.SearchStrategy[NightMode] = st.sampled_from(["auto", "auto", "day", "night"])
    moves = draw(st.lists(st.tuples(st.integers(0, 364 * 24 * 60), modes), max_size=20))
    return Rules(
        ZoneInfo(draw(st.sampled_from(_ZONES))),
        draw(st.sampled_from(["", "BY", "BE", "SN"])),
        departments,
        tuple((BEGIN + minute * MINUTE, mode) for minute, mode in sorted(moves)),
    )


def write_rules(db: Database, office: Rules) -> None:
    """Put the rules into a store that has the departments."""
    for table in ("opening_hours", "special_days", "schedule"):
        db.execute(f"DELETE FROM {table}")
    db.execute("UPDATE office SET time_zone = ?, country = 'DE', state = ?", [office.zone.key, office.state])
    for name, each in office.departments.items():
        flags = (each.always_open, each.ignores_night_switch, each.closed_on_holidays)
        db.execute(
            "UPDATE departments SET always_open = ?, ignores_night_switch = ?, closed_on_holidays = ?"
            " WHERE name = ?",
            [*flags, name],
        )
        for span in each.spans:
            opens, closes = clock_text(span.opens), clock_text(span.closes)
            db.execute("INSERT INTO opening_hours VALUES (?, ?, ?, ?)", [name, span.weekday, opens, closes])
        for special in each.special_days:
            first, last = special.first.isoformat(), special.last.isoformat()
            db.execute(
                "INSERT INTO special_days VALUES (?, ?, ?, ?)", [name, first, last, write_times(special)]
            )


def schedule_from(db: Database, begin: datetime) -> list[tuple[str, str, str]]:
    """What Python writes ahead at `begin`: the rows of the schedule."""
    db.execute("DELETE FROM schedule")
    refresh_schedule(db, begin)
    return list(db.execute("SELECT department, at, state FROM schedule").fetchall())


class PaperCalendar:
    """The opening of one department, ticked off on a calendar of paper that knows no clock changes."""

    def __init__(self, office: Rules, name: str) -> None:
        self._office = office
        self._department = office.departments[name]
        self._open = bytearray(_PAPER_DAYS * 1440 + 2880)
        public: Container[date] = holidays.country_holidays("DE", subdiv=office.state or None)
        for number in range(_PAPER_DAYS):
            for opens, closes in self._times(_PAPER_FIRST + number * DAY, public):
                minutes = closes - opens if closes > opens else closes + 1440 - opens
                start = number * 1440 + opens
                self._open[start : start + minutes] = b"\1" * minutes

    def _times(self, day: date, public: Container[date]) -> Sequence[tuple[int, int]]:
        for special in self._department.special_days:
            if special.first <= day <= special.last:
                return special.times
        if self._department.closed_on_holidays and day in public:
            return ()
        return [(span.opens, span.closes) for span in self._department.spans if span.weekday == day.weekday()]

    def says(self, instant: datetime) -> State:
        """Open or closed, the night switch considered."""
        mode = "auto" if self._department.ignores_night_switch else self._office.mode(instant)
        if mode != "auto":
            return "open" if mode == "day" else "closed"
        if self._department.always_open:
            return "open"
        wall = instant.astimezone(self._office.zone)
        minute = (wall.date() - _PAPER_FIRST).days * 1440 + wall.hour * 60 + wall.minute
        return "open" if self._open[minute] else "closed"

    @cached_property
    def turns(self) -> list[datetime]:
        """The instants at which the wall shows an opening or closing; both, where it shows it twice."""
        found = []
        for minute in range(1440, len(self._open)):
            if self._open[minute] != self._open[minute - 1]:
                wall = datetime(_PAPER_FIRST.year, _PAPER_FIRST.month, _PAPER_FIRST.day) + minute * MINUTE
                for fold in (0, 1):
                    found.append(wall.replace(tzinfo=self._office.zone, fold=fold).astimezone(UTC))
        return sorted(set(found))
