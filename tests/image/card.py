"""A card in an emulated machine: kernel and first system are taken out of the image, as a Pi reads them."""

from __future__ import annotations

import contextlib
import lzma
import os
import re
import shlex
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from appliance.simulator.office import free_port
from appliance.telephony.asterisk import end_with_parent
from appliance.telephony.debian_archive import PreparationError
from appliance.telephony.sandbox import shown_progress
from appliance.updating.slots import START_ONCE
from card.filesystems import PARTITIONS
from card.packages import Tools
from tests.image.captured import LONGEST_BYTES

BOX = "10.0.2.15"
"""The address the box has, by DHCP or fixed."""
OUTSIDE = "10.0.2.2"
"""The address of this machine as the box sees it."""
WATCHDOG = "i6300esb"
"""The watchdog of the emulated machine; a Pi has one of its own."""
_CARD_BYTES = 4 * 1024**3
_BLOCK = 1024 * 1024
_SHOWN = "systemd.journald.forward_to_console=1 systemd.journald.max_level_console=info"


# The box's clock goes with the instructions it has carried out, two nanoseconds each: on a busy machine it
# is slow, but its own watchdogs and timers see no difference.
_PROCESSOR = ("-accel", "tcg,thread=single", "-icount", "shift=1,sleep=on", "-smp", "1", "-m", "1024")


class CardError(AssertionError):
    """The box did not do what it should; the message ends with the last words of its console."""


def flashed(packed: Path, target: Path, card_bytes: int = _CARD_BYTES) -> None:
    """Write an image, packed or not, to a larger card, which is a file."""
    place = 0
    read = lzma.open if packed.suffix == ".xz" else open
    with read(packed, "rb") as image, target.open("wb") as card:
        card.truncate(card_bytes)
        while block := image.read(_BLOCK):
            if block.strip(b"\0"):
                card.seek(place)
                card.write(block)
            place += len(block)


def _drive(card: Path, log: Path | None) -> list[str]:
    if log is None:
        return ["-drive", f"file={card},format=raw,if=virtio"]
    log.touch()
    nodes = (
        f"driver=file,filename={card},node-name=file",
        f"driver=file,filename={log},node-name=log",
        "driver=raw,file=file,node-name=card",
        "driver=blklogwrites,file=card,log=log,log-sector-size=512,node-name=logged",
    )
    return [
        *(word for node in nodes for word in ("-blockdev", node)),
        "-device",
        "virtio-blk-pci,drive=logged",
    ]


class Card:
    """The card and the machine it is in."""

    def __init__(self, card: Path, folder: Path, patience_seconds: float) -> None:
        self.file, self._folder = card, folder
        self._patience_seconds = patience_seconds
        self._boots = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.page, self.sip, self._ssh = free_port(), free_port(), free_port()
        self.started = 0.0
        with shown_progress("tools") as progress:
            self._tools = Tools(folder, progress)
            trees = {
                "emulator": ("qemu-system-arm",),
                "ssh": ("openssh-client",),
            }
            self._trees = {
                name: self._tools.tree(name, self._tools.apt.archives_needed_by(packages), progress)
                for name, packages in trees.items()
            }
        self._key = folder / "key"
        self._key.unlink(missing_ok=True)
        subprocess.run(
            [*self._program("ssh", "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(self._key)],
            check=True,
        )

    def _program(self, tree: str, program: str) -> list[str]:
        root = self._trees[tree]
        libraries = next((root / "usr/lib").glob("*-linux-gnu"))
        loader = next(libraries.glob("ld-linux-*"))
        return [str(loader), "--library-path", str(libraries), str(root / "usr/bin" / program)]

    # The boot partition, as somebody sees it who puts the card into a computer

    def read_boot(self, name: str) -> bytes:
        """A file of the boot partition."""
        target = self._folder / "read"
        self._mtools("mcopy", "-n", "-o", f"::{name}", target)
        content = target.read_bytes()
        target.unlink()
        return content

    def write_boot(self, name: str, content: bytes) -> None:
        """Put a file on the boot partition."""
        source = self._folder / "written"
        source.write_bytes(content)
        self._mtools("mcopy", "-o", source, f"::{name}")

    def allow_ssh(self) -> None:
        """Put our key where the README on the card says."""
        self.write_boot("authorized_keys", self._key.with_suffix(".pub").read_bytes())

    def _mtools(self, program: str, *words: str | Path) -> None:
        place = f"{self.file}@@{PARTITIONS[1][0]}"
        quiet = {"MTOOLSRC": "/dev/null", "MTOOLS_SKIP_CHECK": "1"}
        self._tools.run("mtools", "-c", program, "-i", place, *words, environment=quiet)

    def overwrite(self, partition: int, content: bytes, offset: int = 0) -> None:
        """Spoil something on the card while the machine is off."""
        with self.file.open("r+b") as card:
            card.seek(PARTITIONS[partition][0] + offset)
            card.write(content)

    def wipe_data(self) -> None:
        """Leave only zeros of the data partition, the last one."""
        size = self.file.stat().st_size
        os.truncate(self.file, PARTITIONS[4][0])
        os.truncate(self.file, size)

    # The machine

    def settings(self, name: str = "config.txt") -> Mapping[str, str]:
        """What the boot partition tells the firmware."""
        return dict(re.findall(r"^(\w+)[= ](.*)$", self.read_boot(name).decode(), re.MULTILINE))

    def _taken_settings(self) -> Mapping[str, str]:
        """As the Pi's firmware does: what was asked for once is forgotten, then taken."""
        try:
            self._mtools("mdel", f"::{START_ONCE}")
        except PreparationError:
            return self.settings()
        return self.settings("tryboot.txt")

    def boot(self, log: Path | None = None) -> None:
        """Switch on: what the settings on the boot partition name is started.

        With `log`, every write and flush is noted there as it reaches the card (`written_blocks.py`).
        """
        slot = self._taken_settings()["os_prefix"]
        told = self.read_boot(f"{slot}cmdline.txt").decode().strip().replace("quiet", "loglevel=6")
        self.start(self.read_boot(f"{slot}vmlinuz"), self.read_boot(f"{slot}initramfs"), told, log)

    def start(self, kernel: bytes, first: bytes, told: str, log: Path | None = None) -> None:
        """Start this kernel and first system, told this, whatever the card says."""
        parts = {name: self._folder / name for name in ("vmlinuz", "initramfs")}
        for name, content in zip(parts, (kernel, first), strict=True):
            parts[name].write_bytes(content)
        self._boots += 1
        forwarded = f"hostfwd=tcp:127.0.0.1:{self.page}-{BOX}:80,hostfwd=tcp:127.0.0.1:{self._ssh}-{BOX}:22"
        root = self._trees["emulator"]
        libraries = next((root / "usr/lib").glob("*-linux-gnu"))
        with (self._folder / f"emulator-{self._boots}.log").open("wb") as said:
            self._process = subprocess.Popen(
                [
                    *self._program("emulator", "qemu-system-aarch64"),
                    *("-L", str(root / "usr/share/qemu"), "-M", "virt", "-cpu", "cortex-a72"),
                    *_PROCESSOR,
                    *("-nodefaults", "-nographic", "-no-reboot", "-serial", f"file:{self.console}"),
                    *("-kernel", str(parts["vmlinuz"]), "-initrd", str(parts["initramfs"])),
                    *("-append", f"{told} console=ttyAMA0 {_SHOWN}"),
                    *_drive(self.file, log),
                    *("-netdev", f"user,id=net,{forwarded},hostfwd=udp:127.0.0.1:{self.sip}-{BOX}:5060"),
                    *("-device", "virtio-net-pci,netdev=net,romfile=", "-device", WATCHDOG),
                    *(
                        "-object",
                        f"filter-dump,id=seen,netdev=net,file={self.capture},maxlen={LONGEST_BYTES}",
                    ),
                ],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=os.environ | {"QEMU_MODULE_DIR": str(libraries / "qemu")},
                preexec_fn=end_with_parent,
            )
        self.started = time.monotonic()

    @property
    def console(self) -> Path:
        """What this start printed."""
        return self._folder / f"console-{self._boots}.log"

    @property
    def capture(self) -> Path:
        """The packets of this start (`captured.py`)."""
        return self._folder / f"network-{self._boots}.pcap"

    def printed(self) -> bytes:
        """All that this start has printed so far."""
        return self.console.read_bytes() if self.console.exists() else b""

    def pull_the_plug(self) -> None:
        """Switch off without a warning."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wait_for_restart(self) -> None:
        """Wait until the box ends by itself, and switch it on again as its firmware would."""
        self.wait_for("it restarts", self.has_ended)
        self._process = None
        self.boot()

    def has_ended(self) -> bool:
        """Whether the machine is off."""
        return self._process is None or self._process.poll() is not None

    def shut_down(self) -> None:
        """Switch off as one should."""
        with contextlib.suppress(CardError):
            self.run("systemctl --no-block poweroff")
        self.wait_for("it is off", self.has_ended)
        self._process = None

    def put(self, file: Path, target: str) -> None:
        """Copy a file into the box. Raises CardError."""
        with file.open("rb") as content:
            self._ssh_run(f"cat > {target}", content)

    def follow(self, command: str) -> subprocess.Popen[str]:
        """Start a command in the box whose output is read as it comes."""
        return subprocess.Popen(
            [*self._ssh_words(), command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=end_with_parent,
        )

    def run(self, command: str, *, given: str | None = None) -> str:
        """Run a command of a shell in the box, by ssh; returns what it prints. Raises CardError."""
        with tempfile.TemporaryFile() as content:
            content.write((given or "").encode())
            content.seek(0)
            return self._ssh_run(command, content)

    def _ssh_run(self, command: str, given: IO[bytes]) -> str:
        done = subprocess.run(
            [*self._ssh_words(), command], capture_output=True, text=True, stdin=given, check=False
        )
        if done.returncode:
            raise CardError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def _ssh_words(self) -> list[str]:
        options = (
            *("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"),
            *("ConnectTimeout=600", "BatchMode=yes"),
        )
        return [
            *self._program("ssh", "ssh"),
            *("-F", "/dev/null", "-i", str(self._key), "-p", str(self._ssh)),
            *(word for option in options for word in ("-o", option)),
            "root@127.0.0.1",
        ]

    def as_supervisor(self, command: str) -> str:
        """The command to run something in the box as the supervisor's user."""
        words = "setpriv --reuid=freizeichen --regid=freizeichen --init-groups sh -c"
        return f"{words} {shlex.quote(command)}"

    def shows_page(self) -> bool:
        """Whether the office's page answers."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.page}/", headers={"Host": "freizeichen.local"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return b"Freizeichen" in answer.read()
        except (OSError, urllib.error.URLError):
            return False

    def wait_for(self, what: str, look: Callable[[], object]) -> None:
        """Wait until `look` gives something; an ssh that fails meanwhile does not matter."""
        deadline, said = time.monotonic() + self._patience_seconds, ""
        while True:
            try:
                if look():
                    return
            except CardError as error:
                said = str(error)
            over = self._process is None or self._process.poll() is not None
            if over or time.monotonic() > deadline:
                why = "the machine has ended" if over else f"not within {self._patience_seconds:.0f} s"
                console = self.console.read_text(errors="replace")[-1500:] if self.console.exists() else ""
                raise CardError(f"{why}: {what}\n{said}\n{console}")
            time.sleep(0.5)

    def figures(self) -> Mapping[str, float]:
        """When the services were ready, in seconds from the start of the kernel by the box's own clock."""
        shown = {
            name: self.run(f"systemctl show --value --property=ActiveEnterTimestampMonotonic {name}.service")
            for name in ("asterisk", "freizeichen", "freizeichen-web")
        }
        return {name: int(value) / 1e6 for name, value in shown.items()}
