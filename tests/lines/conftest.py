"""Real calls on real lines, in a virtual machine. See README.md; a plain pytest passes over them."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.telephony.manager import ManagerError
from appliance.telephony.sandbox import ensure_asterisk, shown_progress
from tests.calls.conftest import OFFICE as CALLS_OFFICE
from tests.lines.image import ROOT, ensure_image
from tests.lines.laboratory import Laboratory
from tests.lines.machine import Machine

ASKED = "FREIZEICHEN_LINES"
RESULTS = ROOT / ".cache" / "lines"

_ANALOGUE = """
[[phone]]
name = "old_1"
extension = "24"
secret = "geheim-old-1"

[[phone]]
name = "old_2"
extension = "25"
secret = "geheim-old-2"

[[agent]]
name = "otto"
title = "Otto Ohm"
phone = "old_1"
departments = ["support"]
languages = ["de"]

[[agent]]
name = "olga"
title = "Olga Otis"
phone = "old_2"
departments = ["support"]
languages = ["de"]
"""
OFFICE = (
    CALLS_OFFICE.replace('["0931 555-10"]', '["0931 555-10", "0931 555-30"]')
    .replace("ring_seconds = 4", "ring_seconds = 60")
    .replace("message_seconds = 30", "message_seconds = 60")
    + _ANALOGUE
)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """An ordinary run of all tests passes over these: they need minutes and a machine of their own."""
    return True if ASKED not in os.environ and collection_path.name.startswith("test_") else None


@pytest.fixture(scope="session")
def laboratory() -> Iterator[Laboratory]:
    """One machine for all tests; its logs and recordings are kept in .cache/lines."""
    began = time.monotonic()

    def say(step: str) -> None:
        print(f"\n[{time.monotonic() - began:5.1f} s] {step}", file=sys.__stderr__, flush=True)

    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    with shown_progress("machine") as progress:
        image = ensure_image(progress)
    with shown_progress() as progress:
        sounds = ensure_asterisk(progress)
    with tempfile.TemporaryDirectory(prefix="fz-lines-") as folder:
        office = Laboratory(Machine(image, RESULTS), Path(folder), OFFICE, sounds)
        try:
            office.start(say)
            yield office
        finally:
            say("keeping the logs in .cache/lines")
            office.stop()


@pytest.fixture(autouse=True)
def everybody_goes_home(laboratory: Laboratory) -> Iterator[None]:
    """Each test begins and ends without calls and without agents."""
    yield
    for leg in list(laboratory.exchange.legs):
        if leg.ended_at is None and leg.channel:
            with contextlib.suppress(ManagerError):  # it may just have ended
                laboratory.exchange.order("Hangup", Channel=leg.channel)
    laboratory.wait_for(
        "all calls are over", lambda: "0 active channels" in laboratory.asterisk("core show channels count")
    )
    laboratory.send_everybody_home()
