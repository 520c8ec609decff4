"""The e-mail to the office about a night switch that was forgotten, in German or English."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from zoneinfo import ZoneInfo

from appliance.hotline.night import Forgotten
from appliance.mail.letter import new_letter, one_line

_WORDS = {
    "de": {
        "weekdays": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
        "date form": "%d.%m.%Y, %H:%M Uhr",
        "subject": "Nachtschalter vergessen?",
        "night": "Der Nachtschalter steht seit {since} auf Nacht. Die Öffnungszeit begann am {missed}.",
        "day": "Der Nachtschalter steht seit {since} auf Tag. Die Öffnungszeit endete am {missed}.",
        "night means": "Anrufer hören, dass geschlossen ist.",
        "day means": "Anrufer hören nicht, dass geschlossen ist.",
        "now": "Jetzt ist {now}.",
        "help": "Auf Automatik gelten wieder die Öffnungszeiten: am Telefon mit *83, am Schalter oder auf der"
        " Seite des Büros. Steht er absichtlich so, ist nichts zu tun; diese Mail kommt nur einmal.",
    },
    "en": {
        "weekdays": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "date form": "%Y-%m-%d, %H:%M",
        "subject": "Night switch forgotten?",
        "night": "The night switch has been at night since {since}. The opening hours began on {missed}.",
        "day": "The night switch has been at day since {since}. The opening hours ended on {missed}.",
        "night means": "Callers hear that the office is closed.",
        "day means": "Callers do not hear that the office is closed.",
        "now": "It is now {now}.",
        "help": "On automatic the opening hours apply again: dial *83 on a telephone, use the switch or the"
        " office's page. If it stands there on purpose, nothing is to be done; this mail comes once only.",
    },
}


@dataclass(frozen=True, slots=True)
class NightLetterFacts:
    """All that the letter says; it was noticed at `noticed_at`."""

    message_id: str
    language: str
    sender: str
    recipient: str
    office: str
    time_zone: str
    forgotten: Forgotten
    noticed_at: datetime


def build_night_letter(facts: NightLetterFacts) -> EmailMessage:
    """The letter; the same facts give the same each time.

    Raises ValueError when the sender or recipient is no e-mail address.
    """
    language = facts.language
    words, mode = _WORDS[language], facts.forgotten.switch.mode
    zone = ZoneInfo(facts.time_zone)
    letter = new_letter(facts, words["subject"], facts.noticed_at.astimezone(zone))
    lines = [
        forgotten_in_words(facts.forgotten, facts.time_zone, language),
        words["now"].format(now=_when(facts.noticed_at, zone, language)) + " " + words[f"{mode} means"],
        "",
        words["help"],
        "",
        "-- ",
        one_line(facts.office),
    ]
    letter.set_content("\n".join(lines) + "\n", cte="quoted-printable")
    return letter


def forgotten_in_words(forgotten: Forgotten, time_zone: str, language: str) -> str:
    """Since when the switch stands against the hours, as a person reads it."""
    zone = ZoneInfo(time_zone)
    return _WORDS[language][forgotten.switch.mode].format(
        since=_when(forgotten.switch.since, zone, language), missed=_when(forgotten.missed_at, zone, language)
    )


def _when(instant: datetime, zone: ZoneInfo, language: str) -> str:
    """Like "Freitag, 20.11.2026, 17:02 Uhr"."""
    words, local = _WORDS[language], instant.astimezone(zone)
    return f"{words['weekdays'].split()[local.weekday()]}, {local.strftime(words['date form'])}"
