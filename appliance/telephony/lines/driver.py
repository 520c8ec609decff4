"""Tells DAHDI's driver what its ports are."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from appliance.telephony.lines.wiring import Fault, WiredLine

_SECONDS = 30


class DriverError(Exception):
    """DAHDI did not take the configuration; the message is what it said."""


def configure_lines(
    wired: Iterable[WiredLine], system_conf: Callable[[WiredLine], str], folder: Path
) -> tuple[list[WiredLine], list[Fault]]:
    """Give the driver each line's part of system.conf; the lines it took, and what it said of the others.

    One line that is set up wrongly must not take the others with it. While Asterisk uses the channels
    this must not be done. `folder` is where the parts may be written.
    """
    taken, faults = [], []
    for line in wired:
        file = folder / f"system-{line.line.name}.conf"
        file.write_text(system_conf(line))
        try:
            configure_driver(file)
        except DriverError as error:
            said = " ".join(str(error).split())
            faults.append(
                Fault(
                    line.line.name,
                    f"Leitung {line.line.name}: Der Treiber nimmt sie so nicht an: {said}",
                    f"Line {line.line.name}: the driver does not take it like this: {said}",
                )
            )
        else:
            taken.append(line)
        file.unlink()
    return taken, faults


def configure_driver(file: Path) -> None:
    """Give the driver this system.conf. Raises DriverError with what ``dahdi_cfg`` said."""
    try:
        done = subprocess.run(
            ["dahdi_cfg", "-c", str(file)], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DriverError(f"dahdi_cfg does not run: {error}") from error
    if done.returncode:
        raise DriverError((done.stderr or done.stdout).strip() or f"dahdi_cfg: status {done.returncode}")
