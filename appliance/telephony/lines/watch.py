"""Looks at the lines: what Asterisk and the kernel say of each, as one state per line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from appliance.hotline.line_states import SIP, LineState, Trouble
from appliance.hotline.presence import PhoneState, phone_state
from appliance.settings import DahdiLine, Line, LineKind, SipLine
from appliance.telephony.lines.finding import find_cards
from appliance.telephony.lines.hardware import Card
from appliance.telephony.lines.states import ChannelState, channel_states, free_channels, stuck_channels
from appliance.telephony.lines.wiring import WiredLine, wire
from appliance.telephony.manager import ManagerError, ManagerLink


def look_at_lines(orders: ManagerLink, lines: Sequence[Line]) -> list[LineState]:
    """The state of every line now, in their order; unknown where Asterisk does not answer."""
    states = [
        *look_at_cards(orders, [line for line in lines if isinstance(line, DahdiLine)]),
        *look_at_network(orders, [line for line in lines if isinstance(line, SipLine)]),
    ]
    order = [line.name for line in lines]
    return sorted(states, key=lambda state: order.index(state.line))


def look_at_network(orders: ManagerLink, lines: Sequence[SipLine]) -> list[LineState]:
    """The state of lines over the network: whether the other end answers when asked, and calls on it."""
    if not lines:
        return []
    try:
        devices = {
            event.headers.get("Device", ""): event.headers.get("State", "")
            for event in orders.send_list("DeviceStateList", {})
        }
        calls = [event.headers.get("Channel", "") for event in orders.send_list("CoreShowChannels", {})]
    except ManagerError:
        return [LineState(line.name, SIP, line.channels, 0, 0, Trouble.UNKNOWN) for line in lines]
    states = []
    for line in lines:
        busy = sum(line.carries(call) for call in calls)
        reached = phone_state(devices.get(f"PJSIP/{line.name}", "")) is not PhoneState.UNREACHABLE
        trouble = Trouble.NONE if reached or busy else Trouble.UNREACHABLE
        free = 0 if trouble else max(line.channels - busy, 0)
        states.append(LineState(line.name, SIP, line.channels, busy, free, trouble))
    return states


def look_at_cards(orders: ManagerLink, lines: Sequence[DahdiLine]) -> list[LineState]:
    """The state of lines of cards, by what the kernel and Asterisk say."""
    if not lines:
        return []
    cards = find_cards()
    try:
        channels = channel_states(orders)
        stuck = stuck_channels(orders, channels)
        links = links_in(event.headers for event in orders.send_list("PRIShowSpans", {}))
    except ManagerError:
        return [_state(line, 0, 0, Trouble.UNKNOWN) for line in lines]
    return states_of(lines, cards, channels, links, stuck)


def links_in(events: Iterable[Mapping[str, str]]) -> dict[int, bool]:
    """Which spans' D-channels are up, from the events ``PRIShowSpans``."""
    return {
        int(headers["Span"]): headers.get("Up", "").lower() in ("yes", "true", "1")
        for headers in events
        if headers.get("Span", "").isdigit()
    }


def states_of(
    lines: Sequence[DahdiLine],
    cards: Sequence[Card],
    channels: Mapping[int, ChannelState],
    links: Mapping[int, bool],
    stuck: Collection[int] = (),
) -> list[LineState]:
    """One state per line, from what the kernel (`cards`) and Asterisk (`channels`, `links`, `stuck`) say."""
    wired, _ = wire(lines, cards)
    there = {line.line.name: line for line in wired}
    states = []
    for line in lines:
        found = there.get(line.name)
        if found is None:
            states.append(_state(line, 0, 0, Trouble.CARD_MISSING))
            continue
        known = [channels[channel] for channel in found.carriers if channel in channels]
        busy = sum(bool(channel.call) for channel in known)
        trouble = _trouble(found, known, links)
        if trouble is Trouble.NONE and any(channel in stuck for channel in found.carriers):
            trouble = Trouble.STUCK
        silent = {Trouble.NO_LINK, Trouble.NO_SIGNAL}
        free = 0 if trouble in silent else free_channels(channels, found.carriers)
        states.append(_state(line, busy, free, trouble))
    return states


def _trouble(line: WiredLine, known: Sequence[ChannelState], links: Mapping[int, bool]) -> Trouble:
    if len(known) < len(line.carriers):
        return Trouble.NOT_TAKEN
    if line.line.kind is LineKind.FXS:
        return Trouble.NONE  # a phone that is not plugged in looks like one that is not used
    signals = [port.port.has_signal for port in line.ports]
    if not any(signals):
        return Trouble.NO_SIGNAL
    up = [links.get(span, False) for span in line.spans] if line.line.is_isdn else [True]
    if not any(up):
        return Trouble.NO_LINK
    if len(line.ports) < len(line.line.ports):
        return Trouble.CARD_MISSING
    return Trouble.NONE if all(signals) and all(up) else Trouble.PARTLY


def _state(line: DahdiLine, busy: int, free: int, trouble: Trouble) -> LineState:
    return LineState(line.name, str(line.kind), line.channels, busy, free, trouble)
