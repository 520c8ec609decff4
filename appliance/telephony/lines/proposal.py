"""Proposes how the ports that were found could be used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from appliance.settings import DahdiLine, LineKind
from appliance.telephony.lines.hardware import Card, Kind, Port
from appliance.telephony.lines.wiring import wire

_LINES = {Kind.BRI: LineKind.BRI_PTP, Kind.PRI: LineKind.PRI, Kind.FXO: LineKind.FXO}


def propose(
    cards: Sequence[Card],
    *,
    numbers: Sequence[str],
    phones: Sequence[str],
    kept: Iterable[DahdiLine] = (),
) -> list[DahdiLine]:
    """Lines for every port that has a signal and is not used yet, after those the admin has set up.

    Ports of a card that are alike become one line, except analogue ones, each of which is a number of its
    own. Phones go on the FXS ports in their order, as far as there are any.
    """
    lines = list(kept)
    wired, _ = wire(lines, cards)
    taken = {channel for line in wired for port in line.ports for channel in port.port.channels}
    waiting = [phone for phone in phones if not any(phone in line.phones for line in lines)]
    names = {line.name for line in lines}
    for card in cards:
        free = [port for port in card.ports if not taken.intersection(port.channels)]
        for kind in (Kind.BRI, Kind.PRI, Kind.FXO):
            ports = [port.number for port in free if port.kind is kind and port.has_signal]
            for group in [ports] if kind is not Kind.FXO and ports else [[port] for port in ports]:
                line = DahdiLine("", _LINES[kind], tuple(group), card=card.identity)
                if kind is Kind.FXO:
                    line = replace(line, number=numbers[0] if numbers else "")
                lines.append(_named(line, names))
        handsets = _handsets(free, waiting)
        if handsets:
            taken_phones = tuple(waiting[: len(handsets)])
            del waiting[: len(handsets)]
            line = DahdiLine("", LineKind.FXS, handsets, card=card.identity, phones=taken_phones)
            lines.append(_named(line, names))
    return [replace(line, group=group) for group, line in enumerate(lines, start=1)]


def _handsets(free: Iterable[Port], waiting: Sequence[str]) -> tuple[int, ...]:
    return tuple(port.number for port in free if port.kind is Kind.FXS)[: len(waiting)]


def _named(line: DahdiLine, names: set[str]) -> DahdiLine:
    """Give it a name nobody has: isdn, isdn2, …"""
    base = {LineKind.FXO: "analogue", LineKind.FXS: "handsets"}.get(line.kind, "isdn")
    name = next(n for n in [base, *(f"{base}{i}" for i in range(2, 999))] if n not in names)
    names.add(name)
    return replace(line, name=name)
