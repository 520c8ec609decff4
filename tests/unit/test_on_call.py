"""The on-call rota against an oracle that looks at the wall clock every minute."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.hotline.hours import Hours, Span, is_open
from appliance.hotline.on_call import (
    DutyDates,
    HandOver,
    Rota,
    first_gap,
    hand_overs,
    line_has_channel,
    next_hand_over,
    on_duty,
)
from tests.unit.test_hours import BERLIN, CLOCK_CHANGES, MINUTE, at, generated_hours, spans_of_a_week, turns

MONDAY_8 = HandOver(0, 480)
WEEKS = Rota(MONDAY_8, BERLIN, ("anna", "bert"), date(2026, 11, 30))


def duty_by_calendar(rota: Rota, day: date) -> str:
    """Who has the duty that begins on a date, by counting weeks in a paper calendar from the first one."""
    for each in rota.dates:
        if each.first <= day <= each.last:
            return each.duty
    if day.weekday() in dict(rota.weekdays):
        return dict(rota.weekdays)[day.weekday()]
    if not rota.weeks:
        return ""
    begins, turn = rota.first_week, 0
    while begins.weekday() != rota.hand_over.weekday:
        begins -= timedelta(days=1)
    while begins + timedelta(days=7) <= day:
        begins, turn = begins + timedelta(days=7), turn + 1
    while begins > day:
        begins, turn = begins - timedelta(days=7), turn - 1
    return rota.weeks[turn % len(rota.weeks)]


def oracle(rota: Rota, start: datetime, minutes: int) -> list[str]:
    """Who is on duty in each minute: somebody watches the clock on the wall, and hands over once a date."""
    watched_since = start - timedelta(days=3)
    begun, duties = date.min, []
    for minute in range(-3 * 1440, minutes):
        wall = (watched_since + (minute + 3 * 1440) * MINUTE).astimezone(rota.zone)
        if wall.hour * 60 + wall.minute >= rota.hand_over.minutes and wall.date() > begun:
            begun = wall.date()
        if minute >= 0:
            duties.append(duty_by_calendar(rota, begun))
    return duties


names = st.sampled_from(["anna", "bert", "clara"])
minutes_of_day = st.one_of(st.sampled_from([0, 1, 30, 60, 90, 119, 120, 150, 180]), st.integers(0, 1439))


@st.composite
def rotas_around(draw: st.DrawFn, zone: ZoneInfo, day: date) -> Rota:
    dates, first = [], day - timedelta(days=4)
    for gap, length in draw(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), max_size=3)):
        first += timedelta(days=gap)
        dates.append(DutyDates(first, first + timedelta(days=length), draw(names)))
        first += timedelta(days=length)
    return Rota(
        HandOver(draw(st.integers(0, 6)), draw(minutes_of_day)),
        zone,
        tuple(draw(st.lists(names, max_size=4))),
        day + timedelta(days=draw(st.integers(-40, 40))),
        tuple(sorted(draw(st.dictionaries(st.integers(0, 6), names, max_size=4)).items())),
        tuple(dates),
    )


@settings(max_examples=60)
@given(data=st.data(), where=st.sampled_from(CLOCK_CHANGES), offset=st.integers(-3000, 0))
def test_hand_overs_equal_a_look_at_the_clock_every_minute(
    data: st.DataObject, where: tuple[str, datetime], offset: int
) -> None:
    rota = data.draw(rotas_around(ZoneInfo(where[0]), where[1].date()))
    start, minutes = where[1] + offset * MINUTE, 4 * 24 * 60
    expected = oracle(rota, start, minutes)
    found: list[tuple[datetime, object]] = list(hand_overs(rota, start, start + minutes * MINUTE))
    assert found == turns(start, expected)  # type: ignore[arg-type,comparison-overlap]
    for minute in range(0, minutes, 97):
        assert on_duty(rota, start + minute * MINUTE) == expected[minute]
    following = next_hand_over(rota, start)
    if len(found) > 1:
        assert following == found[1]
    else:
        assert following is None or following[0] >= start + minutes * MINUTE


@pytest.mark.parametrize("seed", range(3))
def test_a_year_of_hand_overs_equals_a_look_at_the_clock_every_minute(seed: int) -> None:
    chance = random.Random(seed)
    swaps, day = [], date(2025, 12, 20)
    while (day := day + timedelta(days=chance.randint(5, 60))) < date(2027, 1, 20):
        last = day + timedelta(days=chance.choice([0, 0, 2, 13]))
        swaps.append(DutyDates(day, last, chance.choice(["clara", "dora"])))
        day = last
    rota = Rota(
        HandOver(chance.randrange(7), chance.choice([480, 150, 0])),
        ZoneInfo(CLOCK_CHANGES[seed * 2][0]),
        ("anna", "bert", "clara")[: chance.randint(2, 3)],
        date(2026, 5, 13),
        ((5, "emil"),) if seed else (),
        tuple(swaps),
    )
    start, minutes = datetime(2025, 12, 31, tzinfo=UTC), 367 * 24 * 60
    expected = turns(start, oracle(rota, start, minutes))  # type: ignore[arg-type]
    assert hand_overs(rota, start, start + minutes * MINUTE) == expected
    assert len(expected) > 50


def test_two_people_take_turns_from_monday_to_monday() -> None:
    assert on_duty(WEEKS, at("2026-11-30 07:59")) == "bert"
    assert on_duty(WEEKS, at("2026-11-30 08:00")) == "anna"
    assert on_duty(WEEKS, at("2026-12-07 07:59")) == "anna"
    assert next_hand_over(WEEKS, at("2026-12-01 12:00")) == (at("2026-12-07 08:00"), "bert")
    assert next_hand_over(Rota(MONDAY_8, BERLIN, ("anna",)), at("2026-12-01 12:00")) is None


def test_a_swap_goes_before_a_weekday_and_a_weekday_before_the_week() -> None:
    christmas = DutyDates(date(2026, 12, 24), date(2026, 12, 26), "clara")
    rota = Rota(MONDAY_8, BERLIN, ("anna", "bert"), date(2026, 11, 30), ((5, "dora"),), (christmas,))
    wall_clock = {
        "2026-12-24 07:59": "bert",  # the fourth week
        "2026-12-24 08:00": "clara",
        "2026-12-26 12:00": "clara",  # though it is a Saturday
        "2026-12-27 07:59": "clara",
        "2026-12-27 08:00": "bert",
        "2027-01-02 08:00": "dora",
    }
    assert {wall: on_duty(rota, at(wall)) for wall in wall_clock} == wall_clock


def test_a_clock_put_back_gives_nobody_his_duty_back_and_a_skipped_time_comes_at_once() -> None:
    rota = Rota(HandOver(6, 150), BERLIN, ("anna", "bert"), date(2026, 10, 25))  # Sundays 02:30
    back = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 summer time
    assert hand_overs(rota, back - MINUTE, back + timedelta(hours=3)) == [
        (back - MINUTE, "bert"),
        (back, "anna"),
    ]
    skipped = datetime(2026, 3, 29, 1, tzinfo=UTC)  # the clock jumps from 02:00 to 03:00
    assert [at for at, _ in hand_overs(rota, skipped - MINUTE, skipped + timedelta(hours=3))] == [
        skipped - MINUTE,
        skipped,
    ]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        on_duty(WEEKS, datetime(2026, 11, 30, 8))
    with pytest.raises(ValueError, match="time of a week"):
        HandOver(0, 1440)
    with pytest.raises(ValueError, match="before it begins"):
        DutyDates(date(2026, 12, 2), date(2026, 12, 1), "anna")


# A gap


@settings(max_examples=60)
@given(data=st.data(), spans=spans_of_a_week, where=st.sampled_from(CLOCK_CHANGES))
def test_the_first_gap_is_the_first_minute_that_is_closed_with_nobody_on_duty(
    data: st.DataObject, spans: tuple[Span, ...], where: tuple[str, datetime]
) -> None:
    zone = ZoneInfo(where[0])
    rota, hours = data.draw(rotas_around(zone, where[1].date())), Hours(spans, zone)
    start, minutes = where[1] - timedelta(days=1), 3 * 24 * 60
    duties = oracle(rota, start, minutes)
    gaps = (
        start + minute * MINUTE
        for minute in range(minutes)
        if not duties[minute] and not is_open(hours, start + minute * MINUTE)
    )
    assert first_gap(rota, hours, start, start + minutes * MINUTE) == next(gaps, None)


def test_a_rota_in_turn_has_no_gap_and_one_of_weekdays_may() -> None:
    start = at("2026-11-25 12:00")
    hours = generated_hours(random.Random(1), BERLIN, 2026)
    assert first_gap(WEEKS, hours, start, start + timedelta(days=35)) is None
    weekdays = Rota(MONDAY_8, BERLIN, weekdays=tuple((day, "anna") for day in range(5)))
    office = Hours(tuple(Span(day, 480, 1020) for day in range(5)), BERLIN)
    assert first_gap(weekdays, office, start, start + timedelta(days=35)) == at("2026-11-28 08:00")
    assert first_gap(weekdays, None, start, start + timedelta(days=35)) is None, "always open"


@pytest.mark.parametrize(
    ("channels", "busy", "room"), [(0, 9, True), (1, 0, True), (1, 1, False), (2, 1, True), (2, 2, False)]
)
def test_the_last_channel_of_the_line_is_taken_in_an_emergency(channels: int, busy: int, room: bool) -> None:
    assert line_has_channel(channels, busy) is room
