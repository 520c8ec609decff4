"""The firmware on MicroPython itself: what it says on the cable, what it keeps in memory, what survives."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from appliance.panel.bundle import SOURCES

CHECKS = Path(__file__).with_name("on_micropython.py")


@pytest.mark.parametrize("check", ["vectors", "memory", "power_cut", "fuzz 50000 4"])
def test_on_micropython(micropython: tuple[str, ...], check: str) -> None:
    done = subprocess.run(
        [*micropython, str(CHECKS), str(SOURCES), *check.split()],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_compiles_on_micropython(micropython: tuple[str, ...]) -> None:
    """Also the one that needs the board's own modules to run."""
    files = [*(SOURCES / "deskbox").glob("*.py"), *SOURCES.glob("*.py")]
    assert len(files) > 10
    program = "import sys\nfor name in sys.argv[1:]: compile(open(name).read(), name, 'exec')"
    done = subprocess.run(
        [*micropython, "-c", program, *map(str, files)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
