"""Debouncing: whatever a contact does, what counts is what it rests at."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from appliance.panel.front_panel import SWITCH_STILL_MS, switch_position
from appliance.panel.steady import Steady, sample

STILL_MS = 15
LOOKS = st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=60)


def after(looks: list[tuple[bool, int]], steady: Steady[bool]) -> list[Steady[bool]]:
    """Every state on the way; a look is what is seen and how long after the one before."""
    states, now = [steady], steady.seen_ms
    for seen, passed in looks:
        now += passed
        states.append(sample(states[-1], seen, now, STILL_MS))
    return states


@given(LOOKS)
def test_a_change_needs_two_equal_looks_that_far_apart(looks: list[tuple[bool, int]]) -> None:
    now, since = 0, 0
    states = after(looks, Steady(False, False, 0))
    last = False
    for (before, state), (seen, passed) in zip(pairwise(states), looks, strict=True):
        now += passed
        if seen != last:
            last, since = seen, now
        if state.value != before.value:
            assert state.value == seen
            assert now - since >= STILL_MS
        elif seen != before.value:
            assert now - since < STILL_MS


@given(LOOKS, st.booleans())
def test_what_rests_counts(looks: list[tuple[bool, int]], rest: bool) -> None:
    states = after([*looks, (rest, 1), *[(rest, 1)] * STILL_MS], Steady(False, False, 0))
    assert states[-1].value == rest
    assert not states[-1].is_moving


@given(st.lists(st.lists(st.integers(1, STILL_MS - 1), max_size=9), min_size=1, max_size=30))
def test_so_many_presses_with_bounces_are_so_many_presses(presses: list[list[int]]) -> None:
    looks: list[tuple[bool, int]] = []
    for bounces in presses:
        for closed in (True, False):
            chatter = [look for gap in bounces for look in ((closed, gap), (not closed, 1))]
            looks += [*chatter, (closed, 1), (closed, STILL_MS)]
    values = [state.value for state in after(looks, Steady(False, False, 0))]
    closings = sum(now and not before for before, now in pairwise(values))
    assert closings == len(presses)


def test_a_thousand_bouncing_presses_are_a_thousand() -> None:
    chance = random.Random(20261125)
    looks: list[tuple[bool, int]] = []
    for _ in range(1000):
        for closed in (True, False):
            for _ in range(chance.randrange(12)):
                looks += [(closed, chance.randrange(1, 4)), (not closed, chance.randrange(1, 4))]
            looks += [(closed, 1)] * (STILL_MS + chance.randrange(2, 50))
    values = [state.value for state in after(looks, Steady(False, False, 0))]
    assert sum(now and not before for before, now in pairwise(values)) == 1000


@given(st.lists(st.tuples(st.booleans(), st.integers(1, STILL_MS - 1)), max_size=40))
def test_what_never_rests_never_counts(looks: list[tuple[bool, int]]) -> None:
    moving = [look for seen, gap in looks for look in ((True, gap), (False, 1))]
    assert not any(state.value for state in after(moving, Steady(False, False, 0)))


def test_a_hand_may_take_its_time_through_the_middle_of_the_switch() -> None:
    steady = Steady("night", "night", 0)
    for ms in range(10, 150, 10):
        steady = sample(steady, "auto", ms, SWITCH_STILL_MS)
    assert steady.value == "night"
    for ms in range(150, 500, 10):
        steady = sample(steady, "day", ms, SWITCH_STILL_MS)
    assert steady.value == "day"


def test_the_switch_in_words() -> None:
    assert [switch_position(*contacts) for contacts in ((True, False), (False, True), (False, False))] == [
        *("night", "day", "auto"),
    ]
    assert switch_position(True, True) == ""
