"""Handing over further: outside after asking, to a department, who was called back, whoever is on duty."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from appliance.simulator import hearing
from appliance.simulator.exchange import Caller, DeskPhone
from appliance.simulator.office import SimulatedOffice
from tests.calls.conftest import nothing_is_left
from tests.calls.test_callbacks import CUSTOMER, agent_takes_it, becomes, customer_talks, owes
from tests.calls.test_first_call import VOICE_OF_AGENT
from tests.calls.test_on_call import MOBILE, takes_it, with_rota
from tests.calls.test_transfer import (
    WITH_EXTENSIONS,
    asks_by_keys,
    by_button,
    by_keys,
    ends_with,
    gets_him_back,
    talk,
    talks_to_anna,
)
from tests.calls.test_waiting import SUPPORT

OUTSIDE = "0931444555"
ITS_NUMBER = "+49931444555"


@pytest.fixture
def office(make_office: Callable[..., SimulatedOffice]) -> Iterator[SimulatedOffice]:
    """With extensions for the departments."""
    office = make_office(WITH_EXTENSIONS)
    yield office
    nothing_is_left(office)


def hears_music_from_now_on(office: SimulatedOffice, caller: Caller) -> None:
    """Whatever he has heard so far does not count."""
    before = len(caller.heard())
    office.wait_for("he hears on", lambda: len(caller.heard()) > before + 3 * hearing.RATE // 2)
    caller.hears_music(timeout_seconds=5)


# Somebody outside, after asking


def test_somebody_outside_after_asking_by_keys(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    outside = office.customer(ITS_NUMBER)
    asks_by_keys(anna, OUTSIDE)
    assert outside.rings().shown_number == "+4993155510"
    caller.hears_music()
    outside.answers()
    anna.says(VOICE_OF_AGENT)
    outside.hears_sound(VOICE_OF_AGENT)
    anna.hangs_up()
    ends_with(office, caller, outside)


def test_somebody_outside_after_asking_by_the_phones_button(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    outside = office.customer(ITS_NUMBER)
    asked = anna.dials(OUTSIDE)
    outside.answers()
    asked.says(VOICE_OF_AGENT)
    outside.hears_sound(VOICE_OF_AGENT)
    anna.transfers_after_asking(asked)
    office.lamp_is("agent:anna", "green")
    ends_with(office, caller, outside)


@pytest.mark.parametrize("by", ["keys", "button"])
def test_nobody_answers_outside_and_the_one_who_asked_has_gone(office: SimulatedOffice, by: str) -> None:
    caller, anna = talks_to_anna(office)
    outside = office.customer(ITS_NUMBER)
    if by == "keys":
        asks_by_keys(anna, OUTSIDE)
        outside.rings()
        anna.hangs_up()
        hears_music_from_now_on(office, caller)
    else:
        asked = anna.dials(OUTSIDE)
        outside.rings()
        anna.transfers_after_asking(asked)
        asked.waits_until_cut_off()
    outside.rejects()
    gets_him_back(office, caller, anna)


@pytest.mark.parametrize(
    ("number", "told"),
    [("09001234567", "callback-refused-cost"), ("004312345678", "callback-refused-foreign")],
)
def test_a_number_that_may_not_be_dialled_is_said_and_the_caller_stays(
    office: SimulatedOffice, number: str, told: str
) -> None:
    caller, anna = talks_to_anna(office)
    asks_by_keys(anna, number)
    anna.hears(told)
    ends_with(office, caller, anna)


@pytest.mark.parametrize("how", ["asks first", "at once"])
def test_a_full_line_is_said_and_the_caller_is_not_lost(
    make_office: Callable[..., SimulatedOffice], how: str
) -> None:
    office = make_office(WITH_EXTENSIONS, channels=1)
    caller, anna = talks_to_anna(office)
    if how == "asks first":
        asks_by_keys(anna, OUTSIDE)
        anna.hears("internal-no-line")
        ends_with(office, caller, anna)
    else:
        by_button(anna, OUTSIDE)
        gets_him_back(office, caller, anna)
    assert office.customer(ITS_NUMBER).times_rung == 0
    nothing_is_left(office)


def test_who_is_handed_over_to_a_code_comes_back(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    asked = anna.dials("*84")
    asked.hears("web-address")
    anna.transfers_after_asking(asked)
    gets_him_back(office, caller, anna)


def test_without_the_supervisor_nobody_outside_is_dialled(office: SimulatedOffice) -> None:
    office.kill_supervisor()
    call = office.desk("anna").dials(OUTSIDE)
    call.hears("call-failed-internal")
    call.waits_until_cut_off()
    assert office.customer(ITS_NUMBER).times_rung == 0
    office.start_supervisor()


# A department, after asking


@pytest.mark.parametrize("by", ["keys", "button"])
def test_a_department_is_asked_first(office: SimulatedOffice, by: str) -> None:
    caller, anna = talks_to_anna(office)
    office.sets("clara", "available")
    office.db.execute("DELETE FROM serves WHERE agent = 'anna' AND department = 'office'")
    clara = office.desk("clara")
    if by == "keys":
        asks_by_keys(anna, "80")
        assert clara.rings().shown_number == "21"
        caller.hears_music()
        clara.answers()
        anna.says(VOICE_OF_AGENT)
        clara.hears_sound(VOICE_OF_AGENT)
        anna.hangs_up()
    else:
        asked = anna.dials("80")
        clara.answers()
        asked.says(VOICE_OF_AGENT)
        clara.hears_sound(VOICE_OF_AGENT)
        anna.transfers_after_asking(asked)
    ends_with(office, caller, clara)
    assert "talks clara" in office.steps(office.call_of(caller))


@pytest.mark.parametrize("by", ["keys", "button"])
def test_nobody_of_a_department_answers_and_the_one_who_asked_has_gone(
    office: SimulatedOffice, by: str
) -> None:
    caller, anna = talks_to_anna(office)
    office.sets("clara", "available")
    office.db.execute("DELETE FROM serves WHERE agent = 'anna' AND department = 'office'")
    clara = office.desk("clara")
    if by == "keys":
        asks_by_keys(anna, "80")
        clara.rings()
        anna.hangs_up()
        hears_music_from_now_on(office, caller)
    else:
        asked = anna.dials("80")
        clara.rings()
        anna.transfers_after_asking(asked)
        asked.waits_until_cut_off()
    gets_him_back(office, caller, anna)


# Who was called back


def is_called_back(office: SimulatedOffice) -> tuple[int, DeskPhone, DeskPhone]:
    """A customer who talks to Anna, who has called him back."""
    office.sets("anna", "available")
    office.db.execute("UPDATE departments SET announce_ticket = 0")
    callback = owes(office)
    office.db.execute("UPDATE callbacks SET ticket = '4711'")
    agent_takes_it(office)
    customer_talks(office)
    return callback, office.customer(CUSTOMER), office.desk("anna")


def called_back_ends_with(
    office: SimulatedOffice, callback: int, customer: DeskPhone, desk: DeskPhone
) -> None:
    talk(customer, desk)  # type: ignore[arg-type]
    desk.hangs_up()
    customer.waits_until_cut_off()
    becomes(office, callback, ("reached", 1, "talked"))
    assert office.outcome("1.0") == "called back"
    calls = office.db.execute("SELECT count(*) FROM calls WHERE caller = ?", [CUSTOMER]).fetchone()
    assert calls == (1,), "it is all the call that asked for it"


@pytest.mark.parametrize("hands_over", [by_button, by_keys])
def test_who_was_called_back_is_handed_over_at_once(
    office: SimulatedOffice, hands_over: Callable[[DeskPhone, str], None]
) -> None:
    callback, customer, anna = is_called_back(office)
    office.sets("bert", "available")
    hands_over(anna, "22")
    bert = office.desk("bert")
    assert bert.rings().shown_name == "Technik 4711: Erika Muster"
    assert bert.rings().shown_number == CUSTOMER
    bert.answers()
    called_back_ends_with(office, callback, customer, bert)
    assert "talks bert" in office.steps("1.0")


@pytest.mark.parametrize("how", ["at once", "while ringing", "by keys while ringing"])
def test_who_was_called_back_and_is_not_taken_comes_back(office: SimulatedOffice, how: str) -> None:
    callback, customer, anna = is_called_back(office)
    office.sets("bert", "available")
    bert = office.desk("bert")
    if how == "at once":
        anna.transfers("22")
    elif how == "while ringing":
        asked = anna.dials("22")
        bert.rings()
        anna.transfers_after_asking(asked)
    else:
        asks_by_keys(anna, "22")
        bert.rings()
        anna.hangs_up()
    bert.rejects()
    customer.hears("transfer-back")
    assert anna.rings().shown_name == "Technik 4711: Erika Muster"
    anna.answers()
    anna.hears("agent-returned")
    called_back_ends_with(office, callback, customer, anna)


def test_who_had_left_a_message_and_is_called_back_may_leave_another(office: SimulatedOffice) -> None:
    callback, customer, anna = is_called_back(office)
    office.db.execute(
        "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound) "
        "VALUES ('1.0', 'support', ?, '', '2026-11-24T12:00:00.000Z', 3.0, 'messages/1.0.mp3')",
        [CUSTOMER],
    )
    office.db.execute(
        "INSERT INTO outbox (message, message_id, recipient, language, delivered_at) "
        "SELECT id, '<1.0@x>', 'x@y.example', 'de', recorded_at FROM messages"
    )
    office.command("agents", "anna", "away")
    anna.transfers("22")
    customer.hears("nobody-present")
    customer.hears("offer-callback")
    customer.presses("3")
    customer.hears("leave-message")
    customer.says(VOICE_OF_AGENT)
    customer.presses("#")
    customer.hears("message-thanks")
    sounds = [
        row[0] for row in office.db.execute("SELECT sound FROM messages WHERE call = '1.0' ORDER BY id")
    ]
    assert len(sounds) == 2
    assert sounds[1].startswith("messages/1.0.callback-")
    assert (office.settings.spool / sounds[1]).stat().st_size > 1000
    customer.waits_until_cut_off()
    becomes(office, callback, ("reached", 1, "talked"))


def test_who_was_called_back_and_is_left_on_hold_comes_back(office: SimulatedOffice) -> None:
    callback, customer, anna = is_called_back(office)
    anna.presses("*2")
    customer.hears_music()
    anna.hangs_up()
    customer.hears("transfer-back")
    anna.answers()
    anna.hears("agent-returned")
    called_back_ends_with(office, callback, customer, anna)


def test_who_was_called_back_cannot_transfer_himself(office: SimulatedOffice) -> None:
    callback, customer, anna = is_called_back(office)
    office.sets("bert", "available")
    by_keys(customer, "22")
    asks_by_keys(customer, "22")
    called_back_ends_with(office, callback, customer, anna)
    assert office.desk("bert").times_rung == 0


def test_who_was_called_back_finds_nobody_and_is_first_in_line(office: SimulatedOffice) -> None:
    callback, customer, anna = is_called_back(office)
    office.sets("bert", "available")
    other, bert = office.caller("+491702222222"), office.desk("bert")
    other.dials(SUPPORT)
    bert.answers()
    third = office.caller("+491703333333")
    third.dials(SUPPORT)
    third.hears("position-1")
    office.db.execute("UPDATE presence SET state = 'offline' WHERE agent = 'anna'")
    anna.transfers("23")
    customer.hears("position-1", after=customer.hears("all-busy", after=customer.hears("transfer-back")))
    third.hears_music()
    bert.hangs_up()
    assert bert.rings().shown_name == "Technik 4711: Erika Muster"
    bert.answers()
    called_back_ends_with(office, callback, customer, bert)
    third.hangs_up()


# Who is on duty


@pytest.mark.parametrize("on_duty", [MOBILE, "bert"])
def test_who_is_on_duty_hands_over(make_office: Callable[..., SimulatedOffice], on_duty: str) -> None:
    office = make_office(with_rota(on_duty))
    office.sets("clara", "available")
    caller, clara = office.caller(), office.desk("clara")
    phone = office.customer(MOBILE) if on_duty == MOBILE else office.desk("bert")
    caller.dials(SUPPORT)
    takes_it(phone)
    talk(caller, phone)
    by_keys(phone, "23")
    clara.answers()
    ends_with(office, caller, clara)
    nothing_is_left(office)


def test_whom_nobody_takes_comes_back_to_whoever_is_on_duty(
    make_office: Callable[..., SimulatedOffice],
) -> None:
    office = make_office(with_rota(MOBILE))
    caller, mobile = office.caller(), office.customer(MOBILE)
    caller.dials(SUPPORT)
    takes_it(mobile)
    talk(caller, mobile)
    by_keys(mobile, "23")
    caller.hears("transfer-back")
    takes_it(mobile)
    ends_with(office, caller, mobile)
    nothing_is_left(office)


# Without the supervisor


def gets_him_back_on_the_floor(caller: Caller, anna: DeskPhone) -> None:
    caller.hears("transfer-back")
    assert "4711" in anna.rings().shown_name
    anna.answers()
    anna.hears("agent-returned")
    talk(caller, anna)
    anna.hangs_up()
    caller.waits_until_cut_off()


@pytest.mark.parametrize("how", ["away", "rejects", "outside", "asked"])
def test_alone_the_floor_rings_the_one_who_handed_him_over(office: SimulatedOffice, how: str) -> None:
    caller, anna = talks_to_anna(office)
    bert = office.desk("bert")
    office.sets("bert", "away" if how == "away" else "available")
    office.kill_supervisor()
    if how == "asked":
        asks_by_keys(anna, "22")
        bert.rings()
        anna.hangs_up()
    else:
        anna.transfers(OUTSIDE if how == "outside" else "22")
    if how in ("rejects", "asked"):
        bert.rejects()
    gets_him_back_on_the_floor(caller, anna)
    office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "talked"


def test_alone_the_floor_puts_him_in_line_when_his_agent_has_gone(office: SimulatedOffice) -> None:
    caller, anna = talks_to_anna(office)
    bert, other = office.desk("bert"), office.caller("+491702222222")
    office.sets("bert", "available")
    other.dials(SUPPORT)
    bert.answers()
    office.kill_supervisor()
    office.db.execute("UPDATE presence SET state = 'offline' WHERE agent = 'anna'")
    third = office.caller("+491703333333")
    third.dials(SUPPORT)
    third.hears_music()
    anna.transfers("23")
    caller.hears("transfer-back")
    caller.hears_music()
    bert.hangs_up()
    assert "4711" in bert.rings().shown_name, "he came first"
    bert.answers()
    talk(caller, bert)
    for person in (caller, third):
        person.hangs_up()
    office.start_supervisor()
