"""Boots the machine lines are tested in, and asks it to do things."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from appliance.simulator.office import free_port
from appliance.telephony.asterisk import end_with_parent
from tests.lines.image import ROOT, Image
from tests.lines.inside import PORT

SLOWNESS = 10
"""So many times slower it may be than a real machine while the machine around it is busy."""
_BOOT_SECONDS = 60.0 * SLOWNESS
_MEMORY_MEGABYTES = 1024
_SHIFT = 1
"""Its clock counts its instructions (each 2**_SHIFT ns) and waits where it would be faster than ours: on a
busy machine it is slow, but never late, and no sound has gaps. It must never idle (see inside.py)."""
_OUTER_PORTS = range(7001, 7009)


class MachineError(AssertionError):
    """The machine did not boot or did not do what it was asked; the message says what it said."""


class Machine:
    """One emulated machine. `share` is a folder both sides see, in the machine as /share."""

    def __init__(self, image: Image, share: Path) -> None:
        self.share = share
        self.console = share / "console.log"
        self._image = image
        self._port = free_port()
        self._monitor, self._emulator_end = socket.socketpair()
        self._said = self._monitor.makefile("rb")
        self._ports = {outer: free_port() for outer in _OUTER_PORTS}
        self._relays = 0
        self._process: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Start it and wait until it answers. Raises MachineError with the console's last words."""
        self.share.mkdir(parents=True, exist_ok=True)
        words, environment = self._image.emulator()
        forwarded = {PORT: self._port} | self._ports
        network = "".join(
            f",hostfwd=tcp:127.0.0.1:{here}-10.0.2.15:{there}" for there, here in forwarded.items()
        )
        with (self.share / "emulator.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *words,
                    *("-accel", "tcg", "-cpu", "max", "-m", str(_MEMORY_MEGABYTES)),
                    *("-icount", f"shift={_SHIFT},align=on,sleep=on", "-rtc", "base=utc,clock=vm"),
                    *("-chardev", f"socket,id=monitor,fd={self._emulator_end.fileno()}"),
                    *("-qmp", "chardev:monitor"),
                    *("-nodefaults", "-nographic", "-no-reboot", "-serial", f"file:{self.console}"),
                    *("-kernel", str(self._image.kernel), "-initrd", str(self._image.first)),
                    *("-append", "console=ttyS0 panic=-1 mitigations=off"),
                    *("-drive", f"file={self._image.disk},format=raw,if=virtio,snapshot=on"),
                    *("-netdev", f"user,id=net{network}", "-device", "virtio-net-pci,netdev=net,romfile="),
                    *_shared("repository", ROOT, ",readonly=on"),
                    *_shared("share", self.share, ""),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
                preexec_fn=end_with_parent,
                pass_fds=[self._emulator_end.fileno()],
                process_group=0,  # Ctrl-C is for us, who keep its logs first
            )
        self._emulator_end.close()
        deadline = time.monotonic() + _BOOT_SECONDS
        while "the machine listens" not in self._console():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self.share / "emulator.log").read_text(errors="replace")
                raise MachineError(f"the machine does not boot:\n{self._console()[-3000:]}\n{said}")
            time.sleep(0.2)

        self._command("qmp_capabilities")

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """It stops, and its clock with it: whoever thinks meanwhile is not late, however long that lasts."""
        self._command("stop")
        try:
            yield
        finally:
            self._command("cont")

    def patience(self, seconds: float) -> Callable[[], bool]:
        """Says whether so much time has passed since, by the machine's own clock."""
        began = self._clock()
        return lambda: self._clock() - began > seconds

    def _clock(self) -> float:
        return float(self._ask({"clock": True}, 30)["clock"])

    def _command(self, name: str) -> None:
        """Tell the emulator; what it says of itself meanwhile is passed over."""
        self._monitor.sendall(json.dumps({"execute": name}).encode())
        while line := self._said.readline():
            answer = json.loads(line)
            if "error" in answer:
                raise MachineError(f"{name}: {answer['error']}")
            if "return" in answer:
                return
        raise MachineError(f"{name}: the emulator is gone")

    def stop(self) -> None:
        """Switch it off, as one pulls a plug."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
        for end in (self._said, self._monitor, self._emulator_end):
            end.close()

    def run(self, *words: str, seconds: float = 60.0, check: bool = True) -> str:
        """Run a program in it; returns what it printed. Raises MachineError for a status other than 0."""
        reply = self._ask({"run": words, "seconds": seconds}, seconds + 30)
        if check and reply["status"]:
            raise MachineError(f"{' '.join(words)}: status {reply['status']}\n{reply['output'][-3000:]}")
        return str(reply["output"])

    def store(self, file: str, order: str) -> list[list[Any]]:
        """Ask or change a database in it. Raises MachineError for what it refuses."""
        reply = self._ask({"store": file, "order": order}, 90)
        if "rows" not in reply:
            raise MachineError(f"{order}: {reply['output']}")
        rows: list[list[Any]] = reply["rows"]
        return rows

    def start(self, name: str, *words: str) -> int:
        """Start a program that goes on; its output is NAME.log in the share. Returns its process id."""
        return int(self._ask({"start": words, "name": name}, 30)["pid"])

    def relay(self, port: int) -> int:
        """A port of ours that leads to a port on the machine's loopback."""
        outer = _OUTER_PORTS[self._relays]
        self._relays += 1
        self._ask({"relay": [outer, port]}, 30)
        return self._ports[outer]

    def _console(self) -> str:
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        with socket.create_connection(("127.0.0.1", self._port), 10) as connection:
            connection.settimeout(seconds * SLOWNESS)
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
        if not line:
            raise MachineError(f"no answer to {request}")
        reply: dict[str, Any] = json.loads(line)
        return reply


def _shared(tag: str, folder: Path, options: str) -> tuple[str, ...]:
    return "-virtfs", f"local,path={folder},mount_tag={tag},security_model=none{options}"
