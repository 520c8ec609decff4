"""The lamps (BLF) of a desk phone: a small SIP phone that can only watch, for real, over UDP.

Asterisk as a telephone cannot subscribe; this can: SUBSCRIBE and NOTIFY (RFC 6665) with digest
authentication (RFC 7616, MD5) and the package "dialog" (RFC 4235), as desk phones use it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from xml.etree import ElementTree

from appliance.simulator.exchange import PATIENCE_SECONDS, PHONES_ADDRESS, NotHappened

_ANSWER_SECONDS = 5.0
_SUBSCRIBED_SECONDS = 600
_DIALOG = "{urn:ietf:params:xml:ns:dialog-info}"


@dataclass(slots=True)
class _Watched:
    """A subscription and what it has brought."""

    call_id: str
    status: str = ""
    challenge: str = ""
    lamp: str = ""


class BusyLamps:
    """Watches extensions for the phone `name`; a lamp is 'dark', 'blinking' or 'lit', '' until it is told."""

    def __init__(self, box_address: str, box_port: int, name: str, secret: str) -> None:
        self._box = (box_address, box_port)
        self._name = name
        self._secret = secret
        self._watched: dict[str, _Watched] = {}
        self._changed = threading.Condition()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((PHONES_ADDRESS, 0))
        self._socket.settimeout(0.1)
        self._here = "{}:{}".format(*self._socket.getsockname())
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name=f"lamps of {name}")

    def __enter__(self) -> BusyLamps:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def watch(self, extension: str) -> None:
        """Subscribe, and wait until the lamp is told. Raises NotHappened when the box refuses."""
        watched = self._watched[extension] = _Watched(secrets.token_hex(8))
        tag = secrets.token_hex(4)
        self._subscribe(extension, watched, tag, 1)
        if self._wait(lambda: watched.status) == "401":
            watched.status = ""
            self._subscribe(extension, watched, tag, 2)
        status = self._wait(lambda: watched.status)
        if not status.startswith("2"):
            raise NotHappened(f"{self._name} may not watch {extension}: {status}")
        self._wait(lambda: watched.lamp)

    def lamp(self, extension: str) -> str:
        """What this lamp shows."""
        return self._watched[extension].lamp

    def lamp_is(self, extension: str, pattern: str, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until this lamp shows the pattern."""
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while self.lamp(extension) != pattern:
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise NotHappened(f"lamp {extension} is {self.lamp(extension)!r}, not {pattern!r}")

    def _wait(self, look: object) -> str:
        assert callable(look)
        with self._changed:
            if not self._changed.wait_for(look, _ANSWER_SECONDS):
                raise NotHappened(f"the box does not answer {self._name}")
        return str(look())

    def _subscribe(self, extension: str, watched: _Watched, tag: str, number: int) -> None:
        host = self._box[0]
        where = f"sip:{extension}@{host}:{self._box[1]}"
        lines = [
            f"SUBSCRIBE {where} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._here};branch=z9hG4bK{secrets.token_hex(8)};rport",
            "Max-Forwards: 70",
            f"From: <sip:{self._name}@{host}>;tag={tag}",
            f"To: <sip:{extension}@{host}>",
            f"Call-ID: {watched.call_id}",
            f"CSeq: {number} SUBSCRIBE",
            f"Contact: <sip:{self._name}@{self._here}>",
            "Event: dialog",
            "Accept: application/dialog-info+xml",
            f"Expires: {_SUBSCRIBED_SECONDS}",
            *([self._authorization(watched.challenge, where)] if watched.challenge else []),
            "Content-Length: 0",
        ]
        self._socket.sendto("\r\n".join([*lines, "", ""]).encode(), self._box)

    def _authorization(self, challenge: str, where: str) -> str:
        """The answer to a challenge, quality of protection "auth"."""
        asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        ours = {"cnonce": secrets.token_hex(8), "nc": "00000001", "qop": "auth"}
        who = _md5(f"{self._name}:{asked['realm']}:{self._secret}")
        what = _md5(f"SUBSCRIBE:{where}")
        response = _md5(f"{who}:{asked['nonce']}:{ours['nc']}:{ours['cnonce']}:{ours['qop']}:{what}")
        told = {"username": self._name, "uri": where, "response": response, "cnonce": ours["cnonce"]}
        told |= {key: asked[key] for key in ("realm", "nonce", "opaque") if key in asked}
        quoted = ", ".join(f'{key}="{value}"' for key, value in told.items())
        return f"Authorization: Digest {quoted}, algorithm=MD5, qop={ours['qop']}, nc={ours['nc']}"

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                packet, sender = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            head, _, body = packet.decode().partition("\r\n\r\n")
            first, *lines = head.split("\r\n")
            headers = [
                (name.strip(), value.strip()) for name, _, value in (ln.partition(":") for ln in lines)
            ]
            if first.startswith("NOTIFY "):
                kept = [f"{name}: {value}" for name, value in headers if name in _ECHOED]
                answer = "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""])
                self._socket.sendto(answer.encode(), sender)
            self._note(first, dict(headers), body)

    def _note(self, first: str, headers: dict[str, str], body: str) -> None:
        with self._changed:
            watched = next((w for w in self._watched.values() if w.call_id == headers["Call-ID"]), None)
            if watched is None:
                return
            if first.startswith("SIP/2.0 "):
                watched.status = first.split()[1]
                watched.challenge = headers.get("WWW-Authenticate", "")
            elif body:
                states = {state.text for state in ElementTree.fromstring(body).iter(f"{_DIALOG}state")}
                watched.lamp = _lamp(states)
            self._changed.notify_all()


_ECHOED = ("Via", "From", "To", "Call-ID", "CSeq")


def _lamp(states: set[str | None]) -> str:
    """What phones make of the states of an extension's dialogs."""
    if "early" in states:
        return "blinking"
    return "lit" if "confirmed" in states else "dark"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
