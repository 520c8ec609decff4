"""The file of an update: what is in it, and whether this box may take it.

A plain tar file. ``manifest.json`` first (version, boards, names of the store's migrations, the parts with
their bytes and SHA-256), then ``manifest.sig``, its Ed25519 signature by ``ssh-keygen -Y sign``, then the
parts: ``system`` (the file system of a slot) and ``start`` (a tar file: kernel, first system, boards).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

FORMAT: Final = "freizeichen update"
FORMAT_VERSION: Final = 1
PARTS: Final = ("system", "start")
SIGNER: Final = "freizeichen"
NAMESPACE: Final = "freizeichen-update"
PIECE: Final = 1 << 20
LARGEST_START_BYTES: Final = 160_000_000  # it is read into memory
_LARGEST_MANIFEST: Final = 1_000_000

Progress = Callable[[float], None]
"""Is told how much is done, from 0 to 1."""


class UpdateError(Exception):
    """An update that is not taken. One sentence in each language says why.

    `reason` is a word: not an update, cut off, signature, board, newer data, damaged, room, slot, store.
    """

    def __init__(self, reason: str, german: str, english: str) -> None:
        super().__init__(english)
        self.reason = reason
        self.german = german
        self.english = english


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an update: where in the file it begins, its bytes, its checksum."""

    name: str
    begin: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Update:
    """An update that is signed and fits this box. `file` is read again when it is written."""

    file: Path
    version: str
    parts: dict[str, Part]


@dataclass(frozen=True, slots=True)
class ThisBox:
    """What an update has to fit: the board's names, the migrations the store has seen, a slot's room."""

    boards: Collection[str]
    migrations: Collection[str]
    slot_bytes: int
    signers: Path
    verifier: Sequence[str] = ("ssh-keygen",)


def checked_update(file: Path, box: ThisBox, progress: Progress = lambda _: None) -> Update:
    """Look at the whole file; nothing is changed. Raises UpdateError, or OSError when it cannot be read."""
    size = file.stat().st_size
    try:
        with tarfile.open(file, "r:", errorlevel=2) as archive:
            manifest, begins = _opened(archive, box)
    except (tarfile.TarError, UnicodeError, ValueError, KeyError, TypeError) as error:
        raise _not_an_update() from error
    _fits(manifest, box)
    parts = {
        part["name"]: Part(part["name"], begin, part["bytes"], part["sha256"])
        for part, begin in zip(manifest["parts"], begins, strict=True)
    }
    needed = max(part.begin + part.length for part in parts.values())
    if size < needed:
        raise UpdateError(
            "cut off",
            f"Die Datei ist nicht vollständig ({_mb(size)} von {_mb(needed)} MB). "
            "Laden Sie sie noch einmal herunter.",
            f"The file is not complete ({_mb(size)} of {_mb(needed)} MB). Download it again.",
        )
    done = 0
    for part in parts.values():
        seen = hashlib.sha256()
        for piece in pieces(file, part):
            seen.update(piece)
            done += len(piece)
            progress(done / needed)
        if seen.hexdigest() != part.sha256:
            raise damaged()
    return Update(file, manifest["version"], parts)


def pieces(file: Path, part: Part) -> Iterator[bytes]:
    """The bytes of a part, a piece at a time. Raises UpdateError when the file ends before."""
    with file.open("rb") as stream:
        stream.seek(part.begin)
        left = part.length
        while left:
            piece = stream.read(min(PIECE, left))
            if not piece:
                raise damaged()
            left -= len(piece)
            yield piece


def manifest_of(
    version: str, boards: Sequence[str], migrations: Sequence[str], parts: Sequence[Path]
) -> bytes:
    """The manifest of an update whose parts are these files, named as the parts are."""
    described = []
    for file in parts:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        described.append({"name": file.name, "bytes": file.stat().st_size, "sha256": digest})
    values = {
        **{"format": FORMAT, "format_version": FORMAT_VERSION, "version": version},
        **{"boards": sorted(boards), "migrations": list(migrations), "parts": described},
    }
    return json.dumps(values, indent=1).encode() + b"\n"


def write_update(
    target: IO[bytes], manifest: bytes, signature: bytes, parts: Sequence[Path], epoch: int
) -> None:
    """Write the file of an update; the same bytes from the same content."""
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in (("manifest.json", manifest), ("manifest.sig", signature)):
            with tempfile.TemporaryFile() as stream:
                stream.write(content)
                stream.seek(0)
                archive.addfile(_entry(name, len(content), epoch), stream)
        for file in parts:
            with file.open("rb") as stream:
                archive.addfile(_entry(file.name, file.stat().st_size, epoch), stream)


def damaged() -> UpdateError:
    """What is said when the content does not have its checksum."""
    return UpdateError(
        "damaged",
        "Die Datei ist beschädigt. Laden Sie sie noch einmal herunter.",
        "The file is damaged. Download it again.",
    )


def _entry(name: str, length: int, epoch: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = length, epoch, 0o644
    return entry


def _opened(archive: tarfile.TarFile, box: ThisBox) -> tuple[dict[str, Any], list[int]]:
    """The manifest, which is signed, and where each part begins. Nothing of it is believed before that."""
    text = _small(archive, "manifest.json")
    signature = _small(archive, "manifest.sig")
    if not is_signed(text, signature, box.signers, box.verifier):
        raise UpdateError(
            "signature",
            "Die Unterschrift der Datei stimmt nicht: Sie kommt nicht von dem, der diese Anlage gemacht hat, "
            "oder wurde verändert.",
            "The file's signature is wrong: it does not come from whoever made this box, or was changed.",
        )
    manifest = json.loads(text)
    if manifest["format"] != FORMAT or manifest["format_version"] != FORMAT_VERSION:
        raise _not_an_update()
    begins, place = [], archive.offset
    for part in manifest["parts"]:
        begins.append(place + tarfile.BLOCKSIZE)
        place = begins[-1] + -(-part["bytes"] // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    if tuple(part["name"] for part in manifest["parts"]) != PARTS:
        raise _not_an_update()
    return manifest, begins


def _small(archive: tarfile.TarFile, name: str) -> bytes:
    entry = archive.next()
    if entry is None or entry.name != name or not entry.isreg() or entry.size > _LARGEST_MANIFEST:
        raise _not_an_update()
    stream = archive.extractfile(entry)
    if stream is None:
        raise _not_an_update()
    return stream.read()


def is_signed(text: bytes, signature: bytes, signers: Path, verifier: Sequence[str]) -> bool:
    """Whether one of the signers has signed exactly this text."""
    handle, name = tempfile.mkstemp(prefix="signature-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(signature)
        done = subprocess.run(
            [*verifier, "-Y", "verify", "-f", str(signers), "-I", SIGNER, "-n", NAMESPACE, "-s", name],
            input=text,
            capture_output=True,
            check=False,
        )
    finally:
        Path(name).unlink()
    return done.returncode == 0


def _fits(manifest: dict[str, Any], box: ThisBox) -> None:
    if not set(manifest["boards"]) & set(box.boards):
        mine = ", ".join(sorted(box.boards)) or "?"
        theirs = ", ".join(manifest["boards"])
        raise UpdateError(
            "board",
            f"Das Update ist für andere Geräte ({theirs}); dieses ist: {mine}.",
            f"The update is for other boards ({theirs}); this one is: {mine}.",
        )
    if unknown := sorted(set(box.migrations) - set(manifest["migrations"])):
        what = ", ".join(unknown)
        raise UpdateError(
            "newer data",
            f"Das Update ist älter als die Daten dieser Anlage (es kennt nicht: {what}).",
            f"The update is older than the data of this box (it does not know: {what}).",
        )
    for part, room in zip(manifest["parts"], (box.slot_bytes, LARGEST_START_BYTES), strict=True):
        if part["bytes"] > room:
            raise UpdateError(
                "room",
                f"Das Update ist zu groß für diese Karte ({_mb(part['bytes'])} statt {_mb(room)} MB).",
                f"The update is too large for this card ({_mb(part['bytes'])} instead of {_mb(room)} MB).",
            )


def _not_an_update() -> UpdateError:
    return UpdateError(
        "not an update",
        "Das ist keine Update-Datei von Freizeichen.",
        "This is not an update file of Freizeichen.",
    )


def _mb(length: int) -> str:
    return f"{length / 1e6:.1f}"
