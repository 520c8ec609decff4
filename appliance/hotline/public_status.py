"""What the office may tell anybody on its website: whether somebody is free, and nothing about anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """What a caller would find now."""

    FREE = "free"
    """Open, and somebody is free."""
    BUSY = "busy"
    """Open, and all who are there are in a call."""
    NOBODY = "nobody"
    """Open, and nobody can be reached just now: a message or a callback is offered."""
    CLOSED = "closed"
    UNKNOWN = "unknown"
    """The box does not know itself."""


@dataclass(frozen=True, slots=True)
class DepartmentNow:
    """A department: how many agents are `present`, how many of them are `free`, the expected wait.

    `wait_minutes` is None when nobody can know it, `opens_at` when nobody knows when it opens.
    """

    is_open: bool
    present: int
    free: int
    waiting: int
    wait_minutes: int | None
    opens_at: datetime | None


@dataclass(frozen=True, slots=True)
class Status:
    """The answer. `minutes` only when busy, `opens_at` only when closed."""

    state: State
    minutes: int | None = None
    opens_at: datetime | None = None


UNKNOWN = Status(State.UNKNOWN)


def status_of(departments: Sequence[DepartmentNow]) -> Status:
    """What a caller would find who calls the best of these departments."""
    open_now = [department for department in departments if department.is_open]
    if not departments:
        return UNKNOWN
    if any(department.free > department.waiting for department in open_now):
        return Status(State.FREE)
    staffed = [department for department in open_now if department.present]
    if staffed:
        known = [each.wait_minutes for each in staffed if each.wait_minutes is not None]
        return Status(State.BUSY, minutes=max(1, min(known)) if known else None)
    if open_now:
        return Status(State.NOBODY)
    opening = [each.opens_at for each in departments if each.opens_at is not None]
    return Status(State.CLOSED, opens_at=min(opening) if opening else None)
