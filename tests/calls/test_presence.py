"""Presence: by button, phone code and command; committed, in force on the floor, shown on the lamp."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import pytest

from appliance.simulator.exchange import DeskPhone, NotHappened
from appliance.simulator.office import SimulatedOffice


def presence(office: SimulatedOffice, agent: str) -> str:
    return str(office.db.execute("SELECT state FROM presence WHERE agent = ?", [agent]).fetchone()[0])


def members(office: SimulatedOffice, department: str) -> set[str]:
    rows = office.db.execute("SELECT membername FROM queue_members WHERE queue_name = ?", [department])
    return {row[0] for row in rows.fetchall()}


def test_no_answer_means_away_and_the_next_agent_is_rung(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    office.sets("bert", "available")
    caller, desk_1, desk_2 = office.caller(), office.desk("anna"), office.desk("bert")
    caller.dials("0931 555-10")
    desk_1.rings()
    caller.hears("connecting")
    caller.hears_music()
    assert desk_2.times_rung == 0, "one agent at a time"
    desk_2.rings()
    assert desk_1.times_rung == 1
    assert presence(office, "anna") == "away"
    office.lamp_is("agent:anna", "amber blinking")
    caller.hears_music()
    desk_2.answers()
    office.lamp_is("agent:bert", "red")
    caller.hangs_up()
    assert office.outcome(office.call_of(caller)) == "talked"
    office.lamp_is("agent:bert", "green")


@pytest.mark.parametrize("reject", [DeskPhone.rejects, DeskPhone.declines])
def test_a_rejected_call_goes_to_the_next_agent_at_once(
    office: SimulatedOffice, reject: Callable[[DeskPhone], None]
) -> None:
    office.sets("anna", "available")
    office.sets("bert", "available")
    caller = office.caller()
    caller.dials("0931 555-10")
    reject(office.desk("anna"))
    office.desk("bert").answers()
    assert presence(office, "anna") == "available", "not now is not never"
    caller.hangs_up()


def test_the_button_toggles_and_the_lamp_follows(office: SimulatedOffice) -> None:
    office.presses("agent:anna")
    office.lamp_is("agent:anna", "green")
    assert members(office, "support") == {"anna"}
    office.presses("agent:anna:home")
    office.lamp_is("agent:anna", "off")
    assert presence(office, "anna") == "offline"
    assert members(office, "support") == set()


def test_the_phone_code_works_with_and_without_the_supervisor(
    make_office: Callable[..., SimulatedOffice],
) -> None:
    office = make_office()
    desk = office.desk("anna")
    desk.dials("*71").hears("presence-available")
    office.lamp_is("agent:anna", "green")
    office.kill_supervisor()
    desk.dials("*72").hears("presence-away")
    assert presence(office, "anna") == "away"
    assert office.db.execute("SELECT reason FROM presence WHERE agent = 'anna'").fetchone() == ("phone code",)
    desk.dials("*73").hears("presence-offline")
    assert members(office, "support") == set()
    desk.dials("*71").hears("presence-available")
    office.start_supervisor()
    office.lamp_is("agent:anna", "green")


def test_another_code_is_told_so(office: SimulatedOffice) -> None:
    office.desk("anna").dials("*99").hears("internal-unknown")
    assert presence(office, "anna") == "offline"


def test_the_command_shows_and_sets(office: SimulatedOffice) -> None:
    status, rows = office.command("agents", "bert", "available")
    assert status == 0
    assert {row["name"]: row["presence"] for row in rows} == {
        "anna": "offline",
        "bert": "available",
        "clara": "offline",
    }
    office.lamp_is("agent:bert", "green")
    status, complaint = office.command("agents", "nobody", "available")
    assert status == 1
    assert "nobody" in complaint


def test_presence_is_mirrored_for_lamps_on_desk_phones(office: SimulatedOffice) -> None:
    office.sets("anna", "available")

    states = partial(office.asterisk.ask, "devstate list")

    def shown(agent: str) -> str:
        found = re.search(rf"'Custom:presence-{agent}'\s+State: '(\w+)'", states())
        return found[1] if found else ""

    office.wait_for("Asterisk shows Anna available ({})", lambda: shown("anna") == "NOT_INUSE", states)
    office.sets("anna", "away")
    office.wait_for("Asterisk shows Anna away ({})", lambda: shown("anna") == "BUSY", states)


def test_presence_survives_a_restart_of_the_supervisor(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    office.stop_supervisor()
    office.start_supervisor()
    office.lamp_is("agent:anna", "green")
    caller = office.caller()
    caller.dials("0931 555-10")
    office.desk("anna").answers()
    caller.hangs_up()


def test_presence_survives_a_restart_of_asterisk(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    office.asterisk.kill()
    office.lamp_is("agent:anna", "amber blinking")
    office.asterisk_restarts()
    office.lamp_is("agent:anna", "green", 40)
    office.wait_for(
        "Asterisk shows Anna available again",
        lambda: "'Custom:presence-anna'  State: 'NOT_INUSE'" in office.asterisk.ask("devstate list"),
    )


def test_an_agent_in_a_call_is_not_rung(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    first, second = office.caller("+491701111111"), office.caller("+491702222222")
    desk = office.desk("anna")
    first.dials("0931 555-10")
    desk.answers()
    second.dials("0931 555-20")
    second.hears("all-busy", language="en")
    second.hears_music()
    assert desk.times_rung == 1
    desk.hangs_up()
    first.waits_until_cut_off()
    ringing = desk.rings(timeout_seconds=3)
    assert ringing.shown_number == "+491702222222"
    desk.answers()
    second.hangs_up()


def test_waiting_ends_when_everybody_goes_home(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    first, second = office.caller("+491701111111"), office.caller("+491702222222")
    first.dials("0931 555-10")
    office.desk("anna").answers()
    second.dials("0931 555-10")
    busy = second.hears("all-busy")
    second.hears("offer-wait", after=busy)
    office.presses("agent:anna:home")
    told = second.hears("nobody-present", after=busy)
    second.hears("offer-callback", after=told)
    second.presses("3")
    second.hears("leave-message", after=told)
    try:
        office.desk("bert").rings(timeout_seconds=0.2)
    except NotHappened:
        pass
    else:
        raise AssertionError("nobody absent is rung")
    second.hangs_up()
    first.hangs_up()
