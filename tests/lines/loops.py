"""The lines inside the machine: pairs of spans that DAHDI connects, one end ours, one the exchange's."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.telephony.lines.wiring import ranges


@dataclass(frozen=True, slots=True)
class Loop:
    """A pair of spans. The box's channels begin at `first`, the exchange's right behind them."""

    name: str
    key: int
    channels: int
    first: int
    signalling: tuple[str, str]
    """Of the exchange's end in system.conf: that of the carriers, and of the D-channel or ''."""

    @property
    def card(self) -> str:
        """The identity of the card the box finds."""
        return f"DYN/loc/{self.key}:0"

    @property
    def d_channel(self) -> int:
        """The exchange's D-channel, 0 for none: the 16th of an E1, the last of a basic rate."""
        place = 16 if self.channels == 31 else self.channels
        return self.first + self.channels + place - 1 if self.signalling[1] else 0

    @property
    def exchange_channels(self) -> list[int]:
        """The exchange's channels that carry calls."""
        start = self.first + self.channels
        return [c for c in range(start, start + self.channels) if c != self.d_channel]

    @property
    def exchange_carriers(self) -> str:
        """The same, as DAHDI's files write them."""
        return ranges(self.exchange_channels)

    def system_lines(self) -> list[str]:
        """Of system.conf: both spans, and the exchange's channels."""
        lines = [f"dynamic=loc,{self.key}:{end},{self.channels},0" for end in (0, 1)]
        lines.append(f"{self.signalling[0]}={self.exchange_carriers}")
        if self.d_channel:
            lines.append(f"{self.signalling[1]}={self.d_channel}")
        return lines


def _loops(*shapes: tuple[str, int, str, str]) -> dict[str, Loop]:
    loops, first = {}, 1
    for key, (name, channels, carrier, d_channel) in enumerate(shapes, start=1):
        loops[name] = Loop(name, key, channels, first, (carrier, d_channel))
        first += 2 * channels
    return loops


LOOPS = _loops(
    ("ptp", 3, "bchan", "dchan"),
    ("bus", 3, "bchan", "dchan"),
    ("analogue", 1, "fxoks", ""),
    ("handsets", 2, "fxsks", ""),
    ("spare", 3, "bchan", "dchan"),
    ("primary", 31, "bchan", "dchan"),
    ("wrong", 3, "bchan", "dchan"),
)


def system_conf() -> str:
    """What DAHDI is told before the box's own system.conf: the loops and the exchange's ends.

    All `dynamic` lines go first, so that spans and channels are numbered in this order.
    """
    lines = [line for loop in LOOPS.values() for line in loop.system_lines()]
    lines.sort(key=lambda line: not line.startswith("dynamic"))
    return "\n".join([*lines, "loadzone=de", "defaultzone=de", ""])
