"""The lines to the exchange, whatever they are made of, as Asterisk names the calls on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from appliance.settings import DahdiLine, Line, SipLine
from appliance.telephony.lines.finding import find_cards
from appliance.telephony.lines.wiring import WiredLine, channel_patterns, wire


def channel_beginnings(
    lines: Iterable[Line], wired: Sequence[WiredLine] | None = None
) -> dict[str, tuple[str, ...]]:
    """How Asterisk's names of the calls on each line begin; nothing for a line whose card is not there.

    `wired` are the lines of cards as they are plugged in; looked up when not given.
    """
    lines = list(lines)
    if wired is None:
        wired, _ = wire([line for line in lines if isinstance(line, DahdiLine)], find_cards())
    there = {line.line.name: tuple(channel_patterns(line)) for line in wired}
    return {
        line.name: (f"PJSIP/{line.name}-",) if isinstance(line, SipLine) else there.get(line.name, ())
        for line in lines
    }


def calls_pattern(beginnings: Iterable[str]) -> str:
    """What Asterisk's function CHANNELS is asked for calls that begin so; one that none has, for nothing."""
    known = list(beginnings)
    return f"^({'|'.join(known)})" if known else "^$"
