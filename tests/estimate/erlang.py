"""Erlang's formulas: what a simulated line must agree with before anything else is believed."""

from __future__ import annotations

from dataclasses import dataclass

from tests.estimate.line import Caller, Line, Load, Watcher


@dataclass(frozen=True)
class Figures:
    """Of all who come: the share that has to wait, the mean wait, the share that gives up."""

    must_wait: float
    mean_wait_seconds: float
    give_up: float


def formula(arrivals_per_second: float, handling: float, agents: int, patience: float | None) -> Figures:
    """The exact figures: Erlang C, with `patience` (mean seconds) Erlang A.

    Birth and death: with n in the system one leaves at the rate min(n, agents)/handling +
    max(n - agents, 0)/patience. Without patience the load must be below the agents.
    """
    weights = [1.0]
    while len(weights) <= agents or weights[-1] > 1e-15 * max(weights):
        n = len(weights)
        leaving = min(n, agents) / handling + (max(n - agents, 0) / patience if patience else 0.0)
        weights.append(weights[-1] * arrivals_per_second / leaving)
    total = sum(weights)
    line = sum((n - agents) * weight for n, weight in enumerate(weights) if n > agents) / total
    return Figures(
        must_wait=sum(weights[agents:]) / total,
        mean_wait_seconds=line / arrivals_per_second,
        give_up=line / patience / arrivals_per_second if patience else 0.0,
    )


class _Counter(Watcher):
    """Adds up what the formulas say."""

    def __init__(self) -> None:
        self.at_once_count = self.waited_count = self.gave_up_count = 0
        self.waited_seconds = 0.0

    def at_once(self) -> None:
        self.at_once_count += 1

    def served(self, caller: Caller, now: float) -> None:
        self.waited_count += 1
        self.waited_seconds += now - caller.arrived

    def gave_up(self, caller: Caller, now: float) -> None:
        self.served(caller, now)
        self.gave_up_count += 1


def simulated(
    arrivals_per_second: float, handling: float, agents: int, patience: float | None, *, seed: int, calls: int
) -> Figures:
    """The same figures as the simulated line has them after so many calls."""
    seen = _Counter()
    load = Load(
        arrivals_per_second=lambda _: arrivals_per_second,
        most_arrivals_per_second=arrivals_per_second,
        handling_seconds=lambda random: random.expovariate(1 / handling),
        shifts=((0.0, agents),),
        patience_seconds=patience,
    )
    Line(load, f"{seed}", seen).run(arrivals=calls)
    came = seen.at_once_count + seen.waited_count
    return Figures(seen.waited_count / came, seen.waited_seconds / came, seen.gave_up_count / came)


# What is simulated: arrivals per second, mean handling seconds, agents, mean patience seconds.
Case = tuple[float, float, int, float | None]
CASES: tuple[Case, ...] = (
    (2 / 180, 180.0, 3, None),
    (2.7 / 180, 180.0, 3, None),
    (4.5 / 180, 180.0, 6, None),
    (3.3 / 180, 180.0, 3, 300.0),
    (5 / 180, 180.0, 5, 300.0),
)
MOST_OFF = 0.02


@dataclass(frozen=True)
class Validation:
    """A case, what is exact and what was simulated."""

    case: Case
    exact: Figures
    simulated: Figures

    @property
    def off(self) -> float:
        """By what share the worst of the three figures is off."""
        pairs = (
            (self.simulated.must_wait, self.exact.must_wait),
            (self.simulated.mean_wait_seconds, self.exact.mean_wait_seconds),
            (self.simulated.give_up, self.exact.give_up),
        )
        return max(abs(seen / true - 1) if true else seen for seen, true in pairs)

    @property
    def name(self) -> str:
        """How the case is called: Erlang C or A, and its load."""
        rate, handling, agents, patience = self.case
        return f"Erlang {'A' if patience else 'C'} {agents} at {rate * handling / agents:.2f}"


def validated(case: Case, seed: int, calls: int) -> Validation:
    """Simulate a case and compute it."""
    return Validation(case, formula(*case), simulated(*case, seed=seed, calls=calls))
