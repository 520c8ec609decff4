"""What lies on the boot partition: the Pi's own programs, settings, each slot's kernel and first system."""

from __future__ import annotations

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

To get in by ssh (as root, with a key only) put a file authorized_keys with your public key here
before the box starts. No password works on it.
"""
SLOTS = {"a": 2, "b": 3}
"""The slots' partitions."""


def command_line(slot: str) -> str:
    """What the kernel of a slot is told."""
    return (
        f"console=tty0 console=ttyS1,115200 root=PARTUUID={SIGNATURE:08x}-{SLOTS[slot]:02}"
        f" freizeichen.data={SIGNATURE:08x}-04 panic=10 quiet systemd.getty_auto=no\n"
    )


def slot_files(root: Path, first: bytes, slot: str) -> dict[str, bytes]:
    """Kernel, first system, command line and descriptions of the boards, as one slot's folder has them."""
    kernel = modules_folder(root)
    files = {
        f"{slot}/vmlinuz": (kernel / "vmlinuz").read_bytes(),
        f"{slot}/initramfs": first,
        f"{slot}/cmdline.txt": command_line(slot).encode(),
        # Only where this file is does the Pi look for overlays in the slot's folder.
        f"{slot}/overlays/README": b"Overlays of the board descriptions, from Debian's raspi-firmware.\n",
    }
    for board in sorted(kernel.glob("dtb/broadcom/bcm2[78]*.dtb")):
        files[f"{slot}/{board.name}"] = board.read_bytes()
    for overlay in (root / "usr/lib/raspi-firmware/overlays").glob("*.dtbo"):
        files[f"{slot}/overlays/{overlay.name}"] = overlay.read_bytes()
    return files


def boot_files(root: Path, first: bytes) -> dict[str, bytes]:
    """All files of the boot partition as it is flashed, by name: slot a starts."""
    firmware = root / "usr/lib/raspi-firmware"
    return {
        **{name: (firmware / name).read_bytes() for name in _FIRMWARE},
        "config.txt": _SETTINGS.format(slot="a").encode(),
        "README.txt": _README.encode(),
        **slot_files(root, first, "a"),
    }
