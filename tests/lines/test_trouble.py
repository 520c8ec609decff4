"""Lines in trouble: known to be, and nobody else is disturbed."""

from __future__ import annotations

from tests.lines.laboratory import Laboratory
from tests.lines.test_isdn import talk


def test_an_alarm_is_raised_and_cleared_while_people_talk_on_another_line(laboratory: Laboratory) -> None:
    laboratory.sets("anna", "available")
    caller = laboratory.caller("01701234540")
    caller.dials("10")
    laboratory.phone("desk_1").answers()
    laboratory.machine.run("python3", "-m", "tests.lines.cable", "spare", "out")
    laboratory.wait_for(
        "the alarm is seen", lambda: laboratory.line("spare")["trouble"] == "no signal", seconds=60
    )
    talk(laboratory, caller, "desk_1")
    laboratory.machine.run("python3", "-m", "tests.lines.cable", "spare", "in")
    laboratory.wait_for("it is over", lambda: laboratory.line("spare")["trouble"] != "no signal", seconds=60)
    assert caller.is_connected
