"""Agents with analogue telephones on the box's ports: rung like others, and they hand over by hook flash."""

from __future__ import annotations

import pytest

from tests.lines.laboratory import Handset, Laboratory, LineCaller
from tests.lines.test_isdn import talk


def talks_to_otto(laboratory: Laboratory, number: str) -> tuple[LineCaller, Handset]:
    """A caller who has been put through to Otto, with his ticket."""
    laboratory.sets("otto", "available")
    caller, otto = laboratory.caller(number), laboratory.handset("old_1")
    caller.dials("10")
    otto.answers()
    laboratory.lamp_is("agent:otto", "red")
    laboratory.asterisk(f"dialplan set chanvar {laboratory.channel_of(caller)} TICKET 4711")
    return caller, otto


def asks(otto: Handset, extension: str) -> None:
    """The one who has the caller flashes the hook and dials a colleague."""
    otto.flashes()
    otto.hears_tone()
    otto.presses(extension)


def talks_about_him(laboratory: Laboratory, otto: Handset) -> Handset:
    """The colleague answers, and hears the one who asks."""
    olga = laboratory.handset("old_2")
    olga.answers()
    otto.begins_to_say(laboratory.said("customer-not-confirmed"))
    olga.hears_sound(laboratory.voice("customer-not-confirmed"))
    return olga


def asks_in_vain(laboratory: Laboratory, otto: Handset, dialled: str) -> None:
    """He dials nothing, a number nobody has, or a colleague who does not want the caller."""
    otto.flashes()
    otto.hears_tone()
    if not dialled:
        return
    otto.presses(dialled)
    if dialled == "29":
        otto.hears("internal-unknown")
    else:
        talks_about_him(laboratory, otto).hangs_up()
    otto.hears_tone()


def ends_with(laboratory: Laboratory, caller: LineCaller, phone: Handset) -> None:
    """They talk, the agent hangs up, and it was one call that ended in a talk."""
    talk(laboratory, caller, phone)
    phone.hangs_up()
    caller.waits_until_cut_off()
    assert laboratory.outcome(caller) == "talked"
    assert len(laboratory.calls_of(caller)) == 1


def gets_him_back(laboratory: Laboratory, caller: LineCaller, otto: Handset) -> None:
    """Who wanted to hand him over is rung, with what is known of the caller, and told why."""
    caller.hears("transfer-back")
    otto.answers()
    assert otto.shown_name() == "Technik 4711"
    otto.hears("agent-returned")
    ends_with(laboratory, caller, otto)


def test_a_caller_is_handed_over_by_hook_flash(laboratory: Laboratory) -> None:
    caller, otto = talks_to_otto(laboratory, "01701234510")
    assert (otto.shown_number(), otto.shown_name()) == ("01701234510", "Technik")
    asks(otto, "25")
    laboratory.handset("old_2").rings()
    assert caller.is_connected
    olga = talks_about_him(laboratory, otto)
    otto.hangs_up()
    laboratory.lamp_is("agent:otto", "green")
    ends_with(laboratory, caller, olga)
    story = [step for step in laboratory.story(caller) if step.startswith("talks")]
    assert story == ["talks otto", "talks olga"]


def test_nobody_answers_and_the_one_who_asked_has_gone(laboratory: Laboratory) -> None:
    caller, otto = talks_to_otto(laboratory, "01701234511")
    asks(otto, "25")
    laboratory.handset("old_2").rings()
    otto.hangs_up()
    gets_him_back(laboratory, caller, otto)


def test_both_hang_up_while_they_talk_about_him(laboratory: Laboratory) -> None:
    caller, otto = talks_to_otto(laboratory, "01701234512")
    asks(otto, "25")
    olga = talks_about_him(laboratory, otto)
    otto.hangs_up()
    olga.hangs_up()
    gets_him_back(laboratory, caller, otto)


@pytest.mark.parametrize("dialled", ["", "29", "25"])
def test_with_nobody_reached_a_flash_leads_back(laboratory: Laboratory, dialled: str) -> None:
    caller, otto = talks_to_otto(laboratory, f"017012345{dialled or '30'}")
    asks_in_vain(laboratory, otto, dialled)
    otto.flashes()
    ends_with(laboratory, caller, otto)


@pytest.mark.parametrize("dialled", ["", "29", "25"])
def test_with_nobody_reached_who_hangs_up_gets_him_back(laboratory: Laboratory, dialled: str) -> None:
    caller, otto = talks_to_otto(laboratory, f"017012346{dialled or '30'}")
    asks_in_vain(laboratory, otto, dialled)
    otto.hangs_up()
    gets_him_back(laboratory, caller, otto)


def test_codes_are_dialled_on_an_analogue_telephone(laboratory: Laboratory) -> None:
    code = laboratory.handset("old_1").dials("*71")
    code.hears("presence-available")
    code.waits_until_cut_off()
    laboratory.lamp_is("agent:otto", "green")
