"""The e-mail to the office about a line that carries no calls, in German or English."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from zoneinfo import ZoneInfo

from appliance.hotline.line_states import Trouble, in_words
from appliance.mail.letter import new_letter, one_line

_WORDS = {
    "de": {
        "date form": "%d.%m.%Y, %H:%M Uhr",
        "subject": "Leitung {line} gestört",
        "trouble": "Leitung {line}: {trouble}.",
        "since": "So ist es seit {since}.",
        "means": "Solange das so ist, kommen dort keine Anrufe an, oder nicht so viele wie sonst. Ist die"
        " Störung vorbei, wird die Leitung von selbst wieder benutzt. Diese Mail kommt einmal je Störung.",
    },
    "en": {
        "date form": "%Y-%m-%d, %H:%M",
        "subject": "Trouble on line {line}",
        "trouble": "Line {line}: {trouble}.",
        "since": "It has been so since {since}.",
        "means": "Meanwhile no calls arrive there, or not as many as usual. When the trouble is over, the"
        " line is used again by itself. This mail comes once for each trouble.",
    },
}


@dataclass(frozen=True, slots=True)
class LineLetterFacts:
    """All that the letter says."""

    message_id: str
    language: str
    sender: str
    recipient: str
    office: str
    time_zone: str
    line: str
    trouble: Trouble
    since: datetime
    noticed_at: datetime


def build_line_letter(facts: LineLetterFacts) -> EmailMessage:
    """The letter; the same facts give the same each time.

    Raises ValueError when the sender or recipient is no e-mail address.
    """
    words, zone, line = _WORDS[facts.language], ZoneInfo(facts.time_zone), one_line(facts.line)
    letter = new_letter(facts, words["subject"].format(line=line), facts.noticed_at.astimezone(zone))
    since = facts.since.astimezone(zone).strftime(words["date form"])
    lines = [
        words["trouble"].format(line=line, trouble=in_words(facts.trouble, facts.language)),
        words["since"].format(since=since),
        "",
        words["means"],
        "",
        "-- ",
        one_line(facts.office),
    ]
    letter.set_content("\n".join(lines) + "\n", cte="quoted-printable")
    return letter
