"""A primary rate line (E1) with all its thirty channels in use."""

from __future__ import annotations

from tests.lines.laboratory import Laboratory

CHANNELS = 30


def test_thirty_calls_at_once_are_all_served(laboratory: Laboratory) -> None:
    callers = [laboratory.caller(f"017012350{n:02}") for n in range(CHANNELS)]
    for caller in callers:
        caller.dials("10", "g5")
    for caller in callers:
        caller.hears("nobody-present")
    assert all(caller.is_connected for caller in callers)
    laboratory.wait_for("all channels are in use", lambda: laboratory.line("primary")["free"] == 0)
    for caller in callers:
        caller.hangs_up()
    outcomes = [laboratory.outcome(caller) for caller in callers]
    assert outcomes == [outcomes[0]] * CHANNELS
    assert laboratory.line("primary")["trouble"] == ""
