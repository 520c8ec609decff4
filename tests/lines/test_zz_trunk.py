"""A full primary rate line, and an emergency call while everything is taken. Last, for it is the heaviest."""

from __future__ import annotations

import time

from tests.lines.laboratory import Laboratory

_CALLS = 30
_PATIENCE_SECONDS = 240.0  # thirty calls at once are slow on an emulated machine


def test_thirty_calls_at_once_each_get_their_prompt_and_their_outcome(laboratory: Laboratory) -> None:
    callers = [laboratory.caller(f"017055500{number:02}") for number in range(_CALLS)]
    began = time.monotonic()
    for caller in callers:
        caller.dials("55510", "g5")
    for caller in callers:
        caller.is_answered(_PATIENCE_SECONDS)
    print(f"thirty calls answered {time.monotonic() - began:.1f} s after the first was dialled")
    for caller in callers:
        caller.hears("greeting", timeout_seconds=_PATIENCE_SECONDS)
    print(f"thirty greetings heard after {time.monotonic() - began:.1f} s")
    laboratory.wait_for("the line is full", lambda: laboratory.line("trunk")["free"] == 0, seconds=60)
    for caller in callers:
        caller.hangs_up()
    for caller in callers:
        assert laboratory.outcome(caller) in ("hung up", "message")
    laboratory.wait_for("the line is free", lambda: laboratory.line("trunk")["free"] == 30, seconds=60)


def test_an_emergency_call_gets_the_line_of_somebody_who_waits(laboratory: Laboratory) -> None:
    """Every channel of every line is taken, one by a conversation, the others by callers who listen."""
    laboratory.sets("anna", "available")
    talking = laboratory.caller("01705550100")
    talking.dials("10")
    anna = laboratory.phone("desk_1")
    anna.answers()
    others = [laboratory.caller(f"017055502{number:02}") for number in range(34)]
    for caller, line in zip(others, ["g1", "g2", "g2", "g3", *["g5"] * 30], strict=True):
        caller.dials({"g1": "10", "g2": "55530", "g3": "", "g5": "55510"}[line], line)
    for caller in others:
        caller.is_answered(_PATIENCE_SECONDS)
    call = laboratory.phone("desk_2").dials("112")
    services = laboratory.phone("112")
    services.answers()
    call.is_answered()
    assert talking.is_connected, "who only listens gives way first"
    assert sum(caller.is_connected for caller in others) == 33
    assert services.current is not None
    assert services.current.shown_number == "093155510"
