"""One department as discrete events: callers come, wait in order, give up, are served."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random

DAY_SECONDS = 86400.0

# A callback keeps the agent busy while the customer is dialled, and in vain now and then.
_CALLBACK_DIALLING_SECONDS = 20.0
_CALLBACK_REACHED = 0.85


@dataclass(frozen=True)
class Load:
    """Who comes in and who is there. All times are in seconds since the start.

    `shifts` are (second, agents from then on), repeated every day when `daily`.
    """

    arrivals_per_second: Callable[[float], float]
    most_arrivals_per_second: float
    handling_seconds: Callable[[Random], float]
    shifts: tuple[tuple[float, int], ...]
    patience_seconds: float | None = None
    daily: bool = False
    callback_share: float = 0.0


@dataclass(slots=True, eq=False)
class Caller:
    """Somebody in line; `is_callback` once he has hung up to be called back in his turn."""

    arrived: float
    is_callback: bool = False


class Watcher:
    """Is told what happens in the line; what it does not override it ignores.

    With `repeat_seconds` it is asked again for each caller, that long after the last time.
    """

    repeat_seconds: float | None = None

    def at_once(self) -> None:
        """Somebody came and was served without waiting."""

    def waits(self, line: Line, caller: Caller, now: float) -> None:
        """A caller on the telephone waits: on entry, and again on each repeat."""

    def served(self, caller: Caller, now: float) -> None:
        """A caller or callback that waited gets an agent."""

    def gave_up(self, caller: Caller, now: float) -> None:
        """A caller left the line unserved."""

    def handled(self, seconds: float) -> None:
        """An agent is free again after so many seconds of talk and wrap-up."""


class Line:
    """The simulation; the same seed makes the same calls, whoever watches."""

    def __init__(self, load: Load, seed: str, watcher: Watcher) -> None:
        self.load = load
        self.watcher = watcher
        self.agents = 0
        self.busy = 0
        self.waiting: OrderedDict[Caller, None] = OrderedDict()
        self.arrived = 0
        self._coming, self._handling, self._patience, self._choice = (
            Random(f"{seed} {what}") for what in ("coming", "handling", "patience", "choice")
        )
        self._events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._number = count()

    def ahead(self, caller: Caller) -> int:
        """How many stand in front of a waiting caller."""
        for place, other in enumerate(self.waiting):
            if other is caller:
                return place
        raise LookupError(caller)

    def run(self, *, arrivals: float = inf, until: float = inf) -> Line:
        """Let time pass until so many have come or so many seconds are over."""
        for second, agents in self.load.shifts:
            self._at(second, self._shift, agents)
        self._next_arrival(0.0)
        while self.arrived < arrivals:
            now, _, happens, details = heappop(self._events)
            if now >= until:
                break
            happens(now, *details)
        return self

    def _at(self, second: float, happens: Callable[..., None], *details: object) -> None:
        heappush(self._events, (second, next(self._number), happens, details))

    def _shift(self, now: float, agents: int) -> None:
        self.agents = agents
        while self.waiting and self.busy < self.agents:
            self._serve_first(now)
        if self.load.daily:
            self._at(now + DAY_SECONDS, self._shift, agents)

    def _next_arrival(self, now: float) -> None:
        """The next of a Poisson process whose rate changes: one of the highest rate, thinned."""
        most, rate = self.load.most_arrivals_per_second, self.load.arrivals_per_second
        while True:
            now += self._coming.expovariate(most)
            if self._coming.random() * most < rate(now):
                self._at(now, self._arrives)
                return

    def _arrives(self, now: float) -> None:
        self.arrived += 1
        self._next_arrival(now)
        if self.busy < self.agents:
            self._occupy(now, self.load.handling_seconds(self._handling))
            self.watcher.at_once()
            return
        caller = Caller(now)
        self.waiting[caller] = None
        self._hears(now, caller)
        if self._choice.random() < self.load.callback_share:
            caller.is_callback = True
        elif self.load.patience_seconds is not None:
            self._at(
                now + self._patience.expovariate(1 / self.load.patience_seconds), self._loses_patience, caller
            )

    def _hears(self, now: float, caller: Caller) -> None:
        if caller not in self.waiting or caller.is_callback:
            return
        self.watcher.waits(self, caller, now)
        if self.watcher.repeat_seconds is not None:
            self._at(now + self.watcher.repeat_seconds, self._hears, caller)

    def _loses_patience(self, now: float, caller: Caller) -> None:
        if caller in self.waiting:
            del self.waiting[caller]
            self.watcher.gave_up(caller, now)

    def _serve_first(self, now: float) -> None:
        caller, _ = self.waiting.popitem(last=False)
        seconds = self.load.handling_seconds(self._handling)
        if caller.is_callback:
            reached = self._choice.random() < _CALLBACK_REACHED
            seconds = _CALLBACK_DIALLING_SECONDS + (seconds if reached else 0.0)
        self._occupy(now, seconds)
        self.watcher.served(caller, now)

    def _occupy(self, now: float, seconds: float) -> None:
        self.busy += 1
        self._at(now + seconds, self._free_again, seconds)

    def _free_again(self, now: float, seconds: float) -> None:
        self.busy -= 1
        self.watcher.handled(seconds)
        if self.waiting and self.busy < self.agents:
            self._serve_first(now)
