"""Transfers: to whom a caller may be handed over, and whether he was left alone on the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance.hotline.departments import Department

TAKEN_OVER = timedelta(seconds=3)  # shorter, nobody has said a word


@dataclass(frozen=True, slots=True)
class Colleague:
    """An agent who is rung for a caller by name, whatever department it is about."""

    agent: str


@dataclass(frozen=True, slots=True)
class OutsideNumber:
    """A number (E.164) outside that a caller is put through to; it is shown `shown_number`.

    `destination` is what Asterisk is told to reach it.
    """

    number: str
    destination: str
    shown_number: str


Target = Department | Colleague | OutsideNumber


def left_alone(
    now: datetime, *, asked_until: datetime | None, handed_over_at: datetime | None, on_hold: bool
) -> bool:
    """Whether a caller whose conversation is over by now was put aside rather than said goodbye to.

    So it is when a colleague was asked to take him until just now (`asked_until`), when he was handed over
    just now to somebody who has gone at once, and when he was still on hold as the agent hung up.
    """
    moments = [moment for moment in (asked_until, handed_over_at) if moment is not None]
    return on_hold or any(now - moment <= TAKEN_OVER for moment in moments)
