"""The button: bounces are one press, and a long one is told while it is held."""

from __future__ import annotations

import random

import pytest

from deskbox.button import LONG, LONG_MS, SHORT, STILL_MS, Button
from deskbox.clock import later, since


class Hand:
    """A contact sampled every millisecond."""

    def __init__(self, *, down: bool = False, start: int = 0) -> None:
        self.now = start
        self.button = Button(down, start)
        self.told: list[int] = []

    def keeps(self, milliseconds: int, *, down: bool) -> None:
        for _ in range(milliseconds):
            self.now = later(self.now, 1)
            if kind := self.button.sample(down, self.now):
                self.told.append(kind)

    def bounces(self, noise: random.Random) -> None:
        for number in range(2 * noise.randrange(5)):
            self.keeps(noise.randrange(1, STILL_MS), down=(number % 2 == 0) != self.button.down)


def test_a_thousand_bouncing_presses_are_a_thousand_presses() -> None:
    noise, hand = random.Random(2), Hand()
    for _ in range(1000):
        hand.bounces(noise)
        hand.keeps(noise.randrange(30, 300), down=True)
        hand.bounces(noise)
        hand.keeps(noise.randrange(30, 100), down=False)
    assert hand.told == [SHORT] * 1000


def test_a_long_press_is_told_once_and_while_it_is_held() -> None:
    hand = Hand()
    hand.keeps(LONG_MS - 1, down=True)
    assert hand.told == []
    hand.keeps(50, down=True)
    assert hand.told == [LONG]
    hand.keeps(5000, down=True)
    hand.keeps(100, down=False)
    assert hand.told == [LONG]
    hand.keeps(50, down=True)
    hand.keeps(50, down=False)
    assert hand.told == [LONG, SHORT]


def test_a_spike_is_no_press() -> None:
    hand = Hand()
    for _ in range(100):
        hand.keeps(STILL_MS - 1, down=True)
        hand.keeps(STILL_MS + 5, down=False)
    assert hand.told == []


def test_a_button_held_at_the_start_means_nothing() -> None:
    hand = Hand(down=True)
    hand.keeps(3000, down=True)
    hand.keeps(100, down=False)
    assert hand.told == []


@pytest.mark.parametrize("before", [5, 100, 500])
def test_the_clock_begins_anew_in_the_middle_of_a_press(before: int) -> None:
    hand = Hand(start=2**30 - before)
    hand.keeps(300, down=True)
    hand.keeps(50, down=False)
    hand.keeps(1100, down=True)
    assert hand.told == [SHORT, LONG]


def test_time_between_two_moments() -> None:
    assert since(5, 2**30 - 5) == 10
    assert since(2**30 - 5, 5) == -10
    assert later(2**30 - 1, 2) == 1
