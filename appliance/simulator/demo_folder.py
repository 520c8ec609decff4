"""The folder a demo plays in: only ever one that nobody else uses, and for one demo at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.language import say

MARK = ".freizeichen-demo"
_SAYS = "`freizeichen demo` made this folder and empties it whenever it starts.\n"


class DemoRefused(Exception):
    """The demo cannot be played as it was asked for; the sentence says why and what to do."""


@contextmanager
def demo_folder(folder: Path) -> Iterator[None]:
    """Hold `folder` for one demo, emptied; the kernel lets go of it however the demo ends.

    Raises DemoRefused, and touches nothing, for a folder that holds anything no demo has made, that
    another demo plays in, or that cannot be used.
    """
    try:
        descriptor = _open_mark(folder)
    except OSError as error:
        raise DemoRefused(
            say(
                f"Der Ordner {folder} ist nicht zu benutzen: {error.strerror}.",
                f"The folder {folder} cannot be used: {error.strerror}.",
            )
        ) from error
    try:
        _lock(descriptor, folder)
        _empty(folder)
        os.truncate(descriptor, 0)
        os.write(descriptor, _SAYS.encode())
        yield
    finally:
        os.close(descriptor)


def _open_mark(folder: Path) -> int:
    """Open our mark, made in a folder that is empty or not there yet. Raises DemoRefused or OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = {entry.name for entry in folder.iterdir()}
    if entries and MARK not in entries:
        raise DemoRefused(
            say(
                f"In {folder} liegt etwas, das keine Vorführung angelegt hat; es bleibt, wie es ist."
                " Bitte einen leeren oder neuen Ordner nennen (--folder).",
                f"There is something in {folder} that no demo has made; it stays as it is."
                " Name an empty or a new folder (--folder).",
            )
        )
    return os.open(folder / MARK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DemoRefused(
            say(
                f"In {folder} läuft schon eine Vorführung. Bitte einen anderen Ordner nennen (--folder).",
                f"A demo already runs in {folder}. Name another folder (--folder).",
            )
        ) from error


def _empty(folder: Path) -> None:
    """Remove everything but the mark, which is locked."""
    for entry in folder.iterdir():
        if entry.name == MARK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
