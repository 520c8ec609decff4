"""The first call: greeted, connected to the agent who is free, or a message that arrives by mail."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from appliance.simulator.office import SimulatedOffice
from appliance.telephony.prompts.speech import speech_file
from tests.calls.conftest import chooses_message, nothing_is_left

VOICE_OF_CALLER = speech_file("unassigned-number", "en")
VOICE_OF_AGENT = speech_file("presence-offline", "en")


@pytest.fixture
def office(make_office: Callable[..., SimulatedOffice]) -> Iterator[SimulatedOffice]:
    """With the prompts as they are shipped."""
    office = make_office(shipped=True)
    yield office
    nothing_is_left(office)


def test_the_free_agent_is_rung_within_a_second_of_the_greeting(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    caller, desk_1, desk_2 = office.caller(name="Erika Müller"), office.desk("anna"), office.desk("bert")

    caller.dials("0931 555-10")
    greeting = caller.hears("greeting")
    ringing = desk_1.rings()
    assert ringing.started_at - greeting.ended_at < 1.0
    assert ringing.shown_name == "Technik: Erika Müller"
    assert ringing.shown_number == "+491701234567"
    caller.hears("connecting", after=greeting)

    desk_1.answers()
    caller.says(VOICE_OF_CALLER)
    desk_1.hears_sound(VOICE_OF_CALLER)
    desk_1.says(VOICE_OF_AGENT)
    caller.hears_sound(VOICE_OF_AGENT)
    office.lamp_is("agent:anna", "red")
    desk_1.hangs_up()
    caller.waits_until_cut_off()

    assert desk_2.times_rung == 0, "the absent agent's phone must never ring"
    call = office.call_of(caller)
    assert office.outcome(call) == "talked"
    assert "talks anna" in office.steps(call)
    office.lamp_is("agent:anna", "green")


def test_nobody_present_a_message_arrives_by_mail(office: SimulatedOffice) -> None:
    caller = office.caller(name="Jürgen Groß")
    caller.dials("0931 555-10")
    greeting = caller.hears("greeting")
    told = caller.hears("nobody-present", after=greeting)
    assert told.start_seconds - greeting.end_seconds < 1.0, "told at once"
    chooses_message(caller)
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    caller.hears("message-thanks")
    caller.waits_until_cut_off()

    call = office.call_of(caller)
    assert office.outcome(call) == "message"
    mail = office.mail_arrives()
    assert mail["To"] == "technik@musterbuero.example"
    assert "Jürgen Groß" in mail.get_body().get_content()  # type: ignore[union-attr]
    sounds = [part for part in mail.iter_attachments() if part.get_content_type() == "audio/mpeg"]
    assert len(sounds) == 1
    assert [office.desk(agent).times_rung for agent in ("anna", "bert", "clara")] == [0, 0, 0]
    office.reaches(call, "mail delivered")
