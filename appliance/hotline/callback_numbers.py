"""Which numbers are called back."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Refusal(StrEnum):
    """Why not."""

    COST = "cost"
    FOREIGN = "foreign"
    OWN = "own"
    EMERGENCY = "emergency"


def refusal(
    number: str, *, country: str, own_numbers: Collection[str], foreign_allowed: Collection[str]
) -> Refusal | None:
    """TEMPORARY."""
    return Refusal.OWN if number in own_numbers else None
