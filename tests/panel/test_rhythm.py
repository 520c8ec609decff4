"""What the front panel's lamps do, as a function of the committed picture and time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.hotline.lamps import Pattern, line_lamp
from appliance.hotline.presence import PhoneState
from appliance.panel.pins import PanelPins
from appliance.panel.rhythm import Rhythm, is_lit, rhythms

PINS = PanelPins(
    (17, 18, 27),
    {"supervisor": 13, "message": 19, "callback": 16, "night": 26},
    {"night": 5, "day": 6, "address": 4},
)
PICTURE = {
    "asterisk": Pattern.GREEN,
    "night": Pattern.ON,
    "message": Pattern.OFF,
    "callback": Pattern.ON,
    "line:isdn": Pattern.GREEN_BLINKING,
    "line:sip": Pattern.RED,
}


def seen(rhythm: Rhythm) -> str:
    """Three seconds in steps of 60 ms."""
    return "".join("#" if is_lit(rhythm, ms) else "." for ms in range(0, 3000, 60))


def test_how_the_rhythms_look() -> None:
    assert {rhythm.name: seen(rhythm) for rhythm in Rhythm} == {
        "DARK": "." * 50,
        "LIT": "#" * 50,
        "FAST": "###..##..##..##..##..##..###..##..##..##..##..##..",
        "SLOW": "##############.............#############..........",
        "DOUBLE": "##..##..............##..##..............##..##....",
        "BEAT": "################################..################",
        "UNKNOWN": "#" + "." * 49,
    }


@given(st.sampled_from(Rhythm), st.integers(0, 2**40))
def test_a_rhythm_repeats(rhythm: Rhythm, milliseconds: int) -> None:
    assert is_lit(rhythm, milliseconds) == is_lit(rhythm, milliseconds + sum(rhythm.value))


def test_no_two_rhythms_look_the_same() -> None:
    looks = [tuple(is_lit(rhythm, ms) for ms in range(6000)) for rhythm in Rhythm]
    assert len(set(looks)) == len(looks)


def test_the_whole_panel() -> None:
    assert rhythms(PINS, PICTURE, ["isdn", "sip"]) == {
        17: Rhythm.FAST,
        18: Rhythm.DOUBLE,
        27: Rhythm.DARK,
        13: Rhythm.BEAT,
        19: Rhythm.DARK,
        16: Rhythm.LIT,
        26: Rhythm.LIT,
    }


def test_without_a_confirmed_picture_nothing_looks_as_if_it_were_known() -> None:
    assert rhythms(PINS, None, ["isdn", "sip"]) == {
        **dict.fromkeys((17, 18, 19, 16, 26), Rhythm.UNKNOWN),
        27: Rhythm.DARK,
        13: Rhythm.DARK,
    }
    assert rhythms(PINS, {}, ["isdn"])[19] is Rhythm.UNKNOWN


def test_the_supervisors_lamp_tells_when_asterisk_is_silent() -> None:
    assert rhythms(PINS, {**PICTURE, "asterisk": Pattern.RED}, [])[13] is Rhythm.DOUBLE


def test_more_lines_than_lamps_do_no_harm() -> None:
    assert set(rhythms(PINS, PICTURE, ["a", "b", "c", "d"])) == {17, 18, 27, 13, 19, 16, 26}


@pytest.mark.parametrize(
    ("state", "caller_waits", "on_hold", "lamp"),
    [
        (PhoneState.IDLE, False, False, Pattern.OFF),
        (PhoneState.IN_CALL, False, False, Pattern.ON),
        (PhoneState.IN_CALL, False, True, Pattern.AMBER),
        (PhoneState.IN_CALL, True, False, Pattern.GREEN_BLINKING),
        (PhoneState.IN_CALL, True, True, Pattern.GREEN_BLINKING),
        (PhoneState.RINGING, False, False, Pattern.GREEN_BLINKING),
        (PhoneState.UNREACHABLE, False, False, Pattern.RED),
        (PhoneState.UNREACHABLE, True, True, Pattern.RED),
    ],
)
def test_the_lamp_of_a_line(state: PhoneState, caller_waits: bool, on_hold: bool, lamp: Pattern) -> None:
    assert line_lamp(state, caller_waits=caller_waits, on_hold=on_hold) is lamp
