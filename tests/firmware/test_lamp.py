"""The lamp and the buzzer as functions of time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from appliance.panel.desk_boxes import LAMPS
from appliance.panel.messages import Lamp
from deskbox import lamp


def looks(state: int, milliseconds: int = 6000) -> list[tuple[int, ...]]:
    """Every look during some seconds."""
    seen = []
    out = bytearray(3)
    for ms in range(0, milliseconds, 10):
        lamp.colour(state, ms, out)
        seen.append(tuple(out))
    return seen


def test_both_sides_number_the_lamps_alike() -> None:
    names = {name: value for name, value in vars(lamp).items() if name.isupper() and name[0] != "_"}
    assert names == {member.name: member.value for member in Lamp}


def test_no_two_lamps_look_alike() -> None:
    all_looks = [looks(state) for state in Lamp]
    assert all(a != b for i, a in enumerate(all_looks) for b in all_looks[:i])


@pytest.mark.parametrize("state", [Lamp.OFF, Lamp.GREEN, Lamp.AMBER, Lamp.RED])
def test_steady_lamps_do_not_move(state: Lamp) -> None:
    assert len(set(looks(state))) == 1


@pytest.mark.parametrize("state", [Lamp.UNKNOWN, Lamp.UNPAIRED, Lamp.PAIRING])
def test_what_is_no_agents_lamp_is_seen_within_a_glance(state: Lamp) -> None:
    """A lamp that is dark for seconds would mean "away"."""
    dark = [look == (0, 0, 0) for look in looks(state)]
    assert not any(all(dark[i : i + 20]) for i in range(len(dark) - 20))


def test_only_green_lamps_are_green() -> None:
    for state in Lamp:
        green = any(g > 2 * max(r, b) for r, g, b in looks(state))
        assert green == (state in (Lamp.GREEN, Lamp.RINGING))


def test_breathing_is_smooth_and_never_dark() -> None:
    seen = [green for _, green, _ in looks(Lamp.RINGING)]
    assert min(seen) > 0
    assert max(seen) == 255
    assert max(abs(a - b) for a, b in pairwise(seen)) < 10


def test_a_lamp_nobody_knows_is_unknown() -> None:
    assert looks(99) == looks(Lamp.UNKNOWN)


def test_the_buzzer_beeps_twice_at_once_and_only_while_it_rings() -> None:
    heard = [lamp.sounds(Lamp.RINGING, ms) for ms in range(3000)]
    begins = [ms for ms in range(3000) if heard[ms] and (ms == 0 or not heard[ms - 1])]
    assert begins == [0, 160]
    assert not any(lamp.sounds(state, ms) for state in Lamp if state != Lamp.RINGING for ms in range(3000))


def test_every_lamp_of_an_agent_has_a_look() -> None:
    assert set(LAMPS.values()) == {
        *(Lamp.OFF, Lamp.GREEN, Lamp.RINGING, Lamp.AMBER, Lamp.AMBER_BLINKING, Lamp.RED, Lamp.BLUE_BLINKING)
    }
