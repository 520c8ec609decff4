"""Callbacks decided: when again, whether the line has room, and the place in line, which is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.hotline.callbacks import (
    OPEN_STATES,
    Callback,
    Next,
    Result,
    State,
    after_attempt,
    give_up_at,
    line_has_room,
)
from appliance.hotline.hours import Hours, Span, SpecialDays
from appliance.hotline.matching import WaitingCaller, ahead_of, match
from appliance.hotline.presence import Agent, PhoneState, Presence

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FAILURES = tuple(result for result in Result if result not in (Result.TALKED, Result.NOT_DIALLED))
DEPARTMENTS = ("support", "office")
LANGUAGES = ("de", "en")


def minutes(then: Next) -> float:
    return (then.at - NOON).total_seconds() / 60


@pytest.mark.parametrize(
    ("result", "pauses"),
    [
        (Result.BUSY, [3, 10, 30, 30]),
        (Result.NO_ANSWER, [15, 60, 120, 120]),
        (Result.NOT_CONFIRMED, [30, 120, 120]),
        (Result.NO_LINE, [5, 15, 30, 30]),
    ],
)
def test_who_could_not_be_reached_is_tried_again_later_and_later(result: Result, pauses: list[int]) -> None:
    tries = [after_attempt(result, attempts, 9, NOON) for attempts in range(1, len(pauses) + 1)]
    assert [minutes(then) for then in tries] == pauses
    assert {then.state for then in tries} == {State.WAITING}


@given(st.sampled_from(FAILURES), st.integers(1, 10), st.integers(1, 10))
def test_the_number_of_attempts_is_bounded(result: Result, attempts: int, limit: int) -> None:
    then = after_attempt(result, attempts, limit, NOON)
    assert (then.state is State.NOT_REACHED) == (attempts >= limit)
    assert then.state is State.NOT_REACHED or then.at > NOON, "never again at once"


@given(st.integers(0, 10), st.integers(1, 10))
def test_reached_is_reached_and_what_was_not_dialled_costs_nothing(attempts: int, limit: int) -> None:
    assert after_attempt(Result.TALKED, attempts, limit, NOON) == Next(State.REACHED, NOON)
    assert after_attempt(Result.NOT_DIALLED, attempts, limit, NOON) == Next(State.WAITING, NOON)


@given(st.sampled_from(FAILURES))
def test_asked_for_anew_during_an_attempt_the_first_pause_follows_it(result: Result) -> None:
    """The request counts its attempts anew then; the one that is running is none of the new ones."""
    assert after_attempt(result, 0, 3, NOON) == after_attempt(result, 1, 3, NOON)


@pytest.mark.parametrize(
    ("channels", "busy", "somebody_waits", "room"),
    [
        (0, 99, True, True),
        (1, 0, False, True),
        (1, 0, True, False),
        (1, 1, False, False),
        (2, 0, True, True),
        (2, 1, False, False),
        (2, 2, False, False),
        (8, 6, True, True),
        (8, 7, False, False),
        (8, 9, False, False),
    ],
)
def test_the_last_channel_is_for_those_who_call_in(
    channels: int, busy: int, somebody_waits: bool, room: bool
) -> None:
    assert line_has_room(channels, busy, somebody_waits=somebody_waits) is room


def callback(number: int = 1, **changes: object) -> Callback:
    facts: dict[str, object] = {
        "id": number,
        "call": f"{number}.0",
        "department": "support",
        "language": "de",
        "number": f"+49170{number:07}",
        "name": "",
        "ticket": "",
        "arrived": NOON,
        "others_from": NOON + timedelta(seconds=60),
        "attempts": 0,
        "next_attempt_at": NOON,
        "state": State.WAITING,
    }
    return Callback(**facts | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", list(State))
def test_a_request_is_due_from_its_instant_on_and_only_while_it_waits(state: State) -> None:
    request = callback(state=state)
    assert request.is_due(NOON) is (state is State.WAITING)
    assert not request.is_due(NOON - timedelta(milliseconds=1))
    assert (state in OPEN_STATES) is (state in (State.WAITING, State.CALLING))


# The place in line: a line in which people hold, and the same line in which some are to be called back.


@dataclass(frozen=True)
class Person:
    """Somebody who calls, and whether he asks to be called back `asks_after` seconds later."""

    number: int
    department: str
    language: str
    arrives: int
    language_wait: int
    asks_after: int | None


@dataclass(frozen=True)
class Office:
    """Agents, and at which seconds who of them becomes free."""

    agents: tuple[Agent, ...]
    frees: tuple[tuple[int, int], ...]


@st.composite
def people(draw: st.DrawFn) -> list[Person]:
    """Nobody arrives in the same instant as another: then the number of the call decides."""
    arrivals = draw(st.lists(st.integers(0, 120), unique=True, min_size=2, max_size=8))
    return [
        Person(
            number,
            draw(st.sampled_from(DEPARTMENTS)),
            draw(st.sampled_from(LANGUAGES)),
            arrives,
            draw(st.sampled_from((0, 60, 200))),
            draw(st.none() | st.integers(0, 60)),
        )
        for number, arrives in enumerate(arrivals)
    ]


@st.composite
def offices(draw: st.DrawFn) -> Office:
    agents = tuple(
        Agent(
            name=f"agent{number}",
            title="",
            phone=f"desk_{number}",
            departments=draw(st.frozensets(st.sampled_from(DEPARTMENTS), min_size=1)),
            languages=draw(st.frozensets(st.sampled_from(LANGUAGES), min_size=1)),
            presence=Presence.AVAILABLE,
            reason="",
            since=NOON,
            idle_since=NOON,
            phone_state=PhoneState.IN_CALL,
        )
        for number in range(draw(st.integers(1, 4)))
    )
    frees = draw(
        st.lists(st.tuples(st.integers(0, 400), st.integers(0, len(agents) - 1)), min_size=2, max_size=12)
    )
    return Office(agents, tuple(frees))


def waits(person: Person, _second: int) -> WaitingCaller:
    """This person as he stands in line on the telephone."""
    arrived = NOON + timedelta(seconds=person.arrives)
    others_from = arrived + timedelta(seconds=person.language_wait)
    return WaitingCaller(f"{person.number}", person.department, person.language, arrived, others_from)


def waits_or_is_called_back(person: Person, second: int) -> WaitingCaller:
    """The same, but from when he asked for it on he is to be called back."""
    holding = waits(person, second)
    if person.asks_after is None or second < person.arrives + person.asks_after:
        return holding
    assert holding.others_from is not None
    return callback(
        person.number,
        department=person.department,
        language=person.language,
        arrived=holding.arrived,
        others_from=holding.others_from,
        next_attempt_at=NOON + timedelta(seconds=person.arrives + person.asks_after),
    ).in_line(f"callback:{person.number}")


def service(
    crowd: list[Person], office: Office, stands: Callable[[Person, int], WaitingCaller]
) -> list[tuple[int, int, str, int]]:
    """Who was served when and by whom, and who stood in front of whom, looked at in every second."""
    agents = list(office.agents)
    waiting = {person.number: person for person in crowd}
    served: list[tuple[int, int, str, int]] = []
    for second in sorted(
        {*range(0, 500, 20), *(p.arrives for p in crowd), *(second for second, _ in office.frees)}
    ):
        now = NOON + timedelta(seconds=second)
        for when, which in office.frees:
            if when == second:
                agents[which] = replace(agents[which], phone_state=PhoneState.IDLE, idle_since=now)
        line = {
            stands(person, second).call: person for person in waiting.values() if person.arrives <= second
        }
        stood = [stands(person, second) for person in line.values()]
        for caller, agent in match(stood, agents, now):
            person = line[caller.call]
            served.append((second, person.number, agent.name, len(ahead_of(caller, stood, agents))))
            del waiting[person.number]
            busy = replace(agent, phone_state=PhoneState.IN_CALL)
            agents = [busy if a.name == agent.name else a for a in agents]
    return served


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(people(), offices())
def test_a_callback_stands_where_the_same_person_waiting_would_have_stood(
    crowd: list[Person], office: Office
) -> None:
    """Who is served when and by whom does not depend on who holds the line and who is called back."""
    assert service(crowd, office, waits_or_is_called_back) == service(crowd, office, waits)


BERLIN = ZoneInfo("Europe/Berlin")
WEEK = tuple(Span(day, 480, 1020) for day in range(5))  # Monday to Friday, 8 to 17
LONG_HOLIDAYS = Hours(WEEK, BERLIN, (SpecialDays(date(2026, 12, 23), date(2027, 1, 6)),))


@pytest.mark.parametrize(
    ("promised", "hours", "given_up"),
    [
        ("2026-12-22 16:00", LONG_HOLIDAYS, "2026-12-29 16:00"),  # open: nobody was there all the same
        ("2026-12-23 09:00", LONG_HOLIDAYS, "2027-01-14 08:00"),
        ("2026-11-20 17:00", LONG_HOLIDAYS, "2026-11-30 08:00"),  # on Friday evening
        ("2026-12-23 09:00", None, "2026-12-30 09:00"),
        ("2026-12-23 09:00", Hours((), BERLIN), "2026-12-30 09:00"),  # never again
    ],
)
def test_a_promise_is_kept_for_a_week_from_the_first_opening_on(
    promised: str, hours: Hours | None, given_up: str
) -> None:
    assert give_up_at(berlin(promised), hours) == berlin(given_up)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)
