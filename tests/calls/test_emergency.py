"""Emergency calls: every phone reaches the services, over whatever line there is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.prepare import prepare_box
from appliance.settings import SipLine
from appliance.simulator.office import SimulatedOffice, free_port
from appliance.telephony.sandbox import AsteriskProgram
from tests.calls.conftest import OFFICE


@pytest.fixture
def dead_line_first(tmp_path: Path, program: AsteriskProgram) -> SimulatedOffice:
    """An office whose first line is dead: nobody answers there."""
    office = SimulatedOffice(tmp_path / "office", OFFICE, program)
    dead = SipLine("dead", "127.0.0.9", free_port())
    office.settings = dataclasses.replace(office.settings, lines=(dead, *office.settings.lines))
    office.settings.write()
    office.asterisk = prepare_box(office.settings, program)
    return office


@pytest.mark.parametrize("dialled", ["112", "0110"])
def test_an_emergency_call_goes_out_on_the_line_that_works_even_without_the_supervisor(
    dead_line_first: SimulatedOffice, dialled: str
) -> None:
    office = dead_line_first
    office.start(supervisor=False)
    try:
        office.wait_for(
            "the dead line is known to be dead",
            lambda: re.search(r"dead/\S+ +\S+ +Unavail", office.asterisk.ask("pjsip show contacts")),
        )
        call = office.desk("anna").dials(dialled)
        services = office.exchange.phone(dialled[-3:])
        services.answers()
        assert services.current is not None
        assert services.current.shown_number == "093155510", "they see the office's number"
        call.is_answered()
        services.hangs_up()
        call.waits_until_cut_off()
    finally:
        office.stop()


def test_who_only_waits_gives_way_where_all_channels_are_taken(
    make_office: Callable[..., SimulatedOffice],
) -> None:
    office = make_office()
    office.sets("anna", "available")
    talking, waiting = office.caller("+491701000001"), office.caller("+491701000002")
    talking.dials("0931 555-10")
    office.desk("anna").answers()
    waiting.dials("0931 555-10")
    waiting.hears("all-busy")
    office.exchange.has_channels(2)
    office.wait_for(
        "both are on the line",
        lambda: "2 active channels" in office.exchange.asterisk.ask("group show channels"),
    )
    call = office.desk("bert").dials("112")
    services = office.exchange.phone("112")
    services.answers()
    call.is_answered()
    waiting.waits_until_cut_off()
    assert talking.is_connected
    assert office.outcome(office.call_of(waiting)) == "hung up", "he is listed as missed"


def test_a_conversation_gives_way_where_nobody_waits_but_never_another_emergency_call(
    make_office: Callable[..., SimulatedOffice],
) -> None:
    office = make_office()
    office.sets("anna", "available")
    talking = office.caller("+491701000001")
    talking.dials("0931 555-10")
    office.desk("anna").answers()
    office.exchange.has_channels(1)
    first = office.desk("bert").dials("112")
    office.exchange.phone("112").answers()
    first.is_answered()
    talking.waits_until_cut_off()
    second = office.desk("anna").dials("110")
    second.hears("call-failed-internal")
    assert first.is_connected
