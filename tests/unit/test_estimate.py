"""The expected wait: the formula, and what must hold for every line and every history."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.hotline.estimate import (
    MOST_CALLS,
    PRIOR_HANDLING_SECONDS,
    PRIOR_WAITED_SECONDS,
    History,
    expected_wait_seconds,
)

FIRST_CALL = History()
aheads = st.integers(0, 60)
agent_counts = st.integers(1, 60)
histories = st.builds(
    History,
    handling_seconds=st.lists(st.floats(0, 40_000), max_size=30).map(tuple),
    gave_up=st.integers(0, 500),
    waited_seconds=st.floats(0, 1e6),
)


def wait(ahead: int, agents: int, history: History) -> float:
    """The wait where it can be known."""
    seconds = expected_wait_seconds(ahead, agents, history)
    assert seconds is not None
    return seconds


def test_the_first_call_of_the_first_day_is_told_what_is_assumed() -> None:
    assert wait(0, 1, FIRST_CALL) == pytest.approx(PRIOR_HANDLING_SECONDS)
    assert wait(5, 3, FIRST_CALL) == pytest.approx(2 * PRIOR_HANDLING_SECONDS)


def test_nobody_can_know_a_wait_for_agents_who_are_not_there() -> None:
    assert expected_wait_seconds(0, 0, FIRST_CALL) is None


def test_those_in_front_may_give_up() -> None:
    """By hand: 4 agents of 200 s serve 0.02/s, and one in 500 s gives up."""
    history = History((200.0,) * MOST_CALLS, gave_up=20, waited_seconds=10_000 - PRIOR_WAITED_SECONDS)
    handling = history.mean_handling_seconds
    assert handling == pytest.approx(200, rel=0.002)
    assert history.give_up_per_second == pytest.approx(0.002)
    expected = 1 / (4 / handling + 0.002) + 1 / (4 / handling + 0.004) + 1 / (4 / handling + 0.006)
    assert wait(2, 4, history) == pytest.approx(expected)


def test_few_calls_are_drawn_towards_what_is_assumed_and_many_are_believed() -> None:
    few, many = History((600.0,)), History((600.0,) * MOST_CALLS)
    assert PRIOR_HANDLING_SECONDS < few.mean_handling_seconds < 300
    assert many.mean_handling_seconds == pytest.approx(600, rel=0.02)


def test_only_the_last_calls_count() -> None:
    recent = (100.0,) * MOST_CALLS
    assert History((9000.0,) * 500 + recent) != History(recent)
    assert History((900.0,) * 500 + recent).mean_handling_seconds == History(recent).mean_handling_seconds


def test_a_long_tail_counts_but_a_handset_left_off_the_hook_hardly() -> None:
    usual = (120.0,) * 90 + (900.0,) * 10
    seen = History(usual).mean_handling_seconds
    assert seen == pytest.approx(197, abs=1)  # the mean, not the median of 120 s
    assert History((*usual, 8 * 3600.0)).mean_handling_seconds < 1.15 * seen


@given(aheads, agent_counts, histories)
def test_it_is_a_positive_number_whatever_was_seen(ahead: int, agents: int, history: History) -> None:
    assert 0 < wait(ahead, agents, history) < float("inf")


@given(aheads, agent_counts, histories)
def test_a_better_place_and_more_agents_shorten_it(ahead: int, agents: int, history: History) -> None:
    assert wait(ahead, agents, history) < wait(ahead + 1, agents, history)
    assert wait(ahead, agents + 1, history) < wait(ahead, agents, history)


@given(aheads, agent_counts, histories)
def test_it_is_never_longer_because_others_give_up(ahead: int, agents: int, history: History) -> None:
    patient = replace(history, gave_up=0)
    assert wait(ahead, agents, history) <= wait(ahead, agents, patient) * (1 + 1e-9)
    full_line = (ahead + 1) * patient.mean_handling_seconds / agents
    assert wait(ahead, agents, patient) == pytest.approx(full_line)


@given(histories, st.floats(0, 40_000))
def test_one_more_call_moves_it_by_no_more_than_its_share(history: History, seconds: float) -> None:
    """A single call, however long, cannot turn the announcements upside down."""
    more = replace(
        history, handling_seconds=(*history.handling_seconds, min(seconds, PRIOR_HANDLING_SECONDS))
    )
    assert more.mean_handling_seconds <= max(history.mean_handling_seconds, PRIOR_HANDLING_SECONDS) * 1.0001
