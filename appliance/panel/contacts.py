"""Contacts: what bounces becomes a position that has been the same for a while."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Steady(Generic[T]):
    """Takes samples and tells each new value once, when it has not changed for `still_ms`."""

    def __init__(self, still_ms: int) -> None:
        self._still_ms = still_ms
        self._raw: T | None = None
        self._since = 0
        self._told: T | None = None

    def sample(self, value: T, milliseconds: int) -> T | None:
        """The value that is steady since now, if it is another than the last one; else None."""
        if value != self._raw:
            self._raw, self._since = value, milliseconds
        elif value != self._told and milliseconds - self._since >= self._still_ms:
            self._told = value
            return value
        return None


def night_position(*, day: bool, night: bool) -> str | None:
    """The position of the night switch from its two contacts; None when both are closed, which cannot be."""
    if day and night:
        return None
    return "day" if day else "night" if night else "auto"
