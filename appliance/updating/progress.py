"""How far an update is, for page and command line: one small file, written whole."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

FOLDER: Final = "update"
WANTED: Final = "wanted"
"""In that folder: the name of the file that shall be installed; a service of root's waits for it."""
SIGNERS: Final = Path("/usr/lib/freizeichen/update-signers")
"""Whose updates this box takes; only a box that runs from our card has it."""
_STATE: Final = "state.json"


@dataclass(frozen=True, slots=True)
class UpdateState:
    """`word`: none, checking, writing, waiting (for the end of the last call), trying, done, refused, failed,
    fell back. `percent` is of the step; `german` and `english` say why when it was refused or failed."""

    word: str = "none"
    version: str = ""
    percent: int = 0
    german: str = ""
    english: str = ""
    slot: str = ""

    def with_word(self, word: str, percent: int = 0) -> UpdateState:
        """The same update, a step further."""
        return replace(self, word=word, percent=percent)


BUSY: Final = ("checking", "writing", "waiting", "trying")


def folder_in(state: Path) -> Path:
    """Where files wait to be installed."""
    return state / FOLDER


def read_state(state: Path) -> UpdateState:
    """How far the last update is; the word is "none" when there never was one."""
    try:
        values = json.loads((folder_in(state) / _STATE).read_text())
        return UpdateState(**values)
    except (OSError, ValueError, TypeError):
        return UpdateState()


def write_state(state: Path, update: UpdateState) -> None:
    """Say how far it is. The folder belongs to services: nothing in it is followed. Raises OSError."""
    folder = folder_in(state)
    beside = folder / f"{_STATE}.new"
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "w") as stream:
        json.dump(asdict(update), stream)
        stream.flush()
        os.fsync(stream.fileno())
    beside.chmod(0o644)
    beside.replace(folder / _STATE)


def wish_for(state: Path, name: str) -> None:
    """Ask for the file of this name, in the folder already, to be installed. Raises OSError."""
    folder = folder_in(state)
    beside = folder / f"{WANTED}.new"
    beside.write_text(name)
    beside.replace(folder / WANTED)


def take_wish(state: Path) -> Path | None:
    """The file that is asked for, if it is a plain file of the folder; the wish is taken away."""
    folder = folder_in(state)
    wanted = folder / WANTED
    try:
        name = wanted.read_text()[:200]
    except (OSError, ValueError):
        name = ""
    wanted.unlink(missing_ok=True)
    file = folder / name
    is_plain = bool(name) and name == Path(name).name and file.is_file() and not file.is_symlink()
    return file if is_plain and not name.startswith((".", WANTED, _STATE)) else None
