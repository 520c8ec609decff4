"""Presence: what an agent says of himself, and what the box may conclude from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Presence(StrEnum):
    """Said by button, phone code, command or page; away also when a ring was not answered."""

    AVAILABLE = "available"
    AWAY = "away"
    OFFLINE = "offline"


class Press(StrEnum):
    """A press of the availability button; NOT_NOW is one while the lamp says that somebody is calling."""

    SHORT = "short"
    LONG = "long"
    NOT_NOW = "not now"


class PhoneState(StrEnum):
    """What an agent's phone does, from Asterisk's device state."""

    IDLE = "idle"
    RINGING = "ringing"
    IN_CALL = "in call"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent at one instant, with everything a decision needs.

    `phone` is what Asterisk calls it, such as ``PJSIP/desk_1`` or ``DAHDI/13``;
    `ringing_for` is the call this agent has been chosen for and that is being put through;
    `idle_since` is when the last conversation ended or the agent became available.
    """

    name: str
    title: str
    phone: str
    departments: frozenset[str]
    languages: frozenset[str]
    presence: Presence
    reason: str
    since: datetime
    idle_since: datetime
    phone_state: PhoneState
    wrap_up_until: datetime | None = None
    ringing_for: str = ""

    def in_wrap_up(self, now: datetime) -> bool:
        """Whether the time for notes after the last conversation is still running."""
        return self.wrap_up_until is not None and now < self.wrap_up_until

    def is_present(self) -> bool:
        """Whether waiting for this agent makes sense: available, with a phone that can ring."""
        return self.presence is Presence.AVAILABLE and self.phone_state is not PhoneState.UNREACHABLE

    def is_free(self, now: datetime) -> bool:
        """Whether this agent's phone may be rung now."""
        return (
            self.presence is Presence.AVAILABLE
            and self.phone_state is PhoneState.IDLE
            and not self.ringing_for
            and not self.in_wrap_up(now)
        )

    def takes_transfers(self) -> bool:
        """Whether this agent may be rung for a caller a colleague hands over to him, also in wrap-up."""
        return self.is_present() and self.phone_state is PhoneState.IDLE and not self.ringing_for


def after_press(presence: Presence, press: Press) -> Presence:
    """What a press makes of presence: short toggles, long goes home, not now leaves it."""
    if press is Press.LONG:
        return Presence.OFFLINE
    if press is Press.NOT_NOW:
        return presence
    return Presence.AWAY if presence is Presence.AVAILABLE else Presence.AVAILABLE


# Asterisk's device states (include/asterisk/devicestate.h). UNKNOWN is what an idle
# analogue phone reports; whether somebody sits there is for presence to say.
_PHONE_STATES = {
    "NOT_INUSE": PhoneState.IDLE,
    "UNKNOWN": PhoneState.IDLE,
    "RINGING": PhoneState.RINGING,
    "RINGINUSE": PhoneState.IN_CALL,
    "INUSE": PhoneState.IN_CALL,
    "BUSY": PhoneState.IN_CALL,
    "ONHOLD": PhoneState.IN_CALL,
}


def phone_state(device_state: str) -> PhoneState:
    """Translate Asterisk's device state; whatever it does not know cannot be rung."""
    return _PHONE_STATES.get(device_state, PhoneState.UNREACHABLE)
