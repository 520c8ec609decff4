"""Messages: what the payload of a frame says (PROTOCOL.md). All numbers are little-endian."""

import struct

WHO = 0x01
ASSIGN = 0x02
PICTURE = 0x03
UPDATE_BEGIN = 0x04
UPDATE_DATA = 0x05
UPDATE_END = 0x06
HELLO = 0x81
STATE = 0x83
UPDATE_STATE = 0x84

EVERYBODY = 0  # the address of who has none

FORGET = 1  # a flag of WHO
ALONE = 1  # a flag of ASSIGN
SOUND = 1  # a flag of PICTURE

IDLE = 0
RECEIVING = 1
COMPLETE = 2
FAILED = 3


def _unpack(layout: str, payload: bytes):
    """As `struct.unpack`; ValueError unless the payload is exactly as long as the layout, on every Python."""
    if len(payload) != struct.calcsize(layout):
        raise ValueError("length")
    return struct.unpack(layout, payload)


def who(payload: bytes) -> "tuple[int, int]":
    """Flags, slots."""
    return _unpack("<BB", payload)


def assign(payload: bytes) -> "tuple[bytes, int, int]":
    """Serial number, address, flags."""
    return _unpack("<8sBB", payload)


def picture(payload: bytes) -> "tuple[int, int, int, int, int]":
    """Lamp, flags, tenths of a second it holds, boot, number of the last press that was taken."""
    return _unpack("<BBBII", payload)


def update_begin(payload: bytes) -> "tuple[int, bytes]":
    """Size, digest."""
    return _unpack("<I32s", payload)


def update_data(payload: bytes) -> "tuple[int, bytes]":
    """Offset, data."""
    return _unpack("<I", payload[:4])[0], payload[4:]


def hello(serial: bytes, boot: int, firmware: bytes) -> bytes:
    """Who this box is."""
    return struct.pack("<8sI8s", serial, boot, firmware)


def state(
    serial: bytes,
    boot: int,
    lamp: int,
    picture_sequence: int,
    down: bool,
    first: int,
    presses: "list[tuple[int, int, int]]",
) -> bytes:
    """The box's whole state; a press is its kind, the lamp shown when it began, and its age in 0.1 s."""
    payload = struct.pack(
        "<8sIBBBIB", serial, boot, lamp, picture_sequence, 1 if down else 0, first, len(presses)
    )
    for press in presses:
        payload += bytes(press)
    return payload


def update_state(phase: int, offset: int, reason: int) -> bytes:
    """How far an update has come: its phase, the offset wanted next, why it failed."""
    return struct.pack("<BIB", phase, offset, reason)
