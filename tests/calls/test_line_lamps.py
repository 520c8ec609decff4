"""The lamps of lines and callbacks on real calls, and a box whose front panel cannot be reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from appliance.simulator.office import SimulatedOffice
from appliance.store import callbacks, times
from tests.calls.test_callbacks import owes


def test_the_lamp_of_a_line_tells_who_waits_who_talks_and_who_is_on_hold(office: SimulatedOffice) -> None:
    office.lamp_is("line:line", "off")
    caller, anna = office.caller(), office.desk("anna")
    office.sets("anna", "available")
    caller.dials("0931 555-10")
    anna.rings()
    office.lamp_is("line:line", "green blinking")
    anna.answers()
    office.lamp_is("line:line", "on")
    anna.presses("*2")
    office.lamp_is("line:line", "amber")  # the caller hears music while a colleague is to be asked
    office.lamp_is("line:line", "on")  # no extension was dialled: he is back
    caller.hangs_up()
    office.lamp_is("line:line", "off")


def test_who_is_owed_a_callback_is_seen_until_it_is_settled(office: SimulatedOffice) -> None:
    office.lamp_is("callback", "off")
    callback = owes(office)
    office.lamp_is("callback", "on")
    assert callbacks.cancel(office.db, callback, times.now())
    office.lamp_is("callback", "off")


def test_a_front_panel_that_cannot_be_reached_costs_no_call(
    make_office: Callable[..., SimulatedOffice],
) -> None:
    office = make_office(supervisor=False)
    office.settings = replace(office.settings, front_panel=True)
    office.settings.write()
    office.start_supervisor()
    caller, anna = office.caller(), office.desk("anna")
    office.sets("anna", "available")
    caller.dials("0931 555-10")
    anna.rings()
    anna.answers()
    office.lamp_is("agent:anna", "red")
    caller.hangs_up()
    assert "there is no front panel: " in (office.settings.state / "supervisor.log").read_text()
