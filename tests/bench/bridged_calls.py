"""What bridged G.711 calls cost Asterisk while the whole product runs, against Asterisk alone.

Callers talk all the time (SIPp plays a file), desk phones send back what they hear. CPU of Asterisk is
counted while all calls are up; the supervisor's beside it is told.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.simulator.exchange import LINE_ADDRESS, PHONES_ADDRESS
from appliance.simulator.office import free_port
from appliance.telephony.prompts.speech import speech_file
from tests.bench.bench import Bench
from tests.bench.comparing import Figure, at, compared
from tests.bench.offices import DIALLED, Bare, Product
from tests.bench.processes import cpu_seconds
from tests.bench.sip_tester import SCENARIOS, ensure_sipp

TITLE = "Bridged calls"
_CALLS = 20
_RATE = 10
_BEGUN_SECONDS = 4.0  # all are up
_SPAN_SECONDS = 8.0
_DIALPLAN = """
[from-line]
exten => _[+0-9]!,1,Answer()
 same => n,Dial(PJSIP/desk_${CALLERID(num):6},20,gt)
 same => n,Hangup()
"""


def measured(bench: Bench) -> list[Figure]:
    """Rounds of calls that are all up at once, ours and plain ones in turn."""
    sipp = ensure_sipp(bench.progress)
    product = Product(bench.folder / "product", bench.program, _CALLS)
    bare = Bare(bench.folder / "bare", bench.program, _CALLS, _DIALPLAN)
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    supervisor: list[list[float]] = []
    with _phones(sipp, bench.folder, product), _phones(sipp, bench.folder, bare):
        product.everybody()
        for number in bench.rounds(TITLE):
            asterisk, own = _busy(sipp, bench.folder, product)
            plain, _ = _busy(sipp, bench.folder, bare)
            ours.append([asterisk])
            supervisor.append([own])
            theirs.append([plain])
            bench.done(TITLE, number)
    return [
        compared("calls per core, to bare Asterisk", theirs, ours, unit="ms per call-second",
                 at_least=0.98, seed=bench.seed),
        Figure("calls per core, ours", 1000 / at(0.5, ours), "", seen=f"{_CALLS} calls at once"),
        Figure("the supervisor meanwhile", at(0.5, supervisor), "ms per call-second"),
    ]  # fmt: skip


@contextmanager
def _phones(sipp: tuple[str, ...], folder: Path, box: Product | Bare) -> Iterator[None]:
    """The box, started, its desk phones registered where SIPp answers."""
    port = free_port(socket.SOCK_DGRAM, PHONES_ADDRESS)
    box.start(port).close()  # whoever answers at the port they have registered from is the phones
    answering = subprocess.Popen(
        [*sipp, "-sf", str(SCENARIOS / "phone.xml"), "-i", PHONES_ADDRESS, "-mi", PHONES_ADDRESS,
         "-p", str(port), "-mp", str(free_port()), "-rtp_echo", "-aa", "-nostdin", "-nd"],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        answering.kill()
        answering.wait()
        box.stop()


def _busy(sipp: tuple[str, ...], folder: Path, box: Product | Bare) -> tuple[float, float]:
    """CPU milliseconds a call-second of Asterisk and of the supervisor while all calls are up."""
    scenario = folder / "talker.xml"
    sound = str(speech_file("leave-message", "de"))
    scenario.write_text((SCENARIOS / "talker.xml").read_text().replace("SOUND", sound))
    talking = subprocess.Popen(
        [*sipp, f"{box.settings.sip_address}:{box.settings.sip_port}", "-sf", str(scenario), "-s", DIALLED,
         "-i", LINE_ADDRESS, "-p", str(box.settings.sip_lines[0].port), "-r", str(_RATE), "-m", str(_CALLS),
         "-d", str(int(1000 * (2 * _BEGUN_SECONDS + _SPAN_SECONDS))), "-nd", "-aa", "-nostdin"],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(_CALLS / _RATE + _BEGUN_SECONDS)
    processes = [box.asterisk.process_id, *([box.supervisor_id] if isinstance(box, Product) else [])]
    bridged = box.asterisk.ask("core show channels count")
    if not bridged.startswith(f"{2 * _CALLS} active"):
        raise AssertionError(f"not all calls are up: {bridged}")
    before, began = [cpu_seconds(process) for process in processes], time.perf_counter()
    time.sleep(_SPAN_SECONDS)
    span = time.perf_counter() - began
    used = [cpu_seconds(process) - was for process, was in zip(processes, before, strict=True)]
    talking.wait(60)
    asterisk, own = [1000 * seconds / span / _CALLS for seconds in (*used, 0.0)][:2]
    return asterisk, own
