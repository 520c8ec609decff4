"""The office's page beside real calls: what is clicked is heard on the telephone, and the other way round."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.office_page import office_page
from appliance.simulator.office import SimulatedOffice
from appliance.store import own_prompts
from appliance.telephony.prompts.install import sound_file
from appliance.telephony.prompts.recordings import as_wav
from appliance.telephony.prompts.sounds import samples
from appliance.telephony.prompts.speech import speech_file
from tests.calls.conftest import chooses_message, nothing_is_left
from tests.web.visiting import HERE, Visitor, post, visitor, words

VOICE = speech_file("unassigned-number", "en")  # any sentence will do: it is recognised by its sound


@pytest.fixture
def office(make_office: Callable[..., SimulatedOffice]) -> Iterator[SimulatedOffice]:
    """With the prompts as they are shipped."""
    office = make_office(shipped=True)
    yield office
    nothing_is_left(office)


@pytest.fixture
def page(office: SimulatedOffice) -> Visitor:
    """The admin's browser."""
    client = visitor(office_page(office.settings))
    client.sign_in(office.db, "ada")
    return client


def shown(page: Visitor, where: str, identity: str) -> str:
    return words(page.get(f"{where}?lang=de").get_data(as_text=True), identity)


def test_a_greeting_uploaded_while_a_call_goes_on_is_heard_by_the_next_caller(
    office: SimulatedOffice, page: Visitor, tmp_path: Path
) -> None:
    office.sets("anna", "available")
    first, desk = office.caller("+4917011111111"), office.desk("anna")
    first.dials("0931 555-10")
    first.hears("greeting")
    desk.rings()
    desk.answers()

    spoken = as_wav(samples(VOICE).tobytes())
    answer = page.post("/prompts/de/greeting", data={"file": (io.BytesIO(spoken), "neu.wav")}, headers=HERE)
    assert answer.status_code == 303
    office.wait_for(
        "the new greeting is in force", lambda: own_prompts.newest(office.db)["greeting", "de"].in_force_at
    )
    first.says(VOICE)
    desk.hears_sound(VOICE)
    desk.hangs_up()
    first.waits_until_cut_off()

    heard = tmp_path / "heard.wav"
    heard.write_bytes(sound_file(office.settings.prompts, "greeting", "de").read_bytes())
    second = office.caller("+4917022222222")
    second.dials("0931 555-10")
    second.hears_sound(heard)
    second.hangs_up()


def test_a_button_pressed_on_the_page_lights_its_lamp(office: SimulatedOffice, page: Visitor) -> None:
    assert post(page, "/press", button="agent:anna").status_code == 303
    office.lamp_is("agent:anna", "green")
    assert "verfügbar" in shown(page, "/", "station-anna")


def test_a_message_is_heard_in_the_inbox_and_called_back(office: SimulatedOffice, page: Visitor) -> None:
    caller = office.caller("+4917033333333", "Ida Kern")
    caller.dials("0931 555-10")
    chooses_message(caller)
    caller.says(VOICE)
    caller.presses("#")
    caller.waits_until_cut_off()
    message = office.wait_for(
        "the message is kept", lambda: office.db.execute("SELECT id, sound FROM messages").fetchone()
    )
    assert "Ida Kern" in shown(page, "/inbox", f"message-{message[0]}")
    played = page.get(f"/inbox/messages/{message[0]}.wav").data
    assert played == (office.settings.spool / message[1]).with_suffix(".wav").read_bytes()

    assert post(page, "/inbox", act="call back", subject=f"message:{message[0]}").status_code == 303
    office.presses("agent:anna")  # she is rung at once: no time for a green lamp
    desk = office.desk("anna")
    desk.rings()
    desk.answers()
    desk.hears("agent-callback")
    desk.presses("1")
    customer = office.customer(caller.number)
    customer.answers()
    customer.hears("customer-callback-ordered")
    customer.presses("1")
    customer.says(VOICE)
    desk.hears_sound(VOICE)
    desk.hangs_up()
    customer.waits_until_cut_off()
    office.wait_for(
        "the callback is settled",
        lambda: office.db.execute("SELECT 1 FROM callbacks WHERE state = 'reached'").fetchone(),
    )
    assert "Erreicht und gesprochen." in page.get("/inbox?lang=de&show=done").get_data(as_text=True)
