"""The moment of the first answer is found in a capture, whatever else is in it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.image.captured import first_answer_seconds, packets

_HEAD = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 512, 1)


def udp(content: bytes, *, options: bytes = b"") -> bytes:
    head = bytes([0x45 + len(options) // 4]) + bytes(8) + bytes([17]) + bytes(10) + options
    return bytes(12) + b"\x08\x00" + head + bytes(8) + content


def capture(folder: Path, *seen: tuple[float, bytes]) -> Path:
    file = folder / "network.pcap"
    content = _HEAD
    for second, packet in seen:
        micros = round(second % 1 * 1e6)
        content += struct.pack("=4I", int(second), micros, len(packet), len(packet)) + packet
    file.write_bytes(content)
    return file


ARP = bytes(12) + b"\x08\x06" + bytes(40)
CALL = udp(b"INVITE sip:1@box SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n")
RINGS = udp(b"SIP/2.0 100 Trying\r\nCSeq: 1 INVITE\r\n\r\n")
OPTIONS = udp(b"SIP/2.0 200 OK\r\nCSeq: 9 OPTIONS\r\n\r\n")
ANSWER = b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n"


@pytest.mark.parametrize("options", [b"", bytes(8)])
def test_the_answer_to_the_call_counts_and_nothing_else(tmp_path: Path, options: bytes) -> None:
    seen = [(100.5, ARP), (101.0, CALL), (103.0, RINGS), (104.0, OPTIONS)]
    file = capture(tmp_path, *seen, (107.75, udp(ANSWER, options=options)), (109.0, udp(ANSWER)))
    assert first_answer_seconds(file) == pytest.approx(7.25)


def test_a_packet_that_is_half_written_is_left_out(tmp_path: Path) -> None:
    file = capture(tmp_path, (1.0, ARP), (2.0, CALL))
    file.write_bytes(file.read_bytes()[:-1])
    assert [second for second, _ in packets(file)] == [1.0]


def test_a_call_nobody_answers_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no call was answered"):
        first_answer_seconds(capture(tmp_path, (1.0, CALL), (2.0, RINGS)))


@pytest.mark.parametrize("content", [b"", b"something else that is long enough"])
def test_another_file_is_no_capture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match="no capture"):
        list(packets(tmp_path / "file"))
