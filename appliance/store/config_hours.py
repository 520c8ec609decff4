"""Opening hours as a config file writes them: ``{ mon-fri = "08:00-12:00, 13:00-17:00" }``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from appliance.hotline.hours import Span, clock_text, overlap, read_clock
from appliance.store.config_errors import shown
from appliance.store.config_table import Table, similar

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = "always"

_SPAN = re.compile(r"([0-9:]+)\s*[-\u2013]\s*([0-9:]+)")
_GERMAN_DAYS = {"mo": "mon", "di": "tue", "mi": "wed", "do": "thu", "fr": "fri", "sa": "sat", "so": "sun"}


def read_hours(table: Table) -> tuple[bool, tuple[Span, ...]]:
    """The setting `hours` of a department as (always open, spans in order)."""
    value = table.raw("hours")
    if value == ALWAYS:
        return True, ()
    if value is None:
        return False, ()
    if not isinstance(value, dict) or not value:
        close = similar(value, [ALWAYS]) if isinstance(value, str) else ""
        table.problem("hours", "hours", suggestion=close)
        return False, ()
    spans: list[Span] = []
    for key, text in value.items():
        weekdays = _weekdays(key)
        if weekdays is None:
            table.problem("day", "hours", key, suggestion=_suggested_day(key), value=shown(key))
            continue
        for weekday in weekdays:
            read = _spans(weekday, text)
            if read is None:
                table.problem("span", "hours", key, value=shown(text))
                break
            both = overlap([*spans, *read])
            if both is not None:
                table.problem("overlap", "hours", key, value=_said(both[0]), other=_said(both[1]))
                break
            spans += read
    return False, tuple(sorted(spans))


def write_hours(spans: Sequence[Span]) -> str:
    """The spans as an inline table; neighbouring days with the same times share an entry."""
    times = [", ".join(_times(span) for span in sorted(spans) if span.weekday == day) for day in range(7)]
    entries = []
    first = 0
    while first < 7:
        last = first
        while last < 6 and times[last + 1] == times[first]:
            last += 1
        if times[first]:
            days = DAYS[first] if first == last else f"{DAYS[first]}-{DAYS[last]}"
            entries.append(f'{days} = "{times[first]}"')
        first = last + 1
    return "{ " + ", ".join(entries) + " }"


def _weekdays(key: str) -> list[int] | None:
    """The weekdays of "mon", "mon-fri" or "fri-mon"; None when it is neither."""
    first, dash, last = key.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        return None
    start, end = DAYS.index(first), DAYS.index(last or first)
    return [(start + offset) % 7 for offset in range((end - start) % 7 + 1)]


def _spans(weekday: int, text: object) -> list[Span] | None:
    """The spans of one day; None when one of them is none."""
    if not isinstance(text, str):
        return None
    spans = []
    for part in text.split(","):
        match = _SPAN.fullmatch(part.strip())
        if match is None:
            return None
        try:
            spans.append(Span(weekday, read_clock(match[1]), read_clock(match[2])))
        except ValueError:
            return None
    return spans


def _suggested_day(key: str) -> str:
    parts = [part.strip().casefold()[:3] for part in re.split("[-\u2013]", key)]
    days = [part if part in DAYS else _GERMAN_DAYS.get(part[:2], "") for part in parts]
    return "-".join(days) if len(days) <= 2 and all(days) else ""


def _times(span: Span) -> str:
    return f"{clock_text(span.opens)}-{clock_text(span.closes)}"


def _said(span: Span) -> str:
    return f"{DAYS[span.weekday]} {_times(span)}"
