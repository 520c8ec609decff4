"""Ticket and customer numbers: which digits the office knows as one."""

from __future__ import annotations

from dataclasses import dataclass

TICKET_DIGITS = 20  # the longest number that may be asked for


@dataclass(frozen=True, slots=True)
class TicketRule:
    """How many digits a ticket number has, and what it begins with (no prefixes: with anything)."""

    shortest: int
    longest: int
    prefixes: tuple[str, ...] = ()

    def accepts(self, digits: str) -> bool:
        """Whether these keys are a ticket number."""
        return (
            digits.isascii()
            and digits.isdigit()
            and self.shortest <= len(digits) <= self.longest
            and (not self.prefixes or digits.startswith(self.prefixes))
        )
