"""A simulated person listens while sound still arrives: families and digits are heard as they are said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar, cast

import numpy as np
import pytest

from appliance.simulator import exchange, hearing
from appliance.simulator.exchange import Exchange, Leg, NotHappened
from appliance.telephony.prompts.sounds import samples
from appliance.telephony.prompts.speech import SPEECH, speech_file

T = TypeVar("T")
HEARD_SINCE = 100.0


class Listener(exchange._Person):
    """Somebody to whom these prompts are played; each look brings three tenths of a second more."""

    prompts = SPEECH

    def __init__(self, *played: str) -> None:
        super().__init__(cast(Exchange, self))
        sounds = [hearing.sound(samples(speech_file(prompt, "de"))) for prompt in played]
        self._played = np.concatenate([np.full(hearing.RATE // 2, 8.0), *sounds, np.full(hearing.RATE, 8.0)])
        self._so_far = 0
        self._end = Leg("listener", channel="", heard_since=HEARD_SINCE)

    def _leg(self) -> Leg:
        return self._end

    def heard(self) -> hearing.Sound:
        return self._played[: self._so_far]

    def _wait_listening(self, what: str, listen: Callable[[], T | None], _: float) -> T:
        while self._so_far < len(self._played):
            self._so_far += hearing.RATE * 3 // 10
            if found := listen():
                return found
        raise NotHappened(what)


def test_a_prompt_is_not_heard_while_its_sibling_is_said() -> None:
    for said, sibling in (("position-20", "position-2"), ("wait-3", "wait-2")):
        listener = Listener(said)
        with pytest.raises(NotHappened):
            listener.hears(sibling)
        assert not listener.has_heard(sibling)
        assert listener.has_heard(said)
        assert Listener(sibling, said).hears(said).start_seconds > 2


def test_digits_are_heard_after_their_prompt_and_before_the_next() -> None:
    listener = Listener("callback-to", *(f"digit-{digit}" for digit in "03011"), "callback-confirm")
    announced = listener.hears("callback-to")
    number = listener.hears_digits("03011", after=announced)
    assert number.start_seconds == pytest.approx(announced.end_seconds, abs=0.1)
    assert number.ended_at == HEARD_SINCE + number.end_seconds
    confirm = listener.hears("callback-confirm", after=number)
    assert confirm.start_seconds == pytest.approx(number.end_seconds, abs=0.1)


@pytest.mark.parametrize("expected", ["0301", "030111", "03012", ""])
def test_other_digits_are_not_heard(expected: str) -> None:
    listener = Listener(*(f"digit-{digit}" for digit in "03011"))
    with pytest.raises(NotHappened, match=r"heard: 03011$"):
        listener.hears_digits(expected)


def test_what_has_begun_before_its_predecessor_seems_to_end_is_heard_all_the_same() -> None:
    """Lost packets let a sound seem to end later than it does."""
    listener = Listener("menu-accounting", "press-2")
    menu = listener.hears("menu-accounting")
    late = replace(menu, end_seconds=menu.end_seconds + 0.1)
    assert listener.hears("press-2", after=late).start_seconds == pytest.approx(menu.end_seconds, abs=0.05)
    assert Listener("menu-accounting", "press-2").hears("press-2").start_seconds == pytest.approx(
        menu.end_seconds, abs=0.05
    )


def test_a_prompt_is_not_taken_for_its_own_repetition() -> None:
    listener = Listener("press-2")
    once = listener.hears("press-2")
    with pytest.raises(NotHappened):
        listener.hears("press-2", after=once)
