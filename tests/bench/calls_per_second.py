"""How many calls a second are taken without one failure: rising rates, each for a while, until one fails.

A call is answered and told what holds (closed, by hours and special days), is offered what is left, and hangs
up after 1.5 s. Failed is what SIPp counts as failed; of ours also a call that is not in the ledger with its
outcome afterwards. Against a dialplan and against one Python AGI process a call that decide the same.
"""

from __future__ import annotations

import sqlite3
import time

from tests.bench.bench import Bench
from tests.bench.call_set_up import with_agi
from tests.bench.comparing import Figure
from tests.bench.offices import CLOSED, Bare, Product
from tests.bench.sip_tester import SCENARIOS, ensure_sipp, place_calls

TITLE = "Calls a second without one failure"
_RATES = (25, 50, 100, 150, 200, 250, 300)
_PROCESS_RATES = (5, 10, 15, 20, 25, 30, 40)
_ENDS_SECONDS = 10.0  # so long after the last call has begun all must be over
_SETTLED_SECONDS = 30.0
_DIALPLAN = """
[from-line]
exten => _[+0-9]!,1,Set(CALL=${CHANNEL(linkedid)})
 same => n,Set(CHANNEL(language)=de)
 same => n,Answer()
 same => n,Playback(${PROMPTS}/greeting)
 same => n,GotoIf($["${EXTEN:-2}" = "10"]?process)
 same => n,GotoIfTime(09:00-10:00,*,24,dec?open)
 same => n,Goto(closed)
 same => n(process),AGI(${HERE}/process_agi.sh,STORE)
 same => n(closed),Playback(${PROMPTS}/closed&${PROMPTS}/offer-callback&${PROMPTS}/offer-message)
 same => n(open),Wait(4)
 same => n,Hangup()
"""
_PROCESS = "+4993155510"


def measured(bench: Bench) -> list[Figure]:
    """Find the limit of each side; every side has an Asterisk of its own that is started afresh."""
    sipp = ensure_sipp(bench.progress)
    seconds = 30 if bench.full else 10
    limits, failing = {}, {}
    for side, rates in (("product", _RATES), ("dialplan", _RATES), ("process", _PROCESS_RATES)):
        bench.progress(f"{TITLE}: {side}", 0)
        box = _box(bench, side)
        telephones = box.start()
        telephones.close()  # SIPp is the line now
        limits[side] = 0
        for number, rate in enumerate(rates):
            calls = rate * seconds
            _, failed = place_calls(
                sipp, SCENARIOS / "caller.xml", bench.folder / side / f"at-{rate}",
                box=(box.settings.sip_address, box.settings.sip_port),
                line_port=box.settings.sip_lines[0].port,
                dialled=_PROCESS if side == "process" else CLOSED,
                rate=rate, calls=calls, seconds=seconds + _ENDS_SECONDS,
            )  # fmt: skip
            if isinstance(box, Product):
                failed += _not_settled(box)
            bench.progress(f"{TITLE}: {side}", 100 * (number + 1) // len(rates))
            if failed:
                failing[side] = rate
                break
            limits[side] = rate
        box.stop()
    first_of_process = failing.get("process", _PROCESS_RATES[-1])
    told = ", ".join(f"{side} fails at {rate}" for side, rate in failing.items()) or "none failed"
    return [
        Figure("calls a second, ours", limits["product"], "/s", at_least=150,
               seen=f"{seconds} s each; {told}"),
        Figure("to where a Python AGI process fails", limits["product"] / first_of_process, "×", at_least=8),
        Figure("to pure dialplan", limits["product"] / max(limits["dialplan"], 1), "×",
               seen=f"{limits['dialplan']} /s"),
    ]  # fmt: skip


def _box(bench: Bench, side: str) -> Product | Bare:
    if side == "product":
        return Product(bench.folder / side, bench.program, agents=1)
    bare = Bare(bench.folder / side, bench.program, 1, _DIALPLAN)
    with_agi(bare)
    return bare


def _not_settled(box: Product) -> int:
    """Calls without an outcome when all should have one."""
    db = sqlite3.connect(box.settings.store)
    deadline = time.monotonic() + _SETTLED_SECONDS
    while True:
        time.sleep(0.5)
        left = int(db.execute("SELECT count(*) FROM calls WHERE outcome = ''").fetchone()[0])
        if not left or time.monotonic() > deadline:
            db.close()
            return left
