"""Writes an update to the slot that does not run, so that half of one can never start."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO, Final

from appliance.updating.slots import CONFIG, PARTITIONS, TRYBOOT, Slots, naming, write_through
from appliance.updating.update_file import Progress, Update, UpdateError, damaged, pieces

_COMMAND_LINE: Final = "cmdline.txt"


def install(update: Update, slots: Slots, progress: Progress = lambda _: None) -> None:
    """Write a checked update to the other slot and have it start once.

    That slot's folder of the boot partition goes first and comes last. All of it is read back from the card.
    Raises UpdateError or OSError; the running slot and the choice of it are as before then.
    """
    start = _whole(update, "start")
    other = slots.other
    with slots.writable_boot() as boot:
        (boot / TRYBOOT).unlink(missing_ok=True)
        shutil.rmtree(boot / other, ignore_errors=True)
    _write_system(update, slots.device(other), progress)
    with slots.writable_boot() as boot:
        _unpack(start, boot / other, slots.table, other)
        write_through(boot / TRYBOOT, naming((boot / CONFIG).read_bytes(), other))
        slots.firmware.start_once()


def _whole(update: Update, name: str) -> bytes:
    """A part in memory, as it was signed: the file may have been changed since it was checked."""
    part = update.parts[name]
    content = b"".join(pieces(update.file, part))
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise damaged()
    return content


def _write_system(update: Update, device: Path, progress: Progress) -> None:
    part = update.parts["system"]
    with device.open("r+b", buffering=0) as card:
        done = 0
        for piece in pieces(update.file, part):
            _write(card, piece)
            done += len(piece)
            progress(done / part.length)
        os.fsync(card.fileno())
        _forget_in_memory(card, part.length)
    seen, left = hashlib.sha256(), part.length
    with device.open("rb") as card:
        while left and (piece := card.read(min(1 << 20, left))):
            seen.update(piece)
            left -= len(piece)
    if seen.hexdigest() != part.sha256:
        raise _broken_card()


def _broken_card() -> UpdateError:
    return UpdateError(
        "slot",
        "Was auf die Karte geschrieben wurde, kam anders wieder heraus: Die Karte ist defekt.",
        "What was written to the card came back different: the card is broken.",
    )


def _forget_in_memory(card: IO[bytes], length: int) -> None:
    """What is read next comes from the card."""
    os.posix_fadvise(card.fileno(), 0, length, os.POSIX_FADV_DONTNEED)


def _write(card: IO[bytes], piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[card.write(rest) :]


def _unpack(start: bytes, folder: Path, table: str, slot: str) -> None:
    """Kernel, first system and descriptions of boards; the command line names the slot they are for."""
    with tarfile.open(fileobj=io.BytesIO(start), mode="r:") as archive:
        for entry in archive:
            place = PurePosixPath(entry.name)
            stream = archive.extractfile(entry) if entry.isreg() else None
            if place.is_absolute() or ".." in place.parts or stream is None:
                raise damaged()
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            content = stream.read()
            if entry.name == _COMMAND_LINE:
                content = command_line_for(content.decode(), table, slot).encode()
            write_through(target, content)
            with target.open("rb") as written:
                _forget_in_memory(written, len(content))
                if written.read() != content:
                    raise _broken_card()


def command_line_for(told: str, table: str, slot: str) -> str:
    """The kernel's command line with the root of this slot on this card. Raises UpdateError."""
    root = f"root=PARTUUID={table}-{PARTITIONS[slot]:02}"
    told, roots = re.subn(r"root=PARTUUID=\S+", root, told)
    told, data = re.subn(r"freizeichen\.data=\S+", f"freizeichen.data={table}-04", told)
    if (roots, data) != (1, 1):
        raise damaged()
    return told
