"""Settings changed while calls go on: what is new holds from the next call, and nobody is cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from appliance.callers_ear import caller_hears
from appliance.simulator.office import SimulatedOffice
from appliance.store import config_change
from appliance.store.changes import by_page
from appliance.store.config_change import Document
from appliance.telephony.prompts.speech import speech_file
from tests.calls.conftest import nothing_is_left

VOICE = speech_file("unassigned-number", "en")


@pytest.fixture
def office(make_office: Callable[..., SimulatedOffice]) -> Iterator[SimulatedOffice]:
    office = make_office()
    yield office
    nothing_is_left(office)


def changes(office: SimulatedOffice, edit: Callable[[Document], None]) -> None:
    """Somebody saves a change; returns when it is in force or refused."""
    config_change.change(office.db, edit, by_page("ada"))
    office.wait_for(
        "the change is in force",
        lambda: config_change.standing(office.db).in_force_at or config_change.standing(office.db).refused,
    )


def test_phones_and_extensions_change_under_a_conversation(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    caller, desk = office.caller(), office.desk("anna")
    caller.dials("0931 555-10")
    desk.rings()
    desk.answers()

    def edit(document: Document) -> None:
        document["phone"][2]["extension"] = "29"
        document["phone"][1]["secret"] = "ein-neues-Kennwort"
        document["phone"].append({"name": "desk_9", "extension": "39", "secret": "geheim-desk-9"})

    changes(office, edit)
    assert not config_change.standing(office.db).refused
    known = office.asterisk.ask("pjsip show endpoint desk_9") + office.asterisk.ask("dialplan show directory")
    assert "39" in known
    assert "ein-neues-Kennwort" in office.asterisk.ask("pjsip show auth desk_2")
    assert "'29'" in known
    assert "'23'" not in known
    office.lamp_is("phone:desk_1", "red")
    office.lamp_is("phone:desk_2", "green")
    office.lamp_is("phone:desk_9", "off")
    caller.says(VOICE)
    desk.hears_sound(VOICE)
    desk.hangs_up()
    caller.waits_until_cut_off()


def test_what_asterisk_refuses_leaves_the_phones_as_they_were(
    office: SimulatedOffice,
) -> None:
    dialplan = office.settings.asterisk / "etc" / "pjsip.conf"
    before = dialplan.read_text()
    office.db.execute(
        "UPDATE phones SET extension = '31', secret = 'x' || char(10) || 'no_such_option = 1'"
        " WHERE name = 'desk_1'"
    )
    office.db.execute("UPDATE config_state SET saved = saved + 1, in_force_at = '', refused = ''")
    office.wait_for("it is refused", lambda: config_change.standing(office.db).refused)
    assert dialplan.read_text() == before
    assert "geheim-desk-1" in office.asterisk.ask("pjsip show auth desk_1")
    assert config_change.standing(office.db).in_force_at is None
    status, state = office.command("status")
    assert (status, state["settings_refused"]) == (1, "phone desk_1")
    office.db.execute("UPDATE phones SET extension = '31', secret = 'geheim-neu' WHERE name = 'desk_1'")
    office.db.execute("UPDATE config_state SET saved = saved + 1, in_force_at = '', refused = ''")
    office.wait_for("the next one is in force", lambda: config_change.standing(office.db).in_force_at)


def test_what_the_callers_ear_tells_is_what_is_heard(office: SimulatedOffice) -> None:
    told = caller_hears(office.db, office.settings, "support")
    caller = office.caller()
    caller.dials("0931 555-10")
    heard = None
    for prompt in (prompt for step in told for prompt in step.prompts if prompt != "message-thanks"):
        heard = caller.hears(prompt, after=heard, timeout_seconds=20)
    assert [step.kind for step in told][-3:] == ["records", "hears", "ends"]
    caller.hangs_up()
