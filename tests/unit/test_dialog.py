"""The dialogs by themselves, against plain fakes: every key at every prompt, and hanging up at each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.hotline.callbacks import Result
from appliance.hotline.departments import Department, MenuChoice
from appliance.hotline.on_call import OnCall
from appliance.hotline.ringing import Chance, Ring
from appliance.hotline.tickets import TicketRule
from appliance.hotline.transfers import Colleague, Target
from appliance.telephony import call as call_module
from appliance.telephony import dialog
from appliance.telephony.asking import ask_for_callback, ask_for_ticket
from appliance.telephony.call import WAKE_KEY, Call
from appliance.telephony.callback_call import CustomerFacts, call_back
from appliance.telephony.fastagi import CallerHungUp

KEYPAD = "0123456789*#"
OWN_NUMBER = "+491701234567"
SUPPORT = Department(
    name="support",
    title="Technik",
    language="de",
    greeting="greeting",
    menu=(),
    is_open=True,
    reopening=(),
    ring_seconds=20,
    message_seconds=60,
    offers_wait=True,
    offers_callback=True,
    offers_message=True,
    announce_position=True,
    announce_ticket=False,
    extra_prompts=("try-later",),
    promise_seconds=300,
    language_wait_seconds=60,
    ticket_from=3,
    ticket_rule=TicketRule(3, 12),
    callback_attempts=3,
)
OFFICE = replace(SUPPORT, name="office", title="Office", language="en")
MENU = (
    MenuChoice("1", "sales", "menu-sales", "de"),
    MenuChoice("2", "office", "menu-office", "en"),
)
CHOICES = {"office": OFFICE}


class Clock:
    """Time as the dialogs see it: it passes where a telephone would be listened to."""

    def __init__(self) -> None:
        self.seconds = 1e6

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture(scope="module", autouse=True)
def clock() -> Iterator[Clock]:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialog, "time", clock)
        patch.setattr(call_module, "time", clock)
        Leg.clock = clock
        yield clock


class Leg:
    """A telephone at which somebody presses `keys`, one at each chance to do so ('' for none), then nothing.

    `ends_at` is the moment, counted in things heard or waited for, at which he hangs up. What he
    presses that interrupts nothing is lost, as it is with Asterisk.
    """

    clock: Clock

    def __init__(
        self,
        keys: str | list[str] = "",
        *,
        ends_at: int = 300,
        dials: list[str] | None = None,
        dialled: Callable[[], None] = lambda: None,
        number: str = OWN_NUMBER,
        variables: dict[str, str] | None = None,
    ) -> None:
        self.keys = list(keys)
        self.left = ends_at
        self.dials = dials or []
        self.dialled = dialled
        self.number = number
        self.log: list[tuple[str, str]] = []
        self.variables = {"DEPARTMENT": "support", **(variables or {})}
        self.hung_up = False
        self.has_music = False
        self.channel = "PJSIP/line-1"

    def argument(self, position: int) -> str:
        return ("1.0", "093155510")[position - 1]

    def caller_id(self) -> tuple[str, str]:
        return self.number, "Erika"

    def set(self, variable: str, value: str) -> None:
        self.variables[variable] = value
        self.log.append((variable, value))

    def get(self, variable: str) -> str:
        return self.variables.get(variable, "")

    def play(self, sound: str, keys: str = "") -> str:
        self._moment(2.0)
        self.log.append(("hears", Path(sound).name))
        return self._press(keys)

    def wait_key(self, wait_seconds: float) -> str:
        assert wait_seconds > 0, "Asterisk would wait for ever, or not at all"
        self._moment(wait_seconds if not self.keys or not self.keys[0] else min(1.0, wait_seconds))
        return self._press(KEYPAD + WAKE_KEY)

    def music(self, on: bool) -> None:
        assert not self.hung_up
        self.has_music = on

    def run(self, application: str, *arguments: str) -> None:
        assert not self.has_music, "two sounds at once"
        self._moment(5.0)
        self.log.append((application, arguments[0]))
        if application == "Dial":
            status, _, changes = (self.dials.pop(0) if self.dials else "NOANSWER").partition(" ")
            self.variables["DIALSTATUS"] = status
            for change in changes.split():
                if change == "hangup":
                    self.hung_up = True
                else:
                    self.variables[change] = "yes"
            self.dialled()
        if self.hung_up:
            raise CallerHungUp

    def _moment(self, seconds: float) -> None:
        self.left -= 1
        if self.left <= 0:
            self.hung_up = True
        if self.hung_up:
            raise CallerHungUp
        self.clock.seconds += seconds

    def _press(self, keys: str) -> str:
        key = self.keys.pop(0) if self.keys else ""
        if not key or key not in keys:
            return ""
        self.log.append(("key", key))
        return key

    def heard(self) -> list[str]:
        return [what for kind, what in self.log if kind == "hears"]


NOBODY = Chance()
BUSY = Chance(agents=1, position=1, wait_seconds=100.0)
BERT = Chance(agent="bert", phone="PJSIP/desk_2", agents=1)


@dataclass
class House:
    """A house that answers what the test says, and remembers what was committed."""

    leg: Leg
    at_number: Department | None = SUPPORT
    chances: list[Chance] = field(default_factory=list)
    message_seconds: float | None = 3.0
    fails: bool = False
    promised: list[str] = field(default_factory=list)
    tickets: list[str] = field(default_factory=list)
    duty: OnCall = field(default_factory=OnCall)
    choices: dict[str, Department] = field(default_factory=dict)
    entered: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reports: list[Ring] = field(default_factory=list)
    in_line: int = 0
    stood_in_line: int = 0
    target: Target | None = None
    by: Colleague | None = None
    left_alone: list[bool] = field(default_factory=list)
    handed_over_to: list[str] = field(default_factory=list)
    words: dict[tuple[str, str], str] = field(default_factory=dict)
    prompts = Path("/prompts")
    recording = Path("/recordings/1.0.wav")

    def department(self, name: str) -> Department | None:
        return self.at_number if name == "support" else self.choices.get(name)

    def enter_department(self, department: Department, *, handed_over: bool = False) -> None:
        self.entered.append(department.name + " handed over" * handed_over)
        self.leg.set("DEPARTMENT", department.name)

    @contextmanager
    def place_in_line(
        self, _department: Department, agent: str = "", *, handed_over: bool = False
    ) -> Iterator[House]:
        (self.handed_over_to if handed_over else self.asked_for).append(agent)
        self.in_line += 1
        self.stood_in_line += 1
        try:
            yield self
        finally:
            self.in_line -= 1

    def look(self) -> Chance:
        assert self.in_line == 1, "asked from outside the line"
        return self.chances.pop(0) if len(self.chances) > 1 else (self.chances or [NOBODY])[0]

    def report(self, result: Ring) -> None:
        self.reports.append(result)

    def on_call(self, _department: Department) -> OnCall:
        return self.duty

    def own_words(self, agent: str, language: str) -> str:
        return self.words.get((agent, language), "")

    def transfer_target(self, _dialled: str, _department: Department) -> Target | None:
        return self.target

    def transferred_by(self) -> Colleague | None:
        return self.by

    def is_staffed(self, department: Department) -> bool:
        return department.is_open

    def was_left_alone(self) -> bool:
        return self.left_alone.pop(0) if self.left_alone else False

    def caller_name(self) -> str:
        return "Erika"

    def waited_seconds(self) -> float:
        return 400.0

    def note(self, step: str, detail: str = "") -> None:  # noqa: ARG002
        self.notes.append(step)

    def keep_message(self) -> float | None:
        return self.message_seconds

    def keep_ticket(self, digits: str) -> None:
        self.tickets.append(digits)

    def number_of_caller(self) -> tuple[str, str]:
        if self.leg.number.startswith("+49900"):
            return "", "callback-refused-cost"
        return self.leg.number, "" if self.leg.number else "callback-withheld"

    def number_keyed_in(self, digits: str) -> tuple[str, str]:
        if digits == "110":
            return "", "callback-refused-emergency"
        if digits.startswith("0") and 5 < len(digits) < 15:
            return "+49" + digits[1:], ""
        return "", "callback-no-number"

    def spoken_number(self, number: str) -> str:
        return "0" + number.removeprefix("+49")

    def promise_callback(self, number: str) -> None:
        if self.fails:
            raise OSError(28, "No space left on device")
        assert_confirmed(self.leg, self, number)
        self.promised.append(number)
        self.leg.log.append(("promise", number))


def assert_confirmed(leg: Leg, house: House, number: str) -> None:
    """The last thing he did was to press 1, to this number; a keyed-in one he had heard to its last digit."""
    assert leg.log[-1] == ("key", "1")
    begin = max(at for at, entry in enumerate(leg.log) if entry == ("hears", "callback-to"))
    since = leg.log[begin:-1]
    assert not [what for kind, what in since if kind == "key"], "another key came in between"
    digits = [f"digit-{digit}" for digit in house.spoken_number(number)]
    heard = [what for _, what in since[1:]]
    if number != leg.number:
        assert heard[: len(digits)] == digits, "confirmed before it was read back"
    assert heard[: len(digits)] == digits[: len(heard)], "another number was read back"


OF_LEG = ("ends_at", "dials", "number", "variables")


def a_call(keys: str | list[str] = "", **facts: Any) -> tuple[Call, Leg, House]:
    """A leg with these keys and its house; facts are of whichever knows them."""
    of_leg = {name: facts.pop(name) for name in OF_LEG if name in facts}
    leg = Leg(keys, **of_leg)
    house = House(leg, **facts)
    return Call(leg, house), leg, house  # type: ignore[arg-type]


def takes(keys: str | list[str] = "", **facts: Any) -> tuple[Leg, House]:
    """A whole call; whoever is left when it ends, however it ends, is looked at afterwards."""
    _, leg, house = a_call(keys, **facts)
    try:
        dialog.take_call(leg, house)  # type: ignore[arg-type]
    except CallerHungUp:
        assert leg.hung_up
    else:
        assert leg.variables["STEP"] == "done"
    assert house.in_line == 0, "he still stands in line"
    return leg, house


# What a caller gets


def test_who_calls_a_number_that_is_not_ours_is_told_so() -> None:
    leg, house = takes(at_number=None)
    assert leg.heard() == ["unassigned-number"]
    assert house.notes == ["unassigned told"]
    assert house.stood_in_line == 0


def test_the_agent_who_is_free_is_rung_at_once() -> None:
    leg, house = takes(chances=[BERT], dials=["ANSWER"])
    assert leg.heard() == ["greeting"]
    assert ("Dial", "PJSIP/desk_2") in leg.log
    assert house.reports == [Ring.TALKED]
    assert leg.variables["CALLERID(name)"] == "Technik 7 min: Erika"


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("NOANSWER", Ring.NO_ANSWER),
        ("BUSY", Ring.REFUSED),
        ("DONTCALL", Ring.REFUSED),
        ("CHANUNAVAIL", Ring.UNREACHABLE),
        ("CONGESTION", Ring.UNREACHABLE),
    ],
)
def test_who_does_not_answer_is_reported_and_the_next_is_rung(status: str, result: Ring) -> None:
    anna = replace(BERT, agent="anna", phone="PJSIP/desk_1")
    leg, house = takes(chances=[BERT, anna], dials=[status, "ANSWER"])
    assert house.reports == [result, Ring.TALKED]
    assert [what for kind, what in leg.log if kind == "Dial"] == ["PJSIP/desk_2", "PJSIP/desk_1"]


def test_a_phone_that_declines_refuses() -> None:
    assert dialog.ring_result("CHANUNAVAIL", "21") is Ring.REFUSED
    assert dialog.ring_result("CHANUNAVAIL", "0") is Ring.UNREACHABLE


@pytest.mark.parametrize("status", ["ANSWER hangup", "CANCEL hangup"])
def test_who_hangs_up_while_talking_is_reported_and_while_it_rings_he_leaves_the_line(status: str) -> None:
    _, house = takes(chances=[BERT], dials=[status])
    assert house.reports == ([Ring.TALKED] if status.startswith("ANSWER") else [])


def test_who_wants_a_callback_while_it_rings_is_asked_outside_the_line() -> None:
    leg, house = takes(["", "1"], chances=[BERT], dials=["CANCEL"], variables={"EXTEN": "2"})
    assert house.promised == [OWN_NUMBER]
    assert leg.variables["EXITCONTEXT"] == "ring-keys-23"
    assert leg.heard()[-1] == "callback-promised"
    assert (house.reports, house.stood_in_line) == ([], 1)


def test_who_wants_no_callback_after_all_stands_in_line_again() -> None:
    _, house = takes(["", "*"], chances=[BERT], dials=["CANCEL", "ANSWER"], variables={"EXTEN": "2"})
    assert (house.promised, house.stood_in_line, house.reports) == ([], 2, [Ring.TALKED])


def test_who_wants_to_leave_a_message_while_it_rings_does() -> None:
    leg, _ = takes(chances=[BERT], dials=["CANCEL"], variables={"EXTEN": "3"})
    assert leg.heard()[-2:] == ["leave-message", "message-thanks"]


def test_all_are_busy_then_somebody_is_free() -> None:
    leg, house = takes(["", "", "", "", "", "", WAKE_KEY], chances=[BUSY, BUSY, BERT], dials=["ANSWER"])
    assert leg.heard()[:6] == [
        *("greeting", "all-busy", "position-1", "wait-2"),
        *("offer-wait", "offer-callback"),
    ]
    assert house.reports == [Ring.TALKED]


def test_nobody_present_is_offered_a_callback_or_a_message_outside_the_line() -> None:
    """No agent who comes back is kept for somebody who is keying in his number."""
    leg, house = takes("")
    assert leg.heard() == [
        *("greeting", "nobody-present", "offer-callback", "offer-message", "try-later"),
        *("leave-message", "message-thanks"),
    ]
    _, leg, house = a_call(["", "", "2"])
    press, places = leg._press, []
    leg._press = lambda keys: (places.append(house.in_line), press(keys))[1]  # type: ignore[method-assign,func-returns-value]
    dialog.take_call(leg, house)  # type: ignore[arg-type]
    assert "callback-to" in leg.heard()
    assert places[:3] == [0, 1, 0], "greeting, nobody-present, and from then on"
    assert set(places[2:]) == {0}


def test_where_waiting_is_not_offered_it_is_not_offered() -> None:
    leg, _ = takes("", at_number=replace(SUPPORT, offers_wait=False), chances=[BUSY])
    assert "offer-wait" not in leg.heard()
    assert leg.heard()[-1] == "message-thanks"
    leg, _house = takes(["", *[""] * 20], at_number=replace(SUPPORT, offers_message=False))
    assert leg.heard()[-1] == "goodbye"
    assert not any(kind == "Record" for kind, _ in leg.log)


def test_a_closed_department_says_so_and_promises_a_callback_at_opening() -> None:
    closed = replace(SUPPORT, is_open=False)
    leg, house = takes(["", "", "2", "", "1"], at_number=closed)
    assert house.promised == [OWN_NUMBER]
    assert leg.heard()[-1] == "callback-promised-opening"
    assert house.stood_in_line == 0
    leg, house = takes("", at_number=closed)
    assert leg.heard()[-2:] == ["leave-message", "message-thanks"]


def test_who_waits_when_it_closes_is_told_once_and_keeps_his_place() -> None:
    shut = replace(BUSY, is_open=False)
    leg, house = takes("", chances=[BUSY, BUSY, shut, shut, shut, shut, shut, BERT], dials=["ANSWER"])
    told = leg.heard()
    begin = told.index("closing")
    assert told[begin : begin + 4] == ["closing", "offer-wait", "offer-callback-opening", "offer-message"]
    assert told.count("closing") == house.notes.count("closing told") == 1
    assert "offer-callback" in told[:begin]
    assert house.reports == [Ring.TALKED]
    assert house.stood_in_line == 1


def test_who_waits_when_it_closes_may_be_called_back_at_the_next_opening() -> None:
    shut = replace(BUSY, is_open=False)
    keys = [*[""] * 12, "2", "", "1"]
    leg, house = takes(keys, chances=[BUSY, BUSY, shut])
    assert leg.heard()[leg.heard().index("closing") :][-1] == "callback-promised-opening"
    assert house.promised == [OWN_NUMBER]


def test_when_everybody_has_gone_after_closing_a_callback_is_for_the_next_opening() -> None:
    gone = replace(NOBODY, is_open=False)
    leg, _ = takes("", chances=[BUSY, BUSY, gone])
    told = leg.heard()
    assert told[told.index("nobody-present") + 1] == "offer-callback-opening"
    assert told[-1] == "message-thanks"


def test_whom_the_floor_kept_in_line_is_not_greeted_again() -> None:
    _, leg, house = a_call("", chances=[BERT], dials=["ANSWER"])
    leg.variables["STEP"] = "waiting"
    house.at_number = replace(SUPPORT, is_open=False)
    dialog.take_call(leg, house)  # type: ignore[arg-type]
    assert leg.heard() == []
    assert house.reports == [Ring.TALKED]


def test_a_message_is_thanked_for_only_when_it_is_kept() -> None:
    leg, house = takes("", message_seconds=None)
    assert leg.heard()[-3:] == ["leave-message", "message-too-short", "goodbye"]
    assert house.notes.count("message too short") == 2


# Asking for a callback


def test_the_own_number_is_read_back_confirmed_and_committed() -> None:
    call, leg, house = a_call([*[""] * 12, "1"])
    assert ask_for_callback(call, "callback-confirm-closed")
    assert house.promised == [OWN_NUMBER]
    digits = [f"digit-{digit}" for digit in "01701234567"]
    assert leg.heard() == ["callback-to", *digits, "callback-confirm-closed"]
    assert leg.log.index(("promise", OWN_NUMBER)) < leg.log.index(("STEP", "promised"))


def wants_a_callback(then: list[str], **facts: Any) -> tuple[Leg, House]:
    """He presses 2 as soon as it means something, and these keys behind it."""
    for moment in range(12):
        leg, house = takes([*[""] * moment, "2", *then], **facts)
        if "callback-to" in leg.heard():
            return leg, house
    raise AssertionError("a 2 never meant anything")


@pytest.mark.parametrize(
    ("changes", "chance", "confirm", "then"),
    [
        ({}, BUSY, "callback-confirm", "all-busy"),
        ({"offers_wait": False}, BUSY, "callback-confirm-only", "offer-callback"),
        ({}, NOBODY, "callback-confirm-closed", "leave-message"),
        ({"offers_message": False}, NOBODY, "callback-confirm-only", "goodbye"),
    ],
    ids=["he may wait", "no waiting", "a message is left", "nothing else is left"],
)
def test_what_the_star_key_is_said_to_do_is_what_it_does(
    changes: dict[str, Any], chance: Chance, confirm: str, then: str
) -> None:
    leg, house = wants_a_callback(
        [*[""] * 12, "*"], at_number=replace(SUPPORT, **changes), chances=[chance], ends_at=60
    )
    heard = leg.heard()
    assert next(prompt for prompt in heard if prompt.startswith("callback-confirm")) == confirm
    if then != "all-busy":
        assert then in heard[heard.index(confirm) :]
    assert not house.promised


def test_a_callback_is_promised_when_it_is_on_disk_and_he_has_left_the_line() -> None:
    """While he is told so nobody keeps an agent for him."""
    stood = list[int]()

    class Listening(Leg):
        def play(self, sound: str, keys: str = "") -> str:
            if sound.endswith("callback-promised"):
                stood.append(house.in_line)
                assert house.promised == [OWN_NUMBER]
            return super().play(sound, keys)

    for moment in range(12):
        leg = Listening([*[""] * moment, "2", *[""] * 12, "1"])
        house = House(leg, chances=[BUSY])
        with suppress(CallerHungUp):
            dialog.take_call(leg, house)  # type: ignore[arg-type]
        if stood:
            break
    assert stood == [0]


def test_who_asks_for_a_callback_while_a_phone_rings_goes_on_waiting_with_the_star_key() -> None:
    leg, _ = takes([*[""] * 13, "*"], chances=[BERT, BUSY], dials=["CANCEL"], variables={"EXTEN": "2"})
    heard = leg.heard()
    assert "callback-confirm" in heard
    assert "all-busy" in heard[heard.index("callback-confirm") :]


def test_another_number_is_keyed_in() -> None:
    call, _, house = a_call(["2", *"0931*0931777", "#", *[""] * 9, "1"])
    assert ask_for_callback(call, "callback-confirm")
    assert house.promised == ["+49931777"]


def test_a_digit_that_comes_late_confirms_nothing() -> None:
    """He paused after 0931 77 and goes on with 1: what is read back is not yet his number."""
    call, leg, house = a_call(
        [*"0931771", "", "", "1", "1", "", "", "", "", "2", *"09317711", "#"], number=""
    )
    assert not ask_for_callback(call, "callback-confirm")
    assert house.promised == []
    assert leg.heard().count("callback-to") == 2


def test_what_cannot_be_kept_is_not_promised() -> None:
    call, leg, _house = a_call([*[""] * 12, "1"], fails=True)
    assert not ask_for_callback(call, "callback-confirm")
    assert leg.heard()[-1] == "callback-failed"
    assert "STEP" not in leg.variables


@pytest.mark.parametrize(
    ("keys", "number", "heard"),
    [
        ("", "", ["callback-withheld", "callback-enter", "callback-no-number", "callback-enter"]),
        ("#", "", ["callback-withheld", "callback-enter", "callback-no-number"]),
        ("*", "", ["callback-withheld", "callback-enter"]),
        ("7#", "", ["callback-withheld", "callback-no-number"]),
        ("9" * 40 + "#", "", ["callback-no-number"]),
        ("110#", "", ["callback-refused-emergency"]),
        ("", "+49900123", ["callback-refused-cost", "callback-enter"]),
        ("2*", OWN_NUMBER, ["callback-to", "callback-enter"]),
    ],
)
def test_what_is_no_number_is_answered_and_nothing_is_promised(
    keys: str, number: str, heard: list[str]
) -> None:
    call, leg, house = a_call(list(keys) if keys != "*" else ["", "*"], number=number)
    assert not ask_for_callback(call, "callback-confirm")
    assert house.promised == []
    assert set(heard) <= set(leg.heard())


def test_the_silent_are_asked_twice() -> None:
    call, leg, _ = a_call("")
    assert not ask_for_callback(call, "callback-confirm")
    assert leg.heard().count("callback-to") == 2
    call, leg, _ = a_call("", number="")
    assert not ask_for_callback(call, "callback-confirm")
    assert leg.heard().count("callback-enter") == 2


@pytest.mark.parametrize("number", [OWN_NUMBER, ""])
def test_when_an_agent_is_free_asking_ends_wherever_it_is(number: str) -> None:
    for moment in range(14 if number else 2):
        call, leg, house = a_call([*[""] * moment, WAKE_KEY], number=number)
        assert not ask_for_callback(call, "callback-confirm")
        assert house.promised == []
        assert leg.log[-1] == ("key", WAKE_KEY)


# A ticket number


@pytest.mark.parametrize(
    ("keys", "kept", "returns"),
    [
        ("4711#", ["4711"], ""),
        ("123456789012", ["123456789012"], ""),
        ("4*4711#", ["4711"], ""),
        ("4711", ["4711"], ""),
        ("", [], ""),
        ("#", [], ""),
        ("*", [], ""),
        ("2", [], "2"),
        ("3#", [], "3"),
        ("44#4711#", ["4711"], ""),
        ("44#55#", [], ""),
        ("4711" + WAKE_KEY, ["4711"], WAKE_KEY),
        ("4" + WAKE_KEY, ["4"], WAKE_KEY),
        (WAKE_KEY, [], WAKE_KEY),
        ("9" * 40, ["9" * 12], ""),
    ],
)
def test_a_ticket_is_what_the_office_knows_as_one(keys: str, kept: list[str], returns: str) -> None:
    call, leg, house = a_call(keys)
    assert ask_for_ticket(call, TicketRule(3, 12)) == returns
    assert house.tickets == kept
    assert leg.variables.get("TICKET", "") == (kept[0] if kept else "")
    assert ("ticket-thanks" in leg.heard()) == (bool(kept) and WAKE_KEY not in keys)


def test_it_is_asked_for_once_and_where_the_line_is_long() -> None:
    third = replace(BUSY, position=3)
    leg, _ = takes("", chances=[third] * 9, ends_at=60)
    assert leg.heard().count("ticket") == 1
    leg, _ = takes("", chances=[replace(BUSY, position=2)] * 9, ends_at=60)
    assert "ticket" not in leg.heard()
    leg, _ = takes("", chances=[third] * 9, ends_at=60, at_number=replace(SUPPORT, ticket_from=0))
    assert "ticket" not in leg.heard()


# Keys


@given(st.text(KEYPAD + WAKE_KEY, max_size=60), st.integers(1, 40))
def test_keys_become_digits_however_they_come(keys: str, enough: int) -> None:
    call, leg, _ = a_call(keys)
    began = leg.clock.seconds
    entry = call.keys_in("", enough)
    assert set(entry.digits) <= set("0123456789")
    assert len(entry.digits) <= enough
    if WAKE_KEY not in keys:
        typed = keys.split("#")[0].rsplit("*", 1)[-1]
        assert entry.digits == typed[:enough] or "*" in keys
        assert not entry.woken
    if entry.woken and entry.digits:
        assert leg.clock.seconds - began <= 60 + 2 + 1
    assert keys.count(WAKE_KEY) or not entry.woken


def test_who_has_begun_may_finish_within_two_seconds_but_not_for_ever() -> None:
    call, leg, _ = a_call("12" + WAKE_KEY + "3" * 30)
    began = leg.clock.seconds
    entry = call.keys_in("")
    assert entry.woken
    assert 3 <= len(entry.digits) <= 5
    assert leg.clock.seconds - began <= 3 + 2


# The menu of a main number, and an agent dialled directly


def test_a_choice_may_be_pressed_while_the_menu_plays() -> None:
    main = replace(SUPPORT, menu=MENU)
    leg, house = takes(["", "2"], at_number=main, choices=CHOICES, chances=[BERT], dials=["ANSWER"])
    assert leg.heard() == ["greeting", "menu-sales"]
    assert house.entered == ["office"]
    assert leg.variables["DEPARTMENT"] == "office"
    assert leg.variables["CHANNEL(language)"] == "en"


@pytest.mark.parametrize("key", ["", "9", "*"])
def test_whoever_chooses_nothing_stays_with_the_main_number(key: str) -> None:
    main = replace(SUPPORT, menu=MENU)
    keys = [*[""] * 5, key]  # behind the menu
    leg, house = takes(keys, at_number=main, choices=CHOICES, chances=[BERT], dials=["ANSWER"])
    assert leg.heard() == ["greeting", "menu-sales", "press-1", "menu-office", "press-2"]
    assert house.entered == []
    assert "chooses nothing" in house.notes
    assert leg.variables["CHANNEL(language)"] == "de"
    assert house.reports == [Ring.TALKED]


def test_a_choice_that_has_just_been_deleted_is_nothing_chosen() -> None:
    leg, house = takes(["", "1"], at_number=replace(SUPPORT, menu=MENU), chances=[BERT], dials=["ANSWER"])
    assert house.reports == [Ring.TALKED]
    assert leg.variables["DEPARTMENT"] == "support"


def test_who_dialled_an_agent_gets_somebody_else_when_that_one_does_not_answer() -> None:
    leg, house = takes(chances=[BERT, BERT], dials=["NOANSWER", "ANSWER"], variables={"AGENT": "anna"})
    assert leg.heard() == ["greeting", "agent-not-free"]
    assert house.asked_for == ["anna", ""]
    assert house.reports == [Ring.NO_ANSWER, Ring.TALKED]
    assert leg.variables["AGENT"] == "", "the floor must not ring him again"


@pytest.mark.parametrize(
    ("language", "said"), [("de", "agent-not-free-anna"), ("en", "agent-not-free")], ids=["his", "another"]
)
def test_who_has_recorded_it_says_himself_that_he_is_not_free(language: str, said: str) -> None:
    leg, house = takes(
        chances=[NOBODY, BERT],
        dials=["ANSWER"],
        variables={"AGENT": "anna"},
        words={("anna", language): "agent-not-free-anna"},
    )
    assert leg.heard() == ["greeting", said]
    assert house.asked_for == ["anna", ""]


def test_when_it_opens_again_is_said_behind_closed() -> None:
    closed = replace(SUPPORT, is_open=False, reopening=("reopens-tomorrow", "hour-8"))
    leg, _ = takes(at_number=closed)
    assert leg.heard()[:4] == ["greeting", "closed", "reopens-tomorrow", "hour-8"]


# Whatever somebody presses and whenever he hangs up

chances = st.sampled_from(
    (
        NOBODY,
        BUSY,
        replace(BUSY, position=4, wait_seconds=700.0),
        replace(BUSY, wait_seconds=None),
        BERT,
        replace(BERT, speaks_language=False),
    )
)
departments = st.builds(
    lambda menu, is_open, wait, callback, ticket_from: replace(
        SUPPORT,
        menu=menu,
        is_open=is_open,
        offers_wait=wait,
        offers_callback=callback != "no",
        offers_message=callback != "only",
        ticket_from=ticket_from,
    ),
    st.sampled_from(((), MENU)),
    st.booleans() | st.just(True),
    st.booleans(),
    st.sampled_from(("no", "yes", "only")),
    st.sampled_from((0, 1, 3)),
)
keys_of_people = st.lists(
    st.sampled_from((*KEYPAD, WAKE_KEY, "2", "2", "1", "1", "", "", "", "", "", "")), max_size=80
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(
    keys_of_people,
    st.lists(chances, min_size=1, max_size=8),
    departments,
    st.integers(1, 90),
    st.sampled_from((OWN_NUMBER, "", "+4990012345")),
    st.lists(
        st.sampled_from(
            ("NOANSWER", "BUSY", "ANSWER", "ANSWER hangup", "CANCEL hangup", "CANCEL", "CHANUNAVAIL")
        ),
        max_size=4,
    ),
    st.sampled_from(("2", "3")),
    st.booleans(),
    st.sampled_from(("", "bert")),
)
def test_whatever_is_pressed_nobody_is_lost_in_the_dialog(
    keys: list[str],
    course: list[Chance],
    department: Department,
    ends_at: int,
    number: str,
    dials: list[str],
    while_ringing: str,
    fails: bool,
    direct: str,
) -> None:
    """No other exception than his hanging up, no promise he did not confirm, and his place is left."""
    leg, house = takes(
        keys,
        at_number=department,
        chances=course,
        ends_at=ends_at,
        number=number,
        dials=list(dials),
        fails=fails,
        variables={"AGENT": direct, "EXTEN": while_ringing},
        choices=CHOICES,
    )
    assert len(house.promised) <= 1
    assert not leg.has_music or leg.hung_up
    rings = [what for kind, what in leg.log if kind == "Dial"]
    left = sum(dial.startswith("CANCEL") for dial in dials)
    assert len(house.reports) + left >= len(rings), "every agent who was rung is reported, or left alone"
    said = {"callback-promised", "callback-promised-opening"} & set(leg.heard())
    assert not said or house.promised
    if not leg.hung_up:
        helped = Ring.TALKED in house.reports or house.promised or "message kept" in house.notes
        assert helped or leg.heard()[-1] == "goodbye"


@settings(max_examples=100)
@given(st.integers(1, 60), st.integers(0, 2**32))
def test_hanging_up_at_every_moment_of_one_call(ends_at: int, seed: int) -> None:
    """The same person each time, who hangs up a moment later: the story before is the same."""

    def course(left: int) -> tuple[Leg, House]:
        person = random.Random(seed)
        keys = [person.choice((*KEYPAD, "", "", "", "2", "1")) for _ in range(80)]
        return takes(keys, chances=[BUSY, replace(BUSY, position=3), BUSY], ends_at=left)

    shorter, _ = course(ends_at)
    longer, _ = course(ends_at + 1)
    assert longer.log[: len(shorter.log)] == shorter.log


# Calling back: the agent's end

CUSTOMER = CustomerFacts(
    number=OWN_NUMBER,
    call="1.0",
    department="support",
    arrived=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
    spoken_digits="01701234567",
    ticket="47",
    language="de",
    shown_number="+4993155510",
    destination="PJSIP/+491701234567@line",
    confirmation=True,
)


@dataclass
class Attempt:
    """An attempt that says what the test says, and remembers what was committed and told."""

    facts: CustomerFacts | None = CUSTOMER
    may: bool = True
    prompts = Path("/prompts")
    log: list[str] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)

    def customer(self) -> CustomerFacts | None:
        return self.facts

    def may_dial(self) -> bool:
        self.log.append("may dial")
        return self.may

    def result(self, result: Result) -> None:
        self.results.append(result)

    def over(self, ring: Ring) -> None:
        self.rings.append(ring)


def attempts(leg: Leg, attempt: Attempt) -> Attempt:
    leg.dialled = lambda: attempt.log.append("dialled")
    try:
        call_back(leg, attempt)  # type: ignore[arg-type]
    except CallerHungUp:
        assert leg.hung_up
    return attempt


@pytest.mark.parametrize(
    ("dial", "confirmation", "result", "ring"),
    [
        ("ANSWER CONFIRMED ANSWERED", True, Result.TALKED, Ring.TALKED),
        ("ANSWER CONFIRMED ANSWERED hangup", True, Result.TALKED, Ring.TALKED),
        ("ANSWER ANSWERED", True, Result.NOT_CONFIRMED, Ring.CALLER_GONE),
        ("ANSWER", False, Result.TALKED, Ring.TALKED),
        ("ANSWER hangup", False, Result.TALKED, Ring.TALKED),
        ("BUSY", True, Result.BUSY, Ring.CALLER_GONE),
        ("NOANSWER", True, Result.NO_ANSWER, Ring.CALLER_GONE),
        ("NOANSWER ANSWERED", True, Result.NOT_CONFIRMED, Ring.CALLER_GONE),
        ("CANCEL hangup", True, Result.NO_ANSWER, Ring.CALLER_GONE),
        ("CANCEL ANSWERED hangup", True, Result.NOT_CONFIRMED, Ring.CALLER_GONE),
        ("CHANUNAVAIL", True, Result.NO_LINE, Ring.CALLER_GONE),
        ("CONGESTION", False, Result.NO_LINE, Ring.CALLER_GONE),
    ],
)
def test_how_dialling_the_customer_ended(dial: str, confirmation: bool, result: Result, ring: Ring) -> None:
    """Also when the agent is the first to hang up: then he has his time for notes like after any call."""
    leg = Leg([*[""] * 15, "1"], dials=[dial])
    attempt = attempts(leg, Attempt(replace(CUSTOMER, confirmation=confirmation)))
    assert attempt.log == ["may dial", "dialled"], "committed before it rings"
    assert (attempt.results, attempt.rings) == ([result], [ring])
    sentences = {Result.BUSY: "agent-customer-busy", Result.NOT_CONFIRMED: "agent-customer-machine"}
    if result is not Result.TALKED and not leg.hung_up:
        assert leg.heard()[-2:] == [sentences.get(result, "agent-customer-no-answer"), "agent-tries-again"]


def test_after_the_last_attempt_the_agent_hears_that_nobody_tries_again() -> None:
    leg = Leg([*[""] * 15, "1"], dials=["BUSY"])
    attempts(leg, Attempt(replace(CUSTOMER, last=True)))
    assert leg.heard()[-2:] == ["agent-customer-busy", "agent-last-attempt"]


def test_the_agent_hears_whom_it_is_about_and_presses_1() -> None:
    leg = Leg([*[""] * 15, "1"], dials=["BUSY"])
    attempts(leg, Attempt())
    assert leg.heard()[:16] == [
        *("agent-callback", "agent-number", *(f"digit-{digit}" for digit in "01701234567")),
        *("agent-ticket", "digit-4", "digit-7"),
    ]
    assert ("Dial", f"PJSIP/{OWN_NUMBER}@line") in leg.log
    assert leg.variables["CALLERID(num)"] == "+4993155510"


@pytest.mark.parametrize("keys", ["", "*", "#"])
def test_who_does_not_take_it_has_refused_and_nobody_is_dialled(keys: str) -> None:
    leg = Leg(keys)
    attempt = attempts(leg, Attempt())
    assert (attempt.log, attempt.results, attempt.rings) == ([], [], [Ring.REFUSED])
    assert leg.heard()[-1] == "agent-not-now"
    assert leg.heard().count("agent-callback") == (1 if keys else 3)


@pytest.mark.parametrize("attempt", [Attempt(facts=None), Attempt(may=False)])
def test_a_request_that_is_settled_meanwhile_is_not_dialled(attempt: Attempt) -> None:
    leg = Leg("1")
    attempts(leg, attempt)
    assert leg.heard()[-1] == "agent-gone"
    assert (attempt.results, attempt.rings) == ([], [Ring.CALLER_GONE])


@given(
    st.lists(st.sampled_from((*KEYPAD, "", "", "", "1")), max_size=60),
    st.integers(1, 80),
    st.sampled_from(
        ("BUSY", "ANSWER CONFIRMED", "ANSWER hangup", "ANSWER CONFIRMED hangup", "CANCEL hangup")
    ),
    st.booleans(),
    st.booleans(),
)
def test_whatever_the_agent_does_he_is_free_again_once(
    keys: list[str], ends_at: int, dial: str, may: bool, confirmation: bool
) -> None:
    leg = Leg(keys, ends_at=ends_at, dials=[dial])
    attempt = attempts(leg, Attempt(replace(CUSTOMER, confirmation=confirmation), may=may))
    assert len(attempt.rings) == 1
    assert attempt.log in ([], ["may dial"], ["may dial", "dialled"])
    assert attempt.log.count("dialled") <= len(attempt.results) <= attempt.log.count("may dial")
    assert (attempt.rings == [Ring.TALKED]) == (attempt.results == [Result.TALKED])
    assert ("key", "1") in leg.log or not attempt.log, "nobody is dialled unless the agent pressed 1"
