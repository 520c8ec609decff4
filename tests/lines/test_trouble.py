"""Lines in trouble: known to be, and nobody else is disturbed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.lines.laboratory import Laboratory
from tests.lines.test_isdn import talk


@contextmanager
def a_talk(laboratory: Laboratory, number: str) -> Iterator[None]:
    """People talk on the ISDN line, before and after."""
    laboratory.sets("anna", "available")
    caller, anna = laboratory.caller(number), laboratory.phone("desk_1")
    caller.dials("10")
    anna.answers()
    yield
    talk(laboratory, caller, anna)
    assert laboratory.line("isdn")["trouble"] == ""


def test_an_alarm_is_raised_and_cleared_while_people_talk_on_another_line(laboratory: Laboratory) -> None:
    with a_talk(laboratory, "01701234540"):
        laboratory.pulls("spare", "out")
        laboratory.wait_for("the alarm is seen", lambda: laboratory.trouble("spare") == "no signal")
        laboratory.pulls("spare", "in")
        laboratory.wait_for("it is over", lambda: laboratory.trouble("spare") == "no link")


def test_a_line_that_flaps_every_second_for_a_minute_disturbs_nobody(laboratory: Laboratory) -> None:
    with a_talk(laboratory, "01701234541"):
        laboratory.pulls("spare", "flaps")
        laboratory.wait_for("its state is known", lambda: laboratory.trouble("spare") == "no link")
    assert laboratory.line("primary")["trouble"] == ""


def test_a_line_of_the_wrong_kind_is_said_to_be(laboratory: Laboratory) -> None:
    assert laboratory.trouble("wrong") == "no link"
    told = laboratory.command("status", check=False)
    assert any("wrong" in str(each) for each in told["lines_in_trouble"])
