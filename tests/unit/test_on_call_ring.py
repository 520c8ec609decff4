"""Ringing whoever is on duty, against plain fakes: how each phone can end, and hanging up at each moment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.hotline.on_call import Duty, OnCall, OnCallPhone
from appliance.telephony.call import Call
from appliance.telephony.dialog import take_call
from appliance.telephony.fastagi import CallerHungUp
from appliance.telephony.on_call_ring import reach_on_call
from tests.unit.test_dialog import SUPPORT, Clock, House, Leg

MOBILE, DESK = (
    OnCallPhone(number="+491712345678", destination="DAHDI/G1/01712345678"),
    OnCallPhone("bert", "desk_2"),
)
DUTY = OnCall((MOBILE, DESK), 25, "menu-support", "+4993155510", "^(DAHDI/i1/)", 2)


@dataclass
class Asterisk:
    """What Asterisk answers: channels of the line, states of desk phones, phones kept for other callers."""

    busy: int = 1
    states: dict[str, str] = field(default_factory=dict)
    kept_by_others: set[str] = field(default_factory=set)
    kept: list[str] = field(default_factory=list)


class DutyLeg(Leg):
    """A caller's leg that can also be asked what Asterisk's functions say."""

    clock = Clock()

    def __init__(self, asterisk: Asterisk, **facts: Any) -> None:
        super().__init__(**facts)
        self.asterisk = asterisk

    def get(self, variable: str) -> str:
        function, _, argument = variable.removesuffix(")").partition("(")
        match function:
            case "CHANNELS":
                assert argument == "^(DAHDI/i1/)"
                return " ".join(f"DAHDI/i1/{number}" for number in range(self.asterisk.busy))
            case "DEVICE_STATE":
                return self.asterisk.states.get(argument.removeprefix("PJSIP/"), "NOT_INUSE")
            case "TRYLOCK":
                if argument in self.asterisk.kept_by_others:
                    return "0"
                self.asterisk.kept.append(argument)
                return "1"
            case "UNLOCK":
                self.asterisk.kept.remove(argument)
                return "1"
        return super().get(variable)


def rings(
    asterisk: Asterisk | None = None, on_call: OnCall = DUTY, *, offers_message: bool = True, **facts: Any
) -> tuple[Duty | None, DutyLeg, House]:
    """What came of it; None when the caller has hung up."""
    asterisk = asterisk or Asterisk()
    leg = DutyLeg(asterisk, **facts)
    house = House(leg)
    reached = None
    try:
        reached = reach_on_call(
            Call(leg, house),  # type: ignore[arg-type]
            on_call,
            shown="Technik: Erika",
            offers_message=offers_message,
        )
    except CallerHungUp:
        assert leg.hung_up
    assert asterisk.kept == [], "every phone is free for others again"
    return reached, leg, house


def dialled(leg: Leg) -> list[str]:
    return [what for kind, what in leg.log if kind == "Dial"]


OVER_THE_LINE, ON_THE_DESK = "DAHDI/G1/01712345678", "PJSIP/desk_2"


def test_the_first_who_presses_1_has_the_call() -> None:
    reached, leg, house = rings(dials=["ANSWER CONFIRMED ANSWERED"])
    assert reached is Duty.TALKED
    assert dialled(leg) == [OVER_THE_LINE]
    assert leg.heard() == ["on-call-trying", "offer-message"]
    assert house.notes == ["on-call rings", "conversation over"]
    assert leg.variables["STEP"] == "talked"


@pytest.mark.parametrize(
    ("dial", "note"),
    [
        ("NOANSWER", "on-call did not answer"),
        ("BUSY", "on-call refused"),
        ("DONTCALL", "on-call refused"),
        ("ANSWER ANSWERED", "on-call did not press 1"),
        ("NOANSWER ANSWERED", "on-call did not press 1"),
        ("CHANUNAVAIL", "on-call unreachable"),
        ("CONGESTION", "on-call unreachable"),
        ("INVALIDARGS", "on-call unreachable"),
    ],
)
def test_however_it_goes_wrong_the_next_is_rung(dial: str, note: str) -> None:
    reached, leg, house = rings(dials=[dial, "ANSWER CONFIRMED ANSWERED"])
    assert reached is Duty.TALKED
    assert dialled(leg) == [OVER_THE_LINE, ON_THE_DESK]
    assert leg.heard() == ["on-call-trying", "offer-message", "on-call-next"]
    assert house.notes == ["on-call rings", note, "on-call rings", "conversation over"]


def test_when_nobody_takes_it_he_is_told() -> None:
    reached, leg, house = rings(dials=["BUSY", "NOANSWER"])
    assert reached is Duty.NOT_REACHED
    assert leg.heard()[-1] == "on-call-nobody"
    assert house.notes[-1] == "on-call not reached"


def test_without_a_rota_or_in_its_gap_nothing_is_said() -> None:
    reached, leg, house = rings(on_call=OnCall())
    assert (reached, leg.log, house.notes) == (Duty.NOT_REACHED, [], [])


def test_a_full_line_or_none_at_all_rings_no_mobile() -> None:
    for asterisk, on_call in (
        (Asterisk(busy=2), DUTY),
        (Asterisk(), replace(DUTY, phones=(OnCallPhone(number="+491712345678"), DESK))),
    ):
        _, leg, house = rings(asterisk, on_call, dials=["ANSWER CONFIRMED"])
        assert dialled(leg) == [ON_THE_DESK]
        assert house.notes[0] == "no line for on-call"
        assert leg.heard() == ["on-call-trying", "offer-message"]


@pytest.mark.parametrize("state", ["INUSE", "BUSY", "RINGING", "RINGINUSE", "ONHOLD"])
def test_who_talks_already_is_not_rung_and_the_caller_is_told(state: str) -> None:
    asterisk = Asterisk(states={"desk_2": state}, kept_by_others={"on-call-+491712345678"})
    reached, leg, house = rings(asterisk)
    assert reached is Duty.NOT_REACHED
    assert dialled(leg) == []
    assert leg.heard() == ["on-call-busy"]
    assert house.notes == ["on-call already talks", "on-call already talks", "on-call not reached"]


def test_who_would_rather_leave_a_message_presses_3_at_every_moment() -> None:
    for facts in ({"keys": "3"}, {"keys": ["", "3"]}, {"dials": ["CANCEL"]}, {"dials": ["BUSY", "CANCEL"]}):
        reached, leg, house = rings(**facts)  # type: ignore[arg-type]
        assert reached is Duty.MESSAGE_WANTED
        assert house.notes[-1] == "message chosen"
        assert leg.variables["EXITCONTEXT" if "dials" in facts else "ON_CALL"] in ("on-call-keys", "")


def test_where_no_message_is_offered_none_is_taken() -> None:
    reached, leg, _ = rings(offers_message=False, keys="3", dials=["BUSY", "BUSY"])
    assert reached is Duty.NOT_REACHED
    assert "offer-message" not in leg.heard()


def closed_call(keys: str | list[str] = "", **facts: Any) -> tuple[DutyLeg, House]:
    """A whole call to a department that is closed and has somebody on duty."""
    leg = DutyLeg(Asterisk(), keys=keys, **facts)
    house = House(leg, at_number=replace(SUPPORT, is_open=False), duty=DUTY)
    take_call(leg, house)  # type: ignore[arg-type]
    assert leg.variables["STEP"] == "done"
    return leg, house


def test_a_closed_department_rings_its_duty_before_it_offers_what_is_left() -> None:
    leg, house = closed_call(dials=["BUSY", "ANSWER CONFIRMED"])
    assert leg.heard() == ["greeting", "closed", "on-call-trying", "offer-message", "on-call-next"]
    assert leg.variables["CALLERID(name)"] == "Technik: Erika"
    leg, house = closed_call()
    after = leg.heard()[leg.heard().index("on-call-nobody") + 1 :]
    assert after[:2] == ["offer-callback-opening", "offer-message"]
    assert after[-2:] == ["leave-message", "message-thanks"]
    leg, house = closed_call(["", "", "3"])
    assert leg.heard()[-3:] == ["on-call-trying", "leave-message", "message-thanks"], (
        "nothing else is offered"
    )
    assert house.stood_in_line == 0


def test_an_analogue_phone_nobody_knows_of_is_rung() -> None:
    _, leg, _ = rings(Asterisk(states={"desk_2": "UNKNOWN"}), replace(DUTY, phones=(DESK,)))
    assert dialled(leg) == [ON_THE_DESK]


def test_where_the_floor_goes_on_when_we_are_lost() -> None:
    """Lost while he is told: this phone is still to be rung; lost while it rings: the next one is."""
    places = []

    class Watched(DutyLeg):
        def play(self, sound: str, keys: str = "") -> str:
            places.append(("told", self.variables["PLACE"], self.variables["STEP"]))
            return super().play(sound, keys)

        def run(self, application: str, *arguments: str) -> None:
            places.append((arguments[0], self.variables["PLACE"], self.variables["ON_CALL"]))
            super().run(application, *arguments)

    leg = Watched(Asterisk(), dials=["BUSY", "ANSWER CONFIRMED"])
    call = Call(leg, House(leg))  # type: ignore[arg-type]
    assert reach_on_call(call, DUTY, shown="Technik", offers_message=True) is Duty.TALKED
    assert places == [
        ("told", "0", "oncall"),
        ("told", "0", "oncall"),
        (OVER_THE_LINE, "1", "+491712345678"),
        ("told", "1", "oncall"),
        (ON_THE_DESK, "2", "bert"),
    ]


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            (
                *("NOANSWER", "BUSY", "ANSWER ANSWERED", "ANSWER CONFIRMED"),
                *("CANCEL", "CANCEL hangup", "ANSWER hangup"),
            )
        ),
        max_size=3,
    ),
    st.integers(1, 12),
    st.integers(0, 2),
    st.sampled_from(("NOT_INUSE", "INUSE")),
)  # fmt: skip
def test_whenever_he_hangs_up_every_phone_is_free_again_and_its_end_is_told(
    dials: list[str], ends_at: int, busy: int, state: str
) -> None:
    reached, leg, house = rings(
        Asterisk(busy=busy, states={"desk_2": state}), dials=list(dials), ends_at=ends_at
    )
    rung = house.notes.count("on-call rings")
    assert len(dialled(leg)) <= rung <= 2
    assert (reached is None) == leg.hung_up
    assert (reached is Duty.TALKED) <= ("conversation over" in house.notes)
    assert (reached is Duty.MESSAGE_WANTED) == ("message chosen" in house.notes)
    if reached is Duty.NOT_REACHED:
        assert leg.heard()[-1] in ("on-call-nobody", "on-call-busy")
