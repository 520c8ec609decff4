"""Opening hours against an oracle that looks at the wall clock every minute."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.hotline.hours import (
    Hours,
    NightMode,
    Opening,
    Span,
    SpecialDays,
    State,
    changes,
    clock_text,
    is_open,
    next_change,
    opening,
    overlap,
    read_clock,
)
from appliance.hotline.public_holidays import public_holidays, states

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY, SATURDAY, SUNDAY = 0, 5, 6
MINUTE = timedelta(minutes=1)

# The weeks around both clock changes: at night in Berlin, by half an hour on Lord Howe, at midnight in
# Havana and Asunción (so that a date's last hour repeats or its first is missing).
CLOCK_CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC)),
    ("America/Asuncion", datetime(2023, 3, 26, 3, tzinfo=UTC)),
]


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    """A wall clock time as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def open_minutes(spans: Sequence[Span]) -> set[tuple[int, int, int]]:
    """Every (weekday, hour, minute) at which somebody answers, ticked off one by one on a paper clock."""
    found = set()
    for span in spans:
        paper = datetime(2024, 1, 1 + span.weekday) + span.opens * MINUTE  # 1 January 2024 was a Monday
        closing = datetime(2024, 1, 1 + span.weekday) + span.closes * MINUTE
        if closing <= paper:
            closing += timedelta(days=1)
        while paper < closing:
            found.add((paper.weekday(), paper.hour, paper.minute))
            paper += MINUTE
    return found


def oracle(spans: Sequence[Span], zone: ZoneInfo, start: datetime, minutes: int) -> list[State]:
    """The state in each minute from `start` on, by the weekly spans alone."""
    answered = open_minutes(spans)
    states: list[State] = []
    for minute in range(minutes):
        wall = (start + minute * MINUTE).astimezone(zone)
        states.append("open" if (wall.weekday(), wall.hour, wall.minute) in answered else "closed")
    return states


def oracle_by_date(hours: Hours, start: datetime, minutes: int) -> list[State]:
    """The state in each minute from `start` on: every date's opening ticked off in a paper calendar."""
    answered = set()
    first = (start - timedelta(days=3)).date()
    for day in (first + timedelta(days=n) for n in range(minutes // 1440 + 7)):
        times = [(span.opens, span.closes) for span in hours.spans if span.weekday == day.weekday()]
        if day in hours.holidays:
            times = []
        for special in hours.special_days:
            if special.first <= day <= special.last:
                times = list(special.times)
        for opens, closes in times:
            paper = datetime(day.year, day.month, day.day) + opens * MINUTE
            closing = datetime(day.year, day.month, day.day) + closes * MINUTE
            if closing <= paper:
                closing += timedelta(days=1)
            while paper < closing:
                answered.add(paper)
                paper += MINUTE
    walls = ((start + minute * MINUTE).astimezone(hours.zone) for minute in range(minutes))
    return ["open" if wall.replace(tzinfo=None, fold=0) in answered else "closed" for wall in walls]


def turns(start: datetime, states: Sequence[State]) -> list[tuple[datetime, State]]:
    """The first state and every change, as `changes` gives them."""
    return [
        (start + minute * MINUTE, state)
        for minute, state in enumerate(states)
        if minute == 0 or state != states[minute - 1]
    ]


# Many times near the change, where mistakes live; others anywhere.
minute_of_day = st.one_of(
    st.sampled_from([0, 60, 90, 110, 120, 135, 150, 180, 1380, 1410]), st.integers(0, 1439)
)
spans_of_a_week = st.lists(
    st.builds(
        Span,
        weekday=st.integers(0, 6),
        opens=minute_of_day,
        closes=st.one_of(minute_of_day, st.just(1440)),
    ),
    max_size=6,
).map(tuple)


@settings(max_examples=40)
@given(spans=spans_of_a_week, where=st.sampled_from(CLOCK_CHANGES), offset=st.integers(-3000, 0))
def test_changes_equal_a_look_at_the_clock_every_minute(
    spans: tuple[Span, ...], where: tuple[str, datetime], offset: int
) -> None:
    zone = ZoneInfo(where[0])
    hours = Hours(spans, zone)
    start = where[1] + offset * MINUTE
    minutes = 4 * 24 * 60
    expected = oracle(spans, zone, start, minutes)
    assert changes(hours, start, start + minutes * MINUTE) == turns(start, expected)
    for minute in range(0, minutes, 97):
        assert is_open(hours, start + minute * MINUTE) == (expected[minute] == "open")


def generated_hours(chance: random.Random, zone: ZoneInfo, year: int) -> Hours:
    """A week, some special days and holidays of a year, as an office could have them."""
    weekly: list[Span] = []
    for _ in range(chance.randint(3, 12)):
        span = Span(chance.randrange(7), chance.randrange(0, 1440, 15), chance.randrange(0, 1441, 15))
        if overlap([*weekly, span]) is None:
            weekly.append(span)
    special, day = [], date(year - 1, 12, 20)
    while (day := day + timedelta(days=chance.randint(5, 60))) <= date(year + 1, 1, 5):
        last = day + timedelta(days=chance.choice([0, 0, 1, 13]))
        times = tuple((opens, opens + 90) for opens in sorted(chance.sample(range(0, 1300, 100), 2)))
        special.append(SpecialDays(day, last, chance.choice([(), times, ((1320, 120),)])))
        day = last
    state = chance.choice(["", *states("DE")])
    return Hours(tuple(weekly), zone, tuple(special), public_holidays("DE", state))


@pytest.mark.parametrize("seed", range(4))
def test_a_year_with_special_days_and_holidays_equals_a_look_at_the_clock_every_minute(seed: int) -> None:
    chance = random.Random(seed)
    hours = generated_hours(chance, ZoneInfo(CLOCK_CHANGES[seed][0]), 2026)
    start, minutes = utc("2025-12-31 00:00"), 367 * 24 * 60
    expected = oracle_by_date(hours, start, minutes)
    assert changes(hours, start, start + minutes * MINUTE) == turns(start, expected)
    for minute in chance.sample(range(minutes), 500):
        instant = start + minute * MINUTE
        assert is_open(hours, instant) == (expected[minute] == "open"), instant


def test_a_special_day_replaces_the_spans_that_begin_on_it() -> None:
    nightly = tuple(Span(day, 1320, 120) for day in range(7))
    hours = Hours(nightly, BERLIN, (SpecialDays(date(2026, 12, 31), date(2027, 1, 1), ((600, 720),)),))
    assert is_open(hours, at("2026-12-31 01:00")), "the night that began on the 30th goes on"
    assert is_open(hours, at("2027-01-01 11:00"))
    assert not is_open(hours, at("2026-12-31 23:00"))
    assert not is_open(hours, at("2027-01-02 01:00"))
    assert opening(hours, "auto", at("2026-12-31 11:00")) == Opening("open", "special day")


def test_on_a_public_holiday_it_is_closed_unless_a_special_day_says_otherwise() -> None:
    daily = tuple(Span(day, 480, 1020) for day in range(7))
    boxing_day = date(2026, 12, 26)
    hours = Hours(
        daily, BERLIN, (SpecialDays(boxing_day, boxing_day, ((600, 660),)),), public_holidays("DE", "BY")
    )
    assert opening(hours, "auto", at("2026-01-06 10:00")) == Opening("closed", "public holiday")
    assert is_open(Hours(daily, BERLIN, (), public_holidays("DE", "BE")), at("2026-01-06 10:00"))
    assert is_open(hours, at("2026-12-26 10:30"))
    assert opening(hours, "auto", at("2026-12-25 10:00")) == Opening("closed", "public holiday")
    assert next_change(hours, at("2026-12-24 18:00")) == (at("2026-12-26 10:00"), "open")


def test_the_opening_after_a_year_of_closing_is_found() -> None:
    hours = Hours((Span(0, 480, 1020),), BERLIN, (SpecialDays(date(2026, 1, 1), date(2027, 12, 31)),))
    assert next_change(hours, at("2026-03-01 00:00")) == (at("2028-01-03 08:00"), "open")


def test_special_days_that_end_before_they_begin_are_refused() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        SpecialDays(date(2026, 1, 2), date(2026, 1, 1))


def test_a_state_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no state"):
        public_holidays("DE", "XX")
    assert date(2026, 12, 25) not in public_holidays("XX")


@pytest.mark.parametrize(("zone_name", "change"), CLOCK_CHANGES)
def test_five_weeks_around_a_clock_change(zone_name: str, change: datetime) -> None:
    zone = ZoneInfo(zone_name)
    spans = (Span(0, 480, 720), Span(0, 780, 1020), Span(4, 1320, 135), Span(5, 1320, 150), Span(6, 30, 140))
    start, minutes = change - timedelta(days=17), 35 * 24 * 60
    found = changes(Hours(spans, zone), start, start + minutes * MINUTE)
    assert found == turns(start, oracle(spans, zone, start, minutes))


@settings(max_examples=40)
@given(spans=spans_of_a_week, where=st.sampled_from(CLOCK_CHANGES), offset=st.integers(-5000, 5000))
def test_the_next_change_is_the_first_of_the_coming_changes(
    spans: tuple[Span, ...], where: tuple[str, datetime], offset: int
) -> None:
    hours = Hours(spans, ZoneInfo(where[0]))
    instant = where[1] + offset * MINUTE
    coming = changes(hours, instant, instant + timedelta(days=30))[1:]
    assert next_change(hours, instant) == (coming[0] if coming else None)


def test_business_hours_open_and_close_on_the_minute() -> None:
    hours = Hours((Span(MONDAY, 480, 720), Span(MONDAY, 780, 1020)), BERLIN)
    assert not is_open(hours, at("2026-11-23 07:59:59"))
    assert is_open(hours, at("2026-11-23 08:00"))
    assert not is_open(hours, at("2026-11-23 12:00"))
    assert next_change(hours, at("2026-11-23 12:30")) == (at("2026-11-23 13:00"), "open")
    assert next_change(hours, at("2026-11-23 17:00")) == (at("2026-11-30 08:00"), "open")


def test_over_midnight_from_sunday_into_monday() -> None:
    hours = Hours((Span(SUNDAY, 1320, 120),), BERLIN)
    assert is_open(hours, at("2026-11-23 01:59"))
    assert not is_open(hours, at("2026-11-23 02:00"))


def test_round_the_clock_never_changes() -> None:
    hours = Hours(tuple(Span(day, 0, 1440) for day in range(7)), BERLIN)
    assert next_change(hours, at("2026-10-24 12:00")) is None
    assert changes(hours, at("2026-10-01 00:00"), at("2026-12-01 00:00")) == [
        (at("2026-10-01 00:00"), "open")
    ]


def test_no_hours_at_all_is_closed_for_good() -> None:
    assert next_change(Hours((), BERLIN), at("2026-10-24 12:00")) is None
    assert not is_open(Hours((), BERLIN), at("2026-10-24 12:00"))


def test_a_span_in_the_skipped_hour_is_left_out_once() -> None:
    hours = Hours((Span(SUNDAY, 135, 165),), BERLIN)
    assert next_change(hours, at("2026-03-22 03:00")) == (at("2026-04-05 02:15"), "open")


def test_in_spring_an_opening_in_the_skipped_hour_is_at_the_jump() -> None:
    hours = Hours((Span(SUNDAY, 150, 300),), BERLIN)
    assert next_change(hours, utc("2026-03-28 12:00")) == (utc("2026-03-29 01:00"), "open")


def test_in_autumn_the_repeated_hour_is_open_twice() -> None:
    hours = Hours((Span(SUNDAY, 120, 150),), BERLIN)
    assert changes(hours, utc("2026-10-24 12:00"), utc("2026-10-26 12:00"))[1:] == [
        (utc("2026-10-25 00:00"), "open"),
        (utc("2026-10-25 00:30"), "closed"),
        (utc("2026-10-25 01:00"), "open"),
        (utc("2026-10-25 01:30"), "closed"),
    ]


@pytest.mark.parametrize(
    ("hours", "mode", "expected"),
    [
        (None, "night", Opening("closed", "night mode")),
        (None, "day", Opening("open", "day mode")),
        (None, "auto", Opening("open", "always open")),
        (Hours((), BERLIN), "day", Opening("open", "day mode")),
        (Hours((Span(SATURDAY, 0, 1440),), BERLIN), "night", Opening("closed", "night mode")),
        (Hours((Span(SATURDAY, 0, 1440),), BERLIN), "auto", Opening("open", "hours")),
        (Hours((Span(SUNDAY, 0, 1440),), BERLIN), "auto", Opening("closed", "hours")),
    ],
)
def test_what_decides_the_opening(hours: Hours | None, mode: NightMode, expected: Opening) -> None:
    assert opening(hours, mode, at("2026-11-21 12:00")) == expected


@pytest.mark.parametrize("mode", ["auto", "day", "night"])
def test_who_ignores_the_night_switch_has_only_hours(mode: NightMode) -> None:
    weekend = Hours((Span(SATURDAY, 0, 1440),), BERLIN)
    for hours, day, expected in (
        (None, 21, Opening("open", "always open")),
        (weekend, 21, Opening("open", "hours")),
        (weekend, 22, Opening("closed", "hours")),
    ):
        instant = at(f"2026-11-{day} 12:00")
        assert opening(hours, mode, instant, ignores_night_switch=True) == expected


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        is_open(Hours((), BERLIN), datetime(2026, 1, 1))


@pytest.mark.parametrize("fields", [(7, 0, 60), (-1, 0, 60), (0, 1440, 60), (0, 0, 1441), (0, -1, 5)])
def test_a_span_outside_of_the_week_is_refused(fields: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="not a span"):
        Span(*fields)


@given(spans=spans_of_a_week)
def test_overlap_is_seen_exactly_when_a_minute_is_there_twice(spans: tuple[Span, ...]) -> None:
    total = sum(len(open_minutes([span])) for span in spans)
    assert (overlap(spans) is not None) == (total > len(open_minutes(spans)))


@given(minutes=st.integers(0, 1440))
def test_times_of_day_are_read_as_written(minutes: int) -> None:
    assert read_clock(clock_text(minutes)) == minutes


@pytest.mark.parametrize("text", ["24:01", "25:00", "08:60", "8", "8:0", "", "08:00 ", "-1:00", "٠٨:٠٠"])
def test_no_time_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="time of day"):
        read_clock(text)
