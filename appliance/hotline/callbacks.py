"""Callbacks: how an attempt ended, and what that means for the request. Pure decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from appliance.hotline.hours import Hours, is_open, next_change
from appliance.hotline.matching import WaitingCaller

KEPT = timedelta(days=7)
"""How long after the first opening a promise is kept; then a call would surprise more than help."""


class State(StrEnum):
    """A request is open while it waits or is being called; the others close it for good."""

    WAITING = "waiting"
    CALLING = "calling"
    REACHED = "reached"
    NOT_REACHED = "not reached"
    CALLED_AGAIN = "called again"
    CANCELLED = "cancelled"


OPEN_STATES = frozenset({State.WAITING, State.CALLING})


class Result(StrEnum):
    """How dialling the customer ended; NOT_DIALLED when it did not come to that."""

    NOT_DIALLED = "not dialled"
    TALKED = "talked"
    BUSY = "busy"
    NO_ANSWER = "no answer"
    NOT_CONFIRMED = "not confirmed"
    NO_LINE = "no line"


@dataclass(frozen=True, slots=True)
class Callback:
    """A person who is to be called back. `arrived` is the place in line, `number` E.164."""

    id: int
    call: str
    department: str
    language: str
    number: str
    name: str
    ticket: str
    arrived: datetime
    others_from: datetime
    attempts: int
    next_attempt_at: datetime
    state: State
    attempt: str = ""

    def is_due(self, now: datetime) -> bool:
        """Whether this request stands in line now."""
        return self.state is State.WAITING and self.next_attempt_at <= now

    def in_line(self, key: str) -> WaitingCaller:
        """This person's place in line, exactly where he would stand had he waited."""
        return WaitingCaller(key, self.department, self.language, self.arrived, self.others_from)


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a request after an attempt."""

    state: State
    at: datetime


# Minutes until the customer is tried again, by the attempt that failed; the last one repeats.
# Who is busy is at the telephone and soon free; who does not answer is away from it.
_PAUSE_MINUTES = {
    Result.BUSY: (3, 10, 30),
    Result.NO_ANSWER: (15, 60, 120),
    Result.NOT_CONFIRMED: (30, 120),
    Result.NO_LINE: (5, 15, 30),
}


def after_attempt(result: Result, attempts: int, limit: int, now: datetime) -> Next:
    """Decide what becomes of a request whose customer has been dialled `attempts` times, `limit` at most.

    An attempt in which the customer was not dialled costs nothing: the request is in line again at once.
    """
    if result is Result.TALKED:
        return Next(State.REACHED, now)
    if result is Result.NOT_DIALLED:
        return Next(State.WAITING, now)
    if attempts >= limit:
        return Next(State.NOT_REACHED, now)
    pauses = _PAUSE_MINUTES[result]
    which = min(max(attempts, 1), len(pauses)) - 1  # 0: asked for anew while he was being dialled
    return Next(State.WAITING, now + timedelta(minutes=pauses[which]))


def give_up_at(promised: datetime, hours: Hours | None) -> datetime:
    """When a request that came to nothing is given up: a week after the first opening since it was promised.

    Without hours (`None`), or with hours that never open again, the promise itself counts.
    """
    if hours is None or is_open(hours, promised):
        return promised + KEPT
    opening = next_change(hours, promised)
    return (opening[0] if opening else promised) + KEPT


def line_has_room(channels: int, busy: int, *, somebody_waits: bool) -> bool:
    """Whether a callback may take a channel of a line with so many (0: nobody knows).

    The last free channel stays free for those who call in; a line that has only one is used
    while nobody waits.
    """
    if channels == 0:
        return True
    if channels == 1:
        return busy == 0 and not somebody_waits
    return channels - busy >= 2
