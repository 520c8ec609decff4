"""The lines the estimate is measured in: six textbook loads and an office like ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import fsum, inf, log, pi, sin, sqrt
from random import Random

from tests.estimate.line import DAY_SECONDS, Load

HANDLING_SECONDS = 180.0
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Scenario:
    """A load, and how it is watched.

    `handling_seconds` is the true mean. Nothing is measured during the first `warm_up_calls`;
    after `ends_after_seconds` a new line begins that has seen no call.
    """

    name: str
    load: Load
    handling_seconds: float = HANDLING_SECONDS
    warm_up_calls: int = 1000
    ends_after_seconds: float = inf

    def best_forecast_seconds(self, ahead: int, agents: int) -> float:
        """What could be forecast by one who knew the true means of handling and patience."""
        patience = self.load.patience_seconds
        give_up = 1 / patience if patience else 0.0
        return fsum(1 / (agents / self.handling_seconds + k * give_up) for k in range(1, ahead + 2))


def _exponential(random: Random) -> float:
    return random.expovariate(1 / HANDLING_SECONDS)


def _log_normal(mean: float, spread: float) -> Callable[[Random], float]:
    """Log-normal of this mean; `spread` is the standard deviation in means."""
    sigma = sqrt(log(1 + spread * spread))
    return lambda random: random.lognormvariate(log(mean) - sigma * sigma / 2, sigma)


def _steady(
    agents: int,
    load: float,
    *,
    handling: Callable[[Random], float] = _exponential,
    patience: float | None = None,
) -> Load:
    """Calls at an even rate, `load` of what the agents can do."""
    rate = load * agents / HANDLING_SECONDS
    return Load(lambda _: rate, rate, handling, ((0.0, agents),), patience)


def _in_waves(agents: int, load: float, *, height: float, period_seconds: float) -> Load:
    """Calls at a rate that swings around `load` by `height` of it."""
    rate = load * agents / HANDLING_SECONDS
    return Load(
        lambda now: rate * (1 + height * sin(2 * pi * now / period_seconds)),
        rate * (1 + height),
        _exponential,
        ((0.0, agents),),
        PATIENCE_SECONDS,
    )


# Calls per hour of an office with four agents, from eight to five: busy before and after lunch.
_CALLS_PER_HOUR = (30, 52, 60, 52, 40, 42, 56, 48, 30)
_OPENS_AT_HOUR = 8


def _office_rate(now: float) -> float:
    hour = int(now % DAY_SECONDS // 3600) - _OPENS_AT_HOUR
    return _CALLS_PER_HOUR[hour] / 3600 if 0 <= hour < len(_CALLS_PER_HOUR) else 0.0


# They come, go to lunch one after the other, and leave; who is left serves the line at the end.
_OFFICE_SHIFTS = tuple(
    (hour * 3600.0, agents)
    for hour, agents in ((8, 3), (9, 4), (12, 3), (13.5, 4), (16.5, 3), (17.25, 2), (18.5, 0))
)
_OFFICE_TALK_SECONDS = 210.0
_OFFICE_WRAP_UP_SECONDS = 30.0


def _office() -> Load:
    talk = _log_normal(_OFFICE_TALK_SECONDS, 1.0)
    return Load(
        _office_rate,
        max(_CALLS_PER_HOUR) / 3600,
        lambda random: talk(random) + _OFFICE_WRAP_UP_SECONDS,
        _OFFICE_SHIFTS,
        patience_seconds=420.0,
        daily=True,
        callback_share=0.15,
    )


_OFFICE_HANDLING_SECONDS = _OFFICE_TALK_SECONDS + _OFFICE_WRAP_UP_SECONDS

OFFICE = "office"

_ALL = (
    Scenario("steady", _steady(3, 0.90)),
    Scenario("near saturation", _steady(3, 0.95)),
    Scenario("overload", _steady(3, 1.10, patience=PATIENCE_SECONDS)),
    Scenario("waves", _in_waves(5, 1.0, height=0.3, period_seconds=7200.0)),
    Scenario(
        "long-tailed talk",
        _steady(3, 1.10, handling=_log_normal(HANDLING_SECONDS, 1.3), patience=PATIENCE_SECONDS),
    ),
    Scenario("large group", _steady(50, 0.98)),
    Scenario(OFFICE, _office(), _OFFICE_HANDLING_SECONDS),
    Scenario(
        "first office day",
        _office(),
        _OFFICE_HANDLING_SECONDS,
        warm_up_calls=0,
        ends_after_seconds=DAY_SECONDS,
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in _ALL}
