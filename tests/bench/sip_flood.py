"""A flood of SIP from the office's own network: scanning for extensions, and guessing a phone's password.

In a network of its own (network namespaces, as tests/image/test_firewall.py) the whole product is called
over its line while somebody at a cable sends 500 messages a second, with the firewall of the card's image and
without any. `python -m tests.bench.sip_flood` is what runs in there.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from appliance.store.attention import attention
from appliance.telephony.debian_archive import PreparationError
from appliance.telephony.sandbox import ensure_asterisk, shown_progress
from tests.bench.bench import Bench
from tests.bench.call_set_up import one_call
from tests.bench.comparing import Figure, compared
from tests.bench.offices import Product, running
from tests.image.debian_root import TOOLS, TREE, debian_root
from tests.image.two_networks import BOX, KNOCKERS, Cable

TITLE = "SIP scanning and password guessing, 500 messages a second"
_AGENTS = 4
_RATE = 500
_SECONDS = 40  # longer than Asterisk keeps a transaction (32 s)
_FULL_SECONDS = 120
_MIB = 2**20
_WALLS = ("firewall", "nothing")


def measured(bench: Bench) -> list[Figure]:
    """Rounds of a quiet while and a flood, behind the firewall and without one."""
    separate = ["unshare", "--map-root-user", "--net"]
    possible = subprocess.run([*separate, "true"], capture_output=True, text=True, check=False)
    if possible.returncode:
        said = f"{' '.join(separate)}: {possible.stderr.strip()}"
        raise PreparationError(said, said)
    debian_root(TOOLS)
    calls: dict[tuple[str, str], list[list[float]]] = {}
    grown: dict[str, list[float]] = {wall: [] for wall in _WALLS}
    answered, told = dict.fromkeys(_WALLS, 0), 0
    seconds = _FULL_SECONDS if bench.full else _SECONDS
    for number in bench.rounds(TITLE):
        for wall in _WALLS:
            folder = bench.folder / f"{wall}-{number}"
            words = [sys.executable, "-m", "tests.bench.sip_flood", str(folder), wall, str(seconds)]
            done = subprocess.run(
                [*separate, *words], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True,
                check=True,
            )  # fmt: skip
            seen = json.loads(done.stdout.splitlines()[-1])
            for when in ("quiet", "flooded"):
                calls.setdefault((wall, when), []).append(seen[when])
            grown[wall].append(seen["grown_bytes"] / _MIB)
            answered[wall] += seen["answered"]
            told += seen["told"]
        bench.done(TITLE, number)
    ours, theirs = (sum(grown[wall]) / bench.pairs for wall in _WALLS)
    sent = _RATE * seconds * bench.pairs
    return [
        compared("call set-up during the flood, p99, to that before it", calls["firewall", "flooded"],
                 calls["firewall", "quiet"], unit="ms", quantile=0.99, at_most=2, seed=bench.seed),
        compared("the same without a firewall", calls["nothing", "flooded"], calls["nothing", "quiet"],
                 unit="ms", quantile=0.99, seed=bench.seed),
        Figure("growth of Asterisk's memory, to that without a firewall", ours / theirs if theirs else 0.0,
               at_most=0.1, seen=f"{ours:.1f} MiB to {theirs:.1f} MiB in {seconds} s"),
        Figure("messages Asterisk answered", answered["firewall"], "", seen=f"of {sent}; without a firewall"
               f" {answered['nothing']}"),
        Figure("floods the page tells of", told, "", at_least=2 * bench.pairs),
    ]  # fmt: skip


class Flood:
    """One sender: every other message looks for an extension, and every other tries a password of desk_1."""

    def __init__(self, box: tuple[str, int]) -> None:
        self._box = box
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self._socket.bind((KNOCKERS["phone"], 0))
        self._socket.setblocking(False)
        self._asked: dict[str, str] = {}
        self.answered = 0

    def run(self, seconds: float) -> None:
        """Send as fast as wanted; what was missed for a moment is sent then."""
        began = time.monotonic()
        for number in itertools.count():
            due = began + number / _RATE
            if due > began + seconds:
                break
            self._hear()
            time.sleep(max(0.0, due - time.monotonic()))
            self._socket.sendto(self._message(number), self._box)
        self._hear()
        self._socket.close()

    def _hear(self) -> None:
        while True:
            try:
                data = self._socket.recv(4096)
            except BlockingIOError:
                return
            self.answered += 1
            for name, value in re.findall(r'(realm|nonce|opaque)="([^"]*)"', data.decode("utf-8", "replace")):
                self._asked[name] = value

    def _message(self, number: int) -> bytes:
        host, port = self._socket.getsockname()
        to = f"sip:{self._box[0]}:{self._box[1]}"
        method, user = ("REGISTER", "desk_1") if number % 2 else ("INVITE", str(100 + number % 10_000))
        lines = [
            f"{method} {to if number % 2 else to.replace(':', f':{user}@', 1)} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{number};rport",
            f"From: <sip:{user}@{host}>;tag={number}", f"To: <sip:{user}@{self._box[0]}>",
            f"Call-ID: {number}@{host}", f"CSeq: 1 {method}", "Max-Forwards: 70",
            f"Contact: <sip:{user}@{host}:{port}>", "User-Agent: friendly-scanner", "Expires: 300",
        ]  # fmt: skip
        if number % 2 and self._asked:
            guess = hashlib.md5(f"password{number}".encode(), usedforsecurity=False).hexdigest()
            asked = "".join(f', {name}="{value}"' for name, value in self._asked.items())
            lines.append(f'Authorization: Digest username="desk_1", uri="{to}", response="{guess}"{asked}'
                         ', algorithm=MD5, qop=auth, nc=00000001, cnonce="1"')  # fmt: skip
        return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()


def _resident_bytes(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return 1024 * int(found[1]) if found else 0


def _calls_for(seconds: float, telephones: Any) -> list[float]:
    until = time.monotonic() + seconds
    seen = []
    while time.monotonic() < until:
        seen.append(one_call(telephones, "+49170")[1])
    return seen


def main() -> None:
    """Calls before and during a flood; prints what was seen as one line of JSON."""
    folder, wall, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    with shown_progress() as progress:
        program = ensure_asterisk(progress)
    cable = Cable(debian_root(TOOLS))
    product = Product(folder, program, _AGENTS, sip_address=BOX[4])
    box = (product.settings.sip_address, product.settings.sip_port)
    if wall == "firewall":
        rules = (TREE / "etc/nftables.conf").read_text().replace("5060", str(box[1]))
        (folder / "rules").write_text(rules)
        cable.nft(str(folder / "rules"))
    with running(product) as telephones:
        product.everybody()
        _calls_for(5, telephones)  # warms up
        quiet = _calls_for(seconds, telephones)
        asterisk = product.asterisk.process_id
        before = _resident_bytes(asterisk)
        flood = cable.outside(lambda: Flood(box))
        sender = threading.Thread(target=cable.outside, args=[lambda: flood.run(seconds)])
        sender.start()
        flooded = _calls_for(seconds, telephones)
        sender.join()
        after = _resident_bytes(asterisk)
        told = any(kind == "knocking" for kind, *_ in attention(product.office.db))
    print(json.dumps({"quiet": quiet, "flooded": flooded, "grown_bytes": after - before,
                      "answered": flood.answered, "told": told}))  # fmt: skip


if __name__ == "__main__":
    main()
