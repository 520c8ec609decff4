"""What lamps, switch and desk boxes need on the box: pins, the boxes' firmware, and the library for GPIOs."""

from __future__ import annotations

import shutil
from pathlib import Path

from card.tree import REPOSITORY, tracked

PARTS = ("firmware", "hardware/pins.toml")


def install_what_is_touched(programs: Path, gpio: Path) -> None:
    """Put it beside our programs, which find it there; `gpio` is the folder of the library."""
    shutil.copytree(gpio, programs, dirs_exist_ok=True)
    for name in tracked(*PARTS):
        (programs / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, programs / name)
