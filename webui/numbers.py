"""Numbers: how many calls, how they ended, how long people waited, whether the promise was kept."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request

from appliance.hotline.figures import GROUPS, KINDS, Figures, Period, period_of
from appliance.store import times
from appliance.store.figures import read_report
from appliance.store.office import office_facts
from webui.chart import chart
from webui.texts import Texts
from webui.visit import show, store, texts

pages: Final = Blueprint("numbers", __name__, url_prefix="/numbers")

_EARLIEST: Final = date(2020, 1, 1)
_LABELS: Final = 16  # more do not fit beside each other


@pages.get("")
def page() -> Response:
    """Plot and tables of one period."""
    t, asked = texts(), _asked()
    found = read_report(store(), asked.period, asked.department)
    words = {bucket: _bucket_words(t, asked.period, bucket) for bucket in found.by_bucket}
    labelled = max(1, -(-len(words) // _LABELS))
    columns = [
        (
            _bucket_label(t, asked.period, bucket) if number % labelled == 0 else "",
            t("numbers.bar", when=words[bucket], calls=figures.calls),
            figures,
        )
        for number, (bucket, figures) in enumerate(found.by_bucket.items())
    ]
    return show(
        "numbers.html",
        t=t,
        asked=asked,
        kinds=KINDS,
        groups=GROUPS,
        report=found,
        chart=chart(columns),
        words=words,
        titles=dict(store().execute("SELECT name, title FROM departments ORDER BY title, name").fetchall()),
        percent=lambda share: _percent(t, share),
        wait=_wait,
        span=_span(t, asked.period),
        retention_days=office_facts(store()).retention_days,
    )


@pages.get("/table.csv")
def table() -> Response:
    """The same as a table for a spreadsheet program."""
    t, asked = texts(), _asked()
    found = read_report(store(), asked.period, asked.department)
    file = io.StringIO()
    # What German spreadsheet programs expect, and what English ones do.
    writer = csv.writer(file, delimiter=";" if t.language == "de" else ",", lineterminator="\r\n")
    writer.writerow(
        [t(f"numbers.{name}") for name in ("when", "calls")]
        + [t(f"group.{group}") for group in GROUPS]
        + [t(f"numbers.{name}") for name in ("mean_wait_seconds", "longest_wait_seconds", "service_percent")]
    )
    for (day, hour), figures in found.by_bucket.items():
        when = f"{day.isoformat()} {hour:02}:00" if asked.period.step == "hour" else day.isoformat()
        writer.writerow([when, figures.calls, *figures.groups.values(), *_plain(figures)])
    name = f"freizeichen-{asked.period.first.isoformat()}-{asked.period.last.isoformat()}.csv"
    return Response(
        "\ufeff" + file.getvalue(),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class Asked:
    """What the visitor wants to see: a period of a kind, a department ('' for all), and what is beside."""

    def __init__(self, kind: str, period: Period, department: str, today: date) -> None:
        self.kind, self.period, self.department = kind, period, department
        days = timedelta(days=(period.last - period.first).days + 1)
        self.earlier = (period.last - days).isoformat()
        self.later = min(period.last + days, today).isoformat() if period.last < today else ""
        self.last = period.last.isoformat()


def _asked() -> Asked:
    zone = ZoneInfo(office_facts(store()).time_zone)
    today = times.now().astimezone(zone).date()
    kind = request.args.get("period", "week")
    try:
        last = date.fromisoformat(request.args.get("until", ""))
    except ValueError:
        last = today
    last = max(_EARLIEST, min(last, today))
    kind = kind if kind in KINDS else "week"
    return Asked(kind, period_of(kind, last, zone), request.args.get("department", "")[:100], today)


def _plain(figures: Figures) -> list[object]:
    mean, level = figures.mean_wait_seconds, figures.service_level
    return [
        "" if mean is None else round(mean),
        round(figures.longest_wait_seconds),
        "" if level is None else round(100 * level),
    ]


def _percent(t: Texts, share: float | None) -> str:
    return "–" if share is None else t("numbers.percent", percent=round(100 * share))


def _wait(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _bucket_label(t: Texts, period: Period, bucket: tuple[date, int]) -> str:
    """Short, to stand below a bar."""
    day, hour = bucket
    if period.step == "hour":
        return str(hour)
    if len(period.buckets) <= 7:
        return t("time.weekdays").split()[day.weekday()]
    return _day(t, day)


def _bucket_words(t: Texts, period: Period, bucket: tuple[date, int]) -> str:
    day, hour = bucket
    weekday = t("time.weekdays").split()[day.weekday()]
    if period.step == "hour":
        return t("numbers.hour", first=hour, last=hour + 1)
    if period.step == "week":
        return t("numbers.week_from", day=_day(t, day))
    return f"{weekday} {_day(t, day)}"


def _span(t: Texts, period: Period) -> str:
    first, last = _day(t, period.first), _day(t, period.last)
    weekday = t("time.weekdays").split()[period.last.weekday()]
    return f"{weekday} {last} {period.last.year}" if first == last else f"{first} – {last} {period.last.year}"


def _day(t: Texts, day: date) -> str:
    return t("time.day", day=day.day, month=t("time.months").split()[day.month - 1])
