"""Outcomes: every call ends in exactly one of these, decided from what is known of it.

A call whose caller is to be called back has none until that is settled: the promise is still owed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a call ended, the best thing that happened to the caller counting.

    NOT_REACHED: every attempt to call back failed, and the mailbox was told. CALLED_AGAIN: before
    he was called back the caller reached us himself; that call has its own outcome.
    CALLBACK_CANCELLED: somebody in the office has struck the callback off.
    """

    TALKED = "talked"
    CALLED_BACK = "called back"
    NOT_REACHED = "not reached"
    CALLED_AGAIN = "called again"
    CALLBACK_CANCELLED = "callback cancelled"
    MESSAGE = "message"
    HUNG_UP = "hung up"
    TOLD_CLOSED = "told closed"
    TOLD_UNASSIGNED = "told unassigned"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an ended call, from whoever was alive to see it.

    `message_kept` also counts a recording that is safe in the spool and still to be taken in.
    """

    talked: bool = False
    message_kept: bool = False
    steps: frozenset[str] = frozenset()


def outcome_of(evidence: Evidence) -> Outcome:
    """Decide a call's one outcome: what helped the caller most goes first."""
    if evidence.talked:
        return Outcome.TALKED
    if evidence.message_kept:
        return Outcome.MESSAGE
    if "unassigned told" in evidence.steps:
        return Outcome.TOLD_UNASSIGNED
    rung_to_the_end = "on-call rings" in evidence.steps and "on-call not reached" not in evidence.steps
    if "closed told" in evidence.steps and not rung_to_the_end:
        return Outcome.TOLD_CLOSED
    return Outcome.HUNG_UP
