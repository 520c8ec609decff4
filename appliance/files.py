"""Writing a file so that a power cut leaves the whole new file or none of it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_UNFINISHED = ".unfinished"


def write_durably(path: Path, content: bytes) -> None:
    """Put `content` at `path`; when this returns, file and name are on disk.

    Readers see the old file or the whole new one. Raises OSError (disk full, no rights); then
    nothing of the new file is left.
    """
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        _write(unfinished, content)
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()  # a full disk needs the room
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Bring a file's content, or a folder's names, to disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path) -> None:
    """Create the folder `path` where it is missing, durably. Raises OSError."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        sync(path.parent)


def remove(path: Path) -> None:
    """Remove a file; a missing one is fine. Raises OSError."""
    path.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)
