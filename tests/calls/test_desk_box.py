"""An agent with a desk box and real calls: green, ringing, not now, in a call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.simulator.desk_box import SimulatedBox
from appliance.simulator.office import SimulatedOffice
from tests.calls.test_callbacks import CUSTOMER, becomes, owes
from tests.calls.test_presence import presence


@pytest.fixture
def annas_box(office: SimulatedOffice, micropython: tuple[str, ...]) -> Iterator[SimulatedBox]:
    office.db.execute("UPDATE departments SET ring_seconds = 20")
    box = office.desk_box("anna", micropython)
    yield box
    box.power_off()
    box.cable.unplug()


def test_not_now_means_that_the_next_agent_is_rung(office: SimulatedOffice, annas_box: SimulatedBox) -> None:
    annas_box.shows("off")
    annas_box.presses()
    annas_box.shows("green")
    office.lamp_is("agent:anna", "green")
    caller, anna, bert = office.caller(), office.desk("anna"), office.desk("bert")
    caller.dials("0931 555-10")
    anna.rings()
    annas_box.shows("green breathing")
    office.sets("bert", "available")
    annas_box.presses()
    anna.stops_ringing()
    bert.rings()
    annas_box.shows("amber")
    assert presence(office, "anna") == "available", "not now is not never"
    bert.answers()
    annas_box.shows("green", timeout_seconds=20)
    bert.hangs_up()
    call = office.call_of(caller)
    assert office.outcome(call) == "talked"
    assert [s for s in office.steps(call) if s.startswith("agent")] == [
        "agent rings anna",
        "agent refused anna",
        "agent rings bert",
    ]


def test_a_call_goes_on_whatever_the_box_does(office: SimulatedOffice, annas_box: SimulatedBox) -> None:
    annas_box.shows("off")
    annas_box.presses()
    annas_box.shows("green")
    caller, anna = office.caller(), office.desk("anna")
    caller.dials("0931 555-10")
    anna.rings()
    annas_box.shows("green breathing")
    anna.answers()
    annas_box.shows("red")
    annas_box.cable.floods(b"\x00\x07noise!\x00" * 100)
    annas_box.cable.unplug()
    annas_box.shows("white pulse")
    annas_box.cable.plug()
    annas_box.shows("red")
    annas_box.presses()
    office.wait_for("she is away after this call", lambda: presence(office, "anna") == "away")
    assert len(office.channels()) == 2, "a press in a call does not end it"
    caller.hangs_up()
    annas_box.shows("off")
    assert office.outcome(office.call_of(caller)) == "talked"


def test_a_press_brings_the_caller_who_waits(office: SimulatedOffice, annas_box: SimulatedBox) -> None:
    office.sets("bert", "available")
    first, second = office.caller("+491701111111"), office.caller("+491702222222")
    first.dials("0931 555-10")
    office.desk("bert").answers()
    second.dials("0931 555-10")
    second.hears("offer-message")
    second.hears_music()
    annas_box.shows("off")
    annas_box.presses()
    assert office.desk("anna").rings().shown_number == "+491702222222"
    annas_box.shows("green breathing")
    office.desk("anna").answers()
    annas_box.shows("red")
    second.hangs_up()
    annas_box.shows("green")
    first.hangs_up()


def test_not_now_for_a_callback_leaves_the_customer_in_his_place(
    office: SimulatedOffice, annas_box: SimulatedBox
) -> None:
    annas_box.shows("off")
    annas_box.presses()
    annas_box.shows("green")
    callback = owes(office)
    office.desk("anna").rings()
    annas_box.shows("green breathing")
    annas_box.presses()
    office.desk("anna").stops_ringing()
    annas_box.shows("amber")
    assert office.customer(CUSTOMER).times_rung == 0
    office.command("agents", "bert", "available")
    office.desk("bert").rings()
    office.command("agents", "bert", "away")
    office.desk("bert").rejects()
    becomes(office, callback, ("waiting", 0, ""))
    office.command("callbacks", "cancel", str(callback))
    assert office.outcome("1.0") == "callback cancelled"
