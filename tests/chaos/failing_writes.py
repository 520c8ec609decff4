"""Every write of an act fails (ENOSPC, EIO), each in a run of its own: once, or from then on (a full disk).

strace makes the system call fail; the product is as it is. Each caller must be told something: that it is
kept, or an honest sentence that it is not. What was told to be kept must be there afterwards, once.
"""

from __future__ import annotations

import functools
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.comparing import Figure
from tests.chaos import acts
from tests.chaos.chaos import Chaos, in_parallel, shown
from tests.chaos.recovery import broken_promises
from tests.chaos.trace import MARKS, strace_command

TITLE = "Every write fails once"
SIZE = 60
_ACTS = {"message": (2, "kept"), "floor": (2, "kept"), "callback": (2, "promised"), "settings": (2, "saved"),
         "backup": (2, "backed up")}  # fmt: skip
_ERRORS = {
    "write": ("ENOSPC", "EIO"), "pwrite64": ("ENOSPC", "EIO"), "fsync": ("EIO",), "fdatasync": ("EIO",),
    "ftruncate": ("EIO",), "rename": ("ENOSPC",), "mkdir": ("ENOSPC",), "unlink": ("EIO",),
}  # fmt: skip
_CALL = re.compile(r"\d+ +(\w+)\(")


@dataclass(frozen=True, slots=True)
class Failure:
    """The `number`-th of these system calls fails, and, `on`, all behind it."""

    act: str
    call: str
    error: str
    number: int
    on: bool


def measured(chaos: Chaos) -> list[Figure]:
    """Which writes there are, then each of them failing."""
    figures = []
    for place, (name, (times, word)) in enumerate(_ACTS.items()):
        everything = list(failures_of(chaos.folder / name, name, times))
        failures = chosen(everything, chaos.size or SIZE, chaos.seed)
        faults, answers, done = Counter[str](), Counter[str](), -1
        until = time.monotonic() + 60 * chaos.minutes / len(_ACTS)
        for done, (found, told) in enumerate(
            in_parallel(functools.partial(run, times=times), failures, chunk=1)
        ):
            faults.update(found)
            answers.update(text.split()[0] for text in told)
            chaos.progress(f"{TITLE}: {name}", 20 * place + 20 * done // len(failures))
            if time.monotonic() > until:
                break
        seen = f"{done + 1} of {len(everything)} failures tried; people were told"
        seen += f" {answers[word.split()[0]]} times that it is {word},"
        seen += f" {answers['not']} times that it is not"
        figures.append(Figure(f"{name}: lost, doubled, or nothing said", faults.total(), "", at_most=0,
                              seen=f"{seen}. {shown(faults)}".strip()))  # fmt: skip
    return figures


def chosen(everything: list[Failure], most: int, seed: int) -> list[Failure]:
    """Those to be tried: of more than `most`, all but writes into a database, and a sample of these."""
    rare = [failure for failure in everything if failure.call != "pwrite64"]
    pages = [failure for failure in everything if failure.call == "pwrite64"]
    some = rare + random.Random(seed).sample(pages, max(0, min(len(pages), most - len(rare))))
    random.Random(seed).shuffle(some)  # when the time is up, some of each kind were tried
    return some


def failures_of(folder: Path, act: str, times: int) -> Iterator[Failure]:
    """Every write of the act that can fail, found in a run in which none does."""
    acts.prepare(folder)
    log = folder.with_suffix(".strace")
    words = [sys.executable, "-m", "tests.chaos.acts", act, str(folder), str(times)]
    subprocess.run(strace_command(log, words), check=True, capture_output=True)
    inside = "".join(f"\\x{byte:02x}" for byte in str(folder).encode())
    begin, end = ("".join(f"\\x{byte:02x}" for byte in (MARKS + word).encode()) for word in ("begin", "end"))
    counts, first, begun = Counter[str](), "", False
    for line in log.read_text("ascii", errors="replace").splitlines():
        begun = begun or begin in line
        if end in line:
            return
        match = _CALL.match(line)
        if match is None or match[1] not in _ERRORS or (first and line.split()[0] != first):
            continue
        first = line.split()[0]
        counts[match[1]] += 1
        if begun and inside in line:
            for error in _ERRORS[match[1]]:
                for on in (False, True):
                    yield Failure(act, match[1], error, counts[match[1]], on)


def run(failure: Failure, times: int) -> tuple[list[str], list[str]]:
    """What is wrong after this failure, and what people were told."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="fz-fail-", dir=memory if memory.is_dir() else None) as place:
        folder = Path(place) / "box"
        acts.prepare(folder)
        when = f"{failure.number}{'+' if failure.on else ''}"
        inject = f"inject={failure.call}:error={failure.error}:when={when}"
        words = [sys.executable, "-m", "tests.chaos.acts", failure.act, str(folder), str(times)]
        command = strace_command(Path("/dev/null"), [])[:1]
        done = subprocess.run(
            [*command, "-f", "-o", "/dev/null", "-e", f"trace={failure.call}", "-e", inject, *words],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        told = done.stdout.splitlines()
        where = f"{failure.call} {failure.error}{' for good' if failure.on else ''}"
        found = [f"{where}: {fault}" for fault in broken_promises(folder, told)]
        if done.returncode:
            found.append(f"{where}: it ended with {done.stderr.strip().splitlines()[-1:]}")
        word = _ACTS[failure.act][1]
        said = sum(text.startswith((word, f"not {word}")) for text in told)
        if said != times and not (failure.call == "write" and failure.on):  # nor can it print then
            found.append(f"{where}: {times - said} people were told nothing")
        return found, told
