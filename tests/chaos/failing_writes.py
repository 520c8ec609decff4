"""Every write of an act fails (ENOSPC, EIO), each in a run of its own: once, or from then on (a full disk).

strace makes the system call fail; the product is as it is. Each caller must be told something: that it is
kept, or an honest sentence that it is not. What was told to be kept must be there afterwards, once.
"""

from __future__ import annotations

import ctypes
import functools
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from tests.bench.comparing import Figure
from tests.chaos import acts
from tests.chaos.chaos import Chaos, in_parallel, shown
from tests.chaos.recovery import broken_promises
from tests.chaos.trace import MARKS, strace_command

TITLE = "Every write fails once"
_PATIENCE_SECONDS = 120
_PR_SET_PTRACER, _ANYBODY = 0x59616D61, ctypes.c_ulong(-1)  # prctl(2), <linux/prctl.h>
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
    template = chaos.folder / "template"
    acts.prepare(template)
    until = time.monotonic() + 60 * chaos.minutes
    for place, (name, (times, word)) in enumerate(_ACTS.items()):
        everything = list(failures_of(template, chaos.folder / name, name, times))
        failures = chosen(everything, chaos.size or len(everything), chaos.seed)
        faults, answers, done = Counter[str](), Counter[str](), 0
        for found, told in in_parallel(functools.partial(run, template=template, times=times), failures):
            done += 1
            faults.update(found)
            answers.update(text.split()[0] for text in told)
            chaos.progress(f"{TITLE}: {name}", 20 * place + 20 * done // len(failures))
            if time.monotonic() > until:
                break
        seen = f"people were told {answers[word.split()[0]]} times that it is {word},"
        seen += f" {answers['not']} times that it is not"
        figures.append(Figure(f"{name}: failures tried", done, "", at_least=len(everything), seen=seen))
        figures.append(Figure(f"{name}: lost, doubled, or nothing said", faults.total(), "", at_most=0,
                              seen=shown(faults)))  # fmt: skip
    return figures


def chosen(everything: list[Failure], most: int, seed: int) -> list[Failure]:
    """In an order by chance, so that some of each kind were tried when the time is up; at most so many."""
    return random.Random(seed).sample(everything, min(most, len(everything)))


def failures_of(template: Path, folder: Path, act: str, times: int) -> Iterator[Failure]:
    """Every write of the act that can fail, found in a run in which none does."""
    shutil.copytree(template, folder)
    log = folder.with_suffix(".strace")
    found = traced(folder, act, times, strace_command(log, [])[1:])
    if found.status:
        raise RuntimeError(f"{act}: {found.error}")
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


@dataclass(frozen=True, slots=True)
class Ended:
    """How an act has ended: its exit status, what people were told, and its last words of an error."""

    status: int
    told: list[str]
    error: str


def traced(folder: Path, act: str, times: int, options: list[str]) -> Ended:
    """Do an act in a child that strace, with these options, has attached to before it begins."""
    go, wait = os.pipe()[::-1]
    said, says = os.pipe()
    failed, fails = os.pipe()
    child = os.fork()
    if child == 0:
        _child(folder, act, times, wait, says, fails)
    for descriptor in (wait, says, fails):
        os.close(descriptor)
    command = [*strace_command(Path(os.devnull), [])[:1], *options, "-p", str(child)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        line = tracer.stderr.readline()
        if "attached" not in line:
            os.kill(child, signal.SIGKILL)
        else:
            os.write(go, b"!")
        os.close(go)
        with os.fdopen(said) as stream, os.fdopen(failed) as errors:
            told, error = stream.read().splitlines(), errors.read().strip()
        _, status = os.waitpid(child, 0)
        tracer.stderr.read()
    return Ended(os.waitstatus_to_exitcode(status), told, error if "attached" in line else line)


def _child(folder: Path, act: str, times: int, wait: int, says: int, fails: int) -> NoReturn:
    signal.alarm(_PATIENCE_SECONDS)
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)
    os.dup2(says, 1)
    status = 1
    try:
        os.read(wait, 1)
        acts.do(act, folder, times)
        status = 0
    except BaseException as error:
        with suppress(OSError):
            os.write(fails, repr(error).encode())
    os._exit(status)


def run(failure: Failure, template: Path, times: int) -> tuple[list[str], list[str]]:
    """What is wrong after this failure, and what people were told."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="fz-fail-", dir=memory if memory.is_dir() else None) as place:
        folder = Path(place) / "box"
        shutil.copytree(template, folder)
        when = f"{failure.number}{'+' if failure.on else ''}"
        inject = f"inject={failure.call}:error={failure.error}:when={when}"
        options = ["-f", "-o", os.devnull, "-e", f"trace={failure.call}", "-e", inject, "-e", "signal=none"]
        ended = traced(folder, failure.act, times, options)
        where = f"{failure.call} {failure.error}{' for good' if failure.on else ''}"
        found = [f"{where}: {fault}" for fault in broken_promises(folder, ended.told)]
        if ended.status:
            found.append(f"{where}: it ended with {ended.error}")
        word = _ACTS[failure.act][1]
        said = sum(text.startswith((word, f"not {word}")) for text in ended.told)
        if said != times and not (failure.call == "write" and failure.on):  # nor can it print then
            found.append(f"{where}: {times - said} people were told nothing")
        return found, ended.told
