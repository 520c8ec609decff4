"""The front panel at the kernel's own simulated GPIOs (`gpio-sim`), through rpi-lgpio as on the card."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.telephony.sandbox import shown_progress
from tests.lines.image import ensure_image
from tests.lines.machine import Machine


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine with nothing running in it."""
    with shown_progress("machine") as progress:
        image = ensure_image(progress)
    with tempfile.TemporaryDirectory(prefix="fz-panel-") as share:
        made = Machine(image, Path(share))
        try:
            made.boot()
            yield made
        finally:
            made.stop()


@pytest.fixture(autouse=True)
def everybody_goes_home() -> None:
    """Nobody is there: these need no lines."""


@pytest.mark.parametrize("check", ["command", "switch", "busy", "presses"])
def test_front_panel_at_the_kernels_gpios(machine: Machine, check: str) -> None:
    print(machine.run("python3", "-m", "tests.lines.panel_inside", check, seconds=850))
