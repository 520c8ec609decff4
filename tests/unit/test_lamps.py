"""Lamps tell the truth: what the box will do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from appliance.hotline.lamps import Pattern, agent_lamp, picture
from appliance.hotline.presence import Agent, PhoneState, Presence, Press, after_press, phone_state

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FREE = Agent(
    name="anna",
    title="Anna Berg",
    phone="PJSIP/desk_1",
    departments=frozenset({"support"}),
    languages=frozenset({"de"}),
    presence=Presence.AVAILABLE,
    reason="button",
    since=NOON,
    idle_since=NOON,
    phone_state=PhoneState.IDLE,
)


@pytest.mark.parametrize(
    ("change", "lamp"),
    [
        ({}, Pattern.GREEN),
        ({"ringing_for": "1.0"}, Pattern.GREEN_BLINKING),
        ({"phone_state": PhoneState.RINGING}, Pattern.GREEN_BLINKING),
        ({"phone_state": PhoneState.IN_CALL, "ringing_for": "1.0"}, Pattern.RED),
        ({"wrap_up_until": NOON + timedelta(seconds=1)}, Pattern.AMBER),
        ({"wrap_up_until": NOON}, Pattern.GREEN),
        ({"phone_state": PhoneState.UNREACHABLE}, Pattern.AMBER_BLINKING),
        ({"presence": Presence.AWAY}, Pattern.OFF),
        ({"presence": Presence.AWAY, "reason": "no answer"}, Pattern.AMBER_BLINKING),
        ({"presence": Presence.AWAY, "reason": "unreachable"}, Pattern.AMBER_BLINKING),
        ({"presence": Presence.OFFLINE, "phone_state": PhoneState.UNREACHABLE}, Pattern.OFF),
    ],
)
def test_the_lamp_of_an_agent(change: dict[str, object], lamp: Pattern) -> None:
    assert agent_lamp(replace(FREE, **change), NOON) is lamp  # type: ignore[arg-type]


def test_green_means_exactly_that_the_next_call_may_ring_here() -> None:
    for presence in Presence:
        for state in PhoneState:
            for ringing_for in ("", "1.0"):
                agent = replace(FREE, presence=presence, phone_state=state, ringing_for=ringing_for)
                assert (agent_lamp(agent, NOON) is Pattern.GREEN) == agent.is_free(NOON)


def test_the_whole_picture() -> None:
    lamps = picture(
        [FREE],
        asterisk_answers=True,
        waited_for=(),
        night=True,
        undelivered_messages=0,
        open_callbacks=1,
        lines={"isdn": Pattern.ON},
        now=NOON,
    )
    assert lamps == {
        "line:isdn": Pattern.ON,
        "callback": Pattern.ON,
        "agent:anna": Pattern.GREEN,
        "asterisk": Pattern.GREEN,
        "night": Pattern.ON,
        "message": Pattern.OFF,
    }
    lamps = picture(
        [],
        asterisk_answers=False,
        waited_for=(),
        night=False,
        undelivered_messages=2,
        open_callbacks=0,
        lines={},
        now=NOON,
    )
    assert lamps == {
        "callback": Pattern.OFF,
        "asterisk": Pattern.RED,
        "night": Pattern.OFF,
        "message": Pattern.ON,
    }


@pytest.mark.parametrize(
    ("change", "waited_for", "lamp"),
    [
        ({"presence": Presence.AWAY, "reason": "button"}, {"support"}, Pattern.BLUE_BLINKING),
        ({"presence": Presence.AWAY, "reason": "button"}, {"accounting"}, Pattern.OFF),
        ({"presence": Presence.AWAY, "reason": "no answer"}, {"support"}, Pattern.AMBER_BLINKING),
        ({"presence": Presence.OFFLINE}, {"support"}, Pattern.OFF),
        ({}, {"support"}, Pattern.GREEN),
    ],
)
def test_who_is_away_sees_that_callers_wait_whom_he_could_serve(
    change: dict[str, object], waited_for: set[str], lamp: Pattern
) -> None:
    agent = replace(FREE, **change)  # type: ignore[arg-type]
    lamps = picture(
        [agent],
        asterisk_answers=True,
        waited_for=waited_for,
        night=False,
        undelivered_messages=0,
        open_callbacks=0,
        lines={},
        now=NOON,
    )
    assert lamps["agent:anna"] is lamp


@pytest.mark.parametrize(
    ("before", "press", "after"),
    [
        (Presence.AVAILABLE, Press.SHORT, Presence.AWAY),
        (Presence.AWAY, Press.SHORT, Presence.AVAILABLE),
        (Presence.OFFLINE, Press.SHORT, Presence.AVAILABLE),
        (Presence.AVAILABLE, Press.LONG, Presence.OFFLINE),
        (Presence.AVAILABLE, Press.NOT_NOW, Presence.AVAILABLE),
        (Presence.AWAY, Press.NOT_NOW, Presence.AWAY),
    ],
)
def test_what_a_press_means(before: Presence, press: Press, after: Presence) -> None:
    assert after_press(before, press) is after


def test_a_device_state_nobody_knows_is_not_rung() -> None:
    assert phone_state("NOT_INUSE") is PhoneState.IDLE
    assert phone_state("INVALID") is PhoneState.UNREACHABLE
    assert phone_state("something new") is PhoneState.UNREACHABLE
