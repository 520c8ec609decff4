"""Calls over ISDN basic rate."""

from __future__ import annotations

from tests.lines.laboratory import Laboratory


def test_who_dials_a_number_behind_the_head_number_talks_to_the_agent(laboratory: Laboratory) -> None:
    laboratory.sets("anna", "available")
    caller = laboratory.caller("01701234567")
    caller.dials("10")
    caller.hears("greeting")
    anna = laboratory.phone("desk_1")
    anna.answers()
    assert anna.current is not None
    assert anna.current.shown_number == "01701234567"
    caller.presses("5")
    anna.hangs_up()
    caller.waits_until_cut_off()
