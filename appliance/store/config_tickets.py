"""Ticket numbers as a config file writes them: ``ticket_digits = "5-8"``, ``ticket_prefixes = ["4"]``."""

from __future__ import annotations

import re

from appliance.hotline.tickets import TICKET_DIGITS, TicketRule
from appliance.store import config_checks as checks
from appliance.store.config_errors import shown
from appliance.store.config_table import Table

_DIGITS = re.compile(r"([0-9]{1,2})(?:\s*[-\u2013]\s*([0-9]{1,2}))?")


def read_ticket_rule(table: Table) -> TicketRule:
    """The settings `ticket_digits` and `ticket_prefixes` of a department."""
    written = table.text("ticket_digits", "3-12", _check_digits, _ordered)
    shortest, longest = _digits(written) or (1, TICKET_DIGITS)
    prefixes = table.texts("ticket_prefixes", (), checks.ticket_prefix)
    for index, prefix in enumerate(prefixes):
        if checks.ticket_prefix(prefix) is None and len(prefix) > longest:
            value, limit = shown(prefix), str(longest)
            table.problem("ticket prefix too long", "ticket_prefixes", index, value=value, limit=limit)
    return TicketRule(shortest, longest, prefixes)


def write_ticket_digits(rule: TicketRule) -> str:
    """What `ticket_digits` says: one number, or a range."""
    return str(rule.shortest) if rule.shortest == rule.longest else f"{rule.shortest}-{rule.longest}"


def _digits(text: str) -> tuple[int, int] | None:
    """The fewest and the most digits, or None for what is no such text."""
    found = _DIGITS.fullmatch(text)
    if found is None:
        return None
    shortest, longest = int(found[1]), int(found[2] or found[1])
    return (shortest, longest) if 1 <= shortest <= longest <= TICKET_DIGITS else None


def _check_digits(text: str) -> str | None:
    return None if _digits(text) else "ticket digits"


def _ordered(text: str) -> str:
    """The range from the smaller to the larger, where the text names two possible numbers of digits."""
    ends = sorted(int(number) for number in re.findall(r"[0-9]{1,9}", text))
    return f"{ends[0]}-{ends[-1]}" if len(ends) == 2 and _digits(f"{ends[0]}-{ends[-1]}") else ""
