"""SMTP fault sequences: the real outbox over loopback, and a server that breaks off, refuses, stalls, lies.

Every mail meets one to three faults before a server takes it as it should: cut off after the n-th byte that
was sent or answered (n goes through all of them), 4xx and 5xx at each step, garbage, silence, a step answered
as if it were another. None may be lost. One more copy than one is right only where the server had the whole
mail and its 250 did not reach us whole (RFC 1047): then nobody can know. It has the same Message-ID.
"""

from __future__ import annotations

import contextlib
import email
import email.policy
import random
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from appliance.mail.outbox import Outbox
from appliance.store.database import exclusive, open_store
from tests.bench.comparing import Figure
from tests.chaos import acts
from tests.chaos.chaos import Chaos, in_parallel, shown

TITLE = "SMTP fault sequences"
SIZE = 20_000
_LANE = 200  # sequences that share a store and an outbox
_SOUND = bytes(range(256))
_BYTES_UP = 2600  # of a whole session with this sound, about
_STEPS = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "dot")
_REFUSALS = ("421 busy", "450 later", "451 later", "452 full", "503 order", "550 no", "552 too big", "554 no")
_GARBAGE = (b"hello\r\n", b"\r\n", b"\xff\xfe\xfd\r\n", b"999 what\r\n", b"2\r\n", b"x" * 9000 + b"\r\n",
            b"250-one\r\n250-two\r\n")  # fmt: skip
_TIMEOUT_SECONDS = 2.0  # of the sender; a shorter one costs it answers on a busy machine
_FIRST_PAUSE_SECONDS = 0.0005
_PATIENCE_SECONDS = 60.0
_RIGHT = {
    "greeting": "220 ready",
    "EHLO": "250 hello",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    "dot": "250 taken",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong in one session. `kind` says how, `place` at which byte or step."""

    kind: str
    place: int = 0
    step: str = ""
    says: bytes = b""
    keeps: bool = False


@dataclass(slots=True)
class Copies:
    """Of one mail: how many a server has, how many of them it could not tell of, and what was wrong."""

    kept: int = 0
    untold: int = 0
    wrong: list[str] = field(default_factory=list)


def faults_of(sequence: int, seed: int) -> list[Fault]:
    """One to three faults; every third sequence begins with a cut whose place goes through all bytes."""
    chance = random.Random(f"{seed}/{sequence}")
    found = []
    if sequence % 3 == 0:
        found.append(Fault("cut after sent", sequence // 3 % _BYTES_UP))
    elif sequence % 3 == 1:
        found.append(Fault("cut after answered", sequence // 3 % 90))
    while not found or (len(found) < 3 and chance.random() < 0.4):
        step = chance.choice(_STEPS)
        found.append(
            chance.choice(
                [
                    Fault("refuse", step=step, says=chance.choice(_REFUSALS).encode() + b"\r\n",
                          keeps=chance.random() < 0.5),
                    Fault("garbage", step=step, says=chance.choice(_GARBAGE), keeps=chance.random() < 0.5),
                    Fault("wrong step", step=chance.choice(_STEPS[:5]), says=b"354 go on\r\n"),
                    Fault("wrong step", step="DATA", says=b"250 ok\r\n"),
                    Fault("closed"),
                    Fault("silent" if chance.random() < 0.05 else "closed", step=step,
                          keeps=chance.random() < 0.5),
                    Fault("cut after sent", chance.randrange(_BYTES_UP)),
                    Fault("taken, then gone"),
                ]
            )
        )  # fmt: skip
    return found


class _CutOffError(Exception):
    """The session is over."""


class FaultyServer:
    """Takes mails on a loopback port; each session has the next fault, and none when there is none left."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.copies: dict[str, Copies] = {}
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No more."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            fault = self.faults.pop(0) if self.faults else Fault("none")
            with connection, contextlib.suppress(OSError, _CutOffError):
                connection.settimeout(_PATIENCE_SECONDS)
                _Session(connection, fault, self.copies).run()


class _Session:
    def __init__(self, connection: socket.socket, fault: Fault, copies: dict[str, Copies]) -> None:
        self._connection, self._fault, self._copies = connection, fault, copies
        self._got, self._taken, self._answered = b"", 0, 0

    def run(self) -> None:
        if self._fault.kind == "closed" and not self._fault.step:
            self._reset()
        self._answer("greeting")
        while True:
            line = self._until(b"\r\n")
            word = line[:4].upper().decode("latin-1").strip()
            if word == "QUIT":
                self._connection.sendall(b"221 bye\r\n")
                return
            if word in ("EHLO", "MAIL", "RCPT", "DATA"):
                said = self._answer(word)
                if word == "DATA" and said.startswith(b"354"):
                    self._take(self._until(b"\r\n.\r\n"))
            elif word in ("RSET", "NOOP"):
                self._connection.sendall(b"250 ok\r\n")
            else:
                self._connection.sendall(b"500 what\r\n")

    def _take(self, content: bytes) -> None:
        """The dot has come: the mail is whole. What is answered decides whether the sender can know."""
        letter = email.message_from_bytes(content.replace(b"\r\n..", b"\r\n."), policy=email.policy.default)
        copies = self._copies.setdefault(str(letter["Message-ID"]), Copies())
        sounds = [part.get_content() for part in letter.iter_attachments()]
        fault = self._fault
        refused = fault.step == "dot" and not fault.keeps
        if not refused:
            copies.kept += 1
            copies.untold += 1  # until the answer is out
            if sounds != [_SOUND]:
                copies.wrong.append("its sound is not whole")
        said = self._answer("dot")
        if said == b"250 taken\r\n" and not refused:
            copies.untold -= 1
        if fault.kind == "taken, then gone":
            raise _CutOffError

    def _until(self, end: bytes) -> bytes:
        while end not in self._got:
            most = 65536
            if self._fault.kind == "cut after sent":
                most = self._fault.place - self._taken
                if most <= 0:
                    self._reset()
            piece = self._connection.recv(most)
            if not piece:
                raise _CutOffError
            self._taken += len(piece)
            self._got += piece
        found, _, self._got = self._got.partition(end)
        return found

    def _answer(self, step: str) -> bytes:
        """Say what is to be said at this step; what was really said."""
        fault, said = self._fault, _RIGHT[step].encode() + b"\r\n"
        if fault.step == step:
            if fault.kind == "silent":
                self._connection.recv(1)  # until the other side has had enough
                raise _CutOffError
            if fault.kind == "closed":
                self._reset()
            said = fault.says
        if fault.kind == "cut after answered":
            left = fault.place - self._answered
            if left < len(said):
                self._connection.sendall(said[: max(0, left)])
                raise _CutOffError
        self._connection.sendall(said)
        self._answered += len(said)
        if fault.kind == "garbage" and fault.step == step and not said.endswith(b"\r\n"):
            raise _CutOffError
        return said

    def _reset(self) -> None:
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _CutOffError


@dataclass(frozen=True, slots=True)
class Lane:
    """Sequences that one outbox goes through, one after the other."""

    first: int
    count: int
    seed: int
    timeout_seconds: float = _TIMEOUT_SECONDS


def run_lane(lane: Lane) -> tuple[Counter[str], Counter[str]]:
    """What went wrong, and how much there was: sequences, sessions, copies too many that were unavoidable."""
    memory = Path("/dev/shm")
    faults, seen = Counter[str](), Counter[str]()
    server = FaultyServer()
    try:
        with TemporaryDirectory(prefix="fz-mail-", dir=memory if memory.is_dir() else None) as place:
            _run(lane, Path(place), server, faults, seen)
    finally:
        server.close()
    return faults, seen


def _run(lane: Lane, place: Path, server: FaultyServer, faults: Counter[str], seen: Counter[str]) -> None:
    settings = acts.prepare(place / "box", mail_port=server.port)
    (settings.spool / "messages").mkdir()
    (settings.spool / "messages" / "words.mp3").write_bytes(_SOUND)
    db = open_store(settings.store)
    delivered = threading.Event()
    outbox = Outbox(settings.store, settings.spool, first_pause_seconds=_FIRST_PAUSE_SECONDS,
                    timeout_seconds=lane.timeout_seconds,
                    on_change=lambda _call: delivered.set())  # fmt: skip
    outbox.start()
    for sequence in range(lane.first, lane.first + lane.count):
        planned = faults_of(sequence, lane.seed)
        server.faults[:] = planned
        delivered.clear()
        name = f"<{sequence}@chaos.example>"
        with exclusive(db):
            row = db.execute(
                "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound)"
                " VALUES (?, 'support', '+491701234567', '', '2026-11-24T07:05:00.000Z', 2,"
                " 'messages/words.mp3')",
                [f"{sequence}.1"],
            ).lastrowid
            db.execute("INSERT INTO outbox (message, message_id, recipient, language)"
                       " VALUES (?, ?, 'a@b.example', 'de')", [row, name])  # fmt: skip
        outbox.wake()
        if not delivered.wait(_PATIENCE_SECONDS):
            faults[f"not delivered: {[fault.kind for fault in planned]}"] += 1
            break
        copies = server.copies.pop(name, Copies())
        seen["sequences"] += 1
        seen["faults met"] += len(planned) - len(server.faults)
        seen["unavoidable copies"] += max(0, copies.kept - 1)
        if not copies.kept:
            faults[f"lost: {planned}"] += 1
        if copies.kept > 1 + copies.untold:
            faults[f"{copies.kept} copies, {copies.untold} untold: {planned}"] += 1
        faults.update(copies.wrong)
    if server.copies:
        faults["a mail with another Message-ID"] += len(server.copies)
    outbox.stop()
    db.close()


def measured(chaos: Chaos) -> list[Figure]:
    """All sequences, in lanes."""
    wanted = chaos.size or SIZE
    lanes = [Lane(first, min(_LANE, wanted - first), chaos.seed) for first in range(0, wanted, _LANE)]
    faults, seen = Counter[str](), Counter[str]()
    until = time.monotonic() + 60 * chaos.minutes
    for wrong, counted in in_parallel(run_lane, lanes, chunk=1, waiting=True):
        faults.update(wrong)
        seen.update(counted)
        chaos.progress(TITLE, 100 * seen["sequences"] // wanted)
        if time.monotonic() > until:
            break
    lost = sum(count for fault, count in faults.items() if fault.startswith(("lost", "not delivered")))
    return [
        Figure("sequences", seen["sequences"], "", at_least=SIZE, seen=f"{seen['faults met']} faults met"),
        Figure("mails lost", lost, "", at_most=0, seen=shown(faults)),
        Figure("copies too many that could be avoided", faults.total() - lost, "", at_most=0,
               seen=f"{seen['unavoidable copies']} could not: the 250 was lost on its way"),
    ]  # fmt: skip
