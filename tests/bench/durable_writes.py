"""What a call that waits and talks costs the disk: syncs (strace) and bytes (/proc/PID/io).

Both of the supervisor and of Asterisk. Against one commit per event in SQLite's default mode, for as many
events as the product has kept of such a call.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from appliance.telephony.debian_archive import PreparationError
from tests.bench.bench import Bench
from tests.bench.comparing import Figure
from tests.bench.offices import Product, running
from tests.bench.processes import counted_syncs, written_bytes
from tests.bench.queue_calls import QueueCalls

TITLE = "Durable writes"
_CALLS = 10
_DAY_SECONDS = 86_400
_PLAIN = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("CREATE TABLE steps (id INTEGER PRIMARY KEY, call TEXT, at TEXT, step TEXT, detail TEXT)")
db.commit()
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    row = ("1795625072.0", "2026-11-25T16:44:33.522Z", "agent rings", "anna")
    db.execute("INSERT INTO steps (call, at, step, detail) VALUES (?, ?, ?, ?)", row)
    db.commit()
print("done", flush=True)
sys.stdin.readline()
"""


def measured(bench: Bench) -> list[Figure]:
    """Calls under strace, calls without it for the bytes, and a while of nothing."""
    if shutil.which("strace") is None:
        raise PreparationError("This row needs strace.", "Diese Messung braucht strace.")
    calls_wanted = _CALLS * (3 if bench.full else 1)
    product = Product(bench.folder / "product", bench.program, agents=1)
    with running(product) as telephones:
        processes = [product.supervisor_id, product.asterisk.process_id]
        product.everybody()
        calls = QueueCalls(telephones, bench.seed)
        calls.next_call()
        with counted_syncs(processes) as syncs:
            for number in range(calls_wanted):
                calls.next_call()
                bench.progress(TITLE, 40 * number // calls_wanted)
            time.sleep(1)
        events_before, bytes_before = _events(product), _written(processes)
        for number in range(calls_wanted):
            calls.next_call()
            bench.progress(TITLE, 40 + 40 * number // calls_wanted)
        time.sleep(1)
        size = (_written(processes) - bytes_before) / calls_wanted
        events = (_events(product) - events_before) / calls_wanted
        calls.end()
        idle_seconds = 300 if bench.full else 60
        time.sleep(5)
        idle_before = _written(processes)
        time.sleep(idle_seconds)
        idle = (_written(processes) - idle_before) / idle_seconds * _DAY_SECONDS
    plain_syncs, plain_bytes = _plain(bench.folder, round(events))
    return [
        Figure("syncs per call", syncs.count / calls_wanted, "", at_most=2,
               seen=f"one commit per event: {plain_syncs:g}; "
               + ", ".join(f"{count / calls_wanted:g} {name}" for name, count in syncs.by_file().items())),
        Figure("KiB written per call", size / 1024, "KiB", at_most=24,
               seen=f"one commit per event: {plain_bytes / 1024:.0f} for {events:g} events"),
        Figure("idle MB a day", idle / 1e6, "MB", at_most=5, seen=f"from {idle_seconds} s"),
    ]  # fmt: skip


def _written(processes: list[int]) -> int:
    return sum(map(written_bytes, processes))


def _events(product: Product) -> int:
    db = sqlite3.connect(product.settings.store)
    count = db.execute("SELECT (SELECT count(*) FROM steps) + (SELECT count(*) FROM calls)").fetchone()[0]
    db.close()
    return int(count)


def _plain(folder: Path, events: int) -> tuple[float, float]:
    """Syncs and bytes of so many commits of SQLite as it is by default."""
    store = folder / "plain.db"
    process = subprocess.Popen(
        [sys.executable, "-c", _PLAIN, str(store), str(events)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    time.sleep(0.5)
    with counted_syncs([process.pid]) as syncs:
        before = written_bytes(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        size = written_bytes(process.pid) - before
    process.communicate("\n")
    return syncs.count, size
