"""The firmware on this Python, and on MicroPython."""

from __future__ import annotations

import sys

import pytest

from appliance.panel.bundle import SOURCES
from appliance.simulator.micropython import ensure_micropython
from appliance.telephony.sandbox import shown_progress

if str(SOURCES) not in sys.path:
    sys.path.insert(0, str(SOURCES))  # where the board finds `deskbox` and `slots`, too


@pytest.fixture(scope="session")
def micropython() -> tuple[str, ...]:
    """The interpreter; fetched when this machine has none."""
    with shown_progress("MicroPython") as progress:
        return ensure_micropython(progress)
