"""When somebody who failed to sign in may try again, and what a password must be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200  # a longer one would only keep the box busy
REMEMBERED = timedelta(minutes=15)

# Somebody who mistypes his password four times is told at once; a program that tries the words of a
# dictionary gets five of them in a quarter of an hour, from one address twenty, of all the network's
# addresses together a hundred.
MOST_OF_NAME_AND_ADDRESS = 5
MOST_OF_ADDRESS = 20
MOST_OF_NAME = 100


def may_try_at(
    of_name_and_address: Sequence[datetime], of_address: Sequence[datetime], of_name: Sequence[datetime]
) -> datetime | None:
    """From when the next attempt is looked at, by its failures within `REMEMBERED`, in order; None: now."""
    waits = [
        failures[-most] + REMEMBERED
        for failures, most in (
            (of_name_and_address, MOST_OF_NAME_AND_ADDRESS),
            (of_address, MOST_OF_ADDRESS),
            (of_name, MOST_OF_NAME),
        )
        if len(failures) >= most
    ]
    return max(waits, default=None)


def password_fault(password: str, name: str) -> str:
    """Why this cannot be a password: 'short', 'long', 'simple' or '' when it can.

    Length is what counts (NIST SP 800-63B, 3.1.1.2): no rules about kinds of characters.
    """
    if len(password) < SHORTEST_PASSWORD:
        return "short"
    if len(password) > LONGEST_PASSWORD:
        return "long"
    plain = password.casefold()
    if len(set(plain)) < 4 or (name and name.casefold() in plain and len(plain) < len(name) + 6):
        return "simple"
    return ""
