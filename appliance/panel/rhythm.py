"""What the front panel's lamps do: a lamp of one colour tells by its rhythm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from appliance.hotline.lamps import Pattern
from appliance.panel.pins import PanelPins


class Rhythm(Enum):
    """When a lamp is lit: (lit, dark, lit, …) in milliseconds, again and again."""

    DARK = (0, 1000)
    LIT = (1000,)
    FAST = (125, 125)
    SLOW = (800, 800)
    DOUBLE = (120, 120, 120, 840)
    BEAT = (1900, 100)
    UNKNOWN = (60, 2940)


_OF_PATTERNS: Mapping[Pattern, Rhythm] = {
    Pattern.OFF: Rhythm.DARK,
    Pattern.ON: Rhythm.LIT,
    Pattern.GREEN: Rhythm.LIT,
    Pattern.GREEN_BLINKING: Rhythm.FAST,
    Pattern.AMBER: Rhythm.SLOW,
    Pattern.AMBER_BLINKING: Rhythm.SLOW,
    Pattern.RED: Rhythm.DOUBLE,
}
_OF_THE_STORE = ("message", "callback", "night")


def is_lit(rhythm: Rhythm, milliseconds: int) -> bool:
    """Whether a lamp of this rhythm is lit so long after the panel began."""
    rest = milliseconds % sum(rhythm.value)
    lit = True
    for stretch in rhythm.value:
        if rest < stretch:
            return lit
        rest -= stretch
        lit = not lit
    raise AssertionError(rhythm)  # the rest is less than all stretches together


def rhythms(
    pins: PanelPins, lamps: Mapping[str, Pattern] | None, lines: Sequence[str]
) -> Mapping[int, Rhythm]:
    """The whole panel by pins: from the committed picture and the names of the lines in their order.

    Without a picture, because nobody has confirmed it lately, every lamp is unknown and that of the
    supervisor is dark. That lamp beats: one that is simply lit is the last thing a dead box did.
    """
    if lamps is None:
        unknown = dict.fromkeys([*pins.lines[: len(lines)], *pins.lamps.values()], Rhythm.UNKNOWN)
        empty = dict.fromkeys(pins.lines[len(lines) :], Rhythm.DARK)
        return {**unknown, **empty, pins.lamps["supervisor"]: Rhythm.DARK}
    shown = {pins.lamps[name]: _rhythm(lamps.get(name)) for name in _OF_THE_STORE}
    for place, pin in enumerate(pins.lines):
        shown[pin] = _rhythm(lamps.get(f"line:{lines[place]}")) if place < len(lines) else Rhythm.DARK
    answers = lamps.get("asterisk") is Pattern.GREEN
    shown[pins.lamps["supervisor"]] = Rhythm.BEAT if answers else Rhythm.DOUBLE
    return shown


def _rhythm(pattern: Pattern | None) -> Rhythm:
    return _OF_PATTERNS.get(pattern, Rhythm.UNKNOWN) if pattern else Rhythm.UNKNOWN
