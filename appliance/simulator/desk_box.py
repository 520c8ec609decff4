"""A simulated desk box: the real firmware in a process of its own, a cable, and hands and eyes.

The cable is a pseudo-terminal that the appliance opens like any serial port; it can misbehave.
"""

from __future__ import annotations

import contextlib
import os
import pty
import random
import select
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from appliance.panel.bundle import SOURCES, install
from appliance.simulator.exchange import PATIENCE_SECONDS, NotHappened

T = TypeVar("T")
Colour = tuple[int, int, int]

_CHUNK = 4096
_START_SECONDS = 0.05
_WATCHDOG_LOOKS_SECONDS = 0.2
WATCHDOG_SECONDS = 8.0  # as on the board

LOOKS: dict[str, tuple[Colour, bool]] = {
    "white pulse": ((80, 80, 80), True),
    "off": ((0, 0, 0), False),
    "green": ((0, 200, 0), False),
    "green breathing": ((0, 255, 0), True),
    "amber": ((200, 90, 0), False),
    "amber blinking": ((200, 90, 0), True),
    "red": ((200, 0, 0), False),
    "blue blinking": ((0, 0, 255), True),
    "violet pulse": ((120, 0, 120), True),
    "violet blinking": ((120, 0, 120), True),
}
"""What a person sees: the colour when it is lit, and whether it moves."""

_STEADY = ((0, 200, 0), (200, 0, 0))
_LONGEST_DARK_SECONDS = 1.3  # between two blinks


class Cable:
    """Joins boxes to one pseudo-terminal at `path`, as USB joins one and RS-485 several."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_flooded = 0
        self._ends: list[socket.socket] = []
        self._lock = threading.Lock()
        self._garbled = 0.0
        self._floods = b""
        self._left: int | None = None
        self._random = random.Random(1)
        self._master = -1
        self._cut = threading.Event()
        self._thread: threading.Thread | None = None

    def plug(self) -> None:
        """The port appears."""
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        beside = self.path.with_suffix(".new")
        beside.symlink_to(os.ttyname(slave))
        self._slave = slave  # kept open, so that a port nobody has opened yet is no error
        self._cut.clear()
        self._left = None
        self._thread = threading.Thread(target=self._carry, name=f"cable {self.path.name}")
        self._thread.start()
        beside.rename(self.path)

    def unplug(self) -> None:
        """The port is gone, in the middle of whatever was on it."""
        self.path.unlink(missing_ok=True)
        self._cut.set()
        if self._thread:
            self._thread.join()
            self._thread = None

    def attach(self) -> socket.socket:
        """A box's end of the cable."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        with self._lock:
            self._ends.append(ours)
        return theirs

    # --- misbehaviour

    def garbles(self, part: float) -> None:
        """This part of the bytes, both ways, is not what was sent."""
        self._garbled = part

    def floods(self, noise: bytes) -> None:
        """The appliance is sent this without end, as fast as it can take it; b"" ends it."""
        self._floods = noise

    def calms_down(self) -> None:
        """No more of that."""
        self._floods, self._garbled = b"", 0.0

    def breaks_after(self, count: int) -> None:
        """Towards the appliance this many bytes still come through, then nothing."""
        self._left = count

    # --- carrying

    def _carry(self) -> None:
        try:
            while not self._cut.is_set():
                with self._lock:
                    ends = list(self._ends)
                writes = [self._master] if self._floods else []
                reads = [self._master, *(end.fileno() for end in ends)]
                ready, may_write, _ = select.select(reads, writes, [], 0.02)
                if self._master in ready:
                    self._to_boxes(os.read(self._master, _CHUNK), ends)
                for end in ends:
                    if end.fileno() in ready:
                        self._from_box(end)
                if may_write and self._floods:
                    self.bytes_flooded += self._to_appliance(self._floods)
        except OSError:
            pass  # the other side of the pseudo-terminal
        finally:
            os.close(self._slave)
            os.close(self._master)

    def _to_boxes(self, data: bytes, ends: Sequence[socket.socket]) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.send(self._garble(data))

    def _from_box(self, end: socket.socket) -> None:
        try:
            data = end.recv(_CHUNK)
        except OSError:
            data = b""
        if data:
            self._to_appliance(self._garble(data))
            return
        with self._lock:
            self._ends.remove(end)
        end.close()

    def _to_appliance(self, data: bytes) -> int:
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        try:
            return os.write(self._master, data) if data else 0
        except BlockingIOError:
            return 0

    def _garble(self, data: bytes) -> bytes:
        if not self._garbled:
            return data
        return bytes(
            self._random.randrange(256) if self._random.random() < self._garbled else byte for byte in data
        )


class SimulatedBox:
    """One box with its own disk in `folder`. `interpreter` runs the firmware: MicroPython, or any Python."""

    def __init__(
        self, serial: str, folder: Path, interpreter: Sequence[str], *, sources: Path = SOURCES
    ) -> None:
        self.serial = serial
        self.disk = folder
        self._interpreter = tuple(interpreter)
        self._sources = sources
        self._life: threading.Thread | None = None
        self._off = threading.Event()
        self.colour: Colour | None = None
        self.seen: list[tuple[float, Colour]] = []
        self.buzzes: list[float] = []
        self.starts = 0
        self.complaints = ""
        self.watchdog_seconds: float | None = None
        """After so long without being fed the watchdog starts the firmware again; None: there is none."""
        self.changed = threading.Condition()
        if not folder.exists():
            install(folder, sources)

    def power_on(self, cable: Cable) -> None:
        """The firmware starts, and starts again whenever it ends, as a watchdog would make it."""
        self.cable = cable
        self._off.clear()
        self._start(cable)
        self._life = threading.Thread(target=self._live, args=(cable,), name=f"box {self.serial}")
        self._life.start()

    def power_off(self) -> None:
        """Without warning."""
        self._off.set()
        if self._life:
            self._kill_until_dead()
            self._life = None

    def _kill_until_dead(self) -> None:
        assert self._life
        while self._life.is_alive():
            self._process.kill()
            self._life.join(0.1)

    def _start(self, cable: Cable) -> None:
        with cable.attach() as plug:
            hands, self._hands = os.pipe()
            os.set_blocking(hands, False)
            program = str(self._sources / "simulated.py")
            self._process = subprocess.Popen(
                [*self._interpreter, program, self.serial, f"{self.disk}/", str(plug.fileno())],
                stdin=hands,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[plug.fileno()],
            )
            os.close(hands)
        self.starts += 1
        with self.changed:
            self.colour = None
            self.seen = []

    def _live(self, cable: Cable) -> None:
        while True:
            with self._process as process:
                self._watch(process)
            os.close(self._hands)
            if self._off.wait(_START_SECONDS):
                return
            self._start(cable)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """What can be seen and heard of the box, until the firmware ends, or the watchdog ends it."""
        assert process.stdout
        assert process.stderr
        output, told, fed_at = process.stdout.fileno(), b"", time.monotonic()
        while True:
            if not select.select([output], [], [], _WATCHDOG_LOOKS_SECONDS)[0]:
                if self.watchdog_seconds and time.monotonic() - fed_at > self.watchdog_seconds:
                    process.kill()
                continue
            if not (data := os.read(output, _CHUNK)):
                break
            *lines, told = (told + data).split(b"\n")
            for line in lines:
                what, value = line.split()
                if what == b"fed":
                    fed_at = time.monotonic()
                else:
                    self._perceive(what, value)
        self.complaints += process.stderr.read().decode(errors="replace")

    def _perceive(self, what: bytes, value: bytes) -> None:
        with self.changed:
            if what == b"lamp":
                red, green, blue = bytes.fromhex(value.decode())
                self.colour = (red, green, blue)
                self.seen.append((time.monotonic(), self.colour))
                del self.seen[:-1000]
            elif value == b"1":
                self.buzzes.append(time.monotonic())
            self.changed.notify_all()

    # --- hands and eyes

    def moves(self, *, down: bool) -> None:
        """The contact closes or opens."""
        os.write(self._hands, b"d" if down else b"u")

    def presses(self) -> None:
        """A short press, with a contact that bounces."""
        os.write(self._hands, b"p")

    def holds(self) -> None:
        """A long press."""
        os.write(self._hands, b"l")

    def hangs(self) -> None:
        """The firmware does nothing any more."""
        os.write(self._hands, b"h")

    def shows(self, look: str, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the lamp looks like this from now on: its colour, dark in between when it moves."""
        lit, moves = LOOKS[look]
        since = time.monotonic()

        def looks_so() -> bool:
            recent = [colour for at, colour in self.seen if at >= since]
            if look == "off":
                return self._is_dark()
            if not moves:
                return self.colour == lit
            if look.endswith("blinking") and (0, 0, 0) not in recent:
                return False  # it only breathes
            return (
                any(_same_hue(colour, lit) for colour in recent)
                and len(recent) > 1
                and all(_same_hue(colour, lit) or colour == (0, 0, 0) for colour in recent[-2:])
            )

        self.wait_for(f"box {self.serial} shows {look}", looks_so, timeout_seconds)

    def _is_dark(self) -> bool:
        """Whether it is off, and not only between two blinks."""
        if self.colour != (0, 0, 0):
            return False
        before = self.seen[-2][1] if len(self.seen) > 1 else None
        return before in _STEADY or time.monotonic() - self.seen[-1][0] > _LONGEST_DARK_SECONDS

    def wait_for(self, what: str, look: Callable[[], T], timeout_seconds: float = PATIENCE_SECONDS) -> T:
        """Wait until `look` gives something, looking whenever the lamp changes. Raises NotHappened."""
        deadline = time.monotonic() + timeout_seconds
        with self.changed:
            while not (found := look()):
                if time.monotonic() > deadline:
                    raise NotHappened(
                        f"not within {timeout_seconds:g} s: {what};"
                        f" it showed {[c for _, c in self.seen[-6:]]} {self.complaints}"
                    )
                self.changed.wait(0.05)
            return found


def _same_hue(colour: Colour, lit: Colour) -> bool:
    """Whether this is the colour, however bright."""
    brightest = max(lit)
    return max(colour) > 0 and all(
        abs(part * brightest - of * max(colour)) <= 3 * brightest
        for part, of in zip(colour, lit, strict=True)
    )
