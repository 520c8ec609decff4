"""What reached the card, write by write, and how the card would look had the plug been pulled at any of them.

The log is that of QEMU's driver ``blklogwrites`` (the kernel's ``dm-log-writes`` has the same form): a sector
of its own, then for each write or flush one sector with its place, length and flags, and the data behind it.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

SECTOR = 512
_MAGIC = 0x6A736677736872
_FLUSH, _FUA, _DISCARD = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Written:
    """A write of `sectors` sectors at `sector`, or a flush; its data lies at `data_at` in the log."""

    sector: int
    sectors: int
    flags: int
    data_at: int

    @property
    def is_flush(self) -> bool:
        """Whether all before it is on the card when it is done."""
        return bool(self.flags & _FLUSH)

    @property
    def is_discard(self) -> bool:
        """Whether it says only that nobody needs what is there."""
        return bool(self.flags & _DISCARD)

    @property
    def length(self) -> int:
        """Bytes that are written."""
        return 0 if self.is_discard else self.sectors * SECTOR


def read_log(log: Path) -> list[Written]:
    """All that was written, in order; what was being logged as the machine was killed is left out.

    Raises ValueError for something else than a log.
    """
    size, found = log.stat().st_size, []
    with log.open("rb") as stream:
        if struct.unpack("<Q", stream.read(8))[0] != _MAGIC:
            raise ValueError(f"{log} is no log of writes")
        place = SECTOR
        while place + SECTOR <= size:
            stream.seek(place)
            sector, sectors, flags, _ = struct.unpack("<4Q", stream.read(32))
            entry = Written(sector, sectors, flags, place + SECTOR)
            if not (sectors or entry.is_flush) or entry.data_at + entry.length > size:
                break
            found.append(entry)
            place = entry.data_at + entry.length
    return found


def kept(written: Sequence[Written], cut: int, chance: random.Random) -> Iterator[tuple[Written, int]]:
    """What of the first `cut` entries is on the card after the plug was pulled, each with its sectors.

    Everything before the last flush is. Of what came later each write is or is not, as it happens; one in
    ten of those that are is torn: only its first sectors are there.
    """
    flushed = max((n for n, entry in enumerate(written[:cut]) if entry.is_flush), default=-1)
    for number, entry in enumerate(written[:cut]):
        if entry.is_discard:
            continue
        if number <= flushed or entry.flags & _FUA:
            yield entry, entry.sectors
        elif chance.random() < 0.5:
            torn = entry.sectors > 1 and chance.random() < 0.1
            yield entry, chance.randrange(1, entry.sectors) if torn else entry.sectors


def lay_over(target: Path, log: IO[bytes], changes: Iterator[tuple[Written, int]], begin: int) -> None:
    """Write the changes to a file that begins at byte `begin` of the card."""
    with target.open("r+b") as partition:
        for entry, sectors in changes:
            place = entry.sector * SECTOR - begin
            if place < 0 or not sectors:
                continue
            log.seek(entry.data_at)
            partition.seek(place)
            partition.write(log.read(sectors * SECTOR))
