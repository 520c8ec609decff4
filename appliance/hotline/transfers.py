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


def left_alone(now: datetime, *, put_aside_at: datetime | None) -> bool:
    """Whether a caller whose conversation is over by now was put aside rather than said goodbye to.

    So it is when until just now a colleague was asked to take him over, or when he was handed over just now
    to somebody who has gone at once.
    """
    return put_aside_at is not None and now - put_aside_at <= TAKEN_OVER
