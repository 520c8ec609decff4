"""Messages: what the payload of a frame says (firmware/PROTOCOL.md). The readers raise ValueError."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

EVERYBODY = 0
"""The address of all who have none."""


class Kind(IntEnum):
    """What a frame is about; from 0x80 on it comes from a box."""

    WHO = 0x01
    ASSIGN = 0x02
    PICTURE = 0x03
    UPDATE_BEGIN = 0x04
    UPDATE_DATA = 0x05
    UPDATE_END = 0x06
    HELLO = 0x81
    STATE = 0x83
    UPDATE_STATE = 0x84


class Lamp(IntEnum):
    """What the lamp of a box can show."""

    UNKNOWN = 0
    OFF = 1
    GREEN = 2
    RINGING = 3
    AMBER = 4
    AMBER_BLINKING = 5
    RED = 6
    BLUE_BLINKING = 7
    UNPAIRED = 8
    PAIRING = 9
    UPDATING = 10


class Length(IntEnum):
    """How long the button was down."""

    SHORT = 1
    LONG = 2


class Phase(IntEnum):
    """How far an update has come."""

    IDLE = 0
    RECEIVING = 1
    COMPLETE = 2
    FAILED = 3


@dataclass(frozen=True, slots=True)
class Hello:
    """Who a box is: its serial number, its start, and the first half of its firmware's digest."""

    serial: str
    boot: int
    firmware: str


@dataclass(frozen=True, slots=True)
class Press:
    """A press nobody has taken yet: its number since the start, what the lamp showed when it began."""

    number: int
    length: Length
    shown: int
    age_seconds: float


@dataclass(frozen=True, slots=True)
class State:
    """The whole state of a box; `picture` is the sequence of the picture it shows."""

    serial: str
    boot: int
    lamp: int
    picture: int
    is_down: bool
    presses: tuple[Press, ...]


@dataclass(frozen=True, slots=True)
class UpdateState:
    """How far an update has come: the offset wanted next, and why it failed."""

    phase: Phase
    offset: int
    reason: int


def _unpack(layout: str, payload: bytes) -> tuple[int | bytes, ...]:
    try:
        return struct.unpack(layout, payload)
    except struct.error as error:
        raise ValueError(str(error)) from error


def read_hello(payload: bytes) -> Hello:
    """Who answers."""
    _unpack("<8sI8s", payload)
    return Hello(payload[:8].hex(), int.from_bytes(payload[8:12], "little"), payload[12:].hex())


def read_state(payload: bytes) -> State:
    """The state of a box; also ValueError for presses that contradict themselves."""
    serial, boot, lamp, picture, flags, first, count = struct.unpack_from(
        "<8sIBBBIB", payload.ljust(20, b"\0")
    )
    told = payload[20:]
    if len(payload) < 20 or len(told) != 3 * count:
        raise ValueError(f"{len(payload)} bytes for {count} presses")
    presses = tuple(
        Press(first + i, Length(told[3 * i]), told[3 * i + 1], told[3 * i + 2] / 10) for i in range(count)
    )
    return State(serial.hex(), boot, lamp, picture, bool(flags & 1), presses)


def read_update_state(payload: bytes) -> UpdateState:
    """How far an update has come."""
    phase, offset, reason = _unpack("<BIB", payload)
    return UpdateState(Phase(int(phase)), int(offset), int(reason))


def who(*, forget: bool, slots: int) -> bytes:
    """Who is there without an address? With `forget`, nobody has one from now on."""
    return struct.pack("<BB", forget, slots)


def assign(serial: str, address: int, *, alone: bool) -> bytes:
    """The box of this serial number has this address; `alone` on its cable it may speak unasked."""
    return struct.pack("<8sBB", bytes.fromhex(serial), address, alone)


def picture(lamp: Lamp, *, sound: bool, holds_seconds: float, boot: int, taken: int) -> bytes:
    """What to show and how long that holds; of this start, the presses up to number `taken` were taken."""
    return struct.pack("<BBBII", lamp, sound, round(holds_seconds * 10), boot, taken)


def update_begin(size: int, digest: bytes) -> bytes:
    """An update of so many bytes with this SHA-256 begins."""
    return struct.pack("<I32s", size, digest)


def update_data(offset: int, data: bytes) -> bytes:
    """A piece of it."""
    return struct.pack("<I", offset) + data
