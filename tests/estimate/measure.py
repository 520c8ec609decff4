"""Ours, app_queue's and the best possible forecast, asked in one line at the same moments.

Each caller on the telephone who has to wait is told a forecast on entry and every minute from
then on. A forecast counts when the caller is served in the end; its error is the forecast minus
the seconds really waited from that moment on. What is said has *risen* when it is more than the
caller was told before and no fewer agents are present than there were then. Nobody moves back in
these lines, so that is never the place's fault.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from math import fsum, inf, sqrt

from appliance.hotline.announcement import WAIT_KEYS, Said, announcement, wait_step
from appliance.hotline.estimate import MOST_CALLS, History, expected_wait_seconds
from tests.estimate.app_queue import AppQueue
from tests.estimate.line import Caller, Line, Watcher
from tests.estimate.scenarios import SCENARIOS, Scenario

REPEAT_SECONDS = 60.0
_READ_SECONDS = 60.0  # the switchboard reads the history no more often

# Theirs is what app_queue says, in whole minutes; theirs_in_seconds its hold time without the
# rounding, which no caller hears: the stricter comparison.
FORECASTS = ("ours", "theirs", "theirs_in_seconds", "best")


@dataclass
class Errors:
    """The errors of one kind of forecast, summed."""

    total: float = 0.0
    squares: float = 0.0

    def add(self, error: float) -> None:
        """A forecast was this many seconds too long."""
        self.total += error
        self.squares += error * error


@dataclass
class Course:
    """The wait of one caller: what was forecast, `FORECASTS` in order, after how many seconds."""

    waited_seconds: float = 0.0
    asked: list[tuple[float, tuple[float, ...]]] = field(default_factory=list)


@dataclass
class Tally:
    """What was seen in a scenario."""

    asked: int = 0
    waited_seconds: float = 0.0
    repeats: int = 0
    rose: int = 0
    theirs_rose: int = 0
    held_back: int = 0
    errors: dict[str, Errors] = field(default_factory=lambda: {name: Errors() for name in FORECASTS})
    longest: Course = field(default_factory=Course)

    def error_seconds(self, forecast: str) -> float:
        """Root of the mean squared error."""
        return sqrt(self.errors[forecast].squares / self.asked)

    def ratio(self, forecast: str, to: str = "theirs") -> float:
        """The error of one forecast in errors of another."""
        return self.error_seconds(forecast) / self.error_seconds(to)

    def bias(self, forecast: str) -> float:
        """The mean error as a share of the mean wait; above 0 when too long."""
        return self.errors[forecast].total / self.waited_seconds


@dataclass(slots=True)
class _Ear:
    """Notices a figure that rises without a reason."""

    figure: int | None = None
    agents: int = 0

    def hears(self, figure: int, agents: int) -> bool:
        """Whether this figure is above the last one, with no fewer agents than then."""
        rose = self.figure is not None and figure > self.figure and agents >= self.agents
        self.figure, self.agents = figure, agents
        return rose


@dataclass(slots=True)
class _Told:
    """One caller on the telephone, and what he was told so far."""

    ear: _Ear = field(default_factory=_Ear)
    ear_of_theirs: _Ear = field(default_factory=_Ear)
    said: Said | None = None
    said_at: float = 0.0
    course: Course = field(default_factory=Course)


class Measure(Watcher):
    """Asks for every forecast and adds up what comes of it."""

    repeat_seconds = REPEAT_SECONDS

    def __init__(self, scenario: Scenario, tally: Tally) -> None:
        self._scenario = scenario
        self._tally = tally
        self._queue = AppQueue()
        self._told: dict[Caller, _Told] = {}
        self._handled: deque[float] = deque(maxlen=MOST_CALLS)
        self._waited: deque[tuple[bool, float]] = deque(maxlen=MOST_CALLS)
        self._history = History()
        self._read_at = -inf

    def at_once(self) -> None:
        """Nothing to forecast, but app_queue learns from it."""
        self._queue.answered(0.0)

    def waits(self, line: Line, caller: Caller, now: float) -> None:
        """Forecast, say what is to be said, and see whether it rose."""
        if line.arrived <= self._scenario.warm_up_calls:
            return
        ahead, waited = line.ahead(caller), now - caller.arrived
        wait_seconds = expected_wait_seconds(ahead, line.agents, self._learned(now))
        if wait_seconds is None:
            return
        told = self._told.setdefault(caller, _Told())
        minutes = self._queue.announced_minutes(waited)
        self._tally.repeats += bool(told.course.asked)
        self._tally.theirs_rose += told.ear_of_theirs.hears(minutes, line.agents)
        self._say(told, ahead + 1, line.agents, wait_seconds, now)
        best = self._scenario.best_forecast_seconds(ahead, line.agents)
        in_seconds = abs(self._queue.holdtime - waited)
        told.course.asked.append((waited, (wait_seconds, 60.0 * minutes, in_seconds, best)))

    def served(self, caller: Caller, now: float) -> None:
        """Compare what was forecast with how long it took."""
        waited = now - caller.arrived
        self._queue.answered(waited)
        if caller.is_callback:
            self._told.pop(caller, None)
            return
        self._learn(gave_up=False, waited_seconds=waited)
        course = self._told.pop(caller, _Told()).course
        course.waited_seconds = waited
        if course.asked and waited > self._tally.longest.waited_seconds:
            self._tally.longest = course
        for waited_before, forecasts in course.asked:
            self._tally.asked += 1
            self._tally.waited_seconds += waited - waited_before
            for name, forecast in zip(FORECASTS, forecasts, strict=True):
                self._tally.errors[name].add(forecast - (waited - waited_before))

    def gave_up(self, caller: Caller, now: float) -> None:
        """Nobody knows how long he would have waited; that he gave up is learned."""
        self._told.pop(caller, None)
        self._learn(gave_up=True, waited_seconds=now - caller.arrived)

    def handled(self, seconds: float) -> None:
        """Learn how long an agent was occupied."""
        self._handled.append(seconds)

    def _learn(self, *, gave_up: bool, waited_seconds: float) -> None:
        self._waited.append((gave_up, waited_seconds))

    def _learned(self, now: float) -> History:
        """What the box has read of the calls that are over."""
        if now - self._read_at >= _READ_SECONDS:
            self._read_at = now
            self._history = History(
                tuple(self._handled),
                sum(gave_up for gave_up, _ in self._waited),
                fsum(seconds for _, seconds in self._waited),
            )
        return self._history

    def _say(self, told: _Told, position: int, agents: int, wait_seconds: float, now: float) -> None:
        last = told.said
        if last is not None and last.step is not None and agents >= last.agents:
            self._tally.held_back += wait_step(wait_seconds) > last.step
        heard = announcement(
            last,
            position=position,
            agents=agents,
            wait_seconds=wait_seconds,
            seconds_since_last=now - told.said_at,
        )
        if heard is None:
            return
        prompts, told.said = heard
        told.said_at = now
        for key in prompts:
            if key in WAIT_KEYS:
                self._tally.rose += told.ear.hears(WAIT_KEYS.index(key), agents)


def measured(name: str, seeds: Iterable[int], calls: int) -> Tally:
    """Watch the scenario of this name for so many calls with each seed."""
    scenario, tally = SCENARIOS[name], Tally()
    for seed in seeds:
        came = 0
        for line_number in count():
            line = Line(scenario.load, f"{seed} {line_number}", Measure(scenario, tally))
            came += line.run(arrivals=calls - came, until=scenario.ends_after_seconds).arrived
            if came >= calls:
                break
    return tally
