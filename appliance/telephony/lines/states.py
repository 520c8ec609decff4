"""What Asterisk says of the cards' channels: in use, free, or without signal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from appliance.telephony.lines.hardware import Alarm, alarms_from_words
from appliance.telephony.manager import ManagerLink


@dataclass(frozen=True, slots=True)
class ChannelState:
    """One channel of DAHDI as Asterisk has it. `call` is Asterisk's name of the call on it, '' for none."""

    channel: int
    call: str
    alarms: frozenset[Alarm]

    @property
    def is_free(self) -> bool:
        """Whether it could take a call now."""
        return not self.call and not self.alarms


def channel_states(orders: ManagerLink) -> dict[int, ChannelState]:
    """Every DAHDI channel Asterisk uses. Raises ManagerError when Asterisk does not answer."""
    return states_in(event.headers for event in orders.send_list("DAHDIShowChannels", {}))


def states_in(events: Iterable[Mapping[str, str]]) -> dict[int, ChannelState]:
    """Read the events ``DAHDIShowChannels``; a D-channel and the pseudo channel are not among them."""
    states = {}
    for headers in events:
        number = headers.get("DAHDIChannel", "")
        if number.isdigit():
            states[int(number)] = ChannelState(
                int(number), headers.get("Channel", ""), alarms_from_words(headers.get("Alarm", ""))
            )
    return states


def stuck_channels(orders: ManagerLink, channels: Mapping[int, ChannelState]) -> frozenset[int]:
    """Which of these channels are in use for a call that is over. Raises ManagerError.

    `channels` are as they were just now. Calls come and go meanwhile: only a channel that still is in use for
    the same call, after that one was not among Asterisk's calls, is stuck.
    """
    used = {state.channel: state.call for state in channels.values() if state.call}
    if not used:
        return frozenset()
    calls = {event.headers.get("Channel", "") for event in orders.send_list("CoreShowChannels", {})}
    suspects = {channel: call for channel, call in used.items() if call not in calls}
    again = channel_states(orders) if suspects else {}
    return frozenset(
        channel for channel, call in suspects.items() if channel in again and again[channel].call == call
    )


def free_channels(states: Mapping[int, ChannelState], carriers: Collection[int]) -> int:
    """How many of these channels could take a call now; one that Asterisk does not know cannot."""
    return sum(channel in states and states[channel].is_free for channel in carriers)
