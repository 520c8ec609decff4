"""When the box answered, by its own clock: read from what QEMU's ``filter-dump`` noted of its network.

Each packet has the emulated machine's time, which a busy host does not bend. Somebody calls from the first
moment on, so the first packet is the start of the machine.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

LONGEST_BYTES = 512
"""Of a packet, in the file: its head and the first lines of SIP."""
_MAGIC, _FILE_HEAD, _PACKET_HEAD = 0xA1B2C3D4, 24, 16
_IPV4, _UDP = 0x0800, 17


def packets(file: Path) -> Iterator[tuple[float, bytes]]:
    """Second and content of each packet; one that is half written is left out. Raises ValueError."""
    content = file.read_bytes()
    if len(content) < _FILE_HEAD or struct.unpack_from("=I", content)[0] != _MAGIC:
        raise ValueError(f"{file} is no capture of packets")
    place = _FILE_HEAD
    while place + _PACKET_HEAD <= len(content):
        seconds, micros, length, _ = struct.unpack_from("=4I", content, place)
        place += _PACKET_HEAD
        if place + length > len(content):
            return
        yield seconds + micros / 1e6, content[place : place + length]
        place += length


def first_answer_seconds(file: Path) -> float:
    """From the first packet until the box took a call (``200`` to an INVITE). Raises ValueError."""
    began: float | None = None
    for second, packet in packets(file):
        began = second if began is None else began
        text = _udp_content(packet)
        if text.startswith(b"SIP/2.0 200 ") and b" INVITE\r\n" in text:
            return second - began
    raise ValueError(f"no call was answered in {file}")


def _udp_content(packet: bytes) -> bytes:
    """What a packet of UDP over IPv4 carries; nothing for any other."""
    if len(packet) < 42 or struct.unpack_from("!H", packet, 12)[0] != _IPV4 or packet[23] != _UDP:
        return b""
    return packet[14 + 4 * (packet[14] & 0x0F) + 8 :]
