"""Frames: how bytes on the cable become messages again, whatever else is on the cable (PROTOCOL.md)."""

import struct
from binascii import crc32

VERSION = 1
LONGEST_BODY = 254  # one COBS block
LONGEST_PAYLOAD = LONGEST_BODY - 8


def encode(address: int, kind: int, sequence: int, payload: bytes = b"") -> bytes:
    """A whole frame, with the zero bytes around it."""
    body = struct.pack("<BBBB", VERSION, address, kind, sequence) + payload
    body += struct.pack("<I", crc32(body) & 0xFFFFFFFF)
    if len(body) > LONGEST_BODY:
        raise ValueError("payload too long")
    stuffed = b"\0"
    for block in body.split(b"\0"):
        stuffed += bytes((len(block) + 1,)) + block
    return stuffed + b"\0"


def decode(stuffed: bytes) -> "tuple[int, int, int, int, bytes] | None":
    """What lay between two zero bytes: version, address, kind, sequence, payload; None for garbage."""
    body = b""
    at = 0
    while at < len(stuffed):
        end = at + stuffed[at]
        if end > len(stuffed):
            return None
        if at:
            body += b"\0"
        body += stuffed[at + 1 : end]
        at = end
    if not 8 <= len(body) <= LONGEST_BODY:
        return None
    if struct.unpack("<I", body[-4:])[0] != crc32(body[:-4]) & 0xFFFFFFFF:
        return None
    return body[0], body[1], body[2], body[3], body[4:-4]


class Decoder:
    """Takes bytes as they come and gives whole frames; never keeps more than one frame's length."""

    def __init__(self) -> None:
        self._part = b""
        self._too_long = False

    def feed(self, data: bytes) -> "list[tuple[int, int, int, int, bytes]]":
        """The frames that are complete now."""
        frames = []
        start = 0
        while True:
            end = data.find(b"\0", start)
            piece = data[start:end] if end >= 0 else data[start:]
            if len(self._part) + len(piece) > LONGEST_BODY + 1:
                self._too_long = True
                self._part = b""
            elif not self._too_long:
                self._part += piece
            if end < 0:
                return frames
            frame = None if self._too_long or not self._part else decode(self._part)
            if frame is not None:
                frames.append(frame)
            self._part = b""
            self._too_long = False
            start = end + 1
