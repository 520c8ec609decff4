"""All agents busy: what a waiting caller is told, what he can press, and in which order all are served."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from appliance.hotline.announcement import WAIT_KEYS, wait_step
from appliance.hotline.estimate import History, expected_wait_seconds
from appliance.simulator.exchange import Caller
from appliance.simulator.office import SimulatedOffice
from appliance.telephony.box import manager_secret
from appliance.telephony.manager import ManagerLink
from tests.calls.conftest import nothing_is_left
from tests.calls.test_first_call import VOICE_OF_AGENT, VOICE_OF_CALLER

SUPPORT = "0931 555-10"


def talks_to(office: SimulatedOffice, agent: str, number: str = "+491701111111") -> Caller:
    """Make an agent available and busy: somebody talks to him."""
    office.sets(agent, "available")
    caller = office.caller(number)
    caller.dials(SUPPORT)
    office.desk(agent).answers()
    office.lamp_is(f"agent:{agent}", "red")
    return caller


def said_wait(ahead: int, agents: int) -> str:
    """The prompt that tells the wait in an office without a history."""
    wait = expected_wait_seconds(ahead, agents, History())
    assert wait is not None
    return WAIT_KEYS[wait_step(wait)]


def test_everything_is_said_at_once_and_a_key_ends_it_at_any_moment(office: SimulatedOffice) -> None:
    first = talks_to(office, "anna")
    second = office.caller("+491702222222")
    second.dials(SUPPORT)
    heard = second.hears("all-busy", after=second.hears("greeting"))
    for prompt in ("position-1", said_wait(0, 1), "offer-wait", "offer-callback", "offer-message"):
        heard = second.hears(prompt, after=heard)
    third = office.caller("+491703333333")
    third.dials(SUPPORT)
    third.hears("all-busy")
    third.presses("3")
    third.hears("leave-message")
    assert not third.has_heard("offer-callback")
    third.hangs_up()
    second.hangs_up()
    first.hangs_up()


def test_five_callers_two_agents_served_by_age_and_a_callback_in_its_place(office: SimulatedOffice) -> None:
    first = talks_to(office, "anna", "+491701111111")
    second = talks_to(office, "bert", "+491702222222")
    third, fourth, fifth = (office.caller(f"+49170{n}") for n in (3333333, 4444444, 5555555))
    for position, caller in enumerate((third, fourth, fifth), 1):
        caller.dials(SUPPORT)
        heard = caller.hears("all-busy")
        heard = caller.hears(f"position-{position}", after=heard)
        if caller is not fourth:
            caller.hears(said_wait(position - 1, 2), after=heard)
    fourth.presses("2")
    read_back = fourth.hears("callback-to")
    fourth.hears_digits("01704444444", after=read_back)
    fourth.presses("1")
    fourth.hears("callback-promised")
    fourth.waits_until_cut_off()

    anna, bert = office.desk("anna"), office.desk("bert")
    anna.hangs_up()
    assert anna.rings().shown_number == "+491703333333"
    anna.answers()
    bert.hangs_up()
    ringing = bert.rings()
    assert ringing.shown_name == "Rückruf Technik"
    assert ringing.shown_number == "+491704444444"
    bert.answers()
    bert.hears_digits("01704444444", after=bert.hears("agent-number"))
    bert.presses("1")
    customer = office.customer("+491704444444")
    assert customer.rings().shown_number == "+4993155510"
    assert anna.current is not None
    customer.answers()
    customer.hears("customer-callback")
    customer.presses("1")
    office.reaches(office.call_of(fourth), "talks bert")
    customer.says(VOICE_OF_CALLER)
    bert.hears_sound(VOICE_OF_CALLER)
    bert.says(VOICE_OF_AGENT)
    customer.hears_sound(VOICE_OF_AGENT)
    customer.hangs_up()
    assert bert.rings().shown_number == "+491705555555"
    bert.answers()
    for caller in (third, fifth):
        caller.hangs_up()
    outcomes = [office.outcome(office.call_of(c)) for c in (first, second, third, fourth, fifth)]
    assert outcomes == ["talked", "talked", "talked", "called back", "talked"]


def test_who_waits_when_it_closes_is_told_and_still_served(office: SimulatedOffice) -> None:
    first = talks_to(office, "anna")
    stays, goes = office.caller("+491702222222"), office.caller("+491703333333")
    stays.dials(SUPPORT)
    goes.dials(SUPPORT)
    before = [caller.hears("offer-message") for caller in (stays, goes)]
    with office.db.conn:
        office.db.execute("UPDATE departments SET ignores_night_switch = 0")
        office.db.execute("UPDATE night_switch SET mode = 'night'")
    for caller, heard in zip((stays, goes), before, strict=True):
        caller.hears("offer-callback-opening", after=caller.hears("closing", after=heard))
    goes.presses("2")
    goes.hears("callback-to")
    goes.presses("1")
    goes.hears("callback-promised-opening")
    goes.waits_until_cut_off()
    stays.hears_music()
    office.desk("anna").hangs_up()
    assert office.desk("anna").rings().shown_number == "+491702222222"
    office.desk("anna").answers()
    stays.hangs_up()
    first.waits_until_cut_off()
    assert office.outcome(office.call_of(stays)) == "talked"
    office.command("callbacks", "cancel", "1")
    assert office.outcome(office.call_of(goes)) == "callback cancelled"


def test_the_announcement_stops_the_moment_an_agent_is_free(office: SimulatedOffice) -> None:
    first = talks_to(office, "anna")
    second = office.caller("+491702222222")
    second.dials(SUPPORT)
    second.hears("all-busy")
    office.desk("anna").hangs_up()
    office.desk("anna").answers()
    assert not second.has_heard("offer-message"), "it would have come last"
    second.hangs_up()
    first.waits_until_cut_off()


def test_a_ticket_keyed_in_while_an_agent_becomes_free_is_not_lost(office: SimulatedOffice) -> None:
    office.db.execute(
        "UPDATE departments SET ticket_from = 1, ticket_shortest = 8, ticket_longest = 8, announce_ticket = 1"
    )
    first = talks_to(office, "anna")
    second = office.caller("+491702222222", "Erika Muster")
    second.dials(SUPPORT)
    second.hears("ticket", timeout_seconds=40)
    second.presses("4711")
    office.desk("anna").hangs_up()
    first.waits_until_cut_off()
    second.presses("0815")
    ringing = office.desk("anna").rings()
    assert ringing.shown_name == "Technik 47110815: Erika Muster"
    office.desk("anna").answers()
    desk = office.desk("anna")
    desk.hears_digits("47110815", after=desk.hears("agent-ticket"))
    assert "ticket 47110815" in office.steps(office.call_of(second))
    second.hangs_up()


@pytest.mark.parametrize(
    ("keys", "ticket"), [("12#47110815", "47110815"), ("#", ""), ("*9*47110815", "47110815"), ("9" * 40, "")]
)
def test_a_ticket_is_checked_and_asked_for_once_more(office: SimulatedOffice, keys: str, ticket: str) -> None:
    office.db.execute(
        "UPDATE departments SET ticket_from = 1, ticket_shortest = 8, ticket_longest = 8,"
        " ticket_prefixes = '4'"
    )
    first = talks_to(office, "anna")
    second = office.caller("+491702222222")
    second.dials(SUPPORT)
    second.hears("ticket", timeout_seconds=40)
    wrong, _, right = keys.rpartition("#")
    second.presses(wrong + "#" if wrong else keys)
    if wrong:
        second.hears("ticket-unknown")
        second.presses(right)
    if ticket:
        second.hears("ticket-thanks")
        office.reaches(office.call_of(second), f"ticket {ticket}")
    second.hears_music(timeout_seconds=40)
    second.hangs_up()
    first.hangs_up()


def test_a_choice_pressed_instead_of_a_ticket_is_a_choice(office: SimulatedOffice) -> None:
    office.db.execute("UPDATE departments SET ticket_from = 1")
    first = talks_to(office, "anna")
    second = office.caller("+491702222222")
    second.dials(SUPPORT)
    second.hears("ticket", timeout_seconds=40)
    second.presses("3")
    second.hears("leave-message")
    second.hangs_up()
    first.hangs_up()


def test_an_agent_of_another_language_takes_over_after_a_set_time_and_it_is_said(
    office: SimulatedOffice,
) -> None:
    """Anna speaks English and is in a call, Bert does not: for four seconds only Anna would do."""
    office.db.execute("UPDATE departments SET language = 'en', language_wait_seconds = 12")
    first = talks_to(office, "anna")
    office.sets("bert", "available")
    second = office.caller("+491702222222")
    second.dials(SUPPORT)
    second.hears("all-busy", language="en")
    assert office.desk("bert").times_rung == 0
    second.hears("other-language", language="en", timeout_seconds=30)
    office.desk("bert").answers()
    second.hangs_up()
    first.hangs_up()


def test_with_nobody_present_waiting_is_not_offered(office: SimulatedOffice) -> None:
    caller = office.caller()
    caller.dials(SUPPORT)
    told = caller.hears("nobody-present", after=caller.hears("greeting"))
    offered = caller.hears("offer-message", after=caller.hears("offer-callback", after=told))
    assert not caller.has_heard("offer-wait")
    caller.hears("leave-message", after=offered)
    caller.hangs_up()


def test_only_what_the_department_offers_is_offered_and_works(office: SimulatedOffice) -> None:
    office.db.execute("UPDATE departments SET offers_callback = 0, announce_position = 0")
    first = talks_to(office, "anna")
    second = office.caller("+491702222222")
    second.dials(SUPPORT)
    busy = second.hears("all-busy")
    second.presses("2")
    second.hears("offer-message", after=second.hears("offer-wait", after=busy))
    assert not second.has_heard("offer-callback")
    assert not second.has_heard("position-1")
    second.hears_music()
    second.hangs_up()
    first.hangs_up()


def test_who_waited_longer_than_promised_is_mentioned_to_the_agent(office: SimulatedOffice) -> None:
    """His place is from before: he was promised a callback, and calls again."""
    office.db.execute("UPDATE departments SET promise_minutes = 5")
    first = talks_to(office, "anna")
    office.db.execute(
        "INSERT INTO callbacks (call, department, language, number, name, ticket, arrived, created_at,"
        " next_attempt_at) VALUES ('1.0', 'support', 'de', '+491702222222', '', '',"
        " strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-7 minutes'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),"
        " '2999-01-01T00:00:00.000Z')"
    )
    second = office.caller("+491702222222", "Erika")
    second.dials(SUPPORT)
    second.hears("all-busy")
    office.desk("anna").hangs_up()
    first.waits_until_cut_off()
    assert office.desk("anna").rings().shown_name == "Technik 7 min: Erika"
    office.desk("anna").answers()
    office.desk("anna").hears("waited-7")
    second.says(VOICE_OF_CALLER)
    office.desk("anna").hears_sound(VOICE_OF_CALLER)
    second.hangs_up()
    call = office.call_of(second)
    assert office.outcome(call) == "talked"
    assert "waited longer than promised 7" in office.steps(call)
    state = office.db.execute("SELECT state FROM callbacks").fetchone()
    assert state == ("called again",)


def test_hung_up_while_waiting_is_missed_until_he_reaches_us(office: SimulatedOffice) -> None:
    first = talks_to(office, "anna")
    second = office.caller("+491702222222", "Erika")
    second.dials(SUPPORT)
    second.hears("all-busy")
    second.hangs_up()
    call = office.call_of(second)
    assert office.outcome(call) == "hung up"
    status, missed = office.command("missed")
    assert status == 0
    assert [(m["call"], m["caller"], m["called_back"]) for m in missed] == [(call, "+491702222222", False)]
    assert 0 < missed[0]["waited_seconds"] < 60

    status, missed = office.command("missed", "--call-back", call)
    assert status == 0
    assert missed[0]["called_back"] is True
    office.desk("anna").hangs_up()
    first.waits_until_cut_off()
    assert office.desk("anna").rings().shown_name == "Rückruf Technik: Erika"
    office.desk("anna").answers()
    office.desk("anna").presses("1")
    customer = office.customer("+491702222222")
    customer.answers()
    customer.hears("customer-callback-ordered")
    customer.presses("1")
    office.reaches(call, "talks anna")
    customer.hangs_up()
    office.wait_for("nobody is missed any more", lambda: office.command("missed") == (0, []))


def test_killed_with_five_waiting_the_floor_serves_them_all_the_oldest_first(
    make_office: Callable[..., SimulatedOffice],
) -> None:
    office = make_office()
    first = talks_to(office, "anna")
    waiting = [office.caller(f"+49170000000{n}") for n in range(5)]
    for caller in waiting:
        caller.dials(SUPPORT)
        caller.hears("all-busy")
    office.kill_supervisor()
    for caller in waiting:
        caller.hears_music()
    desk = office.desk("anna")
    desk.hangs_up()
    first.waits_until_cut_off()
    order = []
    for _ in waiting:
        order.append(desk.rings(20).shown_number)
        desk.answers()
        desk.hangs_up()
    assert order == [caller.number for caller in waiting]
    office.start_supervisor()
    assert [office.outcome(office.call_of(caller)) for caller in waiting] == ["talked"] * 5
    nothing_is_left(office)


def sends_to_the_floor(office: SimulatedOffice, channel: str) -> None:
    """As if the caller's dialog had failed: he is in the queue of the floor."""
    secret = manager_secret(office.settings.asterisk)
    link = ManagerLink("127.0.0.1", office.settings.manager_port, "orders", secret, name="test")
    link.start()
    assert link.wait_connected(10)
    link.send("Redirect", {"Channel": channel, "Context": "floor", "Exten": "waiting", "Priority": "1"})
    link.stop()


def test_who_falls_to_the_floor_while_the_supervisor_lives_comes_back(office: SimulatedOffice) -> None:
    """As does who rang in while the supervisor came up, and reaches the queue after it has looked."""
    first = talks_to(office, "anna")
    others, second = office.channels(), office.caller("+491702222222")
    second.dials(SUPPORT)
    told = second.hears("all-busy")
    (channel,) = set(office.channels()) - set(others)
    sends_to_the_floor(office, channel)
    second.hears("all-busy", after=told)
    office.desk("anna").hangs_up()
    assert office.desk("anna").rings().shown_number == "+491702222222"
    for caller in (first, second):
        caller.hangs_up()


def test_the_supervisor_takes_back_whom_the_floor_has_kept_in_his_place(office: SimulatedOffice) -> None:
    first = talks_to(office, "anna")
    second, third = office.caller("+491702222222"), office.caller("+491703333333")
    second.dials(SUPPORT)
    told = second.hears("all-busy")
    office.kill_supervisor()
    second.hears_music(timeout_seconds=30)
    office.start_supervisor()
    told = second.hears("all-busy", after=told)
    third.dials(SUPPORT)
    third.hears("position-2", after=third.hears("all-busy"))
    office.desk("anna").hangs_up()
    assert office.desk("anna").rings().shown_number == "+491702222222"
    first.waits_until_cut_off()
    for caller in (second, third):
        caller.hangs_up()
    assert office.outcome(office.call_of(second)) == "hung up"
