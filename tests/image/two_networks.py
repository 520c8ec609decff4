"""Two network namespaces joined by a cable: the box behind its firewall, and somebody who knocks.

Run it as ``unshare --map-root-user --net python -m tests.image.two_networks ROOT``; it then reads
commands, one JSON list a line, and answers each with one JSON line. ROOT has nft and ip.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.image.debian_root import command

BOX = {4: "192.168.7.1", 6: "fd00:7::1"}
KNOCKERS = {"phone": "192.168.7.2", "desk": "192.168.7.3", "phone6": "fd00:7::2", "stranger": "203.0.113.9"}
_PATIENCE_SECONDS = 15.0
_GRACE_SECONDS = 0.5  # for an answer that must not come
_CLONE_NEWNET = 0x40000000


class Cable:
    """This process and its main thread are the box; a second thread is in the network outside."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._outside: list[Any] = []
        self._ready, self._wanted, self._done = threading.Event(), threading.Event(), threading.Event()
        threading.Thread(target=self._live_outside, daemon=True).start()
        self._ready.wait()
        self._plug_in()

    def _live_outside(self) -> None:
        """A thread may be in another network than the rest of its process."""
        import ctypes

        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        self._thread = threading.get_native_id()
        self._ready.set()
        while True:
            self._wanted.wait()
            self._wanted.clear()
            work, answer = self._outside.pop()
            try:
                answer.append(work())
            finally:
                self._done.set()

    def outside(self, work: Any) -> Any:
        """Do this in the network outside."""
        answer: list[Any] = []
        self._done.clear()
        self._outside.append((work, answer))
        self._wanted.set()
        self._done.wait()
        return answer[0]

    def ip(self, *words: str) -> None:
        """Set up the network of the calling thread."""
        subprocess.run([*command(self._root, "usr/bin/ip"), *words], check=True)

    def nft(self, file: str) -> None:
        """Load rules into the box."""
        subprocess.run([*command(self._root, "usr/sbin/nft"), "--file", file], check=True)

    def _plug_in(self) -> None:
        there = f"/proc/{os.getpid()}/task/{self._thread}/ns/net"
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", "box", "type", "veth", "peer", "name", "outside")
        with open(there) as network:  # noqa: PTH123 - a descriptor to hand on
            subprocess.run(
                [
                    *command(self._root, "usr/bin/ip"),
                    "link",
                    "set",
                    "outside",
                    "netns",
                    f"/proc/self/fd/{network.fileno()}",
                ],
                check=True,
                pass_fds=[network.fileno()],
            )
        self.ip("address", "add", f"{BOX[4]}/24", "dev", "box")
        self.ip("address", "add", f"{BOX[6]}/64", "dev", "box", "nodad")
        self.ip("link", "set", "box", "up")
        self.ip("route", "add", "203.0.113.0/24", "dev", "box")

        def set_up() -> None:
            self.ip("link", "set", "lo", "up")
            self.ip("link", "set", "outside", "up")
            for address in KNOCKERS.values():
                length, more = ("64", ["nodad"]) if ":" in address else ("24", [])
                self.ip("address", "add", f"{address}/{length}", "dev", "outside", *more)

        self.outside(set_up)


class Box:
    """Answers on every port it is told to, TCP and UDP, IPv4 and IPv6."""

    def __init__(self) -> None:
        self._sockets: dict[socket.socket, str] = {}
        self.heard: list[str] = []

    def listen(self, tcp: list[int], udp: list[int]) -> None:
        """Open these ports on both of its addresses."""
        for family, address in ((socket.AF_INET, BOX[4]), (socket.AF_INET6, BOX[6])):
            for port in tcp:
                self._sockets[socket.create_server((address, port), family=family, backlog=64)] = "tcp"
            for port in udp:
                listening = socket.socket(family, socket.SOCK_DGRAM)
                listening.bind((address, port))
                self._sockets[listening] = "udp"
        threading.Thread(target=self._serve, daemon=True).start()

    def calls(self, port: int, address: str, other: int) -> None:
        """Send a datagram from one of its ports."""
        for listening, kind in self._sockets.items():
            if kind == "udp" and listening.getsockname()[:2] == (BOX[4], port):
                listening.sendto(b"OPTIONS", (address, other))

    def _serve(self) -> None:
        while True:
            for listening in select.select(list(self._sockets), [], [])[0]:
                if self._sockets[listening] == "tcp":
                    listening.accept()[0].close()
                else:
                    data, who = listening.recvfrom(100)
                    self.heard.append(who[0])
                    listening.sendto(data, who)


def knock(who: str, tcp: list[int], udp: list[int], expected: list[str]) -> list[str]:
    """Knock at all these ports at once; which answer, as ``tcp 80``. Those expected are waited for."""
    address = KNOCKERS[who]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    target = BOX[6 if ":" in address else 4]
    waiting: dict[socket.socket, str] = {}
    for port in tcp:
        knocking = socket.socket(family, socket.SOCK_STREAM)
        knocking.setblocking(False)
        knocking.bind((address, 0))
        with contextlib.suppress(BlockingIOError):
            knocking.connect((target, port))
        waiting[knocking] = f"tcp {port}"
    for port in udp:
        knocking = socket.socket(family, socket.SOCK_DGRAM)
        knocking.bind((address, 0))
        knocking.connect((target, port))
        knocking.send(b"knock")
        waiting[knocking] = f"udp {port}"
    answered: list[str] = []
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while waiting and time.monotonic() < deadline:
        if set(expected) <= set(answered):
            deadline = min(deadline, time.monotonic() + _GRACE_SECONDS)
        answered += _answers(waiting)
    return sorted(answered)


def _answers(waiting: dict[socket.socket, str]) -> Iterator[str]:
    tcp = [knocking for knocking, name in waiting.items() if name.startswith("tcp")]
    udp = [knocking for knocking, name in waiting.items() if name.startswith("udp")]
    readable, writable, _ = select.select(udp, tcp, [], 0.05)
    for knocking in (*readable, *writable):
        name = waiting.pop(knocking)
        if not knocking.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            yield name
        knocking.close()


def flood(who: str, packets: int) -> None:
    """Send SIP far faster than a telephone does, from one port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((KNOCKERS[who], 0))
        for number in range(packets):
            sender.sendto(b"INVITE", (BOX[4], 5060))
            if number % 20 == 0:
                time.sleep(0.001)  # no faster than the box would hear them


def main() -> None:
    """Serve commands until the end of the input."""
    cable, box = Cable(Path(sys.argv[1])), Box()
    exchange = None
    for line in sys.stdin:
        answer: Any = None
        match json.loads(line):
            case ["nft", file]:
                cable.nft(file)
            case ["listen", tcp, udp]:
                box.listen(tcp, udp)
            case ["knock", *words]:
                answer = cable.outside(lambda words=words: knock(*words))
            case ["flood", who, packets]:
                cable.outside(lambda who=who, packets=packets: flood(who, packets))
            case ["heard", who]:
                answer = box.heard.count(KNOCKERS[who])
            case ["exchange rings", port]:  # from the port the box has called, without being asked

                def bind(port: int = port) -> socket.socket:
                    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    opened.bind((KNOCKERS["stranger"], port))
                    opened.settimeout(_PATIENCE_SECONDS)
                    return opened

                exchange = exchange or cable.outside(bind)
                box.calls(5060, KNOCKERS["stranger"], port)
                first = exchange.recv(100)
                exchange.sendto(b"INVITE", (BOX[4], 5060))
                answer = [first.decode(), exchange.recv(100).decode()]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
