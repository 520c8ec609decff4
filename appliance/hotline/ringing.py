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

    `agent` is reserved for this caller and nobody else until the result is reported.
    """

    agent: str = ""
    phone: str = ""
    somebody_present: bool = False
