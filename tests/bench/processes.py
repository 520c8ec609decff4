"""What the kernel says a process has used (proc(5)); Linux only."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process: int) -> float:
    """User and system time of a process and of the children it has waited for."""
    times = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]
    return sum(map(int, times)) / _TICKS


def written_bytes(process: int) -> int:
    """Bytes a process has caused to be written to a disk: of pages made dirty, if written yet or not."""
    found = re.search(r"^write_bytes: (\d+)", Path(f"/proc/{process}/io").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def pss_bytes(process: int) -> int:
    """Proportional set size: its own memory and its share of what it shares."""
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return 1024 * int(found[1]) if found else 0


class Syncs:
    """How often each kind of sync was called while they were counted."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @property
    def count(self) -> int:
        """All of them."""
        return len(self.lines)

    def by_file(self) -> dict[str, int]:
        """How often by the file's name."""
        names = [re.search(r"sync\(\d+<([^>]*)>", line) for line in self.lines]
        seen: dict[str, int] = {}
        for found in names:
            name = Path(found[1]).name if found else "?"
            seen[name] = seen.get(name, 0) + 1
        return seen


@contextmanager
def counted_syncs(processes: Sequence[int]) -> Iterator[Syncs]:
    """Count fsync, fdatasync and sync_file_range of these processes and their children with strace."""
    counted = Syncs()
    command = [
        "strace",
        "-f",
        "-y",
        "-qq",
        "-e",
        "trace=fsync,fdatasync,sync_file_range",
        "-e",
        "signal=none",
    ]
    for process in processes:
        command += ["-p", str(process)]
    tracer = subprocess.Popen([*command, "-o", "/dev/stderr"], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    stream = tracer.stderr
    reader = threading.Thread(
        target=lambda: counted.lines.extend(line for line in stream if "sync" in line and "(" in line)
    )
    reader.start()
    _attached(processes)
    try:
        yield counted
    finally:
        tracer.terminate()
        tracer.wait()
        reader.join()


def _attached(processes: Sequence[int]) -> None:
    """Wait until every thread of the processes has a tracer."""
    threads = [thread for process in processes for thread in Path(f"/proc/{process}/task").iterdir()]
    for _ in range(200):
        if all(
            "TracerPid:\t0\n" not in (thread / "status").read_text() for thread in threads if thread.exists()
        ):
            return
        threading.Event().wait(0.02)
    raise OSError("strace could not attach: may this user trace its own processes?")
