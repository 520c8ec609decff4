"""Telephones that only signal: callers on the line and desk phones, in one thread and with one clock.

SIP over UDP as far as a telephone needs it (RFC 3261); sound that is sent to them goes nowhere. Every
datagram is timed when it is read, so an INVITE here and the INVITE it causes there can be compared.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from appliance.simulator.exchange import LINE_ADDRESS, PHONES_ADDRESS, NotHappened

T = TypeVar("T")
Address = tuple[str, int]
_PATIENCE_SECONDS = 20.0
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)

# RTP (RFC 3550): version 2, A-law, and 20 ms of silence.
_FIRST_SOUND = bytes([0x80, 8]) + struct.pack("!HII", 1, 160, 1) + b"\xd5" * 160


class Message:
    """One SIP message: its first line, and headers by their lower-case name."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        self.first, *lines = head.split("\r\n")
        self.lines = [
            (name.strip().lower(), value.strip()) for name, _, value in (x.partition(":") for x in lines)
        ]

    def all(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return [value for spelled, value in self.lines if spelled == name]

    def get(self, name: str) -> str:
        """A header's first value, '' when it is not there."""
        return next(iter(self.all(name)), "")

    @property
    def method(self) -> str:
        """Of a request or of the request that is answered."""
        return self.get("cseq").split()[-1]

    @property
    def status(self) -> int:
        """Of an answer; 0 for a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0") else 0

    def user(self, header: str) -> str:
        """The user part of the address in a header."""
        found = re.search(r"sips?:([^@;>]+)@", self.get(header))
        return found[1] if found else ""


@dataclass(slots=True)
class Dialog:
    """One end of a call. Times are of time.perf_counter, 0 for what has not happened."""

    identity: str
    number: str  # of who calls
    phone: str  # that rings, '' for a caller's end
    started_at: float
    request: Message | None = None  # the INVITE that came in
    remote: str = ""  # From or To of the other side, with its tag
    own: str = ""
    target: str = ""  # where requests within the dialog go
    route: Address = ("", 0)
    answered_at: float = 0.0
    ended_at: float = 0.0
    status: int = 0
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(2))


class Telephones:
    """Callers at the line's address and desk phones at theirs. Phones ring until they are told otherwise."""

    def __init__(self, line_port: int, box: Address, phones_port: int = 0) -> None:
        self.box = box
        self.dialogs: list[Dialog] = []
        self.answering = False  # phones pick up at once
        self._changed = threading.Condition()
        self._line = self._socket(LINE_ADDRESS, line_port)
        self._phones = self._socket(PHONES_ADDRESS, phones_port)
        self._sinks = {sock: self._socket(sock.getsockname()[0], 0) for sock in (self._line, self._phones)}
        self._answers: dict[str, Message] = {}  # to REGISTER, by Call-ID
        self._stopping = False
        self._thread = threading.Thread(target=self._read, name="telephones", daemon=True)
        self._thread.start()

    @staticmethod
    def _socket(address: str, port: int) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        sock.bind((address, port))
        sock.setblocking(False)
        return sock

    def close(self) -> None:
        """Hang up nothing, just be gone."""
        self._stopping = True
        self._thread.join()
        for sock in (self._line, self._phones, *self._sinks.values()):
            sock.close()

    def wait_for(
        self, what: str, look: Callable[[], T | None], timeout_seconds: float = _PATIENCE_SECONDS
    ) -> T:
        """Wait until `look` gives something; asked at every message. Raises NotHappened."""
        deadline = time.perf_counter() + timeout_seconds
        with self._changed:
            while not (found := look()):
                left = deadline - time.perf_counter()
                if left <= 0:
                    raise NotHappened(f"not within {timeout_seconds:g} s: {what}")
                self._changed.wait(min(left, 0.2))
        return found

    # --- what people do

    def register(self, phone: str, secret: str) -> None:
        """Let this phone be reached here."""
        host, port = self._phones.getsockname()
        identity = f"{secrets.token_hex(8)}@bench"
        user = f"<sip:{phone}@{self.box[0]}>"
        headers = [
            f"From: {user};tag=1", f"To: {user}", f"Call-ID: {identity}",
            f"Contact: <sip:{phone}@{host}:{port}>", "Expires: 300",
        ]  # fmt: skip
        uri = f"sip:{self.box[0]}:{self.box[1]}"
        proof: list[str] = []
        for number in (1, 2):
            self._answers.pop(identity, None)
            self._send(
                self._phones, f"REGISTER {uri} SIP/2.0", [*headers, f"CSeq: {number} REGISTER", *proof]
            )
            answer = self.wait_for(f"{phone} is registered", lambda: self._answers.get(identity))
            if answer.status == 200:
                return
            asked = dict(re.findall(r'(\w+)="?([^",]+)"?', answer.get("www-authenticate")))
            proof = [_proof(phone, secret, asked, "REGISTER", uri)]
        raise NotHappened(f"{phone} is not let in: {answer.first}")

    def call(self, dialled: str, number: str) -> Dialog:
        """Somebody outside dials; returns at once."""
        identity = f"{secrets.token_hex(8)}@bench"
        own, remote = f"<sip:{number}@{LINE_ADDRESS}>;tag=c", f"<sip:{dialled}@{self.box[0]}>"
        target = f"sip:{dialled}@{self.box[0]}:{self.box[1]}"
        dialog = Dialog(identity, number, "", time.perf_counter(), None, remote, own, target, self.box)
        with self._changed:
            self.dialogs.append(dialog)
        dialog.started_at = self._send(
            self._line, f"INVITE {target} SIP/2.0", self._headers(dialog, "1 INVITE"), self._sdp(self._line)
        )
        return dialog

    def hang_up(self, dialog: Dialog) -> float:
        """Send BYE for an answered end; returns when."""
        sock = self._phones if dialog.phone else self._line
        sent = self._send(sock, f"BYE {dialog.target} SIP/2.0",
                          self._headers(dialog, f"{next(dialog.numbers)} BYE"), to=dialog.route)  # fmt: skip
        with self._changed:
            dialog.ended_at = dialog.ended_at or sent
        return sent

    def answer(self, dialog: Dialog) -> None:
        """Pick up a ringing phone."""
        assert dialog.request is not None
        self._reply(self._phones, dialog.request, dialog.route, "200 OK", self._sdp(self._phones))
        with self._changed:
            dialog.answered_at = time.perf_counter()

    def ringing_for(self, number: str) -> Dialog | None:
        """The newest ring of a desk phone for the caller with this number."""
        return next((d for d in reversed(self.dialogs) if d.phone and d.number == number), None)

    # --- SIP

    def _sdp(self, sock: socket.socket) -> str:
        address, port = self._sinks[sock].getsockname()
        return _SDP.format(address=address, port=port)

    def _headers(self, dialog: Dialog, sequence: str) -> list[str]:
        host, port = (self._phones if dialog.phone else self._line).getsockname()
        return [
            f"From: {dialog.own}", f"To: {dialog.remote}", f"Call-ID: {dialog.identity}",
            f"CSeq: {sequence}", f"Contact: <sip:{dialog.number}@{host}:{port}>",
        ]  # fmt: skip

    def _send(
        self, sock: socket.socket, first: str, headers: list[str], body: str = "", to: Address | None = None
    ) -> float:
        host, port = sock.getsockname()
        via = f"Via: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{secrets.token_hex(8)}"
        kind = ["Content-Type: application/sdp"] if body else []
        lines = [first, via, "Max-Forwards: 70", *headers, *kind, f"Content-Length: {len(body)}", "", body]
        data = "\r\n".join(lines).encode()
        at = time.perf_counter()
        sock.sendto(data, to or self.box)
        return at

    def _reply(self, sock: socket.socket, request: Message, to: Address, status: str, body: str = "") -> None:
        host, port = sock.getsockname()
        tag = "" if "tag=" in request.get("to") else ";tag=d"
        lines = [
            f"SIP/2.0 {status}", *(f"Via: {via}" for via in request.all("via")),
            *(f"Record-Route: {route}" for route in request.all("record-route")),
            f"From: {request.get('from')}", f"To: {request.get('to')}{tag}",
            f"Call-ID: {request.get('call-id')}", f"CSeq: {request.get('cseq')}",
            f"Contact: <sip:phone@{host}:{port}>", "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE",
            *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}", "", body,
        ]  # fmt: skip
        sock.sendto("\r\n".join(lines).encode(), to)

    def _read(self) -> None:
        selector = selectors.DefaultSelector()
        for sock in (self._line, self._phones, *self._sinks.values()):
            selector.register(sock, selectors.EVENT_READ)
        while not self._stopping:
            for key, _ in selector.select(0.2):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                data, peer = sock.recvfrom(65535)
                if sock in self._sinks:
                    self._take(sock, Message(data), peer, time.perf_counter())

    def _take(self, sock: socket.socket, message: Message, peer: Address, at: float) -> None:
        identity = message.get("call-id")
        with self._changed:
            dialog = next((d for d in reversed(self.dialogs) if d.identity == identity), None)
            if message.status:
                self._take_answer(sock, message, dialog, at)
            else:
                self._take_request(sock, message, dialog, peer, at)
            self._changed.notify_all()

    def _take_answer(self, sock: socket.socket, message: Message, dialog: Dialog | None, at: float) -> None:
        if message.method == "REGISTER" and message.status >= 200:
            self._answers[message.get("call-id")] = message
        if dialog is None or message.method != "INVITE" or message.status < 200:
            return
        if message.status == 200:
            dialog.remote = message.get("to")
            contact = re.search(r"<([^>]+)>", message.get("contact"))
            dialog.target = contact[1] if contact else dialog.target
            if not dialog.answered_at:
                dialog.answered_at = at
                self._speak(sock, message)
        else:
            dialog.ended_at, dialog.status = at, message.status
        self._send(sock, f"ACK {dialog.target} SIP/2.0", self._headers(dialog, "1 ACK"))

    def _speak(self, sock: socket.socket, answer: Message) -> None:
        """A first packet of sound, which Asterisk waits for half a second before it goes on."""
        address = re.search(r"^c=IN IP4 (\S+)", answer.body, re.MULTILINE)
        port = re.search(r"^m=audio (\d+)", answer.body, re.MULTILINE)
        if address and port:
            self._sinks[sock].sendto(_FIRST_SOUND, (address[1], int(port[1])))

    def _take_request(
        self, sock: socket.socket, message: Message, dialog: Dialog | None, peer: Address, at: float
    ) -> None:
        match message.method:
            case "ACK":
                return
            case "INVITE" if dialog is None:
                self._rings(sock, message, peer, at)
            case "INVITE":
                self._reply(sock, message, peer, "200 OK", self._sdp(sock))
            case "CANCEL":
                self._reply(sock, message, peer, "200 OK")
                if dialog is not None and dialog.request is not None and not dialog.answered_at:
                    self._reply(sock, dialog.request, peer, "487 Request Terminated")
                    dialog.ended_at = at
            case _:
                self._reply(sock, message, peer, "200 OK")
                if message.method == "BYE" and dialog is not None:
                    dialog.ended_at = dialog.ended_at or at

    def _rings(self, sock: socket.socket, message: Message, peer: Address, at: float) -> None:
        contact = re.search(r"<([^>]+)>", message.get("contact"))
        phone = message.first.split()[1].removeprefix("sip:").partition("@")[0]
        dialog = Dialog(
            message.get("call-id"), message.user("from"), phone, at, message,
            remote=message.get("from"), own=message.get("to") + ";tag=d",
            target=contact[1] if contact else "", route=peer,
        )  # fmt: skip
        self.dialogs.append(dialog)
        self._reply(sock, message, peer, "180 Ringing")
        if self.answering:
            self.answer(dialog)


def _proof(user: str, secret: str, asked: dict[str, str], method: str, uri: str) -> str:
    """The Authorization header that answers a challenge (RFC 2617)."""
    nonce, realm, client = asked["nonce"], asked["realm"], secrets.token_hex(4)
    mine = _md5(f"{user}:{realm}:{secret}")
    request = _md5(f"{method}:{uri}")
    more = ""
    response = _md5(f"{mine}:{nonce}:{request}")
    if "qop" in asked:
        response = _md5(f"{mine}:{nonce}:00000001:{client}:auth:{request}")
        more = f', qop=auth, nc=00000001, cnonce="{client}"'
    opaque = f', opaque="{asked["opaque"]}"' if "opaque" in asked else ""
    return (
        f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}",'
        f' response="{response}", algorithm=MD5{opaque}{more}'
    )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
