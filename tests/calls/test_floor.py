"""The floor: without our Python, or when it dies at any step, no caller is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from appliance.simulator.exchange import Caller
from appliance.simulator.office import SimulatedOffice
from appliance.store.liveness import Alive, AlreadyRunning
from tests.calls.conftest import chooses_message, nothing_is_left
from tests.calls.test_first_call import VOICE_OF_AGENT, VOICE_OF_CALLER


@pytest.fixture
def alone(make_office: Callable[..., SimulatedOffice]) -> SimulatedOffice:
    """An office whose supervisor never started."""
    return make_office(supervisor=False)


def the_supervisor_comes_and_finds(office: SimulatedOffice, caller: Caller, outcome: str) -> None:
    office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == outcome
    nothing_is_left(office)


def test_alone_it_greets_and_rings_whoever_is_present(alone: SimulatedOffice) -> None:
    alone.sets("bert", "available")
    caller = alone.caller()
    caller.dials("0931 555-10")
    caller.hears("greeting")
    alone.desk("bert").answers()
    caller.says(VOICE_OF_CALLER)
    alone.desk("bert").hears_sound(VOICE_OF_CALLER)
    alone.desk("bert").hangs_up()
    caller.waits_until_cut_off()
    assert alone.desk("anna").times_rung == 0
    the_supervisor_comes_and_finds(alone, caller, "talked")


def test_alone_with_nobody_present_it_takes_a_message(alone: SimulatedOffice) -> None:
    caller = alone.caller()
    caller.dials("0931 555-10")
    told = caller.hears("nobody-present", after=caller.hears("greeting"))
    caller.hears("leave-message", after=told)
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    caller.hears("message-thanks")
    caller.waits_until_cut_off()
    assert [alone.desk(agent).times_rung for agent in ("anna", "bert", "clara")] == [0, 0, 0]
    the_supervisor_comes_and_finds(alone, caller, "message")
    assert alone.mail_arrives()["To"] == "technik@musterbuero.example"


def test_alone_a_message_ended_by_hanging_up_is_kept(alone: SimulatedOffice) -> None:
    caller = alone.caller()
    caller.dials("0931 555-10")
    caller.hears("leave-message")
    caller.says(VOICE_OF_CALLER)
    caller.hangs_up()
    the_supervisor_comes_and_finds(alone, caller, "message")
    alone.mail_arrives()


def test_alone_it_says_closed_at_night(alone: SimulatedOffice) -> None:
    alone.db.execute("UPDATE night_switch SET mode = 'night'")
    caller = alone.caller()
    caller.dials("0931 555-20")
    caller.hears("closed", language="en", after=caller.hears("greeting", language="en"))
    caller.hangs_up()
    the_supervisor_comes_and_finds(alone, caller, "told closed")


def test_alone_an_unassigned_number_is_told_so(alone: SimulatedOffice) -> None:
    caller = alone.caller()
    caller.dials("0931 555-99")
    caller.hears("unassigned-number")
    caller.waits_until_cut_off()
    the_supervisor_comes_and_finds(alone, caller, "told unassigned")


def greeting_begins(office: SimulatedOffice, caller: Caller) -> None:
    caller.is_answered()
    office.call_of(caller)


def phone_rings(office: SimulatedOffice, _caller: Caller) -> None:
    office.desk("anna").rings()


def talks(office: SimulatedOffice, caller: Caller) -> None:
    office.desk("anna").answers()
    office.reaches(office.call_of(caller), "talks anna")


@pytest.mark.parametrize("step", [greeting_begins, phone_rings, talks])
def test_killed_on_the_way_to_an_agent(
    office: SimulatedOffice, step: Callable[[SimulatedOffice, Caller], None]
) -> None:
    """SIGKILL at a step: the caller reaches the agent all the same, and talks to the end."""
    office.sets("anna", "available")
    caller, desk = office.caller(), office.desk("anna")
    caller.dials("0931 555-10")
    step(office, caller)
    office.kill_supervisor()
    if step is not talks:
        desk.answers()
    caller.says(VOICE_OF_CALLER)
    desk.hears_sound(VOICE_OF_CALLER)
    desk.says(VOICE_OF_AGENT)
    caller.hears_sound(VOICE_OF_AGENT)
    desk.hangs_up()
    caller.waits_until_cut_off()
    office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "talked"
    assert desk.times_rung == 1 or step is phone_rings


def test_killed_while_one_waits_and_two_talk(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    first, second, desk = office.caller("+491701111111"), office.caller("+491702222222"), office.desk("anna")
    first.dials("0931 555-10")
    desk.answers()
    second.dials("0931 555-10")
    second.hears("all-busy")
    second.hears_music()
    office.kill_supervisor()
    first.says(VOICE_OF_CALLER)
    desk.hears_sound(VOICE_OF_CALLER)
    second.hears_music()
    assert first.is_connected
    desk.hangs_up()
    first.waits_until_cut_off()
    ringing = desk.rings()
    assert ringing.shown_number == "+491702222222"
    desk.answers()
    second.says(VOICE_OF_CALLER)
    desk.hears_sound(VOICE_OF_CALLER)
    second.hangs_up()
    office.start_supervisor()
    assert office.outcome(office.call_of(first)) == "talked"
    assert office.outcome(office.call_of(second)) == "talked"


def before_the_tone(_office: SimulatedOffice, caller: Caller) -> None:
    caller.hears("nobody-present")


def while_speaking(office: SimulatedOffice, caller: Caller) -> None:
    chooses_message(caller)
    recording = office.settings.recordings / f"{office.call_of(caller)}.wav"
    office.wait_for("the recording begins", recording.exists)
    caller.begins_to_say(VOICE_OF_CALLER)


@pytest.mark.parametrize("step", [before_the_tone, while_speaking])
def test_killed_on_the_way_to_a_message(
    office: SimulatedOffice, step: Callable[[SimulatedOffice, Caller], None]
) -> None:
    caller = office.caller()
    caller.dials("0931 555-10")
    step(office, caller)
    office.kill_supervisor()
    if step is before_the_tone:
        caller.hears("leave-message")
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    caller.hears("message-thanks")
    caller.waits_until_cut_off()
    office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "message"
    office.mail_arrives()
    assert len(office.mail_server.mails) == 1


def test_killed_after_the_message_was_kept_it_is_not_asked_for_again(office: SimulatedOffice) -> None:
    caller = office.caller()
    caller.dials("0931 555-10")
    chooses_message(caller)
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    office.reaches(office.call_of(caller), "message kept")
    office.kill_supervisor()
    caller.hears("message-thanks")
    caller.waits_until_cut_off()
    office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "message"
    office.mail_arrives()
    assert office.db.execute("SELECT count(*) FROM messages").fetchone() == (1,)


def test_asterisk_killed_in_a_call_leaves_a_clean_ledger(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    first, second, third = (office.caller(f"+49170{n}") for n in (1111111, 2222222, 3333333))
    first.dials("0931 555-10")
    office.desk("anna").answers()
    second.dials("0931 555-10")
    second.hears("all-busy")
    office.asterisk_restarts()
    assert office.outcome(office.call_of(first)) == "talked"
    assert office.outcome(office.call_of(second)) == "hung up"
    third.dials("0931 555-10")
    office.desk("anna").answers()
    third.hangs_up()
    assert office.outcome(office.call_of(third)) == "talked"


def test_a_second_supervisor_is_refused(office: SimulatedOffice) -> None:
    with pytest.raises(AlreadyRunning), Alive(office.settings.state):
        pass
