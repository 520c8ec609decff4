"""From the lines as they are set up to the channels of the cards that are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from appliance.settings import DahdiLine, LineKind
from appliance.telephony.lines.country import Country
from appliance.telephony.lines.hardware import Card, Kind, Port

_FITS = {
    LineKind.BRI_PTP: Kind.BRI,
    LineKind.BRI_PTMP: Kind.BRI,
    LineKind.PRI: Kind.PRI,
    LineKind.FXO: Kind.FXO,
    LineKind.FXS: Kind.FXS,
}
_KIND_WORDS = {Kind.BRI: "ISDN", Kind.PRI: "ISDN (PRI)", Kind.FXO: "FXO", Kind.FXS: "FXS"}


@dataclass(frozen=True, slots=True)
class WiredPort:
    """A port of a line with its channels: those that carry calls, and the D-channel (0 for none)."""

    port: Port
    card: Card
    carriers: tuple[int, ...]
    d_channel: int


@dataclass(frozen=True, slots=True)
class WiredLine:
    """A line and the ports it is plugged into."""

    line: DahdiLine
    ports: tuple[WiredPort, ...]

    @property
    def carriers(self) -> tuple[int, ...]:
        """The channels that carry its calls."""
        return tuple(channel for port in self.ports for channel in port.carriers)

    @property
    def spans(self) -> tuple[int, ...]:
        """The spans it lies on."""
        return tuple(dict.fromkeys(port.port.span for port in self.ports))

    @property
    def overlap(self) -> bool:
        """Whether the dialled digits arrive one by one."""
        return self.line.kind is LineKind.BRI_PTP or self.line.kind is LineKind.PRI

    @property
    def context(self) -> str:
        """Where its calls begin in the dialplan."""
        return "handsets" if self.line.kind is LineKind.FXS else f"line-{self.line.name}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What keeps a line, or a port of it, from being used; a sentence in each language."""

    line: str
    german: str
    english: str


def wire(lines: Iterable[DahdiLine], cards: Sequence[Card]) -> tuple[list[WiredLine], list[Fault]]:
    """Find each line's ports. What is missing or of another kind is left out and said."""
    lines = list(lines)
    wired, faults = [], []
    taken: dict[int, str] = {}
    for line in lines:
        card = _card_of(line, cards)
        if card is None:
            faults.append(_no_card(line, cards, lines))
            continue
        ports = []
        for number in line.ports:
            port = card.port(number)
            fault = _fault(line, card, number, port) or _twice(line, number, port, taken)
            if fault:
                faults.append(fault)
            elif port is not None:
                taken |= dict.fromkeys(port.channels, line.name)
                ports.append(_wired(line, card, port))
        if ports:
            wired.append(WiredLine(line, tuple(ports)))
    return wired, faults


def template_values(
    wired: Sequence[WiredLine],
    *,
    country: Country,
    area_code: str,
    dialled: Iterable[str],
    extensions: Mapping[str, str],
    inside: Iterable[str],
) -> dict[str, object]:
    """What system.conf, chan_dahdi.conf and the lines' part of the dialplan need.

    `dialled` are all forms in which our numbers may be dialled, `extensions` those of the desk phones;
    `inside` are all short numbers that are dialled in the house.
    """
    forms = frozenset(form for form in dialled if form.isdigit())
    return {
        "wired": wired,
        "country": country,
        "area_code": area_code.removeprefix(country.national_prefix),
        "entries": {line.line.name: entries(line, forms) for line in wired},
        "extensions": extensions,
        "inside": overlap_entries(inside, open_ended="0"),
        "ranges": ranges,
    }


def entries(wired: WiredLine, dialled: frozenset[str]) -> list[str]:
    """The extensions a call on this line may begin with."""
    line = wired.line
    if not line.is_isdn:
        return ["s"]
    if not wired.overlap:
        return ["_[+0-9]!", "s"]
    received = {form.removeprefix(line.head) for form in dialled if form.startswith(line.head)} - {""}
    return [*overlap_entries(received), "s"]


def channel_patterns(wired: WiredLine) -> list[str]:
    """How Asterisk's names of calls on this line begin."""
    if wired.line.is_isdn:
        return [f"DAHDI/i{span}/" for span in wired.spans]
    return [f"DAHDI/{channel}-" for channel in wired.carriers]


def devices(wired: Iterable[WiredLine]) -> dict[str, str]:
    """The desk phones on ports of cards, each with what Asterisk calls it."""
    return {
        phone: f"DAHDI/{port.carriers[0]}"
        for line in wired
        if line.line.kind is LineKind.FXS
        for phone, port in zip(line.line.phones, line.ports, strict=False)
    }


def overlap_entries(numbers: Iterable[str], open_ended: str = "") -> list[str]:
    """Extensions for numbers that arrive digit by digit: each ends the dialling where it is certain.

    A number of ours is taken with its last digit. Where no number of ours can follow, the call is taken at
    once, too, and will hear so. Only a number that stops too early, or could still become a longer
    one of ours, is waited for: an extension that exists while others begin with it. What begins with a
    digit of `open_ended` is left to whoever knows how long such numbers are.
    """
    ours = set(numbers)
    beginnings = {""} | {number[:length] for number in ours for length in range(len(number))}
    found = set(ours)
    for beginning in beginnings:
        if beginning:
            found.add(beginning)
        digits = "0123456789" if beginning else "".join(d for d in "0123456789" if d not in open_ended)
        elsewhere = [d for d in digits if beginning + d not in beginnings | ours]
        if elsewhere:
            found.add(f"_{beginning}[{''.join(elsewhere)}]!")
    return sorted(found)


def ranges(channels: Sequence[int]) -> str:
    """``1-15,17-31``, as DAHDI's files write channels."""
    parts: list[list[int]] = []
    for channel in sorted(channels):
        if parts and channel == parts[-1][1] + 1:
            parts[-1][1] = channel
        else:
            parts.append([channel, channel])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def _card_of(line: DahdiLine, cards: Sequence[Card]) -> Card | None:
    if not line.card:
        return cards[0] if len(cards) == 1 else None
    return next((card for card in cards if card.identity == line.card), None)


def _no_card(line: DahdiLine, cards: Sequence[Card], lines: Sequence[DahdiLine]) -> Fault:
    if not line.card and len(cards) > 1:
        names = ", ".join(card.identity for card in cards)
        return Fault(
            line.name,
            f"Leitung {line.name}: Es gibt mehrere Karten, card muss eine nennen: {names}",
            f"Line {line.name}: there are several cards, card must name one: {names}",
        )
    name = line.card or "?"
    german = f"Leitung {line.name}: Die Karte {name} ist nicht da."
    english = f"Line {line.name}: the card {name} is not there."
    if found := _could_be(line, cards, lines):
        german += f' Steckt sie jetzt woanders? Dann: card = "{found.identity}"'
        english += f' Is it in another place now? Then: card = "{found.identity}"'
    return Fault(line.name, german, english)


def _could_be(line: DahdiLine, cards: Sequence[Card], lines: Sequence[DahdiLine]) -> Card | None:
    """The card of a line that is gone may be one that fits and that no line names: one known by its place."""
    named = {other.card for other in lines}
    for card in cards:
        ports = [card.port(number) for number in line.ports]
        if card.identity not in named and all(
            port is not None and port.kind in (None, _FITS[line.kind]) for port in ports
        ):
            return card
    return None


def _fault(line: DahdiLine, card: Card, number: int, port: Port | None) -> Fault | None:
    if port is None:
        return Fault(
            line.name,
            f"Leitung {line.name}: Die Karte {card.identity} hat keinen Anschluss {number}.",
            f"Line {line.name}: the card {card.identity} has no port {number}.",
        )
    wanted = _FITS[line.kind]
    if port.kind is not None and port.kind is not wanted:
        is_kind, wants = _KIND_WORDS[port.kind], _KIND_WORDS[wanted]
        return Fault(
            line.name,
            f"Leitung {line.name}: Anschluss {number} ist {is_kind}, die Leitung braucht {wants}.",
            f"Line {line.name}: port {number} is {is_kind}, the line needs {wants}.",
        )
    return None


def _twice(line: DahdiLine, number: int, port: Port | None, taken: Mapping[int, str]) -> Fault | None:
    other = next((taken[channel] for channel in (port.channels if port else ()) if channel in taken), None)
    if other is None:
        return None
    return Fault(
        line.name,
        f"Leitung {line.name}: Anschluss {number} gehört schon zur Leitung {other}.",
        f"Line {line.name}: port {number} already belongs to line {other}.",
    )


def _wired(line: DahdiLine, card: Card, port: Port) -> WiredPort:
    """On an E1 the D-channel is the 16th, on a T1 the 24th, on a basic rate the third."""
    if not line.is_isdn:
        return WiredPort(port, card, port.channels, 0)
    place = {31: 16, 24: 24}.get(len(port.channels), len(port.channels))
    d_channel = port.channels[place - 1]
    return WiredPort(port, card, tuple(c for c in port.channels if c != d_channel), d_channel)
