"""The numbers of the office: what is counted, and into which hour, day and week it falls."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.hotline.figures import GROUPS, KINDS, CallFacts, period_of, report
from appliance.hotline.outcomes import Outcome

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = date(2026, 11, 20)


def call(
    outcome: str = "talked", waited: float = 0, *, promise: float = 300, at: datetime | None = None
) -> CallFacts:
    return CallFacts("front", at or datetime(2026, 11, 20, 9, 0, tzinfo=UTC), waited, outcome, promise)


def test_calls_are_counted_by_how_they_ended() -> None:
    found = report(
        period_of("day", FRIDAY, BERLIN),
        [call(), call("message", 30), call("hung up", 90), call("told closed"), call("")],
    ).total
    assert found.calls == 5
    assert found.groups == {
        "talked": 1, "called back": 0, "message": 1, "hung up": 1, "closed": 1, "open": 1,
    }  # fmt: skip
    assert (found.waited, found.mean_wait_seconds, found.longest_wait_seconds) == (2, 60, 90)


@pytest.mark.parametrize("outcome", [str(outcome) for outcome in Outcome])
def test_every_outcome_has_its_group(outcome: str) -> None:
    found = report(period_of("day", FRIDAY, BERLIN), [call(outcome)]).total
    assert sum(found.groups.values()) == 1
    assert found.groups["open"] == 0, "an outcome nobody has sorted in"


def test_the_promise_is_kept_when_somebody_talks_in_time() -> None:
    day = period_of("day", FRIDAY, BERLIN)
    assert (
        report(day, [call(), call(waited=300), call(waited=301), call("hung up", 5)]).total.service_level
        == 0.5
    )
    assert report(day, [call("told closed"), call(""), call(promise=0)]).total.service_level is None
    assert report(day, [call("message")]).total.service_level == 0


def test_an_hour_is_that_of_the_clock_on_the_wall() -> None:
    found = report(period_of("day", FRIDAY, BERLIN), [call(at=datetime(2026, 11, 19, 23, 5, tzinfo=UTC))])
    assert found.by_bucket[FRIDAY, 0].calls == 1
    outside = [datetime(2026, 11, 19, 22, 59, tzinfo=UTC), datetime(2026, 11, 20, 23, 0, tzinfo=UTC)]
    assert report(period_of("day", FRIDAY, BERLIN), [call(at=at) for at in outside]).total.calls == 0


def test_the_night_the_clock_is_put_back_has_25_hours_in_24_columns() -> None:
    night = period_of("day", date(2026, 10, 25), BERLIN)
    assert night.end - night.begin == timedelta(hours=25)
    twice = [call(at=datetime(2026, 10, 25, hour, 30, tzinfo=UTC)) for hour in (0, 1)]
    assert report(night, twice).by_bucket[date(2026, 10, 25), 2].calls == 2


def test_weeks_end_with_the_day_that_was_asked_for() -> None:
    quarter = period_of("quarter", FRIDAY, BERLIN)
    assert len(quarter.buckets) == 13
    assert quarter.buckets[-1] == (date(2026, 11, 14), 0)
    found = report(quarter, [call(), call(at=datetime(2026, 11, 13, 12, tzinfo=UTC))])
    assert [figures.calls for figures in found.by_bucket.values()][-2:] == [1, 1]


@given(
    st.sampled_from(KINDS),
    st.dates(date(2021, 1, 1), date(2037, 1, 1)),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Pacific/Auckland", "UTC"]),
    st.lists(
        st.tuples(st.integers(-10_000_000, 1_000_000), st.sampled_from(["", *map(str, Outcome)])), max_size=20
    ),
)
def test_nothing_is_lost_and_nothing_counted_twice(
    kind: str, last: date, zone: str, calls: list[tuple[int, str]]
) -> None:
    period = period_of(kind, last, ZoneInfo(zone))
    facts = [call(outcome, 1, at=period.end + timedelta(seconds=seconds)) for seconds, outcome in calls]
    found = report(period, facts)
    inside = sum(period.begin <= fact.started_at < period.end for fact in facts)
    assert found.total.calls == inside == sum(figures.calls for figures in found.by_bucket.values())
    assert inside == sum(figures.calls for figures in found.by_department.values())
    assert list(found.total.groups) == list(GROUPS)
