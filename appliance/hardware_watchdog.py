"""The hardware's watchdog as the kernel says it is: it restarts a box that hangs altogether.

A value the hardware cannot count to was silently no watchdog at all on kernels before 6.8, so what systemd
was told is not believed; it is read back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_DEVICES: Final = Path("/sys/class/watchdog")
_SYSTEM: Final = Path("/etc/os-release")


def counts(devices: Path = _DEVICES, system: Path = _SYSTEM) -> bool | None:
    """Whether a watchdog counts; None on a machine that is not started from a card of ours, where whoever
    runs it decides."""
    try:
        if "IMAGE_ID=freizeichen" not in system.read_text().splitlines():
            return None
    except OSError:
        return None
    return any(_counts(device) for device in devices.glob("watchdog*"))


def _counts(device: Path) -> bool:
    try:
        state = (device / "state").read_text().strip()
        return state == "active" and int((device / "timeout").read_text()) > 0
    except (OSError, ValueError):
        return False
