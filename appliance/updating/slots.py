"""Which of the card's two systems runs and which starts next.

The boot partition's ``config.txt`` names the slot that starts, ``tryboot.txt`` the one that starts a single
time when the firmware is asked for it. The Pi's firmware is asked through a kernel module of ours; that of an
emulated machine (`tests/image/card.py`) by a file. Both forget the wish as they start.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

PARTITIONS: Final = {"a": 2, "b": 3}
CONFIG: Final = "config.txt"
TRYBOOT: Final = "tryboot.txt"
START_ONCE: Final = "start-once"
"""On the boot partition of an emulated machine: its firmware takes `TRYBOOT` at the next start."""
_NAMED: Final = re.compile(rb"^os_prefix=([ab])/$", re.MULTILINE)


class NoSlots(Exception):
    """This machine was not started from a card of ours; the message says what was found instead."""


class Firmware(Protocol):
    """What reads the boot partition when the box starts."""

    def start_once(self) -> None:
        """Have `TRYBOOT` taken at the next start, and only then. Raises OSError."""


class PiFirmware:
    """The Raspberry Pi's own (https://www.raspberrypi.com/documentation/computers/config_txt.html, tryboot).

    Debian's kernel does not hand ``reboot "0 tryboot"`` on to it; the module does.
    """

    def start_once(self) -> None:
        """Ask by loading the module. Raises OSError."""
        done = subprocess.run(
            ["modprobe", "freizeichen_tryboot"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise OSError(done.stderr.strip() or "modprobe freizeichen_tryboot")


@dataclass(frozen=True, slots=True)
class EmulatedFirmware:
    """What the emulated machine's keeper does before each start."""

    boot: Path

    def start_once(self) -> None:
        """Leave the wish on the boot partition, which is writable now. Raises OSError."""
        write_through(self.boot / START_ONCE, b"")


@dataclass(frozen=True, slots=True)
class Slots:
    """The two systems of the card this box was started from.

    `boot` is the boot partition, `running` the slot that runs, `device` gives a slot's partition and
    `remount` makes `boot` writable ("rw") or not ("ro").
    """

    boot: Path
    running: str
    table: str
    firmware: Firmware
    device: Callable[[str], Path]
    remount: Callable[[str], None]

    @property
    def other(self) -> str:
        """The slot that does not run."""
        return "b" if self.running == "a" else "a"

    @property
    def chosen(self) -> str:
        """The slot that starts when nothing else is asked for. Raises NoSlots."""
        return slot_named_in((self.boot / CONFIG).read_bytes())

    @contextmanager
    def writable_boot(self) -> Iterator[Path]:
        """The boot partition, writable within the context only."""
        self.remount("rw")
        try:
            yield self.boot
        finally:
            os.sync()
            self.remount("ro")

    def choose_running(self) -> None:
        """From now on the running slot starts. One byte of one sector is changed, so a power cut leaves
        the old choice or the new one. Raises OSError."""
        with self.writable_boot() as boot:
            choose(boot / CONFIG, self.running)
            (boot / TRYBOOT).unlink(missing_ok=True)


def slot_named_in(settings: bytes) -> str:
    """The slot that ``config.txt`` or ``tryboot.txt`` names. Raises NoSlots."""
    named = _NAMED.search(settings)
    if not named:
        raise NoSlots("os_prefix")
    return named[1].decode()


def naming(settings: bytes, slot: str) -> bytes:
    """The settings, with this slot named; as long as before. Raises NoSlots."""
    slot_named_in(settings)
    return _NAMED.sub(b"os_prefix=%s/" % slot.encode(), settings)


def choose(config: Path, slot: str) -> None:
    """Name a slot in place: no other byte of the file, and no other sector of the card, is written."""
    settings = config.read_bytes()
    place = next((match.start(1) for match in [_NAMED.search(settings)] if match), None)
    if place is None:
        raise NoSlots("os_prefix")
    handle = os.open(config, os.O_WRONLY)
    try:
        os.pwrite(handle, slot.encode(), place)
        os.fsync(handle)
    finally:
        os.close(handle)


def write_through(file: Path, content: bytes) -> None:
    """Write a file and wait until it is on the card."""
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def running_from(command_line: str) -> tuple[str, str]:
    """The table's signature and the slot the kernel was given as its root. Raises NoSlots."""
    found = re.search(r"(?:^|\s)root=PARTUUID=([0-9a-f]{8})-(\d\d)(?:\s|$)", command_line)
    slots = {number: slot for slot, number in PARTITIONS.items()}
    if not found or int(found[2]) not in slots:
        raise NoSlots(command_line.strip())
    return found[1], slots[int(found[2])]


def boards(compatible: bytes) -> list[str]:
    """The names of this board, the most exact first, from the device tree's ``compatible``."""
    return [name.decode(errors="replace") for name in compatible.split(b"\0") if name]


def this_board() -> list[str]:
    """The names of the board this runs on; none where there is no device tree."""
    with contextlib.suppress(OSError):
        return boards(Path("/proc/device-tree/compatible").read_bytes())
    return []


def slots_of_this_box() -> Slots:
    """The slots of the running system. Raises NoSlots."""
    table, running = running_from(Path("/proc/cmdline").read_text())
    boot = Path("/boot/firmware")
    is_pi = any(name.startswith("raspberrypi,") for name in this_board())

    def device(slot: str) -> Path:
        wanted = f"PARTUUID={table}-{PARTITIONS[slot]:02}"
        for told in Path("/sys/class/block").glob("*/uevent"):
            if wanted in told.read_text().splitlines():
                return Path("/dev") / told.parent.name
        raise NoSlots(wanted)

    return Slots(
        boot,
        running,
        table,
        PiFirmware() if is_pi else EmulatedFirmware(boot),
        device,
        lambda how: _run(["mount", "-o", f"remount,{how}", str(boot)]),
    )


def _run(words: Sequence[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
