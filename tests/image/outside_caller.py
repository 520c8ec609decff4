"""A caller from another machine over SIP: one who may be behind address translation, as QEMU's network is.

Nothing of ours is used but the standard library. Sound is A-law.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import struct
import time

SILENCE = (0xD5, 0x55)
_FRAME_BYTES = 160
_FRAME_SECONDS = 0.02
_EVENT = 101
_DIGITS = "0123456789*#"


class NotAnswered(Exception):
    """The call was refused or nobody answered in time; the message is the last answer."""


class OutsideCall:
    """One call to `number` of the box at `box`. `seen_as` is the address under which the box reaches us."""

    def __init__(
        self,
        box: tuple[str, int],
        number: str,
        *,
        seen_as: str,
        answer_seconds: float,
        caller: str = "+491701234567",
    ) -> None:
        self._caller = caller
        self._box = box
        self._number = number
        self._sip, self._sound = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._sip.bind(("127.0.0.1", 0))
        self._sound.bind(("127.0.0.1", 0))
        self._me = f"{seen_as}:{self._sip.getsockname()[1]}"
        self._seen_as = seen_as
        self._call = f"{random.getrandbits(48):x}"
        self._sequence = random.getrandbits(12)
        self._timestamp = random.getrandbits(16)
        self._where: tuple[str, int] | None = None
        self._to = f"<sip:{number}@box>"
        self._offer = self._request("INVITE", 1, self._description())
        self._wait_for_answer(answer_seconds)

    def _description(self) -> str:
        port = self._sound.getsockname()[1]
        lines = (
            *("v=0", f"o=- 1 1 IN IP4 {self._seen_as}", "s=-", f"c=IN IP4 {self._seen_as}", "t=0 0"),
            *(f"m=audio {port} RTP/AVP 8 {_EVENT}", f"a=rtpmap:{_EVENT} telephone-event/8000", ""),
        )
        return "\r\n".join(lines)

    def _request(self, method: str, number: int, body: str = "") -> bytes:
        lines = [
            f"{method} sip:{self._number}@box SIP/2.0",
            f"Via: SIP/2.0/UDP {self._me};branch=z9hG4bK{self._call}{number}{method};rport",
            "Max-Forwards: 70",
            f"From: <sip:{self._caller}@{self._seen_as}>;tag=me",
            f"To: {self._to}",
            f"Call-ID: {self._call}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:{self._me}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
        return "\r\n".join(lines).encode()

    def _wait_for_answer(self, seconds: float) -> None:
        deadline, last = time.monotonic() + seconds, "no answer at all"
        again = 0.0
        while time.monotonic() < deadline:
            if time.monotonic() >= again:  # as SIP repeats what may have been lost
                self._send(self._offer)
                again = time.monotonic() + 0.5
            self._sip.settimeout(0.1)
            try:
                answer = self._sip.recv(4096).decode(errors="replace")
            except (TimeoutError, ConnectionRefusedError):
                continue
            last = answer.split("\r\n", 1)[0]
            status = last.split()[1] if last.startswith("SIP/2.0 ") else ""
            if status.startswith("1"):
                again = deadline
            elif status == "200":
                to = re.search(r"\r\nTo: *([^\r]+)", answer, re.IGNORECASE)
                self._to = to[1] if to else self._to
                self._send(self._request("ACK", 1))
                return
            elif status:
                break
        self.close()
        raise NotAnswered(last)

    def _send(self, request: bytes) -> None:
        with contextlib.suppress(ConnectionRefusedError):
            self._sip.sendto(request, self._box)

    def hears_speech(self, seconds: float) -> bool:
        """Whether a second of something that is not silence comes within this time."""
        deadline, loud = time.monotonic() + seconds, 0
        self._sound.settimeout(0.2)
        while loud < 50 and time.monotonic() < deadline:
            try:
                packet, self._where = self._sound.recvfrom(2048)
            except TimeoutError:
                continue
            loud += packet[1] & 0x7F == 8 and any(byte not in SILENCE for byte in packet[12:])
        return loud >= 50

    def press(self, key: str) -> None:
        """Press a key of the telephone (RFC 4733)."""
        began = self._timestamp
        for step in range(1, 11):
            ended = step > 7
            event = struct.pack("!BBH", _DIGITS.index(key), 0x80 * ended | 10, min(step, 8) * _FRAME_BYTES)
            self._send_sound(_EVENT, began, event, first=step == 1)
            time.sleep(_FRAME_SECONDS)
        self._timestamp = began + 12 * _FRAME_BYTES

    def speaks(self, seconds: float) -> None:
        """Make a sound that is no speech but is not silence either."""
        frame = bytes((0x2A, 0xAA) * (_FRAME_BYTES // 2))
        for _ in range(int(seconds / _FRAME_SECONDS)):
            self._send_sound(8, self._timestamp, frame)
            self._timestamp += _FRAME_BYTES
            time.sleep(_FRAME_SECONDS)

    def _send_sound(self, kind: int, timestamp: int, payload: bytes, *, first: bool = False) -> None:
        if self._where is None:
            raise AssertionError("the box has sent no sound yet, so it is not known where ours goes")
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = struct.pack("!BBHII", 0x80, 0x80 * first | kind, self._sequence, timestamp, 4711)
        self._sound.sendto(header + payload, self._where)

    def hang_up(self) -> None:
        """End the call."""
        self._send(self._request("BYE", 2))
        self.close()

    def close(self) -> None:
        """Forget the call."""
        self._sip.close()
        self._sound.close()
