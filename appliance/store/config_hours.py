"""Opening hours as a config file writes them: ``{ mon-fri = "08:00-12:00", 2026-12-24 = "closed" }``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from appliance.hotline.hours import Span, SpecialDays, clock_text, overlap, read_clock
from appliance.store.config_errors import shown
from appliance.store.config_table import Table, similar

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = "always"
CLOSED = "closed"
_TO = ".."  # between the first and the last of several dates

_SPAN = re.compile(r"([0-9:]+)\s*[-\u2013]\s*([0-9:]+)")
_DATES = re.compile(r"[0-9]+-[0-9]+-[0-9]+.*")  # meant as a date, whether it is one or not
_GERMAN_DAYS = {"mo": "mon", "di": "tue", "mi": "wed", "do": "thu", "fr": "fri", "sa": "sat", "so": "sun"}


@dataclass(frozen=True, slots=True)
class HoursSetting:
    """The setting `hours`: always open, or weekly spans and special days, each in order."""

    always_open: bool = False
    spans: tuple[Span, ...] = ()
    special_days: tuple[SpecialDays, ...] = ()


def read_hours(table: Table) -> HoursSetting:
    """The setting `hours` of a department."""
    value = table.raw("hours")
    if value == ALWAYS:
        return HoursSetting(always_open=True)
    if value is None:
        return HoursSetting()
    if not isinstance(value, dict) or not value:
        close = similar(value, [ALWAYS]) if isinstance(value, str) else ""
        table.problem("hours", "hours", suggestion=close)
        return HoursSetting()
    spans: list[Span] = []
    special_days: list[SpecialDays] = []
    for key, text in value.items():
        if _DATES.fullmatch(key):
            special_days += _special_days(table, key, text)
            continue
        weekdays = read_weekdays(key)
        if weekdays is None:
            table.problem("day", "hours", key, suggestion=suggested_day(key), value=shown(key))
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
    special_days.sort()
    for earlier, later in pairwise(special_days):
        if later.first <= earlier.last:
            table.problem("dates twice", "hours", _dates(later), value=_dates(earlier), other=_dates(later))
    return HoursSetting(False, tuple(sorted(spans)), tuple(special_days))


def _special_days(table: Table, key: str, text: object) -> list[SpecialDays]:
    """One entry of special days; none when it is wrong, which is noted then."""
    dates = read_dates(table, "hours", key)
    if dates is None:
        return []
    spans = [] if text == CLOSED else _spans(0, text)
    if spans is None:
        table.problem("span", "hours", key, value=shown(text), suggestion=_similar_to_closed(text))
        return []
    both = overlap(spans)
    if both is not None:
        table.problem("overlap", "hours", key, value=_times(both[0]), other=_times(both[1]))
        return []
    return [SpecialDays(*dates, tuple((span.opens, span.closes) for span in sorted(spans)))]


def read_dates(table: Table, setting: str, key: str) -> tuple[date, date] | None:
    """The first and the last date of "2026-12-24" or "2026-12-24..2027-01-01"; None when noted as wrong."""
    first, to, last = key.partition(_TO)
    try:
        dates = date.fromisoformat(first), date.fromisoformat(last if to else first)
    except ValueError:
        table.problem("dates", setting, key, value=shown(key))
        return None
    if dates[1] < dates[0]:
        table.problem("dates backwards", setting, key, value=shown(key))
        return None
    return dates


def _similar_to_closed(text: object) -> str:
    """The word for a closed day, where that was meant."""
    return similar(text, [CLOSED]) if isinstance(text, str) else ""


def read_times(text: str) -> tuple[tuple[int, int], ...]:
    """The times of special days as `write_times` writes them, pairs of minutes. Raises ValueError."""
    spans = [] if text == CLOSED else _spans(0, text)
    if spans is None:
        raise ValueError(f"no times: {text!r}")
    return tuple((span.opens, span.closes) for span in spans)


def write_times(special: SpecialDays) -> str:
    """The times of special days, "closed" for none."""
    return ", ".join(_times(span) for span in special.spans_on(special.first)) or CLOSED


def write_hours(spans: Sequence[Span], special_days: Sequence[SpecialDays] = ()) -> str:
    """The hours as an inline table; neighbouring days with the same times share an entry."""
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
    entries += [f'"{_dates(special)}" = "{write_times(special)}"' for special in special_days]
    return "{ " + ", ".join(entries) + " }"


def read_weekdays(key: str) -> list[int] | None:
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


def suggested_day(key: str) -> str:
    parts = [part.strip().casefold()[:3] for part in re.split("[-\u2013]", key)]
    days = [part if part in DAYS else _GERMAN_DAYS.get(part[:2], "") for part in parts]
    return "-".join(days) if len(days) <= 2 and all(days) else ""


def write_dates(first: date, last: date) -> str:
    """A date, or the first and the last of several, as `read_dates` reads them."""
    return f"{first}" + (f"{_TO}{last}" if last > first else "")


def _dates(special: SpecialDays) -> str:
    return write_dates(special.first, special.last)


def _times(span: Span) -> str:
    return f"{clock_text(span.opens)}-{clock_text(span.closes)}"


def _said(span: Span) -> str:
    return f"{DAYS[span.weekday]} {_times(span)}"
