"""A prompt recorded by phone, a text read by the built-in voice, music of one's own: callers hear it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from appliance.office_page import office_page
from appliance.simulator import hearing
from appliance.simulator.exchange import Caller
from appliance.simulator.office import SimulatedOffice
from appliance.store import own_prompts
from appliance.telephony.prompts.install import sound_file
from appliance.telephony.prompts.sounds import samples
from appliance.telephony.prompts.speech import speech_file
from appliance.telephony.prompts.voice import ensure_voice
from appliance.telephony.sandbox import shown_progress
from tests.calls.conftest import OFFICE, nothing_is_left, write_sound
from tests.web.visiting import HERE, Visitor, post, visitor, words

VOICE = speech_file("unassigned-number", "en")  # any sentence will do: it is recognised by its sound
RECORDED_ALIKE = 0.6  # through the phone, on a starved machine; noise and silence stay under 0.3
PATIENCE_SECONDS, LOOK_SECONDS = 10.0, 0.2


@pytest.fixture
def office(make_office: Callable[..., SimulatedOffice]) -> Iterator[SimulatedOffice]:
    """With the prompts as they are shipped, for own ones are written; a phone rings long enough to wait."""
    office = make_office(OFFICE.replace("ring_seconds = 4", "ring_seconds = 20"), shipped=True)
    yield office
    nothing_is_left(office)


@pytest.fixture
def page(office: SimulatedOffice) -> Visitor:
    """Anna's browser; she is an admin, too."""
    client = visitor(office_page(office.settings))
    client.sign_in(office.db, "anna", "admin", "anna")
    return client


def heard_in(file: Path) -> hearing.Sound:
    return hearing.sound(samples(file))


def records(office: SimulatedOffice) -> None:
    """Wait until the tone is over and what is spoken is written."""
    office.wait_for("it records", lambda: list(office.settings.prompt_recordings.glob("*.wav")))


def somebody_hears(office: SimulatedOffice, greeting: Path) -> Caller:
    """Call until somebody hears this greeting: on a busy machine one of them may lose too many packets."""
    wanted = heard_in(greeting)
    for number in ("+491701111111", "+491702222222", "+491703333333"):
        caller = office.caller(number)
        caller.dials("0931 555-10")
        until = time.monotonic() + len(wanted) / hearing.RATE + PATIENCE_SECONDS
        while time.monotonic() < until:
            if hearing.find(wanted, caller.heard()):
                return caller
            time.sleep(LOOK_SECONDS)
        caller.hangs_up()
    raise AssertionError(f"nobody hears {greeting}")


def told(page: Visitor) -> str:
    """What the prompt's page says of the recording."""
    return words(page.get("/prompts/de/greeting?lang=de").get_data(as_text=True), "recording")


def test_what_is_spoken_after_the_tone_is_what_callers_hear_and_undo_takes_it_back(
    office: SimulatedOffice, page: Visitor
) -> None:
    assert post(page, "/prompts/de/greeting/record", phone="desk_1").status_code == 303
    assert told(page).startswith("Das Telefon klingelt")
    desk = office.desk("anna")
    desk.answers()
    records(office)
    assert own_prompts.newest(office.db) == {}, "nothing is kept before it was spoken"
    desk.says(VOICE)
    desk.presses("#")
    office.wait_for("the page says so", lambda: told(page).startswith("Die Aufnahme ist gespeichert"))
    kept = own_prompts.newest(office.db)["greeting", "de"]
    assert (kept.has_sound, kept.set_by) == (True, "anna")
    office.wait_for("callers hear it", lambda: own_prompts.newest(office.db)["greeting", "de"].in_force_at)
    recorded = sound_file(office.settings.prompts, "greeting", "de")
    spoken = hearing.find(heard_in(VOICE)[4000:-4000], heard_in(recorded), at_least=RECORDED_ALIKE)
    assert spoken, "it is what was spoken"
    somebody_hears(office, recorded).hangs_up()

    post(page, "/prompts/de/greeting/undo", seen=str(kept.id))
    office.wait_for("that is in force", lambda: own_prompts.newest(office.db)["greeting", "de"].in_force_at)
    assert sound_file(office.settings.prompts, "greeting", "de") == speech_file("greeting", "de")
    assert not list(office.settings.prompt_recordings.iterdir())


def test_who_does_not_answer_or_says_nothing_changes_nothing(office: SimulatedOffice, page: Visitor) -> None:
    post(page, "/prompts/de/greeting/record", phone="desk_1")
    office.desk("anna").rejects()
    office.wait_for("the page says so", lambda: "Es wurde nichts geändert" in told(page))
    post(page, "/prompts/de/greeting/record", phone="desk_2")
    assert told(page).startswith("Das Telefon klingelt"), "another wish, another answer"
    desk = office.desk("bert")
    desk.answers()
    records(office)
    desk.hangs_up()
    office.wait_for("the page says so", lambda: "Es wurde nichts geändert" in told(page))
    assert own_prompts.newest(office.db) == {}


@pytest.mark.timeout(300)  # the voice comes from Debian the first time
def test_a_text_that_was_read_and_music_of_ones_own_are_heard_by_the_next_caller(
    office: SimulatedOffice, page: Visitor, tmp_path: Path
) -> None:
    with shown_progress("Voice") as progress:
        ensure_voice(progress)
    seconds = np.arange(4 * hearing.RATE) / hearing.RATE
    tune = sum(3000 * np.sin(2 * np.pi * hertz * seconds) for hertz in (310, 390, 520))
    write_sound(tmp_path / "tune.wav", tune)
    music = {"file": ((tmp_path / "tune.wav").open("rb"), "tune.wav")}
    assert page.post("/prompts/music/music-on-hold", data=music, headers=HERE).status_code == 303
    text = "Guten Tag, hier spricht die Kanzlei Weiß."
    assert post(page, "/prompts/de/greeting/speak", text=text).status_code == 303
    office.wait_for(
        "both are in force", lambda: all(own.in_force_at for own in own_prompts.newest(office.db).values())
    )
    office.sets("anna", "available")
    caller = somebody_hears(office, sound_file(office.settings.prompts, "greeting", "de"))
    office.desk("anna").rings()
    office.wait_for(
        "he hears our tune",
        lambda: hearing.is_music(caller.heard()[-hearing.RATE :], heard_in(tmp_path / "tune.wav")),
    )
    caller.hangs_up()
