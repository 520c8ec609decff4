"""When it opens again, in words: what is said at every moment, against the calendar itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.hotline.hours import Hours, Span, SpecialDays, is_open
from appliance.hotline.reopening import REOPENING_KEYS, reopening, stretches

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 18, 0, tzinfo=BERLIN)  # a Wednesday


@pytest.mark.parametrize(
    ("opens", "said"),
    [
        (datetime(2026, 11, 25, 20, 0), ("reopens-today", "hour-20")),
        (datetime(2026, 11, 26, 8, 0), ("reopens-tomorrow", "hour-8")),
        (datetime(2026, 11, 30, 9, 5), ("reopens-weekday-1", "hour-9", "minute-5")),
        (datetime(2026, 12, 1, 0, 0), ("reopens-weekday-2", "hour-0")),
        (datetime(2026, 12, 2, 8, 0), ("reopens-day-2", "month-12", "hour-8")),
        (datetime(2027, 1, 4, 7, 59), ("reopens-day-4", "month-1", "hour-7", "minute-59")),
        (datetime(2027, 11, 25, 8, 0), ()),
        (datetime(2026, 11, 24, 8, 0), ()),
    ],
)
def test_the_day_is_named_as_people_name_it(opens: datetime, said: tuple[str, ...]) -> None:
    assert reopening(opens.replace(tzinfo=BERLIN), NOW) == said
    assert set(said) <= set(REOPENING_KEYS)


spans = st.builds(
    Span, st.integers(0, 6), st.sampled_from([0, 480, 510, 1320]), st.sampled_from([150, 720, 1440])
)


@settings(max_examples=20)
@given(
    spans=st.lists(spans, max_size=3, unique=True),
    closed_days=st.integers(0, 20),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),
    zone=st.sampled_from(["Europe/Berlin", "Africa/Cairo", "America/New_York"]),
    moments=st.lists(st.integers(0, 20 * 24 * 60 - 1), min_size=15, max_size=15),
)
def test_at_every_moment_the_words_lead_to_the_next_opening(
    spans: list[Span], closed_days: int, start: datetime, zone: str, moments: list[int]
) -> None:
    start = start.replace(second=0, microsecond=0)
    away = start.date() + timedelta(days=2)
    special = (SpecialDays(away, away + timedelta(days=closed_days)),) if closed_days else ()
    hours = Hours(tuple(sorted(spans)), ZoneInfo(zone), special)
    found = stretches(hours, start, start + timedelta(days=20))
    assert found[0].at == start
    assert all(a.at < b.at and a[1:] != b[1:] for a, b in pairwise(found))
    for minute in moments:
        at = start + timedelta(minutes=minute)
        stretch = [stretch for stretch in found if stretch.at <= at][-1]
        assert (stretch.state == "open") == is_open(hours, at)
        opens = next_opening(hours, at) if stretch.state == "closed" else None
        expected = reopening(opens, at.astimezone(hours.zone)) if opens else ()
        assert stretch.reopening == expected, at


def next_opening(hours: Hours, at: datetime) -> datetime | None:
    """By looking at the clock every quarter of an hour, for sixty days."""
    at -= timedelta(minutes=at.minute % 15)
    for _ in range(60 * 24 * 4):
        at += timedelta(minutes=15)
        if is_open(hours, at):
            return at.astimezone(hours.zone)
    return None


def test_over_a_long_closure_the_date_is_said_then_the_weekday_then_tomorrow() -> None:
    hours = Hours(
        tuple(Span(weekday, 480, 960) for weekday in range(5)),
        BERLIN,
        (SpecialDays(date(2026, 12, 24), date(2027, 1, 10)),),
    )
    start = datetime(2026, 12, 24, 12, tzinfo=BERLIN)
    said = [stretch.reopening[0] for stretch in stretches(hours, start, start + timedelta(days=17))]
    assert said == ["reopens-day-11", "reopens-weekday-1", "reopens-tomorrow"]
