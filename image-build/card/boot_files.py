"""What lies on the boot partition: the Pi's own programs, settings, each slot's kernel and first system."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from card.filesystems import SIGNATURE
from card.kernel import modules_folder

_FIRMWARE = ("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat")
_SETTINGS = """\
# Read by the Raspberry Pi before Linux. Which of the two systems on the card starts: a/ or b/.
os_prefix={slot}/
kernel=vmlinuz
initramfs initramfs
arm_64bit=1
upstream_kernel=1
enable_uart=1
"""
_README = """\
Freizeichen. No screen is needed: plug in network and power, then open http://freizeichen.local

Who opens the page for the first time is asked for a code: that no one else in the network takes the box over.
Think one up, at least 8 letters or digits, and put it here in a file code.txt before the box starts. Without
that file the box makes one up and shows it on a screen, if there is one.

To get in by ssh (as root, with a key only) put a file authorized_keys with your public key here
before the box starts. No password works on it.

The address comes by DHCP. For a fixed one put a file network.txt here, with your own numbers:
    address=192.168.1.20/24
    gateway=192.168.1.1
    dns=192.168.1.1
"""
SLOTS = {"a": 2, "b": 3}
"""The slots' partitions."""
EMULATED_BOARD = "linux,dummy-virt"
_BOARD = re.compile(rb"raspberrypi,(?:\d[a-z0-9-]*|model-zero-2(?:-w)?)(?=\0)")


def command_line(slot: str) -> str:
    """What the kernel of a slot is told."""
    return (
        f"console=ttyS1,115200 console=tty0 root=PARTUUID={SIGNATURE:08x}-{SLOTS[slot]:02}"
        f" freizeichen.data={SIGNATURE:08x}-04 panic=10 quiet systemd.getty_auto=no\n"
    )


def slot_files(root: Path, first: bytes) -> dict[str, bytes]:
    """Kernel, first system, command line and descriptions of the boards, as one slot's folder has them.

    The command line is that of slot a: an update writes that of its own slot.
    """
    kernel = modules_folder(root)
    files = {
        "vmlinuz": (kernel / "vmlinuz").read_bytes(),
        "initramfs": first,
        "cmdline.txt": command_line("a").encode(),
        # Only where this file is does the Pi look for overlays in the slot's folder.
        "overlays/README": b"Overlays of the board descriptions, from Debian's raspi-firmware.\n",
    }
    for board in sorted(kernel.glob("dtb/broadcom/bcm2[78]*.dtb")):
        files[board.name] = board.read_bytes()
    for overlay in (root / "usr/lib/raspi-firmware/overlays").glob("*.dtbo"):
        files[f"overlays/{overlay.name}"] = overlay.read_bytes()
    return files


def boards_of(files: Mapping[str, bytes]) -> list[str]:
    """The boards (``compatible`` of their trees) these files of a slot can start, and the emulated one."""
    found = {EMULATED_BOARD}
    for name, content in files.items():
        if name.endswith(".dtb"):
            found.update(board.decode() for board in _BOARD.findall(content))
    return sorted(found)


def boot_files(root: Path, first: bytes) -> dict[str, bytes]:
    """All files of the boot partition as it is flashed, by name: slot a starts."""
    firmware = root / "usr/lib/raspi-firmware"
    return {
        **{name: (firmware / name).read_bytes() for name in _FIRMWARE},
        "config.txt": _SETTINGS.format(slot="a").encode(),
        "README.txt": _README.encode(),
        **{f"a/{name}": content for name, content in slot_files(root, first).items()},
    }
