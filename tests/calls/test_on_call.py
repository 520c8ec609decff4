"""On call: closed, so whoever is on duty is rung in order, over the line or on a desk, and must press 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.simulator.exchange import Caller, DeskPhone
from appliance.simulator.office import SimulatedOffice
from appliance.store import times
from appliance.store.on_call import refresh_duties
from tests.calls.conftest import OFFICE, chooses_message, nothing_is_left
from tests.calls.test_first_call import VOICE_OF_AGENT, VOICE_OF_CALLER
from tests.calls.test_waiting import SUPPORT

SUPPORT_NUMBER = "+4993155510"
MOBILE = "+491704444444"
OTHER_MOBILE = "+491705555555"
SECOND_CALLER = "+491706666666"
CLOSED = OFFICE.replace('hours = "always"', 'hours = { "2020-01-01..2099-12-31" = "closed" }')


def with_rota(*phones: str, more: str = "") -> str:
    """The office whose support is closed for good, with these phones always on duty."""
    duty = ", ".join(f'"{phone}"' for phone in phones)
    rota = f'\n[[rota]]\ndepartment = "support"\nduties = {{ all = [{duty}] }}\nweeks = ["all"]\n'
    return CLOSED + rota + "ring_seconds = 8\n" + more


@pytest.fixture
def office(make_office: Callable[..., SimulatedOffice]) -> Iterator[SimulatedOffice]:
    """Support is closed; a mobile is rung first, then Bert's desk."""
    office = make_office(with_rota(MOBILE, "bert"))
    yield office
    nothing_is_left(office)


def takes_it(phone: DeskPhone, announcement: str = "on-call") -> None:
    phone.answers()
    phone.hears(announcement)
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
