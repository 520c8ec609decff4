"""Reading Asterisk's manager: events per second against plain pyst2 and panoramisk, and events per call.

All clients read the same stream from a socket, wanted events delivered to a handler; seconds are those of the
client's CPU, since the sender works beside it. recv calls are counted
by strace in runs of their own. Events and bytes per call are counted by two more users of the product's own
manager: one as the supervisor's, one with every read right and no filter.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

from appliance.telephony.box import manager_secret
from appliance.telephony.sandbox import cache_folder
from tests.bench.bench import Bench
from tests.bench.comparing import Figure, compared
from tests.bench.manager_server import ManagerServer
from tests.bench.offices import Product, running
from tests.bench.queue_calls import QueueCalls

TITLE = "Reading Asterisk's manager"
_PANORAMISK = "panoramisk==1.4"
_EVENTS = {"ours": 100_000, "panoramisk": 30_000, "pyst2": 1_000}
_UNWANTED = {"ours": 300_000, "panoramisk": 30_000, "pyst2": 1_000}
_TRACED = 1_000
_CALLS = 8
_ALL = """
[all]
secret = {secret}
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.1/255.255.255.255
read = all
write =
"""


def measured(bench: Bench) -> list[Figure]:
    """Clients in turn, then calls."""
    clients = ["ours", "pyst2", *(["panoramisk"] if _panoramisk() else [])]
    rates: dict[tuple[str, bool], list[list[float]]] = {}
    for number in bench.rounds(TITLE):
        for wanted in (True, False):
            for client in clients:
                seen = _run(client, (_EVENTS if wanted else _UNWANTED)[client], wanted)
                rates.setdefault((client, wanted), []).append([seen])
        bench.done(TITLE, number)
    figures = []
    for wanted, goal, other in ((True, 100, 2), (False, 500, None)):
        what = "wanted" if wanted else "unwanted"
        for client, at_least in (("pyst2", goal), ("panoramisk", other)):
            if client in clients:
                name = f"{what} events per CPU second, to {client}"
                figures.append(
                    compared(name, rates["ours", wanted], rates[client, wanted],
                             unit="/s",
 at_least=at_least, seed=bench.seed)
                )  # fmt: skip
    if shutil.which("strace"):
        figures += [Figure(f"reads of the socket per event, {client}", _reads(client), "",
                           at_most=0.05 if client == "ours" else None) for client in clients]  # fmt: skip
    return figures + _per_call(bench)


def _command(client: str, port: int, events: int, wanted: bool) -> list[str]:
    program = Path(__file__).with_name("manager_clients.py")
    return [sys.executable, str(program), client, str(port), str(events), str(int(wanted))]


def _environment() -> dict[str, str]:
    places = [*(place for place in sys.path if place), str(_panoramisk_folder())]
    return os.environ | {"PYTHONPATH": os.pathsep.join(places)}


def _run(client: str, events: int, wanted: bool) -> float:
    server = ManagerServer(events)
    try:
        done = subprocess.run(
            _command(client, server.port, events, wanted),
            env=_environment(), capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
    finally:
        server.close()
    return float(json.loads(done.stdout)["per_cpu_second"])


def _reads(client: str) -> float:
    """How often a client asks the kernel for bytes, per event."""
    server = ManagerServer(_TRACED)
    try:
        done = subprocess.run(
            ["strace", "-f", "-e", "trace=recvfrom,recvmsg,read", "-e", "signal=none", "-yy",
             *_command(client, server.port, _TRACED, True)],
            env=_environment(), capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
    finally:
        server.close()
    asked = re.findall(
        rf"(?:recvfrom|recvmsg|read)\(\d+<TCP:[^>]*->127\.0\.0\.1:{server.port}\]?>", done.stderr
    )
    return len(asked) / _TRACED


def _panoramisk_folder() -> Path:
    return cache_folder() / _PANORAMISK.replace("==", "-")


def _panoramisk() -> bool:
    """Have panoramisk in the cache folder, for the bench alone; False where this machine has no pip."""
    folder = _panoramisk_folder()
    if not folder.exists():
        pip = shutil.which("pip3") or shutil.which("pip")
        if pip is None:
            return False
        beside = folder.with_suffix(".half")
        command = [pip, "install", "--quiet", "--no-compile", "--target", str(beside), _PANORAMISK]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return False
        beside.rename(folder)
    return True


class _Counting:
    """A manager user that counts what it is sent."""

    def __init__(self, port: int, user: str, secret: str) -> None:
        self.events = self.bytes = 0
        self.names: dict[str, int] = {}
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.sendall(f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\n\r\n".encode())
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        received = b""
        while chunk := self._received():
            self.bytes += len(chunk)
            *whole, received = (received + chunk).split(b"\r\n\r\n")
            for message in whole:
                found = re.match(rb"Event: (\w+)", message)
                if found:
                    self.events += 1
                    name = found[1].decode()
                    self.names[name] = self.names.get(name, 0) + 1

    def _received(self) -> bytes:
        try:
            return self._socket.recv(1 << 16)
        except OSError:  # closed meanwhile
            return b""

    def close(self) -> None:
        self._socket.close()


def _per_call(bench: Bench) -> list[Figure]:
    product = Product(bench.folder / "calls", bench.program, agents=1)
    secret = manager_secret(product.settings.asterisk)
    file = product.settings.asterisk / "etc" / "manager.conf"
    file.write_text(file.read_text() + _ALL.format(secret=secret))
    with running(product) as telephones:
        product.everybody()
        users = [_Counting(product.settings.manager_port, user, secret) for user in ("events", "all")]
        calls = QueueCalls(telephones, bench.seed)
        calls.next_call()
        before = [(user.events, user.bytes) for user in users]
        for _ in range(_CALLS):
            calls.next_call()
        after = [(user.events, user.bytes) for user in users]
        calls.end()
        for user in users:
            user.close()
    (events, size), (all_events, all_size) = (
        ((e1 - e0) / _CALLS, (b1 - b0) / _CALLS) for (e0, b0), (e1, b1) in zip(before, after, strict=True)
    )
    return [
        Figure("events per call that waits", events, "", at_most=12, seen=f"unfiltered {all_events:.1f}"),
        Figure(
            "KiB per call that waits", size / 1024, "KiB", at_most=5, seen=f"unfiltered {all_size / 1024:.1f}"
        ),
    ]
