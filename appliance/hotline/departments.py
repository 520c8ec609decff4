"""A department as one call finds it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Department:
    """What a call needs to know of the department that was dialled, true at this instant."""

    name: str
    title: str
    language: str
    greeting: str
    is_open: bool
    ring_seconds: int
    message_seconds: int
