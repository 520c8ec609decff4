"""Measure from button to committed presence to lamp: ``python -m tests.panel.measure``, a minute.

Runs the firmware on MicroPython, the real panel, switchboard and store. The time begins when the
contact opens after a short press, and includes its 10 ms of debouncing.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from appliance.simulator.micropython import ensure_micropython
from tests.panel.conftest import ANNAS, Desks

PRESSES = 200


def milliseconds(desks: Desks, port: str) -> list[float]:
    """How long each press took until the lamp showed it."""
    box = desks.box(ANNAS, desks.cable(port), agent="anna")
    box.shows("off")
    found = []
    for number in range(PRESSES):
        box.moves(down=True)
        time.sleep(0.15)
        begun = time.monotonic()
        box.moves(down=False)
        box.shows("off" if number % 2 else "green")
        found.append(1000 * (box.seen[-1][0] - begun))
    return sorted(found)


def main() -> None:
    """Print the figures."""
    for port, name in (("port-1", "alone on USB"), ("bus-1", "on a bus")):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            found = milliseconds(Desks(Path(folder), ensure_micropython(print), stack), port)
        print(
            f"{name}: median {statistics.median(found):.0f} ms,"
            f" 99 of 100 within {found[PRESSES * 99 // 100 - 1]:.0f} ms, longest {found[-1]:.0f} ms"
        )


if __name__ == "__main__":
    main()
