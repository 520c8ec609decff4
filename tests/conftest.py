"""What tests of several folders need."""

from __future__ import annotations

import pytest
from hypothesis import settings

from appliance.simulator.micropython import ensure_micropython
from appliance.telephony.sandbox import shown_progress

settings.register_profile("no timed tests", deadline=None)
settings.load_profile("no timed tests")


@pytest.fixture(scope="session")
def micropython() -> tuple[str, ...]:
    """The interpreter of the desk box's firmware; fetched when this machine has none."""
    with shown_progress("MicroPython") as progress:
        return ensure_micropython(progress)
