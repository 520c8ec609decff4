"""Measures what it saves to load our modules only: ``python -m appliance.simulator.measure_modules``."""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from pathlib import Path

from appliance.simulator.demo import EXAMPLE
from appliance.simulator.office import SimulatedOffice
from appliance.telephony.sandbox import ensure_asterisk, shown_progress

_RUNS = 3


def measure(office: SimulatedOffice) -> tuple[float, float]:
    """Resident megabytes and seconds until the box's Asterisk is fully booted, once."""
    began_at = time.monotonic()
    office.asterisk.start()
    seconds = time.monotonic() - began_at
    status = Path(f"/proc/{office.asterisk.process_id}/status").read_text()
    office.asterisk.stop()
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    assert found
    return int(found[1]) * 1024 / 1e6, seconds


def main() -> None:
    """Print the median of three runs for our list and for every module there is."""
    with shown_progress() as progress:
        program = ensure_asterisk(progress)
    for autoload in ("no", "yes"):
        with tempfile.TemporaryDirectory() as folder:
            office = SimulatedOffice(Path(folder), EXAMPLE.read_text(encoding="utf-8"), program)
            modules = office.settings.asterisk / "etc" / "modules.conf"
            modules.write_text(modules.read_text().replace("autoload = no", f"autoload = {autoload}"))
            megabytes, seconds = zip(*(measure(office) for _ in range(_RUNS)), strict=True)
            office.stop()
        print(
            f"Asterisk {program.version}, autoload={autoload}:"
            f" {statistics.median(megabytes):.1f} MB, {statistics.median(seconds):.2f} s"
        )


if __name__ == "__main__":
    main()
