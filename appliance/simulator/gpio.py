"""Simulated pins: lamps one can look at, contacts one can close."""

from __future__ import annotations

from collections.abc import Iterable


class SimulatedGpio:
    """A board in memory; `fails` makes every access an error, as a chip that has gone."""

    def __init__(self, lamps: Iterable[int] = (), contacts: Iterable[int] = ()) -> None:
        self.lit = dict.fromkeys(lamps, False)
        self.closed = dict.fromkeys(contacts, False)
        self.fails = False
        self.is_open = True

    def light(self, pin: int, *, on: bool) -> None:
        """Switch a lamp."""
        self._look()
        self.lit[pin] = on

    def is_closed(self, pin: int) -> bool:
        """Whether the contact is closed."""
        self._look()
        return self.closed[pin]

    def close(self) -> None:
        """The lamps go dark."""
        self.is_open = False
        self.lit = dict.fromkeys(self.lit, False)

    def _look(self) -> None:
        if self.fails:
            raise OSError("the chip does not answer")
