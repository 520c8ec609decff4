"""From the caller's INVITE to the INVITE at the phone of the agent who is free, all decisions included.

Against a pure dialplan and against one Python AGI process a call, on Asterisks with the same modules,
lines and phones. Prompts last one sample and the product's pause after answering (for the ear) is left out.
"""

from __future__ import annotations

import itertools
import sys
import time

from tests.bench.bench import Bench
from tests.bench.comparing import Figure, at, compared
from tests.bench.offices import DIALLED, Bare, Product, running
from tests.bench.telephones import Telephones

TITLE = "Call set-up with all decisions"
_AGENTS = 10
_CALLS = 40
_BETWEEN_SECONDS = 0.05  # until the last caller's phone is idle again
_DIALPLAN = """
[from-line]
exten => _[+0-9]!,1,Set(CALL=${CHANNEL(linkedid)})
 same => n,Set(CHANNEL(language)=de)
 same => n,Answer()
 same => n,Playback(${PROMPTS}/greeting)
 same => n,GotoIf($["${CALLERID(num)}" =~ "^.49171"]?process)
 same => n,GotoIfTime(00:00-23:59,*,24,dec?closed)
 same => n,GotoIfTime(00:00-11:59,mon-sun,*,*?open)
 same => n,GotoIfTime(12:00-23:59,mon-sun,*,*?open)
 same => n(closed),Hangup()
 same => n(open),Set(NUMBER=1)
 same => n(next),Set(PHONE=desk_${NUMBER})
 same => n,GotoIf($["${DEVICE_STATE(PJSIP/${PHONE})}" = "NOT_INUSE"]?ring)
 same => n,Set(NUMBER=$[${NUMBER} + 1])
 same => n,GotoIf($[${NUMBER} <= AGENTS]?next)
 same => n,Hangup()
 same => n(process),AGI(${HERE}/process_agi.sh,STORE)
 same => n(ring),Dial(PJSIP/${PHONE},20,gtm)
 same => n,Hangup()
"""
_SIDES = {"product": "+49170", "dialplan": "+49170", "process": "+49171"}
_numbers = itertools.count(1_000_000)


def measured(bench: Bench) -> list[Figure]:
    """Rounds of calls, the three sides in turn."""
    product = Product(bench.folder / "product", bench.program, _AGENTS)
    bare = Bare(bench.folder / "bare", bench.program, _AGENTS, _DIALPLAN.replace("AGENTS", str(_AGENTS)))
    with_agi(bare)
    rings: dict[str, list[list[float]]] = {side: [] for side in _SIDES}
    answers: dict[str, list[list[float]]] = {side: [] for side in _SIDES}
    with running(product) as ours, running(bare) as theirs:
        product.everybody()
        for number in bench.rounds(TITLE):
            for side, prefix in _SIDES.items():
                telephones = ours if side == "product" else theirs
                seen = [one_call(telephones, prefix) for _ in range(_CALLS * (3 if bench.full else 1))]
                answers[side].append([answered for answered, _ in seen])
                rings[side].append([rung for _, rung in seen])
            bench.done(TITLE, number)
    plain, process = rings["dialplan"], rings["process"]
    return [
        compared("p50, to pure dialplan", rings["product"], plain, unit="ms", at_most=1.8, seed=bench.seed),
        Figure("p99", at(0.99, rings["product"]), "ms", at_most=20),
        compared("p99, to pure dialplan", rings["product"], plain, unit="ms", quantile=0.99, seed=bench.seed),
        compared("p50, a Python AGI process to ours", process, rings["product"], unit="ms",
                 at_least=15, seed=bench.seed),
        compared("INVITE to 200 OK, p50, to pure dialplan", answers["product"], answers["dialplan"],
                 unit="ms", seed=bench.seed),
    ]  # fmt: skip


def with_agi(bare: Bare) -> None:
    """Let a bare Asterisk start the AGI program as ${HERE}/process_agi.sh, a script that runs this Python."""
    script = bare.asterisk.folder / "process_agi.sh"
    program = __file__.replace("call_set_up.py", "process_agi.py")
    script.write_text(f"#!/bin/sh\nexec {sys.executable} -S -E {program} $1\n")
    script.chmod(0o755)
    dialplan = bare.asterisk.folder / "etc" / "extensions.conf"
    text = dialplan.read_text().replace("${HERE}/process_agi.sh", str(script))
    dialplan.write_text(text.replace("STORE", str(bare.settings.store)))


def one_call(telephones: Telephones, prefix: str) -> tuple[float, float]:
    """One call until a phone rings; milliseconds until it was answered, and until then."""
    number = f"{prefix}{next(_numbers)}"
    caller = telephones.call(DIALLED, number)
    phone = telephones.wait_for(f"a phone rings for {number}", lambda: telephones.ringing_for(number))
    telephones.wait_for("the call is answered", lambda: caller.answered_at)
    seen = (1000 * (caller.answered_at - caller.started_at), 1000 * (phone.started_at - caller.started_at))
    telephones.hang_up(caller)
    telephones.wait_for("the phone stops", lambda: phone.ended_at)
    time.sleep(_BETWEEN_SECONDS)
    return seen
