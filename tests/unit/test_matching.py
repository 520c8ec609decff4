"""Who is rung for whom: the rules that must hold for every line and every set of agents."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.hotline.matching import WaitingCaller, ahead_of, in_order, match, others_serve
from appliance.hotline.presence import Agent, PhoneState, Presence

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DEPARTMENTS = ("support", "office", "sales")
instants = st.integers(-3600, 3600).map(lambda seconds: NOON + timedelta(seconds=seconds))


@st.composite
def agents(draw: st.DrawFn) -> list[Agent]:
    return [
        Agent(
            name=f"agent{number}",
            title="",
            phone=f"desk_{number}",
            departments=draw(st.frozensets(st.sampled_from(DEPARTMENTS))),
            languages=draw(st.frozensets(st.sampled_from(("de", "en")))),
            presence=draw(st.sampled_from(Presence)),
            reason="",
            since=NOON,
            idle_since=draw(instants),
            phone_state=draw(st.sampled_from(PhoneState)),
            wrap_up_until=draw(st.none() | instants),
            ringing_for=draw(st.sampled_from(("", "", "", "elsewhere"))),
        )
        for number in range(draw(st.integers(0, 6)))
    ]


@st.composite
def lines(draw: st.DrawFn) -> list[WaitingCaller]:
    return [
        WaitingCaller(
            f"{number}",
            draw(st.sampled_from(DEPARTMENTS)),
            draw(st.sampled_from(("de", "en"))),
            draw(instants),
            draw(st.none() | instants),
        )
        for number in range(draw(st.integers(0, 8)))
    ]


def free_agent(name: str = "anna", **changes: object) -> Agent:
    agent = Agent(
        name=name,
        title="",
        phone=f"desk_{name}",
        departments=frozenset({"support"}),
        languages=frozenset({"de"}),
        presence=Presence.AVAILABLE,
        reason="",
        since=NOON,
        idle_since=NOON,
        phone_state=PhoneState.IDLE,
    )
    return replace(agent, **changes)  # type: ignore[arg-type]


def caller(call: str, seconds: int = 0, **changes: object) -> WaitingCaller:
    waiting = WaitingCaller(call, "support", "de", NOON + timedelta(seconds=seconds))
    return replace(waiting, **changes)  # type: ignore[arg-type]


def may_serve(agent: Agent, waiting: WaitingCaller, staff: list[Agent], now: datetime) -> bool:
    """The rule in the words of the design: the department, and first the caller's language."""
    own = [
        a
        for a in staff
        if waiting.department in a.departments
        and waiting.language in a.languages
        and a.presence is Presence.AVAILABLE
        and a.phone_state is not PhoneState.UNREACHABLE
    ]
    waited_enough = waiting.others_from is None or waiting.others_from <= now
    return waiting.department in agent.departments and (
        waiting.language in agent.languages or waited_enough or not own
    )


@given(lines(), agents())
def test_nobody_gets_two(line: list[WaitingCaller], staff: list[Agent]) -> None:
    pairs = match(line, staff, NOON)
    assert len({agent.name for _, agent in pairs}) == len(pairs)
    assert len({waiting.call for waiting, _ in pairs}) == len(pairs)


@given(lines(), agents())
def test_only_free_agents_of_the_department_are_rung(line: list[WaitingCaller], staff: list[Agent]) -> None:
    for waiting, agent in match(line, staff, NOON):
        assert agent.presence is Presence.AVAILABLE
        assert agent.phone_state is PhoneState.IDLE
        assert not agent.ringing_for
        assert agent.wrap_up_until is None or agent.wrap_up_until <= NOON
        assert waiting.department in agent.departments


@given(lines(), agents())
def test_the_oldest_caller_goes_first(line: list[WaitingCaller], staff: list[Agent]) -> None:
    """Whoever is passed over had, when it was his turn, no free agent left who may serve him."""
    chosen = {waiting.call: agent for waiting, agent in match(line, staff, NOON)}
    taken: set[str] = set()
    for waiting in in_order(line):
        able = {
            agent.name
            for agent in staff
            if agent.is_free(NOON) and may_serve(agent, waiting, staff, NOON) and agent.name not in taken
        }
        if waiting.call in chosen:
            assert chosen[waiting.call].name in able
            taken.add(chosen[waiting.call].name)
        else:
            assert not able


@given(lines(), agents(), st.randoms())
def test_the_order_of_arrival_in_memory_does_not_matter(
    line: list[WaitingCaller], staff: list[Agent], random: object
) -> None:
    shuffled, others = list(line), list(staff)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    random.shuffle(others)  # type: ignore[attr-defined]
    assert match(shuffled, others, NOON) == match(line, staff, NOON)


@given(lines(), agents())
def test_the_own_language_is_chosen_where_it_is_free(line: list[WaitingCaller], staff: list[Agent]) -> None:
    """An agent of another language is rung only when, in this turn, no agent of the own one is left."""
    taken: set[str] = set()
    for waiting, agent in match(line, staff, NOON):
        own = {
            a.name
            for a in staff
            if a.is_free(NOON) and waiting.department in a.departments and waiting.language in a.languages
        }
        assert waiting.language in agent.languages or not own - taken
        taken.add(agent.name)


@given(lines(), agents())
def test_nobody_starves(line: list[WaitingCaller], staff: list[Agent]) -> None:
    """If agents keep becoming free, every caller whose department has anybody is served in the end."""
    staff = [
        replace(
            a, presence=Presence.AVAILABLE, phone_state=PhoneState.IDLE, wrap_up_until=None, ringing_for=""
        )
        for a in staff
    ]
    served = {department for agent in staff for department in agent.departments}
    waiting = list(line)
    for _ in range(len(line)):
        gone = {c.call for c, _ in match(waiting, staff, NOON + timedelta(hours=1))}
        waiting = [c for c in waiting if c.call not in gone]
    assert all(c.department not in served for c in waiting)


def test_longest_idle_agent_first() -> None:
    staff = [free_agent("anna"), free_agent("bert", idle_since=NOON - timedelta(minutes=5))]
    assert match([caller("1")], staff, NOON)[0][1].name == "bert"


def test_the_callers_language_goes_before_idle_time() -> None:
    staff = [
        free_agent("anna", languages=frozenset({"en"})),
        free_agent("bert", idle_since=NOON - timedelta(minutes=5)),
    ]
    assert match([caller("1", language="en")], staff, NOON)[0][1].name == "anna"


def test_an_agent_of_another_language_takes_over_when_nobody_present_speaks_it() -> None:
    waiting = caller("1", language="en", others_from=NOON + timedelta(hours=1))
    german, english = free_agent("anna"), free_agent("bert", languages=frozenset({"en"}))
    for absent in (
        replace(english, presence=Presence.AWAY),
        replace(english, phone_state=PhoneState.UNREACHABLE),
        replace(english, departments=frozenset({"sales"})),
    ):
        assert others_serve(waiting, [german, absent], NOON)
        assert match([waiting], [german, absent], NOON) == [(waiting, german)]


@pytest.mark.parametrize(
    "occupied",
    [{"phone_state": PhoneState.IN_CALL}, {"wrap_up_until": NOON + timedelta(hours=1)}, {"ringing_for": "9"}],
)
def test_for_somebody_present_of_the_own_language_it_is_waited_until_the_set_time(
    occupied: dict[str, object],
) -> None:
    staff = [free_agent("anna"), free_agent("bert", languages=frozenset({"en"}), **occupied)]
    waiting = caller("1", language="en", others_from=NOON + timedelta(seconds=60))
    before, then = NOON + timedelta(seconds=59.9), NOON + timedelta(seconds=60)
    assert not others_serve(waiting, staff, before)
    assert match([waiting], staff, before) == []
    assert others_serve(waiting, staff, then)
    assert match([waiting], staff, then) == [(waiting, staff[0])]


def test_who_waits_for_his_language_holds_up_nobody() -> None:
    staff = [free_agent("anna"), free_agent("bert", languages=frozenset({"en"}), ringing_for="9")]
    english = caller("1", language="en", others_from=NOON + timedelta(seconds=60))
    assert match([english, caller("2", 1)], staff, NOON) == [(caller("2", 1), staff[0])]


@pytest.mark.parametrize(
    "change",
    [
        {"presence": Presence.AWAY},
        {"presence": Presence.OFFLINE},
        {"phone_state": PhoneState.IN_CALL},
        {"phone_state": PhoneState.RINGING},
        {"phone_state": PhoneState.UNREACHABLE},
        {"wrap_up_until": NOON + timedelta(seconds=1)},
        {"ringing_for": "another call"},
    ],
)
def test_who_is_not_free_is_not_rung(change: dict[str, object]) -> None:
    assert match([caller("1")], [free_agent(**change)], NOON) == []


def test_wrap_up_ends_to_the_second() -> None:
    assert match([caller("1")], [free_agent(wrap_up_until=NOON)], NOON)


def ahead(call: str, line: list[WaitingCaller], staff: list[Agent]) -> list[str]:
    return [c.call for c in ahead_of(next(c for c in line if c.call == call), line, staff)]


def test_ahead_are_those_before_him_who_need_one_of_his_agents() -> None:
    line = [
        caller("1", 3),
        caller("2", 1, department="office"),
        caller("3", 0, department="sales"),
        caller("4", 2),
    ]
    staff = [free_agent("anna", departments=frozenset({"support", "office"}), phone_state=PhoneState.IN_CALL)]
    assert [ahead(call, line, staff) for call in ("2", "4", "1")] == [[], ["2"], ["2", "4"]]
    staff.append(free_agent("bert", departments=frozenset({"support", "sales"})))
    assert ahead("1", line, staff) == ["3", "2", "4"]
    away = [replace(agent, presence=Presence.AWAY) for agent in staff]
    assert ahead("1", line, away) == [], "with nobody there is no place to tell"


def test_between_two_of_the_same_instant_the_call_number_decides() -> None:
    line = [caller("2"), caller("1")]
    assert ahead("1", line, [free_agent()]) == []
    assert ahead("2", line, [free_agent()]) == ["1"]


@given(lines(), agents())
def test_who_stands_ahead_is_before_and_never_himself(line: list[WaitingCaller], staff: list[Agent]) -> None:
    order = [c.call for c in in_order(line)]
    for waiting in line:
        before = order[: order.index(waiting.call)]
        found = ahead(waiting.call, line, staff)
        assert set(found) <= set(before)
        same = [c.call for c in in_order(line) if c.department == waiting.department and c.call in before]
        served = any(a.is_present() and waiting.department in a.departments for a in staff)
        assert not served or set(same) <= set(found)
