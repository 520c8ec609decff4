"""Lamps: the whole picture as a pure function of the state. A lamp shows what the box will do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from appliance.hotline.presence import Agent, PhoneState, Presence
from appliance.hotline.ringing import Ring


class Pattern(StrEnum):
    """What a lamp can show."""

    OFF = "off"
    GREEN = "green"
    GREEN_BLINKING = "green blinking"
    AMBER = "amber"
    AMBER_BLINKING = "amber blinking"
    RED = "red"
    BLUE_BLINKING = "blue blinking"
    ON = "on"


_SET_AWAY = (Ring.NO_ANSWER, Ring.UNREACHABLE)
_PHONES = {
    PhoneState.IDLE: Pattern.GREEN,
    PhoneState.RINGING: Pattern.GREEN_BLINKING,
    PhoneState.IN_CALL: Pattern.RED,
    PhoneState.UNREACHABLE: Pattern.OFF,
}


def phone_lamp(state: PhoneState) -> Pattern:
    """A desk phone as the page shows it: green registered and idle, red in use, off not registered."""
    return _PHONES[state]


def agent_lamp(agent: Agent, now: datetime, *, callers_wait: bool = False) -> Pattern:
    """The lamp at an agent's button.

    Green: the next call may ring here. Blinking green: it rings. Red: in a call. Amber:
    wrap-up. Blinking amber: available was said, but the phone cannot be reached, or a ring
    was not answered or did not reach the phone and the box set the agent to away. Blinking blue: away
    by own wish while callers wait whom this agent could serve. Off: away otherwise, or offline.
    """
    if agent.phone_state is PhoneState.IN_CALL:
        return Pattern.RED
    if agent.ringing_for or agent.phone_state is PhoneState.RINGING:
        return Pattern.GREEN_BLINKING
    if agent.presence is Presence.AWAY and agent.reason in _SET_AWAY:
        return Pattern.AMBER_BLINKING
    if agent.presence is Presence.AWAY and callers_wait:
        return Pattern.BLUE_BLINKING
    if agent.presence is not Presence.AVAILABLE:
        return Pattern.OFF
    if agent.phone_state is PhoneState.UNREACHABLE:
        return Pattern.AMBER_BLINKING
    return Pattern.AMBER if agent.in_wrap_up(now) else Pattern.GREEN


def line_lamp(state: PhoneState, *, caller_waits: bool, on_hold: bool = False) -> Pattern:
    """The lamp of a line to the exchange.

    Blinking green: somebody has called on it and nobody talks to him yet. Amber: somebody on it has been
    put on hold. On: in use. Red: it cannot be reached, or nobody knows. Off: free.
    """
    if state is PhoneState.UNREACHABLE:
        return Pattern.RED
    if caller_waits or state is PhoneState.RINGING:
        return Pattern.GREEN_BLINKING
    if on_hold:
        return Pattern.AMBER
    return Pattern.ON if state is PhoneState.IN_CALL else Pattern.OFF


def picture(
    agents: Iterable[Agent],
    *,
    asterisk_answers: bool,
    waited_for: Collection[str],
    night: bool,
    undelivered_messages: int,
    open_callbacks: int,
    lines: Mapping[str, Pattern],
    now: datetime,
) -> dict[str, Pattern]:
    """Every lamp by its name: ``agent:anna``, ``line:isdn``, ``asterisk``, ``night``, ``message``…

    `waited_for` are the departments somebody waits for and no agent has been chosen, `lines` the
    lamps of the lines by their names.
    """
    lamps = {
        f"agent:{agent.name}": agent_lamp(
            agent, now, callers_wait=not agent.departments.isdisjoint(waited_for)
        )
        for agent in agents
    }
    lamps["asterisk"] = Pattern.GREEN if asterisk_answers else Pattern.RED
    lamps["night"] = Pattern.ON if night else Pattern.OFF
    lamps["message"] = Pattern.ON if undelivered_messages else Pattern.OFF
    lamps["callback"] = Pattern.ON if open_callbacks else Pattern.OFF
    lamps.update({f"line:{name}": lamp for name, lamp in lines.items()})
    return lamps
