"""The weekly report as an e-mail: the week's numbers as text, and as a page that prints on one sheet.

The bars are letters: mail programs show no SVG and drop style sheets, and printers leave backgrounds out.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage

from appliance.hotline.figures import GROUPS, Figures, Report
from appliance.mail.letter import new_letter, one_line

_COLOURS = {
    "talked": "#2f8f5b",
    "called back": "#3a86c8",
    "message": "#8a6fc0",
    "hung up": "#d9822b",
    "closed": "#9aa7b0",
    "open": "#c9d2d8",
}
_BAR_LETTERS = 28
_BLOCK = "&#9608;"
_WORDS = {
    "de": {
        "weekdays": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
        "date form": "%d.%m.%Y",
        "subject": "Wochenbericht {first} bis {last}: {calls} Anrufe",
        "title": "Anrufe vom {first} bis {last}",
        "calls": "Anrufe",
        "before": "in der Woche davor {calls}",
        "talked": "gesprochen",
        "called back": "zurückgerufen",
        "message": "Nachricht",
        "hung up": "nicht erreicht",
        "closed": "geschlossen",
        "open": "noch offen",
        "mean": "Mittlere Wartezeit",
        "longest": "Längste Wartezeit",
        "service": "Zusage eingehalten",
        "day": "Tag",
        "department": "Abteilung",
        "none": "ohne Abteilung",
        "percent": "{percent} %",
        "why": "Diesen Bericht schickt die Anlage jede Woche. Abstellen: auf ihrer Seite unter System.",
    },
    "en": {
        "weekdays": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "date form": "%Y-%m-%d",
        "subject": "Weekly report {first} to {last}: {calls} calls",
        "title": "Calls from {first} to {last}",
        "calls": "Calls",
        "before": "{calls} in the week before",
        "talked": "talked",
        "called back": "called back",
        "message": "message",
        "hung up": "not reached",
        "closed": "closed",
        "open": "still open",
        "mean": "Mean wait",
        "longest": "Longest wait",
        "service": "Promise kept",
        "day": "Day",
        "department": "Department",
        "none": "no department",
        "percent": "{percent} %",
        "why": "The telephone system sends this report every week. Switch it off on its page under System.",
    },
}


@dataclass(frozen=True, slots=True)
class ReportLetterFacts:
    """All that the letter says. `titles` are those of the departments; `before` is the week before."""

    message_id: str
    language: str
    sender: str
    recipient: str
    office: str
    noticed_at: datetime
    report: Report
    before: Report
    titles: Mapping[str, str]


def build_report_letter(facts: ReportLetterFacts) -> EmailMessage:
    """The letter, text and page. Raises ValueError when the sender or recipient is no e-mail address."""
    words, period = _WORDS[facts.language], facts.report.period
    first, last = (day.strftime(words["date form"]) for day in (period.first, period.last))
    subject = words["subject"].format(first=first, last=last, calls=facts.report.total.calls)
    letter = new_letter(facts, subject, facts.noticed_at.astimezone(period.zone))
    title = words["title"].format(first=first, last=last)
    letter.set_content(_text(facts, title), cte="quoted-printable")
    letter.add_alternative(report_page(facts, title), subtype="html", cte="quoted-printable")
    return letter


def report_page(facts: ReportLetterFacts, title: str) -> str:
    """The report as a page of HTML that needs nothing else."""
    words, total = _WORDS[facts.language], facts.report.total
    most = max((figures.calls for figures in facts.report.by_bucket.values()), default=0)
    tiles = "".join(
        f'<td style="padding:8px 14px 8px 0"><span style="color:#5b6770">{html.escape(name)}</span><br>'
        f'<b style="font-size:22px">{html.escape(value)}</b></td>'
        for name, value in _tiles(words, total)
    )
    legend = " &nbsp; ".join(
        f'<span style="color:{_COLOURS[group]}">&#9632;</span>&nbsp;{html.escape(words[group])}'
        for group in GROUPS
    )
    return (
        f'<!doctype html><html lang="{facts.language}"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title></head>"
        '<body style="font:15px/1.45 system-ui,Arial,sans-serif;color:#1d262c;max-width:760px">'
        f'<p style="color:#5b6770;margin:0">{html.escape(one_line(facts.office))}</p>'
        f'<h1 style="font-size:22px;margin:2px 0 6px">{html.escape(title)}</h1>'
        f"<p>{html.escape(words['before'].format(calls=facts.before.total.calls))}</p>"
        f"<table><tr>{tiles}</tr></table>"
        f"{_table(words, words['day'], _days(facts, words), most)}<p>{legend}</p>"
        f"{_table(words, words['department'], _departments(facts, words), 0)}"
        f'<p style="color:#5b6770;font-size:13px">{html.escape(words["why"])}</p></body></html>\n'
    )


def _table(words: Mapping[str, str], first: str, rows: Iterable[tuple[str, Figures]], most: int) -> str:
    """Rows of figures, with a bar each when `most` says how many calls the longest is for."""
    cell = 'style="padding:3px 10px 3px 0;border-top:1px solid #dde3e7;text-align:{}"'
    heads = [
        first,
        words["calls"],
        *([""] if most else []),
        words["mean"],
        words["longest"],
        words["service"],
    ]
    lines = "".join(
        f"<tr><th {cell.format('left')} scope='row'>{html.escape(one_line(name))}</th>"
        f"<td {cell.format('right')}>{figures.calls}</td>"
        + (f"<td {cell.format('left')}>{_bar(words, figures, most)}</td>" if most else "")
        + "".join(
            f"<td {cell.format('right')}>{html.escape(value)}</td>" for value in _values(words, figures)
        )
        + "</tr>"
        for name, figures in rows
    )
    head = "".join(
        f'<th scope="col" style="text-align:left;padding-right:10px">{html.escape(h)}</th>' for h in heads
    )
    return f'<table style="border-collapse:collapse;margin-top:14px"><tr>{head}</tr>{lines}</table>'


def _bar(words: Mapping[str, str], figures: Figures, most: int) -> str:
    """A bar of letters: it prints, and no mail program squeezes it."""
    pieces = "".join(
        f'<span title="{html.escape(words[group])}: {count}" style="color:{_COLOURS[group]}">'
        f"{_BLOCK * max(1, round(_BAR_LETTERS * count / most))}</span>"
        for group, count in figures.groups.items()
        if count
    )
    return f'<span aria-hidden="true" style="white-space:nowrap;letter-spacing:-1px">{pieces}</span>'


def _text(facts: ReportLetterFacts, title: str) -> str:
    words, total = _WORDS[facts.language], facts.report.total
    lines = [title, words["before"].format(calls=facts.before.total.calls), ""]
    lines += [f"{name}: {value}" for name, value in _tiles(words, total)]
    lines += [f"{words[group]}: {total.groups[group]}" for group in GROUPS if total.groups[group]]
    for rows in (_days(facts, words), _departments(facts, words)):
        lines += ["", *(f"{one_line(name)}: {figures.calls}" for name, figures in rows)]
    return "\n".join([*lines, "", words["why"], "", "-- ", one_line(facts.office)]) + "\n"


def _tiles(words: Mapping[str, str], total: Figures) -> list[tuple[str, str]]:
    mean, longest, service = _values(words, total)
    return [
        (words["calls"], str(total.calls)),
        (words["mean"], mean),
        (words["longest"], longest),
        (words["service"], service),
    ]


def _values(words: Mapping[str, str], figures: Figures) -> tuple[str, str, str]:
    level = figures.service_level
    return (
        _minutes(figures.mean_wait_seconds),
        _minutes(figures.longest_wait_seconds if figures.waited else None),
        "–" if level is None else words["percent"].format(percent=round(100 * level)),
    )


def _minutes(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _days(facts: ReportLetterFacts, words: Mapping[str, str]) -> list[tuple[str, Figures]]:
    weekdays = words["weekdays"].split()
    return [(weekdays[day.weekday()], figures) for (day, _), figures in facts.report.by_bucket.items()]


def _departments(facts: ReportLetterFacts, words: Mapping[str, str]) -> list[tuple[str, Figures]]:
    return [
        (facts.titles.get(name, name) or words["none"], figures)
        for name, figures in sorted(facts.report.by_department.items())
    ]
