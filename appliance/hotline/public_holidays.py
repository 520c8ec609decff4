"""Public holidays of a country and its states, as the library `holidays` knows them."""

from __future__ import annotations

from collections.abc import Container
from datetime import date
from typing import Any


def states(country: str) -> tuple[str, ...]:
    """The states (BY, VD, …) of a country (two capital letters) that have holidays of their own."""
    return tuple(_library().list_supported_countries().get(country, ()))


def public_holidays(country: str, state: str = "") -> Container[date]:
    """The public holidays of any year: without a state those of the whole country; none where none are known.

    Raises ValueError for a state the country has not.
    """
    if country not in _library().list_supported_countries():
        return frozenset()
    if state and state not in states(country):
        raise ValueError(f"no state {state!r} in {country}")
    found: Container[date] = _library().country_holidays(country, subdiv=state or None)
    return found


def holiday_name(country: str, state: str, day: date, language: str) -> str:
    """What people call the public holiday on this date, in German ('de') or English where that is known."""
    known = _library().country_holidays(country, subdiv=state or None)
    tongue = next((each for each in known.supported_languages if each.startswith(language)), None)
    named = _library().country_holidays(country, subdiv=state or None, language=tongue)
    return str(named.get(day, ""))


def _library() -> Any:
    """Loaded when it is needed: with every calendar it knows it takes 20 MB, and most programs need none."""
    import holidays

    return holidays
