"""Ringing one agent: the chance a caller is given, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ring(StrEnum):
    """How ringing one agent ended."""

    TALKED = "talked"
    NO_ANSWER = "no answer"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    CALLER_GONE = "caller gone"


@dataclass(frozen=True, slots=True)
class Chance:
    """The switchboard's answer to "who will take this caller?", true when it was given.

    `agent` is reserved for this caller and nobody else until the result is reported. Without one,
    `position` (1 is next) and `wait_seconds` tell how it stands in line; `agents` are present.
    `is_open` says whether the department still is.
    """

    agent: str = ""
    phone: str = ""
    speaks_language: bool = True
    agents: int = 0
    position: int = 1
    wait_seconds: float | None = None
    is_open: bool = True

    @property
    def somebody_present(self) -> bool:
        """Whether waiting makes sense at all."""
        return self.agents > 0
