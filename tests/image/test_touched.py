"""What lamps and desk boxes need on the card is where our programs look for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from card.gpio_library import gpio_requirements
from card.touched import install_what_is_touched
from card.tree import REPOSITORY

_ASK = """\
import sys
sys.path.insert(0, sys.argv[1])
from appliance.panel import bundle, pins
import RPi.GPIO
print(pins.FILE, bundle.make_bundle().name, RPi.GPIO.__file__)
assert pins.read_panel_pins().lines
assert str(pins.FILE).startswith(sys.argv[1]), pins.FILE
"""


def test_the_programs_of_the_card_find_pins_firmware_and_library(tmp_path: Path) -> None:
    library, programs = tmp_path / "library", tmp_path / "programs"
    (library / "RPi").mkdir(parents=True)
    (library / "RPi" / "GPIO.py").touch()
    programs.mkdir()
    (programs / "appliance").mkdir()
    for file in (REPOSITORY / "appliance").rglob("*.py"):
        place = programs / file.relative_to(REPOSITORY)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())
    install_what_is_touched(programs, library)
    subprocess.run([sys.executable, "-c", _ASK, str(programs)], check=True, cwd=tmp_path)


def test_the_library_is_named_by_version_and_digest() -> None:
    named = gpio_requirements()
    assert [line.split("==")[0] for line in named] == ["rpi-lgpio", "lgpio"]
    assert all("--hash=sha256:" in line for line in named)
