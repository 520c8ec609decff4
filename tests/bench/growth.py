"""How the decisions grow with the line: matching, the place in line and the expected wait of everybody in it.

The exponent is the slope of log time over log length from 100 callers on; n log n has about 1.1 there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from appliance.hotline.estimate import History, expected_wait_seconds
from appliance.hotline.matching import WaitingCaller, ahead_of, in_order, match
from appliance.hotline.presence import Agent, PhoneState, Presence
from tests.bench.bench import Bench
from tests.bench.comparing import Figure

TITLE = "Growth with the number of waiting callers"
_LENGTHS = (10, 100, 1000, 10_000)
_SLOPE_FROM = 100
_N_LOG_N = 1.2
_NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
_DEPARTMENTS = ("support", "sales", "billing")


def measured(bench: Bench) -> list[Figure]:
    """Each decision for lines of 10 to 10 000 callers, 20 agents of whom two are free."""
    dice = random.Random(bench.seed)
    agents = [_agent(number, dice) for number in range(20)]
    history = History(tuple(dice.expovariate(1 / 180) for _ in range(1000)), 40, 30_000.0)
    seen: dict[str, list[float]] = {}
    for done, length in enumerate(_LENGTHS):
        bench.progress(TITLE, 100 * done // len(_LENGTHS))
        line = in_order(_caller(number, dice) for number in range(length))  # as they came
        last = line[-1]
        for name, decide in {
            "matching": lambda line=line: match(line, agents, _NOW),
            "place in line": lambda line=line, last=last: ahead_of(last, line, agents),
            "expected wait": lambda length=length: expected_wait_seconds(length, 20, history),
        }.items():
            seen.setdefault(name, []).append(_seconds(decide))
    figures = []
    for name, seconds in seen.items():
        told = ", ".join(f"{n}: {1000 * s:.3g} ms" for n, s in zip(_LENGTHS, seconds, strict=True))
        at_1000 = 1000 * seconds[_LENGTHS.index(1000)]
        figures += [
            Figure(f"{name}, exponent", _slope(seconds), "", at_most=_N_LOG_N, seen=told),
            Figure(f"{name}, 1000 waiting", at_1000, "ms", at_most=5),
        ]
    return figures


def _agent(number: int, dice: random.Random) -> Agent:
    since = _NOW - timedelta(seconds=dice.uniform(0, 3600))
    departments, languages = dice.sample(_DEPARTMENTS, 2), dice.sample(("de", "en"), 1)
    return Agent(
        name=f"agent{number}", title="", phone=f"desk_{number}",
        departments=frozenset(departments), languages=frozenset(languages),
        presence=Presence.AVAILABLE, reason="", since=since, idle_since=since,
        phone_state=PhoneState.IDLE if number < 2 else PhoneState.IN_CALL, wrap_up_until=None,
    )  # fmt: skip


def _caller(number: int, dice: random.Random) -> WaitingCaller:
    arrived = _NOW - timedelta(seconds=dice.uniform(0, 3600))
    language = dice.choice(("de", "de", "en"))
    return WaitingCaller(
        str(number), dice.choice(_DEPARTMENTS), language, arrived, arrived + timedelta(seconds=60)
    )


def _seconds(decide: Callable[[], object]) -> float:
    """The shortest of several runs: what it costs when nothing disturbs it."""
    fastest = float("inf")
    for _ in range(15):
        began = time.perf_counter()
        decide()
        fastest = min(fastest, time.perf_counter() - began)
    return fastest


def _slope(seconds: list[float]) -> float:
    first = _LENGTHS.index(_SLOPE_FROM)
    return float(np.polyfit(np.log(_LENGTHS[first:]), np.log(seconds[first:]), 1)[0])
