"""An agent's own words: heard by who dials him directly and does not reach him, with and without us."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from appliance.office_page import office_page
from appliance.simulator.office import SimulatedOffice
from appliance.store import own_prompts, users
from appliance.telephony.prompts.install import sound_file
from appliance.telephony.prompts.recordings import as_wav
from appliance.telephony.prompts.sounds import samples
from appliance.telephony.prompts.speech import speech_file
from tests.calls.conftest import OFFICE, nothing_is_left
from tests.web.visiting import HERE, visitor

DIALLED = """
[[block]]
number = "0931 555"
department = "support"
"""
HIS = "agent-not-free-bert"
SAID = speech_file("unassigned-number", "en")  # any sentence will do: it is recognised by its sound


@pytest.fixture
def office(make_office: Callable[..., SimulatedOffice]) -> SimulatedOffice:
    """Bert has uploaded his own words in German, and that is in force; he is not there."""
    office = make_office(OFFICE + DIALLED, shipped=True)
    users.set_user(office.db, "ada", "admin")
    bert = visitor(office_page(office.settings))
    bert.sign_in(office.db, "bert", "agent", "bert")
    file = {"file": (io.BytesIO(as_wav(samples(SAID).tobytes())), "bert.wav")}
    assert bert.post(f"/prompts/de/{HIS}", data=file, headers=HERE).status_code == 303
    office.wait_for("they are in force", lambda: own_prompts.words_of(office.db, "bert", "de"))
    return office


@pytest.mark.parametrize("supervisor", [True, False], ids=["supervisor", "floor alone"])
def test_who_dials_him_hears_him(office: SimulatedOffice, supervisor: bool) -> None:
    office.sets("anna", "available")
    if not supervisor:
        office.kill_supervisor()
    caller = office.caller("+491701111111")
    caller.dials("0931 555-22")
    caller.hears_sound(sound_file(office.settings.prompts, HIS, "de"))
    office.desk("anna").rings()
    caller.hangs_up()
    if not supervisor:
        office.start_supervisor()
    nothing_is_left(office)


def test_who_dials_somebody_else_hears_the_usual_sentence(office: SimulatedOffice) -> None:
    caller = office.caller("+491702222222")
    caller.dials("0931 555-21")
    caller.hears("agent-not-free", after=caller.hears("greeting"))
    caller.hangs_up()
    nothing_is_left(office)
