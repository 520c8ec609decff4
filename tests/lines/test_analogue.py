"""Calls over an analogue line: who calls comes between two rings, who has hung up leaves a tone."""

from __future__ import annotations

from tests.lines.laboratory import Laboratory


def test_a_message_is_kept_when_the_busy_tone_tells_that_the_caller_has_hung_up(
    laboratory: Laboratory,
) -> None:
    caller = laboratory.caller("01701234530")
    caller.dials("", "g3")
    offered = caller.hears("offer-callback", after=caller.hears("nobody-present"))
    caller.presses("3")
    caller.hears("leave-message", after=offered)
    caller.says(laboratory.said("customer-not-confirmed"))
    caller.hangs_up_on_analogue_line()
    caller.waits_until_cut_off()
    assert laboratory.outcome(caller) == "message"
    assert laboratory.message_says("customer-not-confirmed")
