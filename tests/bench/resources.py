"""CPU of a call that waits and talks, and memory of all processes; against app_queue on a bare Asterisk."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from appliance.telephony.asterisk import end_with_parent
from tests.bench.bench import Bench
from tests.bench.comparing import Figure, at, compared
from tests.bench.offices import DIALLED, Bare, Product, as_on_the_box, running
from tests.bench.processes import cpu_seconds, pss_bytes
from tests.bench.queue_calls import DIALPLAN, QUEUE, QueueCalls

TITLE = "CPU and memory"
_CALLS = 6
_AT_ONCE = 30
_IDLE_SECONDS = 5


def measured(bench: Bench) -> list[Figure]:
    """Rounds of queue calls, ours and app_queue's in turn; then memory."""
    product = Product(bench.folder / "product", bench.program, agents=1)
    bare = Bare(bench.folder / "bare", bench.program, 1, DIALPLAN, QUEUE)
    ours: list[list[float]] = []
    together: list[list[float]] = []
    theirs: list[list[float]] = []
    with running(product) as our_phones, running(bare) as their_phones:
        product.everybody()
        with as_on_the_box(product.settings.state):
            page = _page(product)
        time.sleep(5)
        memory_idle = _memory(product, page)
        for number in bench.rounds(TITLE):
            supervisor, box = product.supervisor_id, product.asterisk.process_id
            calls, plain = QueueCalls(our_phones, bench.seed), QueueCalls(their_phones, bench.seed)
            ours_used, box_used = _used_by(calls, (supervisor, box))
            (bare_used,) = _used_by(plain, (bare.asterisk.process_id,))
            ours.append([ours_used])
            together.append([ours_used + box_used])
            theirs.append([bare_used])
            calls.end()
            plain.end()
            bench.done(TITLE, number)
        waiting = [our_phones.call(DIALLED, f"+49172{n:07}") for n in range(_AT_ONCE)]
        our_phones.wait_for("thirty calls are answered", lambda: all(call.answered_at for call in waiting))
        time.sleep(5)
        memory_busy = _memory(product, page)
        page.terminate()
        page.wait()
    return [
        Figure("our CPU per call that waits", at(0.5, ours), "ms", at_most=1),
        compared("our CPU and Asterisk's per call, to app_queue", together, theirs,
                 unit="ms", at_most=1.25, seed=bench.seed),
        *_memory_figures("idle", memory_idle, 160),
        *_memory_figures(f"with {_AT_ONCE} calls", memory_busy, 220),
    ]  # fmt: skip


def _used_by(calls: QueueCalls, processes: tuple[int, ...]) -> list[float]:
    """CPU milliseconds per call of each process, without what it uses while nothing happens."""
    calls.next_call()
    before, began = [cpu_seconds(process) for process in processes], time.perf_counter()
    for _ in range(_CALLS):
        calls.next_call()
    used = [cpu_seconds(process) - was for process, was in zip(processes, before, strict=True)]
    span = time.perf_counter() - began
    before, began = [cpu_seconds(process) for process in processes], time.perf_counter()
    time.sleep(_IDLE_SECONDS)
    idle = [cpu_seconds(process) - was for process, was in zip(processes, before, strict=True)]
    share = span / (time.perf_counter() - began)
    return [1000 * (busy - share * calm) / _CALLS for busy, calm in zip(used, idle, strict=True)]


def _page(product: Product) -> subprocess.Popen[bytes]:
    """The office's page as a process of its own, as on the box."""
    return subprocess.Popen(
        [sys.executable, "-m", "appliance.cli", "--state", str(product.settings.state), "web", "--port", "0"],
        preexec_fn=end_with_parent,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )  # fmt: skip


def _memory(product: Product, page: subprocess.Popen[bytes]) -> dict[str, float]:
    processes = {
        "supervisor": product.supervisor_id,
        "page": page.pid,
        "Asterisk": product.asterisk.process_id,
    }
    return {name: pss_bytes(process) / 2**20 for name, process in processes.items()}


def _memory_figures(when: str, memory: dict[str, float], at_most: float) -> list[Figure]:
    parts = ", ".join(f"{name} {size:.0f}" for name, size in memory.items())
    ours = memory["supervisor"] + memory["page"]
    return [
        Figure(f"memory (PSS) {when}", sum(memory.values()), "MiB", at_most=at_most, seen=parts),
        Figure(f"supervisor and page {when}", ours, "MiB", at_most=60),
    ]
