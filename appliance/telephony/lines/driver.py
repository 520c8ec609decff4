"""Tells DAHDI's driver what its ports are."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SECONDS = 30


class DriverError(Exception):
    """DAHDI did not take the configuration; the message is what it said."""


def configure_driver(file: Path) -> None:
    """Give the driver this system.conf. While Asterisk uses the channels this must not be done.

    Raises DriverError with what ``dahdi_cfg`` said.
    """
    try:
        done = subprocess.run(
            ["dahdi_cfg", "-c", str(file)], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DriverError(f"dahdi_cfg does not run: {error}") from error
    if done.returncode:
        raise DriverError((done.stderr or done.stdout).strip() or f"dahdi_cfg: status {done.returncode}")
