"""Where a dialled number leads: a department, an agent directly, the one menu of a main number."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from appliance.simulator.exchange import PATIENCE_SECONDS, Caller
from appliance.simulator.office import SimulatedOffice
from appliance.telephony.box import manager_secret
from appliance.telephony.manager import ManagerLink
from tests.calls.conftest import OFFICE, nothing_is_left
from tests.calls.test_first_call import VOICE_OF_AGENT, VOICE_OF_CALLER

# The office of the other tests behind one number with extensions, and a main number with a menu.
HEADQUARTERS = (
    OFFICE.replace('numbers = ["0931 555-20"]', 'numbers = []\nmenu_prompt = "menu-accounting"')
    + """
[[department]]
name = "main"
title = "Zentrale"
mailbox = "zentrale@musterbuero.example"
numbers = ["0931 777"]
menu = { 1 = "support", 2 = "office" }
hours = "always"
wrap_up_seconds = 0

[[block]]
number = "0931 555"
department = "main"
"""
)

LEADS = pytest.mark.parametrize("supervisor", [True, False], ids=["supervisor", "floor alone"])


@pytest.fixture
def office(make_office: Callable[..., SimulatedOffice], supervisor: bool) -> Iterator[SimulatedOffice]:
    """Behind its numbers, with everybody present; with the supervisor or without."""
    office = make_office(HEADQUARTERS, supervisor=supervisor)
    for agent in ("anna", "bert", "clara"):
        office.sets(agent, "available")
    yield office
    if not supervisor:
        office.start_supervisor()
    nothing_is_left(office)


def they_talk(office: SimulatedOffice, caller: Caller, agent: str, department: str) -> None:
    """This agent's phone rings, no other; they hear each other, and the ledger knows."""
    desk = office.desk(agent)
    desk.answers()
    caller.says(VOICE_OF_CALLER)
    desk.hears_sound(VOICE_OF_CALLER)
    desk.says(VOICE_OF_AGENT)
    caller.hears_sound(VOICE_OF_AGENT)
    desk.hangs_up()
    caller.waits_until_cut_off()
    others = {"anna", "bert", "clara"} - {agent}
    assert [office.desk(other).times_rung for other in others] == [0, 0]
    if not office.supervisor_runs:
        office.start_supervisor()
    call = office.call_of(caller)
    assert office.outcome(call) == "talked"
    row = office.db.execute("SELECT department, agent FROM calls WHERE call = ?", [call]).fetchone()
    assert row == (department, agent)


@LEADS
def test_an_extension_rings_its_agent_directly(office: SimulatedOffice) -> None:
    caller = office.caller()
    caller.dials("0931 555-23")
    caller.hears("greeting", language="en")
    office.desk("clara").rings()
    they_talk(office, caller, "clara", "office")


@LEADS
def test_an_extension_alone_is_enough_for_a_line_that_delivers_no_more(office: SimulatedOffice) -> None:
    caller = office.caller()
    caller.dials("22")
    they_talk(office, caller, "bert", "support")


@LEADS
def test_somebody_else_takes_the_call_of_an_agent_who_is_away(office: SimulatedOffice) -> None:
    for agent in ("bert", "clara"):
        office.sets(agent, "away")
    caller = office.caller()
    caller.dials("0931 555-22")
    caller.hears("agent-not-free", after=caller.hears("greeting"))
    they_talk(office, caller, "anna", "support")


@LEADS
def test_a_choice_is_made_while_the_menu_plays(office: SimulatedOffice) -> None:
    office.sets("anna", "away")
    caller = office.caller()
    caller.dials("0931 777")
    caller.hears("menu-support", after=caller.hears("greeting"))
    caller.presses("2")
    they_talk(office, caller, "clara", "office")


@LEADS
def test_whoever_chooses_nothing_reaches_any_free_agent(office: SimulatedOffice) -> None:
    for agent in ("anna", "clara"):
        office.sets(agent, "away")
    caller = office.caller()
    caller.dials("0931 555-0")
    first = caller.hears("press-1", after=caller.hears("menu-support", after=caller.hears("greeting")))
    second = caller.hears("menu-accounting", language="en", after=first)
    caller.hears("press-2", language="en", after=second)
    caller.presses("7")  # means nothing here
    they_talk(office, caller, "bert", "main")


@LEADS
def test_an_extension_nobody_has_comes_to_the_main_number(office: SimulatedOffice) -> None:
    office.sets("anna", "away")
    caller = office.caller()
    caller.dials("0931 555-4711")
    caller.hears("menu-support", after=caller.hears("greeting"))
    caller.presses("1")
    they_talk(office, caller, "bert", "support")


@pytest.mark.parametrize("supervisor", [True], ids=[""])
@pytest.mark.parametrize(
    ("digits", "department", "agent"),
    [("22", "support", "bert"), ("", "main", ""), ("9", "main", "")],
    ids=["an extension", "none", "one that nobody has"],
)
def test_digits_that_arrive_one_by_one_are_waited_for(
    office: SimulatedOffice, digits: str, department: str, agent: str
) -> None:
    """A line with overlap dialling hands the call over before the extension is dialled."""
    secret = manager_secret(office.settings.asterisk)
    link = ManagerLink("127.0.0.1", office.settings.manager_port, "orders", secret, name="test")
    link.start()
    try:
        assert link.wait_connected(PATIENCE_SECONDS)
        number = "Local/0931555@from-line-overlap/n"
        link.send("Originate", {"Channel": number, "Application": "Wait", "Data": "60", "Async": "true"})
        office.wait_for("the line rings in", office.channels)
        line = next(channel for channel in office.channels() if channel.endswith(";2"))
        for digit in digits:
            assert not calls_taken(office), "taken before the number was whole"
            link.send("PlayDTMF", {"Channel": line, "Digit": digit, "Receive": "true"})
        ((call, *taken),) = office.wait_for("the call is taken", lambda: calls_taken(office))
        assert taken == [f"0931555{digits}", department]
        if agent:
            office.reaches(call, f"agent rings {agent}")
        office.asterisk.ask(f"channel request hangup {line}")
    finally:
        link.stop()


def calls_taken(office: SimulatedOffice) -> list[tuple[str, str, str]]:
    """Every call in the ledger: call number, what was dialled, department."""
    return office.db.execute("SELECT call, dialled, department FROM calls").fetchall()
