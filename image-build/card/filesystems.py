"""Partitions and file systems of the card: the same bytes from the same content."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path

from card.packages import Tools

SIGNATURE = 0x465A0001
"""Of the partition table; a partition is found by it and its place (``465a0001-02``)."""
SECTOR = 512
MEGABYTE = 1024 * 1024
BOOT_BYTES = 256 * MEGABYTE
SLOT_BYTES = 512 * MEGABYTE
DATA_BYTES = 128 * MEGABYTE
"""As flashed; it grows on the first start."""
_BEGIN = 4 * MEGABYTE
_IDENTITY = "465a0001-0000-4000-8000-00000000000"
_FAT, _LINUX = 0x0C, 0x83
PARTITIONS = {
    1: (_BEGIN, BOOT_BYTES),
    2: (_BEGIN + BOOT_BYTES, SLOT_BYTES),
    3: (_BEGIN + BOOT_BYTES + SLOT_BYTES, SLOT_BYTES),
    4: (_BEGIN + BOOT_BYTES + 2 * SLOT_BYTES, DATA_BYTES),
}
"""Number of each partition: where it begins and how long it is."""
CARD_BYTES = sum(PARTITIONS[4])


def write_root(root: Path, target: Path, epoch: int, tools: Tools) -> int:
    """A read-only file system (EROFS) of this tree, all of it root's; returns its bytes."""
    target.unlink(missing_ok=True)
    tools.run(
        "mkfs.erofs",
        *("--quiet", "-zlz4hc,12", "-C65536", "-Efragments,dedupe,ztailpacking", "--all-root", f"-T{epoch}"),
        *("-U", f"{_IDENTITY}2", target, root),
    )
    return target.stat().st_size


def write_boot(files: Mapping[str, bytes], target: Path, work: Path, epoch: int, tools: Tools) -> None:
    """The partition the Pi's own program reads (FAT)."""
    target.unlink(missing_ok=True)
    with target.open("wb") as file:
        file.truncate(BOOT_BYTES)
    tools.run("mkfs.fat", "--invariant", "-F32", "-i", f"{SIGNATURE:08x}", "-n", "FREIZEICHEN", target)
    settings = {
        "MTOOLSRC": "/dev/null",
        "SOURCE_DATE_EPOCH": str(epoch),
        "TZ": "UTC",
        "MTOOLS_SKIP_CHECK": "1",
    }
    made = set[str]()
    for name, content in sorted(files.items()):
        for folder in reversed([parent.as_posix() for parent in Path(name).parents if parent.name]):
            if folder not in made:
                tools.run("mmd", "-i", target, f"::{folder}", environment=settings)
                made.add(folder)
        part = work / "boot-file"
        part.write_bytes(content)
        os.utime(part, (epoch, epoch))
        tools.run("mcopy", "-m", "-i", target, part, f"::{name}", environment=settings)
        part.unlink()


def write_data(target: Path, epoch: int, tools: Tools) -> None:
    """The partition of the office's data (ext4), empty."""
    target.unlink(missing_ok=True)
    with target.open("wb") as file:
        file.truncate(DATA_BYTES)
    tools.run(
        "mke2fs",
        *("-q", "-F", "-t", "ext4", "-b", "4096", "-m", "1", "-L", "data", "-U", f"{_IDENTITY}4"),
        *("-E", f"hash_seed={_IDENTITY}5,root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0", target),
        environment={"E2FSPROGS_FAKE_TIME": str(epoch), "SOURCE_DATE_EPOCH": str(epoch)},
    )


def partition_table() -> bytes:
    """The first sector: four partitions, addressed by sector only."""
    table = bytearray(SECTOR)
    table[440:444] = struct.pack("<I", SIGNATURE)
    for number, (begin, length) in PARTITIONS.items():
        entry = struct.pack(
            "<B3sB3sII",
            *(0x80 if number == 1 else 0, b"\xfe\xff\xff", _FAT if number == 1 else _LINUX, b"\xfe\xff\xff"),
            *(begin // SECTOR, length // SECTOR),
        )
        table[446 + 16 * (number - 1) : 446 + 16 * number] = entry
    table[510:] = b"\x55\xaa"
    return bytes(table)


def write_card(target: Path, parts: Mapping[int, Path]) -> None:
    """Put the partitions' files at their places in one file; what is empty takes no room in it."""
    with target.open("wb") as card:
        card.truncate(CARD_BYTES)
        card.write(partition_table())
        for number, part in parts.items():
            place, room = PARTITIONS[number]
            if part.stat().st_size > room:
                raise ValueError(f"partition {number} has {room} bytes, {part.stat().st_size} are needed")
            with part.open("rb") as content:
                while block := content.read(MEGABYTE):
                    if block.strip(b"\0"):
                        card.seek(place)
                        card.write(block)
                    place += len(block)
