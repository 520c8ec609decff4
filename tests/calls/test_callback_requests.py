"""Asking to be called back: the number is read back, keyed in, corrected, or politely refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.simulator.exchange import Caller
from appliance.simulator.office import SimulatedOffice
from appliance.store import people, times
from tests.calls.conftest import nothing_is_left
from tests.calls.test_waiting import SUPPORT, talks_to

MOBILE = "+491701234567"


@pytest.fixture
def office(shared_office: SimulatedOffice) -> Iterator[SimulatedOffice]:
    """With a short greeting and nobody there; nobody is owed anything any more when a test has ended."""
    office = shared_office
    office.db.execute("UPDATE departments SET greeting = 'goodbye'")
    yield office
    for (callback,) in office.db.execute("SELECT id FROM callbacks WHERE closed_at = ''").fetchall():
        office.command("callbacks", "cancel", str(callback))
    people.send_everybody_home(office.db, "test", times.now())
    nothing_is_left(office)


def asks(office: SimulatedOffice, number: str = MOBILE) -> Caller:
    """A caller who finds nobody there and presses 2."""
    caller = office.caller(number)
    caller.dials(SUPPORT)
    caller.hears("nobody-present")
    caller.presses("2")
    return caller


def promised(office: SimulatedOffice) -> list[str]:
    """The numbers we owe a callback."""
    return [
        row[0] for row in office.db.execute("SELECT number FROM callbacks WHERE closed_at = ''").fetchall()
    ]


def test_the_callers_own_number_is_read_back_and_confirmed(office: SimulatedOffice) -> None:
    caller = asks(office)
    caller.hears_digits("01701234567", after=caller.hears("callback-to"))
    caller.presses("1")
    caller.hears("callback-promised")
    assert promised(office) == [MOBILE], "on disk before it is said"
    caller.waits_until_cut_off()
    assert f"callback promised {MOBILE}" in office.steps(office.call_of(caller))


def test_another_number_is_keyed_in_corrected_and_read_back(office: SimulatedOffice) -> None:
    caller = asks(office)
    caller.hears("callback-to")
    caller.presses("2")
    asked = caller.hears("callback-enter")
    caller.presses("0931*0931123456#")
    caller.hears_digits("0931123456", after=caller.hears("callback-to", after=asked))
    caller.presses("1")
    caller.hears("callback-promised")
    assert promised(office) == ["+49931123456"]
    caller.waits_until_cut_off()


def test_without_a_number_it_is_asked_for(office: SimulatedOffice) -> None:
    caller = office.caller("anonymous")
    caller.dials(SUPPORT)
    caller.hears("nobody-present")
    caller.presses("2")
    asked = caller.hears("callback-enter", after=caller.hears("callback-withheld"))
    caller.presses("#")
    asked = caller.hears("callback-enter", after=caller.hears("callback-no-number", after=asked))
    caller.presses("1" * 45 + "#")
    asked = caller.hears("callback-no-number", after=asked, timeout_seconds=30)
    caller.presses("09311234567#")
    caller.hears_digits("09311234567", after=caller.hears("callback-to", after=asked))
    caller.presses("1")
    caller.hears("callback-promised")
    caller.waits_until_cut_off()


@pytest.mark.parametrize(
    ("keyed", "sentence"),
    [
        ("09001234567", "callback-refused-cost"),
        ("004366412345678", "callback-refused-foreign"),
        ("093155520", "callback-refused-own"),
        ("112", "callback-refused-emergency"),
    ],
)
def test_a_number_that_is_not_called_is_refused_with_the_reason(
    office: SimulatedOffice, keyed: str, sentence: str
) -> None:
    caller = asks(office)
    caller.hears("callback-to")
    caller.presses("2")
    asked = caller.hears("callback-enter")
    caller.presses(keyed + "#")
    caller.hears("callback-enter", after=caller.hears(sentence, after=asked))
    caller.hangs_up()
    assert promised(office) == []
    assert office.outcome(office.call_of(caller)) == "hung up"


def test_silence_promises_nothing_and_leads_to_a_message(office: SimulatedOffice) -> None:
    caller = asks(office)
    caller.hears("callback-to")
    caller.hears("leave-message", timeout_seconds=90)
    caller.hangs_up()
    assert promised(office) == []


@pytest.mark.parametrize(
    "prompt", ["offer-callback", "callback-to", "callback-confirm-closed", "callback-enter"]
)
def test_hanging_up_during_a_prompt_promises_nothing(office: SimulatedOffice, prompt: str) -> None:
    caller = office.caller()
    caller.dials(SUPPORT)
    caller.hears("nobody-present")
    if prompt != "offer-callback":
        caller.presses("2")
    if prompt == "callback-enter":
        caller.hears("callback-to")
        caller.presses("2")
    caller.hears(prompt, timeout_seconds=25)
    caller.hangs_up()
    assert office.outcome(office.call_of(caller)) == "hung up"
    assert promised(office) == []


def test_the_star_key_goes_on_waiting_in_the_same_place(office: SimulatedOffice) -> None:
    first = talks_to(office, "anna")
    second, third = office.caller("+491702222222"), office.caller("+491703333333")
    second.dials(SUPPORT)
    second.hears("all-busy")
    second.presses("2")
    second.hears("callback-to")
    third.dials(SUPPORT)
    third.hears("all-busy")
    second.presses("*")
    second.hears_music()
    office.desk("anna").hangs_up()
    assert office.desk("anna").rings().shown_number == "+491702222222"
    first.waits_until_cut_off()
    for caller in (second, third):
        caller.hangs_up()
    assert promised(office) == []


def test_an_agent_who_becomes_free_ends_the_asking_too(office: SimulatedOffice) -> None:
    first = talks_to(office, "anna")
    second = office.caller("+491702222222")
    second.dials(SUPPORT)
    second.hears("all-busy")
    second.presses("2")
    second.hears("callback-to")
    office.desk("anna").hangs_up()
    assert office.desk("anna").rings().shown_number == "+491702222222"
    second.hangs_up()
    first.waits_until_cut_off()
    assert promised(office) == []


def test_a_second_request_is_the_same_one_in_the_older_place(office: SimulatedOffice) -> None:
    places = []
    for _ in range(2):
        caller = asks(office)
        caller.hears("callback-to")
        caller.presses("1")
        caller.hears("callback-promised")
        caller.waits_until_cut_off()
        places.append(office.db.execute("SELECT id, arrived FROM callbacks WHERE closed_at = ''").fetchall())
    assert len(places[0]) == 1
    assert places[0] == places[1]
    ((callback, _),) = places[0]
    office.command("callbacks", "cancel", str(callback))
    outcomes = office.db.execute("SELECT outcome FROM calls WHERE callback = ?", [callback]).fetchall()
    assert outcomes == [("callback cancelled",)] * 2


def test_killed_between_promise_and_sentence_the_floor_says_it(office: SimulatedOffice) -> None:
    caller = asks(office)
    caller.hears("callback-to")
    caller.presses("1")
    office.wait_for("it is on disk", lambda: promised(office))
    office.reaches(office.call_of(caller), "callback promised")
    office.kill_supervisor()
    caller.waits_until_cut_off(25)
    office.start_supervisor()
    assert promised(office) == [MOBILE]
