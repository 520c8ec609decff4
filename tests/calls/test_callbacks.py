"""Calling back: the agent first, then the customer; busy, nobody, a machine, closed, killed at every step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from appliance.simulator.office import SimulatedOffice
from appliance.store import callbacks, ledger, times
from tests.calls.conftest import nothing_is_left
from tests.calls.test_first_call import VOICE_OF_AGENT, VOICE_OF_CALLER
from tests.calls.test_waiting import SUPPORT

CUSTOMER = "+491704444444"


def owes(office: SimulatedOffice, number: str = CUSTOMER, call: str = "1.0", minutes_ago: int = 10) -> int:
    """Somebody called some minutes ago and was promised a callback; returns its id."""
    arrived = times.now() - timedelta(minutes=minutes_ago)
    ledger.open_call(
        office.db, call, dialled="093155510", caller=number, caller_name="Erika Muster", started_at=arrived
    )
    callback = callbacks.request(office.db, call, number, arrived=arrived, now=arrived)
    ledger.close_call(office.db, call, arrived)
    return callback


def state(office: SimulatedOffice, callback: int) -> tuple[str, int, str]:
    row = office.db.execute(
        "SELECT state, attempts, result FROM callbacks WHERE id = ?", [callback]
    ).fetchone()
    return (row[0], row[1], row[2])


def becomes(office: SimulatedOffice, callback: int, wanted: tuple[str, int, str]) -> None:
    office.wait_for(
        f"callback is {wanted} (it is {{}})",
        lambda: state(office, callback) == wanted,
        lambda: state(office, callback),
    )


def agent_takes_it(office: SimulatedOffice) -> None:
    office.desk("anna").answers()
    office.desk("anna").presses("1")


def is_due_again(office: SimulatedOffice) -> None:
    """The pause until the next attempt is over."""
    office.db.execute("UPDATE callbacks SET next_attempt_at = created_at")


def customer_talks(office: SimulatedOffice) -> None:
    """The customer picks up, presses 1, and both hear each other."""
    customer, desk = office.customer(CUSTOMER), office.desk("anna")
    customer.answers()
    customer.hears("customer-callback")
    customer.presses("1")
    office.reaches("1.0", "talks anna")
    customer.says(VOICE_OF_CALLER)
    desk.hears_sound(VOICE_OF_CALLER)
    desk.says(VOICE_OF_AGENT)
    customer.hears_sound(VOICE_OF_AGENT)


def test_busy_then_nobody_then_reached(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    callback = owes(office)
    agent_takes_it(office)
    office.customer(CUSTOMER).rejects()
    office.desk("anna").hears("agent-customer-busy")
    office.desk("anna").waits_until_cut_off()
    becomes(office, callback, ("waiting", 1, "busy"))
    wait = office.db.execute(
        "SELECT (julianday(next_attempt_at) - julianday('now')) * 1440 FROM callbacks"
    ).fetchone()[0]
    assert 2 < wait < 3.1, "minutes until the next attempt"
    office.lamp_is("agent:anna", "green")

    is_due_again(office)
    agent_takes_it(office)
    office.customer(CUSTOMER).rings()
    office.desk("anna").hangs_up()
    becomes(office, callback, ("waiting", 2, "no answer"))

    is_due_again(office)
    agent_takes_it(office)
    customer_talks(office)
    office.customer(CUSTOMER).hangs_up()
    becomes(office, callback, ("reached", 3, "talked"))
    assert office.outcome("1.0") == "called back"
    assert office.customer(CUSTOMER).times_rung == 3
    assert office.mail_server.mails == []


def test_a_machine_ends_politely_and_after_the_last_attempt_the_mailbox_is_told(
    office: SimulatedOffice,
) -> None:
    office.db.execute("UPDATE departments SET callback_attempts = 1")
    office.sets("anna", "available")
    callback = owes(office)
    agent_takes_it(office)
    machine = office.customer(CUSTOMER)
    machine.answers()
    machine.hears("customer-not-confirmed", timeout_seconds=60)
    office.desk("anna").hears("agent-customer-machine")
    office.desk("anna").hears("agent-last-attempt")
    becomes(office, callback, ("not reached", 1, "not confirmed"))
    assert office.outcome("1.0") == "not reached"
    mail = office.mail_arrives()
    assert mail["To"] == "technik@musterbuero.example"
    assert "0170 4444444" in mail["Subject"]
    assert "Erika Muster" in mail.get_body().get_content()  # type: ignore[union-attr]


def test_an_agent_who_does_not_take_it_is_passed_over(office: SimulatedOffice) -> None:
    """Anna presses another key, Bert does not answer: neither costs an attempt, Bert is set to away."""
    office.sets("anna", "available")
    callback = owes(office)
    office.desk("anna").answers()
    office.desk("anna").hears("agent-callback")
    office.desk("anna").presses("#")
    office.desk("anna").hears("agent-not-now")
    office.desk("anna").waits_until_cut_off()
    office.sets("anna", "away")
    office.command("agents", "bert", "available")
    office.desk("bert").rings()
    office.desk("bert").stops_ringing()
    office.lamp_is("agent:bert", "amber blinking")
    becomes(office, callback, ("waiting", 0, ""))
    assert office.customer(CUSTOMER).times_rung == 0
    office.command("callbacks", "cancel", str(callback))
    assert office.outcome("1.0") == "callback cancelled"


def test_who_calls_in_meanwhile_is_served_in_his_place_and_not_called_back(office: SimulatedOffice) -> None:
    owes(office)
    other, customer = office.caller("+491705555555"), office.caller(CUSTOMER)
    office.db.execute("UPDATE callbacks SET next_attempt_at = '2999-01-01T00:00:00.000Z'")
    office.sets("anna", "available")
    first = office.caller("+491701111111")
    first.dials(SUPPORT)
    office.desk("anna").answers()
    other.dials(SUPPORT)
    other.hears("all-busy")
    customer.dials(SUPPORT)
    customer.hears("position-1", after=customer.hears("all-busy"))
    office.desk("anna").hangs_up()
    assert office.desk("anna").rings().shown_number == CUSTOMER, "he came long before the other"
    office.desk("anna").answers()
    customer.hangs_up()
    assert office.outcome(office.call_of(customer)) == "talked"
    office.wait_for(
        "the promise is settled",
        lambda: (
            office.db.execute("SELECT outcome FROM calls WHERE call = '1.0'").fetchone() == ("called again",)
        ),
    )
    office.desk("anna").answers()
    for caller in (other, first):
        caller.hangs_up()
    assert office.customer(CUSTOMER).times_rung == 0


def test_a_closed_department_calls_nobody_back_until_it_opens(office: SimulatedOffice) -> None:
    office.db.execute("UPDATE departments SET ignores_night_switch = 0")
    office.db.execute("UPDATE night_switch SET mode = 'night'")
    office.sets("anna", "available")
    owes(office)
    other = office.caller("+491705555555")
    other.dials(SUPPORT)
    other.hears("closed")
    other.hangs_up()
    assert office.desk("anna").times_rung == 0
    office.db.execute("UPDATE night_switch SET mode = 'day'")
    agent_takes_it(office)
    customer_talks(office)
    office.desk("anna").hangs_up()
    assert office.outcome("1.0") == "called back"


def agent_rings(office: SimulatedOffice) -> None:
    office.desk("anna").rings()


def agent_listens(office: SimulatedOffice) -> None:
    office.desk("anna").answers()
    office.desk("anna").hears("agent-callback")


def customer_rings(office: SimulatedOffice) -> None:
    agent_takes_it(office)
    office.customer(CUSTOMER).rings()


def customer_listens(office: SimulatedOffice) -> None:
    agent_takes_it(office)
    office.customer(CUSTOMER).answers()
    office.customer(CUSTOMER).hears("customer-callback")


def both_talk(office: SimulatedOffice) -> None:
    agent_takes_it(office)
    customer_talks(office)


@pytest.mark.parametrize("step", [agent_rings, agent_listens, customer_rings, customer_listens, both_talk])
def test_killed_at_a_step_it_is_neither_lost_nor_doubled(
    office: SimulatedOffice, step: Callable[[SimulatedOffice], None]
) -> None:
    office.sets("anna", "available")
    callback = owes(office)
    step(office)
    office.kill_supervisor()
    desk, customer = office.desk("anna"), office.customer(CUSTOMER)
    if step is customer_rings:
        customer.answers()
    if step in (customer_rings, customer_listens):
        customer.hears("customer-callback")
        customer.presses("1")
        customer.says(VOICE_OF_CALLER)
        desk.hears_sound(VOICE_OF_CALLER)
    if step in (agent_rings, agent_listens):
        desk.waits_until_cut_off(20) if step is agent_listens else desk.stops_ringing()
        office.start_supervisor()
        agent_takes_it(office)
        customer_talks(office)
    else:
        office.start_supervisor()
    assert customer.is_connected, "nobody is cut off"
    desk.hangs_up()
    becomes(office, callback, ("reached", 1, "talked"))
    assert office.outcome("1.0") == "called back"
    assert customer.times_rung == 1


def test_asterisk_killed_while_they_talk_counts_as_reached(office: SimulatedOffice) -> None:
    office.sets("anna", "available")
    callback = owes(office)
    both_talk(office)
    office.asterisk_restarts()
    becomes(office, callback, ("reached", 1, "talked"))
    assert office.outcome("1.0") == "called back"


def test_the_last_free_channel_of_the_line_is_left_to_those_who_call_in(
    make_office: Callable[..., SimulatedOffice],
) -> None:
    office = make_office(channels=2)
    callback = owes(office)
    other = office.caller("+491705555555")
    other.dials(SUPPORT)
    other.hears("nobody-present")
    office.command("agents", "anna", "available")
    other.hears("leave-message", timeout_seconds=40)
    assert office.desk("anna").times_rung == 0, "one of two channels is in use, the other stays free"
    assert state(office, callback) == ("waiting", 0, "")
    other.hangs_up()
    agent_takes_it(office)
    customer_talks(office)
    office.customer(CUSTOMER).hangs_up()
    assert office.outcome("1.0") == "called back"
    nothing_is_left(office)
