"""Calls over an analogue line."""

from __future__ import annotations

from tests.lines.laboratory import Laboratory


def test_a_message_ends_when_the_exchange_sends_the_busy_tone(laboratory: Laboratory) -> None:
    """Who hangs up on an analogue line leaves nothing but a tone behind."""
    caller = laboratory.caller("01701234530")
    caller.dials("", "g3")
    caller.hears("greeting", timeout_seconds=60)
    caller.hears("leave-message")
    caller.says(laboratory.said("customer-later"))
    caller.begins_to_say(laboratory.busy_tone())
    caller.waits_until_cut_off(timeout_seconds=60)
    assert laboratory.outcome(caller) == "message"
