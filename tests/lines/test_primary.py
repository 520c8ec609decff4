"""A primary rate line (E1) with many calls at once."""

from __future__ import annotations

from tests.lines.laboratory import Laboratory

CALLS = 10
"""So many at once. With thirty the emulated processor (250 million instructions a second) had connected 28
after two minutes of its time, and no prompt could be recognised any more."""


def test_many_calls_at_once_are_all_served(laboratory: Laboratory) -> None:
    callers = [laboratory.caller(f"017012350{n:02}") for n in range(CALLS)]
    for caller in callers:
        caller.dials("10", "g5")
    for caller in callers:
        caller.hears("nobody-present")
    assert all(caller.is_connected for caller in callers)
    laboratory.wait_for("their channels are in use", lambda: laboratory.line("primary")["free"] == 30 - CALLS)
    for caller in callers:
        caller.hangs_up()
    outcomes = [laboratory.outcome(caller) for caller in callers]
    assert outcomes == [outcomes[0]] * CALLS
    assert laboratory.line("primary")["trouble"] == ""
