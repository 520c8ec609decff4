"""Frames: how bytes on the cable become messages again, whatever else comes (firmware/PROTOCOL.md)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

VERSION = 1
LONGEST_BODY = 254  # one COBS block
_AROUND_PAYLOAD = 8


@dataclass(frozen=True, slots=True)
class Frame:
    """One message on the cable. `version` is that of whoever sent it."""

    address: int
    kind: int
    sequence: int
    payload: bytes = b""
    version: int = VERSION


def encode(frame: Frame) -> bytes:
    """The frame as bytes, with the zero bytes around it. Raises ValueError for one that is too long."""
    body = bytes((frame.version, frame.address, frame.kind, frame.sequence)) + frame.payload
    body += struct.pack("<I", zlib.crc32(body))
    if len(body) > LONGEST_BODY:
        raise ValueError(f"{len(frame.payload)} bytes of payload")
    stuffed = b"".join(bytes((len(block) + 1,)) + block for block in body.split(b"\0"))
    return b"\0" + stuffed + b"\0"


def decode(stuffed: bytes) -> Frame | None:
    """What lay between two zero bytes; None for garbage."""
    blocks = []
    at = 0
    while at < len(stuffed):
        end = at + stuffed[at]
        if end > len(stuffed):
            return None
        blocks.append(stuffed[at + 1 : end])
        at = end
    body = b"\0".join(blocks)
    if not _AROUND_PAYLOAD <= len(body) <= LONGEST_BODY:
        return None
    if int.from_bytes(body[-4:], "little") != zlib.crc32(body[:-4]):
        return None
    version, address, kind, sequence = body[:4]
    return Frame(address, kind, sequence, body[4:-4], version)


class Decoder:
    """Takes bytes as they come and gives whole frames; never keeps more than one frame's length."""

    def __init__(self) -> None:
        self._part = b""
        self._too_long = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now."""
        *complete, rest = data.split(b"\0")
        for piece in complete:
            self._add(piece)
            frame = decode(self._part) if self._part and not self._too_long else None
            self._part, self._too_long = b"", False
            if frame is not None:
                yield frame
        self._add(rest)

    def _add(self, piece: bytes) -> None:
        if len(self._part) + len(piece) > LONGEST_BODY + 1:
            self._part, self._too_long = b"", True
        elif not self._too_long:
            self._part += piece
