"""Ticket numbers: which keys are one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.hotline.tickets import TICKET_DIGITS, TicketRule

digits = st.text("0123456789", max_size=TICKET_DIGITS + 2)


@st.composite
def rules(draw: st.DrawFn) -> TicketRule:
    """A rule as a config file can have it: no prefix is longer than a whole number."""
    shortest = draw(st.integers(1, TICKET_DIGITS))
    longest = draw(st.integers(shortest, TICKET_DIGITS))
    prefix = st.text("0123456789", min_size=1, max_size=longest)
    return TicketRule(shortest, longest, tuple(draw(st.lists(prefix, max_size=3))))


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (
            TicketRule(5, 8),
            ["12345", "12345678", "00000"],
            ["", "1234", "123456789", "1234x", "12 4", "#234"],
        ),
        (TicketRule(6, 6, ("4", "70")), ["400000", "701234"], ["712345", "40000", "4000000", "123456"]),
        (TicketRule(1, 3, ("123",)), ["123"], ["1", "12", "124", "1234"]),
        (TicketRule(1, 20), ["1"], ["²", "\u0664", "-1", "+1", "1\n"]),
    ],
)
def test_a_ticket_number_has_its_digits_and_its_beginning(
    rule: TicketRule, good: list[str], bad: list[str]
) -> None:
    assert [keys for keys in [*good, *bad] if rule.accepts(keys)] == good


@given(rule=rules(), keys=st.one_of(digits, st.text(max_size=TICKET_DIGITS)))
def test_accepting_is_what_the_pattern_would_say(rule: TicketRule, keys: str) -> None:
    length = f"[0-9]{{{rule.shortest},{rule.longest}}}"
    pattern = f"(?=(?:{'|'.join(rule.prefixes)})){length}"
    assert rule.accepts(keys) == bool(re.fullmatch(pattern, keys))
