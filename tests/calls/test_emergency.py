"""Emergency calls: every phone reaches the services, over whatever line there is."""

from __future__ import annotations

import dataclasses
import re
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
