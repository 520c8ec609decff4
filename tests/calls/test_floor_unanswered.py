"""Asterisk alone: who does not answer is set to away, and the next agent is rung."""

from __future__ import annotations

from collections.abc import Callable

from appliance.simulator.office import SimulatedOffice
from tests.calls.conftest import nothing_is_left
from tests.calls.test_transfer import talk


def test_who_does_not_answer_is_away_and_the_caller_gets_the_next(
    make_office: Callable[..., SimulatedOffice],
) -> None:
    office = make_office(supervisor=False)
    for agent in ("anna", "bert"):
        office.sets(agent, "available")
    caller, desks = office.caller(), {agent: office.desk(agent) for agent in ("anna", "bert")}
    caller.dials("0931 555-10")
    office.wait_for("one of them is rung", lambda: any(desk.times_rung for desk in desks.values()))
    absent = next(agent for agent, desk in desks.items() if desk.times_rung)
    other = desks["bert" if absent == "anna" else "anna"]
    other.answers()
    talk(caller, other)
    row = office.db.execute("SELECT state, reason FROM presence WHERE agent = ?", [absent]).fetchone()
    assert row == ("away", "no answer")
    other.hangs_up()
    caller.waits_until_cut_off()
    assert desks[absent].times_rung == 1
    office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "talked"
    nothing_is_left(office)
