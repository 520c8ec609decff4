"""SIGKILL at any moment while people are promised things: what they had been told must be there, once.

Each kill is one child process that does an act again and again and is killed after a time by chance; then the
box's own recovery runs.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.comparing import Figure
from tests.chaos import acts
from tests.chaos.chaos import Chaos, in_parallel, shown
from tests.chaos.recovery import broken_promises

TITLE = "Random SIGKILLs"
SIZE = 5000
_ACTS = ("message", "message", "floor", "callback", "callback", "settings", "forget", "backup")
_LONGEST_SECONDS = 0.1  # until it is killed; most acts take a fraction of it
_MANY = 1000


def measured(chaos: Chaos) -> list[Figure]:
    """Kill, recover, look."""
    wanted = chaos.size or SIZE
    template = chaos.folder / "template"
    acts.prepare(template)
    faults, told_in_all, cut_off, done = Counter[str](), 0, 0, 0
    until = time.monotonic() + 60 * chaos.minutes
    work = [(template, number, chaos.seed) for number in range(wanted)]
    for found, told, in_middle in in_parallel(one_kill, work):
        done += 1
        faults.update(found)
        told_in_all += told
        cut_off += in_middle
        chaos.progress(TITLE, 100 * done // wanted)
        if time.monotonic() > until:
            break
    return [
        Figure("kills", done, "", at_least=SIZE,
               seen=f"{cut_off} in the middle of an act; {told_in_all} promises had been made"),
        Figure("promises broken or doubled", faults.total(), "", at_most=0, seen=shown(faults)),
    ]  # fmt: skip


def one_kill(work: tuple[Path, int, int]) -> tuple[list[str], int, bool]:
    """What is wrong afterwards, how much had been told, and whether the child was still busy."""
    template, number, seed = work
    chance = random.Random(f"{seed}/{number}")
    act, delay = chance.choice(_ACTS), chance.uniform(0, _LONGEST_SECONDS)
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="fz-kill-", dir=memory if memory.is_dir() else None) as place:
        folder = Path(place) / "box"
        shutil.copytree(template, folder)
        told, busy = _killed(folder, act, delay)
        found = broken_promises(folder, told, twice=number % 10 == 0)
    return [f"{act}: {fault}" for fault in found], len(told), busy


def _killed(folder: Path, act: str, delay_seconds: float) -> tuple[list[str], bool]:
    """Let a child do the act until it is killed; what it had told, and whether it had not ended by itself."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.dup2(writing, 1)
            doing = acts.Act(folder)
            for place in range(_MANY):
                acts.ACTS[act](doing, place)
        os._exit(1)
    os.close(writing)
    time.sleep(delay_seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as stream:
        lines = stream.read().splitlines()
    return lines, os.WIFSIGNALED(status)
