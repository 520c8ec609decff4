"""What cards for telephone lines are made of, and how DAHDI's own words about them are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a port can be connected to."""

    BRI = "bri"
    """ISDN basic rate: two calls at once."""
    PRI = "pri"
    """ISDN primary rate (E1): thirty calls at once."""
    FXO = "fxo"
    """Analogue, an exchange at the other end."""
    FXS = "fxs"
    """Analogue, a telephone at the other end."""


class Alarm(StrEnum):
    """What the driver reports of a port's signal."""

    RED = "red"
    """Nothing that can be understood arrives here."""
    YELLOW = "yellow"
    """The other end does not understand us."""
    BLUE = "blue"
    """The other end sends that it has no signal itself."""
    LOOP = "loop"
    RECOVERING = "recovering"
    NOT_OPEN = "not open"


# The bits of `alarms` in sysfs and the words of /proc/dahdi, dahdi_scan and Asterisk (dahdi/user.h).
_ALARM_BITS = {
    1 << 0: Alarm.RECOVERING,
    1 << 1: Alarm.LOOP,
    1 << 2: Alarm.YELLOW,
    1 << 3: Alarm.RED,
    1 << 4: Alarm.BLUE,
    1 << 5: Alarm.NOT_OPEN,
}
_ALARM_WORDS = {
    "RED": Alarm.RED,
    "YELLOW": Alarm.YELLOW,
    "YEL": Alarm.YELLOW,
    "BLUE": Alarm.BLUE,
    "LOOP": Alarm.LOOP,
    "LB": Alarm.LOOP,
    "RECOVER": Alarm.RECOVERING,
    "RECOVERING": Alarm.RECOVERING,
    "REC": Alarm.RECOVERING,
    "NOTOPEN": Alarm.NOT_OPEN,
    "NOP": Alarm.NOT_OPEN,
}
_SPAN_KINDS = {
    "BRI": Kind.BRI,
    "BRI_NT": Kind.BRI,
    "BRI_TE": Kind.BRI,
    "BRI_SOFT": Kind.BRI,
    "E1": Kind.PRI,
    "T1": Kind.PRI,
    "J1": Kind.PRI,
    "FXO": Kind.FXO,
    "FXS": Kind.FXS,
}
_CHANNELS = {3: Kind.BRI, 24: Kind.PRI, 31: Kind.PRI}


@dataclass(frozen=True, slots=True)
class Port:
    """One socket of a card.

    `number` counts the card's ports from 1. `channels` are DAHDI's numbers, on ISDN with that of the
    D-channel. `kind` is None where only the configuration knows it.
    """

    number: int
    kind: Kind | None
    span: int
    channels: tuple[int, ...]
    alarms: frozenset[Alarm] = frozenset()
    hard_hdlc: bool = False
    """Whether the card itself packs what goes over the D-channel."""
    is_simulated: bool = False
    """Whether it is no socket but a loop inside this machine, whose framing cannot be set."""

    @property
    def has_signal(self) -> bool:
        """Whether something that can be understood arrives from the other end."""
        return not self.alarms & {Alarm.RED, Alarm.BLUE, Alarm.NOT_OPEN}


@dataclass(frozen=True, slots=True)
class Card:
    """A card or box with ports. `identity` stays what it is when the card is put into another slot."""

    identity: str
    title: str
    location: str
    ports: tuple[Port, ...]

    def port(self, number: int) -> Port | None:
        """The port with this number."""
        return next((port for port in self.ports if port.number == number), None)


def alarms_from_bits(text: str) -> frozenset[Alarm]:
    """``0x8`` as sysfs has it for a span. Raises ValueError for what is no number."""
    bits = int(text.strip() or "0", 0)
    return frozenset(alarm for bit, alarm in _ALARM_BITS.items() if bits & bit)


def alarms_from_words(text: str) -> frozenset[Alarm]:
    """``RED YELLOW``, ``YELLOW/RED`` or ``OK``, as dahdi_scan, /proc/dahdi and Asterisk write them."""
    words = re.split(r"[ /,|]+", text.upper())
    return frozenset(_ALARM_WORDS[word] for word in words if word in _ALARM_WORDS)


def kind_of_span(span_type: str, channels: int, *, is_digital: bool) -> Kind | None:
    """What a span of this type with so many channels is; None where the driver does not say."""
    return _SPAN_KINDS.get(span_type) or (_CHANNELS.get(channels) if is_digital else None)


def kind_of_channel(capabilities: str) -> Kind | None:
    """What an analogue channel is from its ``sigcap``; None for one that could be both or has no module.

    DAHDI names the signalling, which is that of the other end: a port to an exchange speaks FXS.
    """
    is_fxo, is_fxs = "FXSKS" in capabilities, "FXOKS" in capabilities
    if is_fxo == is_fxs:
        return None
    return Kind.FXO if is_fxo else Kind.FXS


@dataclass(frozen=True, slots=True)
class Device:
    """Hardware that could be a card, as ``dahdi_hardware`` lists it; without a driver it is no card yet."""

    address: str
    driver: str
    identifiers: str
    title: str

    @property
    def has_driver(self) -> bool:
        """Whether a driver has taken it."""
        return self.driver.endswith("+")


def devices_in_listing(text: str) -> list[Device]:
    """Read the output of ``dahdi_hardware``; lines about a device's own parts are passed over."""
    found = []
    for line in text.splitlines():
        if part := re.match(r"((?:pci|usb):\S+)\s+(\S+)\s+([0-9a-f]{4}:[0-9a-f]{4})\s*(.*)", line):
            found.append(Device(part[1], part[2], part[3], part[4].strip()))
    return found
