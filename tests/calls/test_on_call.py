"""On call: closed, so whoever is on duty is rung in order, over the line or on a desk, and must press 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from appliance.simulator.exchange import Caller, DeskPhone
from appliance.simulator.office import SimulatedOffice
from appliance.store import times
from appliance.store.on_call import refresh_duties
from tests.calls.conftest import OFFICE, nothing_is_left
from tests.calls.test_first_call import VOICE_OF_AGENT, VOICE_OF_CALLER
from tests.calls.test_waiting import SUPPORT

SUPPORT_NUMBER = "+4993155510"
MOBILE = "+491704444444"
OTHER_MOBILE = "+491705555555"
SECOND_CALLER = "+491706666666"
CLOSED = OFFICE.replace('hours = "always"', 'hours = { "2020-01-01..2099-12-31" = "closed" }')


def with_rota(*phones: str) -> str:
    """The office whose support is closed for good, with these phones always on duty."""
    duty = ", ".join(f'"{phone}"' for phone in phones)
    rota = f'\n[[rota]]\ndepartment = "support"\nduties = {{ all = [{duty}] }}\nweeks = ["all"]\n'
    return CLOSED + rota + "ring_seconds = 8\n"


@pytest.fixture
def office(make_office: Callable[..., SimulatedOffice]) -> Iterator[SimulatedOffice]:
    """Support is closed; a mobile is rung first, then Bert's desk."""
    office = make_office(with_rota(MOBILE, "bert"))
    yield office
    nothing_is_left(office)


def takes_it(phone: DeskPhone) -> None:
    """He hears for whom it is, and presses 1."""
    phone.answers()
    told = phone.hears("menu-support", after=phone.hears("on-call"))
    phone.hears("on-call-take", after=told)
    phone.presses("1")


def they_talk(caller: Caller, phone: DeskPhone) -> None:
    """Each hears the other."""
    caller.says(VOICE_OF_CALLER)
    phone.hears_sound(VOICE_OF_CALLER)
    phone.says(VOICE_OF_AGENT)
    caller.hears_sound(VOICE_OF_AGENT)


def test_a_mailbox_takes_no_call_and_the_next_one_does(office: SimulatedOffice) -> None:
    caller, mobile, desk = office.caller(name="Erika Muster"), office.customer(MOBILE), office.desk("bert")
    caller.dials(SUPPORT)
    trying = caller.hears("on-call-trying", after=caller.hears("closed"))
    rings = mobile.rings()
    assert rings.shown_number == SUPPORT_NUMBER, "who is on duty sees which department it is"
    caller.hears_music()
    mobile.answers()  # a mailbox does
    mobile.hears("on-call")
    caller.hears_music()
    mobile.waits_until_cut_off()
    assert mobile.has_heard("agent-not-now")
    caller.hears("on-call-next", after=trying)
    assert desk.rings().shown_number == caller.number
    assert desk.rings().shown_name == "Technik: Erika Muster"
    takes_it(desk)
    they_talk(caller, desk)
    desk.hangs_up()
    caller.waits_until_cut_off()
    call = office.call_of(caller)
    assert office.outcome(call) == "talked"
    steps = office.steps(call)
    for step in (
        f"on-call rings {MOBILE}",
        f"on-call did not press 1 {MOBILE}",
        "on-call rings bert",
        "on-call takes the call bert",
        "talks bert",
        "conversation over bert",
    ):
        assert step in steps
    assert mobile.times_rung == 1


def test_who_takes_it_at_an_outside_number_talks(office: SimulatedOffice) -> None:
    caller, mobile = office.caller(), office.customer(MOBILE)
    caller.dials(SUPPORT)
    takes_it(mobile)
    they_talk(caller, mobile)
    caller.hangs_up()
    mobile.waits_until_cut_off()
    call = office.call_of(caller)
    assert office.outcome(call) == "talked"
    assert f"talks {MOBILE}" in office.steps(call)
    assert office.desk("bert").times_rung == 0


def test_when_nobody_can_be_reached_a_message_says_so(office: SimulatedOffice) -> None:
    caller, mobile, desk = office.caller(), office.customer(MOBILE), office.desk("bert")
    caller.dials(SUPPORT)
    mobile.answers()
    mobile.hangs_up()  # in the middle of what he is told
    desk.rings()
    desk.stops_ringing()  # after ring_seconds
    offered = caller.hears("offer-callback-opening", after=caller.hears("on-call-nobody"))
    caller.presses("3")
    caller.hears("leave-message", after=offered)
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    caller.hears("message-thanks")
    mail = office.mail_arrives()
    assert mail["Subject"].startswith("Bereitschaft nicht erreicht: Neue Nachricht von 0170 1234567")
    call = office.call_of(caller)
    assert office.outcome(call) == "message"
    steps = office.steps(call)
    assert f"on-call did not press 1 {MOBILE}" in steps
    assert not any(step.startswith("talks") for step in steps)
    assert "on-call did not answer bert" in steps


def test_who_hangs_up_ends_the_ringing_and_who_answers_too_late_is_told(office: SimulatedOffice) -> None:
    caller, mobile = office.caller(), office.customer(MOBILE)
    caller.dials(SUPPORT)
    mobile.rings()
    caller.hangs_up()
    mobile.stops_ringing()
    call = office.call_of(caller)
    assert office.outcome(call) == "hung up"
    assert f"hung up while ringing {MOBILE}" in office.steps(call)

    caller.dials(SUPPORT)
    mobile.answers()
    mobile.hears("on-call")
    caller.hangs_up()
    mobile.presses("1")
    mobile.hears("on-call-gone")
    mobile.waits_until_cut_off()
    assert mobile.times_rung == 2
    assert office.desk("bert").times_rung == 0


def test_a_second_caller_gets_the_next_on_duty_and_a_third_is_told(office: SimulatedOffice) -> None:
    first, second, third = (office.caller(f"+49170{number}") for number in (1111111, 2222222, 3333333))
    mobile, desk = office.customer(MOBILE), office.desk("bert")
    first.dials(SUPPORT)
    takes_it(mobile)
    they_talk(first, mobile)
    second.dials(SUPPORT)
    takes_it(desk)
    they_talk(second, desk)
    third.dials(SUPPORT)
    third.hears("on-call-busy")
    third.hears("offer-callback-opening")
    third.hangs_up()
    assert office.outcome(office.call_of(third)) == "told closed"
    assert f"on-call already talks {MOBILE}" in office.steps(office.call_of(third))
    mobile.hangs_up()
    first.waits_until_cut_off()
    third.dials(SUPPORT)
    takes_it(mobile)
    third.hangs_up()
    second.hangs_up()
    assert (mobile.times_rung, desk.times_rung) == (2, 1)


def test_a_full_line_rings_no_mobile(make_office: Callable[..., SimulatedOffice]) -> None:
    office = make_office(with_rota(MOBILE, "bert"), channels=1)
    caller = office.caller()
    caller.dials(SUPPORT)
    takes_it(office.desk("bert"))
    caller.hangs_up()
    call = office.call_of(caller)
    assert office.outcome(call) == "talked"
    assert f"no line for on-call {MOBILE}" in office.steps(call)
    assert office.customer(MOBILE).times_rung == 0
    nothing_is_left(office)


def test_who_still_waits_when_all_have_gone_home_reaches_the_duty(office: SimulatedOffice) -> None:
    office.db.execute("UPDATE night_switch SET mode = 'day'")
    office.sets("anna", "available")
    first, second = office.caller("+491701111111"), office.caller("+491702222222")
    first.dials(SUPPORT)
    office.desk("anna").answers()
    second.dials(SUPPORT)
    second.hears("all-busy")
    office.db.execute("UPDATE night_switch SET mode = 'auto'")
    second.hears("closing")
    office.command("agents", "anna", "away")
    second.hears("on-call-trying", after=second.hears("nobody-present"))
    takes_it(office.customer(MOBILE))
    they_talk(second, office.customer(MOBILE))
    first.hangs_up()
    second.hangs_up()
    assert office.outcome(office.call_of(second)) == "talked"


# The floor


def test_alone_asterisk_rings_the_duty_in_order(make_office: Callable[..., SimulatedOffice]) -> None:
    office = make_office(with_rota(MOBILE, OTHER_MOBILE, "bert"), supervisor=False)
    caller, second = office.caller(), office.caller(SECOND_CALLER)
    mobile, other, desk = office.customer(MOBILE), office.customer(OTHER_MOBILE), office.desk("bert")
    caller.dials(SUPPORT)
    caller.hears("on-call-trying", after=caller.hears("closed"))
    assert mobile.rings().shown_number == SUPPORT_NUMBER
    mobile.rejects()
    caller.hears("on-call-next")
    takes_it(other)
    they_talk(caller, other)
    second.dials(SUPPORT)
    mobile.rejects()
    takes_it(desk)
    they_talk(second, desk)
    assert other.times_rung == 1, "it talks already"
    other.hangs_up()
    caller.waits_until_cut_off()
    second.hangs_up()
    office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "talked"
    assert f"talks {OTHER_MOBILE}" in office.steps(office.call_of(caller))
    assert office.outcome(office.call_of(second)) == "talked"
    nothing_is_left(office)


def test_alone_asterisk_hands_over_and_ends_with_a_message(
    make_office: Callable[..., SimulatedOffice],
) -> None:
    """The hand-over that was prepared comes while nothing of ours runs."""
    office = make_office(
        with_rota("bert").replace('"bert"] }', f'"bert"], other = ["{MOBILE}"] }}'), supervisor=False
    )
    caller, mobile, desk = office.caller(), office.customer(MOBILE), office.desk("bert")
    caller.dials(SUPPORT)
    desk.rings()
    caller.hangs_up()
    desk.stops_ringing()
    office.db.execute(
        "INSERT INTO duty_schedule VALUES ('support', ?, 'other')",
        [times.to_text(times.now() + timedelta(seconds=1))],
    )
    office.wait_for(
        "it is handed over",
        lambda: office.db.execute("SELECT duty FROM on_duty").fetchone() == ("other",),
    )
    caller.dials(SUPPORT)
    mobile.answers()  # a mailbox does
    mobile.waits_until_cut_off()
    caller.hears("leave-message", after=caller.hears("on-call-nobody"))
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    caller.hears("message-thanks")
    assert desk.times_rung == 1
    office.start_supervisor()
    assert office.mail_arrives()["Subject"].startswith("Bereitschaft nicht erreicht: ")
    assert refresh_duties(office.db, times.now()), "the supervisor puts right what we have bent"
    nothing_is_left(office)


def test_killed_while_a_phone_on_duty_rings_the_next_is_rung(office: SimulatedOffice) -> None:
    caller, mobile, desk = office.caller(), office.customer(MOBILE), office.desk("bert")
    caller.dials(SUPPORT)
    mobile.rings()
    office.kill_supervisor()
    mobile.rejects()
    takes_it(desk)
    they_talk(caller, desk)
    desk.hangs_up()
    caller.waits_until_cut_off()
    office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "talked"
    assert (mobile.times_rung, desk.times_rung) == (1, 1)


@pytest.mark.parametrize("step", ["rings", "listens", "talks"])
def test_killed_at_any_step_who_takes_it_talks_to_the_end(office: SimulatedOffice, step: str) -> None:
    caller, mobile = office.caller(), office.customer(MOBILE)
    caller.dials(SUPPORT)
    mobile.rings()
    if step != "rings":
        mobile.answers()
        mobile.hears("on-call")
    if step == "talks":
        mobile.presses("1")
        office.reaches(office.call_of(caller), "talks")
    office.kill_supervisor()
    if step == "rings":
        mobile.answers()
        mobile.hears("on-call")
    if step != "talks":
        mobile.presses("1")
    they_talk(caller, mobile)
    mobile.hangs_up()
    caller.waits_until_cut_off()
    office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "talked"
    assert office.desk("bert").times_rung == 0


@pytest.mark.parametrize("supervisor", [True, False])
def test_who_would_rather_leave_a_message_presses_3_while_it_rings(
    make_office: Callable[..., SimulatedOffice], supervisor: bool
) -> None:
    office = make_office(with_rota(MOBILE, "bert"), supervisor=supervisor)
    caller, mobile = office.caller(), office.customer(MOBILE)
    caller.dials(SUPPORT)
    mobile.rings()
    caller.presses("3")
    mobile.stops_ringing()
    caller.hears("leave-message")
    caller.says(VOICE_OF_CALLER)
    caller.presses("#")
    caller.hears("message-thanks")
    caller.waits_until_cut_off()
    if not supervisor:
        office.start_supervisor()
    assert office.outcome(office.call_of(caller)) == "message"
    assert office.mail_arrives()["Subject"].startswith("Neue Nachricht"), "the duty was not missed"
    assert len(office.mail_server.mails) == 1

    nothing_is_left(office)
