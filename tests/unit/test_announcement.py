"""What a waiting caller is told: honest figures, good news only, bad news with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.hotline.announcement import (
    ANNOUNCEMENT_KEYS,
    PAUSE_SECONDS,
    POSITION_KEYS,
    WAIT_KEYS,
    Said,
    announcement,
    wait_step,
)
from appliance.telephony.prompts.catalogue import load_catalogue

waits = st.floats(0, 7200)


def test_every_announcement_can_be_heard() -> None:
    assert set(ANNOUNCEMENT_KEYS) <= set(load_catalogue())


@pytest.mark.parametrize(
    ("seconds", "key"),
    [
        *((0, "wait-under-1"), (44.9, "wait-under-1"), (45, "wait-1"), (89.9, "wait-1"), (90, "wait-2")),
        *((130, "wait-2"), (150, "wait-3"), (480, "wait-8"), (600, "wait-10"), (659, "wait-10")),
        *((660, "wait-over-10"), (1199, "wait-over-10"), (1200, "wait-over-20"), (1800, "wait-over-30")),
        (36_000, "wait-over-30"),
    ],
)
def test_a_wait_is_rounded(seconds: float, key: str) -> None:
    assert WAIT_KEYS[wait_step(seconds)] == key


@given(waits, waits)
def test_rounding_keeps_the_order(one: float, other: float) -> None:
    assert (wait_step(one) <= wait_step(other)) or one > other


@given(waits)
def test_rounding_is_honest(seconds: float) -> None:
    """Under and over are literally true; about is less than a minute, or half of itself, away."""
    kind, _, minutes = WAIT_KEYS[wait_step(seconds)].removeprefix("wait-").rpartition("-")
    said = 60 * int(minutes)
    if kind == "over":
        assert seconds >= said
    elif kind == "under":
        assert seconds < said
    else:
        assert abs(seconds - said) <= min(60, said / 2)


@dataclass
class Listener:
    """A caller who hears what is announced; `seconds` pass before each moment."""

    said: Said | None = None
    silent_seconds: float = 0.0

    def at(
        self,
        position: int,
        agents: int,
        wait: float | None,
        *,
        after: float = 60.0,
        with_position: bool = True,
    ) -> list[str]:
        self.silent_seconds += after
        told = announcement(
            self.said,
            position=position,
            agents=agents,
            wait_seconds=wait,
            seconds_since_last=self.silent_seconds,
            with_position=with_position,
        )
        if told is None:
            return []
        prompts, self.said = told
        self.silent_seconds = 0.0
        return list(prompts)


def test_on_entry_everything_known_is_told() -> None:
    assert Listener().at(3, 2, 250.0) == ["position-3", "wait-4"]
    assert Listener().at(3, 2, None) == ["position-3"]
    assert Listener().at(3, 2, 250.0, with_position=False) == ["wait-4"]
    assert Listener().at(25, 2, 3000.0) == ["position-over-20", "wait-over-30"]


def test_nothing_known_is_silence_and_is_made_up_for() -> None:
    caller = Listener()
    assert caller.at(3, 0, None, with_position=False) == []
    assert caller.at(3, 1, 250.0, after=1, with_position=False) == ["wait-4"]


def test_improvement_is_told_after_a_pause() -> None:
    caller = Listener()
    caller.at(3, 2, 250.0)
    assert caller.at(2, 2, 170.0, after=PAUSE_SECONDS - 1) == []
    assert caller.at(2, 2, 170.0, after=1) == ["position-2", "wait-3"]
    assert caller.at(2, 2, 169.0) == []
    assert caller.at(2, 3, 100.0) == ["position-2", "wait-2"]  # another agent came


def test_a_place_that_has_improved_is_told_with_the_wait_that_has_not() -> None:
    caller = Listener()
    caller.at(8, 2, 700.0)
    assert caller.at(7, 2, 670.0) == ["position-7", "wait-over-10"]


def test_without_positions_only_the_wait_is_news() -> None:
    caller = Listener()
    caller.at(8, 2, 700.0, with_position=False)
    assert caller.at(7, 2, 670.0, with_position=False) == []
    assert caller.at(6, 2, 600.0, with_position=False) == ["wait-10"]


def test_a_wait_that_rises_for_no_reason_is_neither_told_nor_the_old_one_repeated() -> None:
    caller = Listener()
    caller.at(4, 3, 240.0)
    assert caller.at(4, 3, 400.0) == []
    assert caller.at(3, 3, 300.0) == ["position-3"]
    assert caller.at(2, 3, 200.0) == ["position-2", "wait-3"]


def test_fewer_agents_are_the_reason_that_is_said_once() -> None:
    caller = Listener()
    caller.at(4, 3, 240.0)
    assert caller.at(4, 2, 360.0) == ["wait-longer", "position-4", "wait-6"]
    assert caller.at(4, 2, 420.0) == []
    assert caller.at(3, 2, 270.0) == ["position-3", "wait-5"]


def test_the_reason_is_kept_until_it_can_be_said() -> None:
    caller = Listener()
    caller.at(4, 3, 240.0)
    assert caller.at(4, 2, 360.0, after=5) == []
    assert caller.at(4, 2, 360.0, after=15) == ["wait-longer", "position-4", "wait-6"]


def test_an_agent_who_only_went_for_a_moment_is_not_mentioned() -> None:
    caller = Listener()
    caller.at(4, 3, 240.0)
    assert caller.at(4, 2, 360.0, after=5) == []
    assert caller.at(4, 3, 240.0) == []


def test_somebody_put_in_front_is_no_news() -> None:
    """A transfer that failed comes back to the front of the line."""
    caller = Listener()
    caller.at(2, 3, 120.0)
    assert caller.at(3, 3, 180.0) == []
    assert caller.at(2, 3, 120.0) == []
    assert caller.at(1, 3, 60.0) == ["position-1", "wait-1"]


def test_when_nobody_is_left_no_wait_is_told_until_somebody_comes() -> None:
    caller = Listener()
    caller.at(3, 2, 180.0)
    assert caller.at(3, 0, None) == []
    assert caller.at(2, 0, None) == ["position-2"]
    assert caller.at(2, 1, 240.0) == ["wait-longer", "position-2", "wait-4"]


moments = st.lists(
    st.tuples(
        st.integers(1, 30),
        st.integers(0, 5),
        st.none() | waits,
        st.floats(0, 90),
    ),
    max_size=25,
)


@given(moments, st.booleans())
def test_what_is_announced_never_rises_without_a_reason(
    course: list[tuple[int, int, float | None, float]], with_position: bool
) -> None:
    """For every course, also one in which places, agents and estimates jump about."""
    caller = Listener()
    step: int | None = None
    place: int | None = None
    agents_then = 0
    for position, agents, seconds, after in course:
        prompts = caller.at(position, agents, seconds, after=after, with_position=with_position)
        assert set(prompts) <= set(ANNOUNCEMENT_KEYS)
        assert len(prompts) == len(set(prompts)) <= 3
        for key in prompts:
            if key in POSITION_KEYS:
                assert with_position
                assert place is None or POSITION_KEYS.index(key) <= place
                place = POSITION_KEYS.index(key)
            if key in WAIT_KEYS:
                assert seconds is not None
                assert WAIT_KEYS.index(key) == wait_step(seconds)  # what is said is what is believed
                rises = step is not None and WAIT_KEYS.index(key) > step
                assert rises == ("wait-longer" in prompts)
                assert not rises or agents < agents_then
                step, agents_then = WAIT_KEYS.index(key), agents
        assert "wait-longer" not in prompts or prompts[-1] in WAIT_KEYS


@given(moments)
def test_there_is_a_pause_between_announcements(
    course: list[tuple[int, int, float | None, float]],
) -> None:
    caller = Listener()
    silent = PAUSE_SECONDS
    for position, agents, seconds, after in course:
        silent += after
        if caller.at(position, agents, seconds, after=after):
            assert silent >= PAUSE_SECONDS
            silent = 0.0
