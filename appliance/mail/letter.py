"""The e-mails to a department, in German or English: a voice message, or a callback that failed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Protocol
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat

_LONGEST_NAME = 80
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9.-]+")

_WORDS = {
    "de": {
        "subject": "Neue Nachricht von {who} für {department}",
        "unknown": "unbekannt",
        "department": "Abteilung",
        "caller": "Anrufer",
        "name": "Name",
        "time": "Zeit",
        "length": "Länge",
        "call back": "Zurückrufen",
        "date form": "%d.%m.%Y, %H:%M Uhr",
        "minute": "Minute",
        "minutes": "Minuten",
        "second": "Sekunde",
        "seconds": "Sekunden",
        "opening": "Jemand hat am Telefon eine Nachricht hinterlassen. Sie liegt als MP3-Datei bei.",
        "withheld": "Die Rufnummer wurde nicht übermittelt.",
        "not reached": "Nicht erreicht: {who} für {department}",
        "tried": "Dieser Anrufer sollte zurückgerufen werden. Er wurde nicht erreicht; Versuche: {attempts}.",
        "not tried": "Dieser Anrufer sollte zurückgerufen werden. Es war bisher niemand da, der ihn anruft.",
        "ticket": "Vorgang",
        "on-call subject": "Bereitschaft nicht erreicht: {subject}",
        "on-call": "Vorher war vom Bereitschaftsdienst niemand zu erreichen.",
    },
    "en": {
        "subject": "New message from {who} for {department}",
        "unknown": "unknown",
        "department": "Department",
        "caller": "Caller",
        "name": "Name",
        "time": "Time",
        "length": "Length",
        "call back": "Call back",
        "date form": "%Y-%m-%d, %H:%M",
        "minute": "minute",
        "minutes": "minutes",
        "second": "second",
        "seconds": "seconds",
        "opening": "Somebody left a message on the telephone. It is attached as an MP3 file.",
        "withheld": "The caller's number was not sent.",
        "not reached": "Not reached: {who} for {department}",
        "tried": "This caller was to be called back. He was not reached; attempts: {attempts}.",
        "not tried": "This caller was to be called back. So far nobody was there to call him.",
        "ticket": "Ticket",
        "on-call subject": "On-call duty not reached: {subject}",
        "on-call": "Before that, nobody on duty could be reached.",
    },
}


class Facts(Protocol):
    """What every letter of the office has, whatever it is about."""

    @property
    def message_id(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def recipient(self) -> str: ...
    @property
    def office(self) -> str: ...


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """All that a letter about a caller says. `caller` is E.164 or whatever the network sent.

    `country` is one like "DE"; `seconds` is the length of a voice message; `attempts`, of a callback, how
    often it was tried; `on_call_missed` says that nobody on duty could be reached before.
    """

    message_id: str
    language: str
    sender: str
    recipient: str
    office: str
    country: str
    time_zone: str
    department: str
    caller: str
    caller_name: str
    recorded_at: datetime
    seconds: float = 0.0
    attempts: int = 0
    ticket: str = ""
    on_call_missed: bool = False


def build_letter(facts: LetterFacts, mp3: bytes | None) -> EmailMessage:
    """The letter with its sound; without one, the letter about somebody who could not be called back.

    The same facts give the same Message-ID, Date and text each time.

    Raises ValueError when the sender or recipient is no e-mail address.
    """
    words = _WORDS[facts.language]
    local = facts.recorded_at.astimezone(ZoneInfo(facts.time_zone))
    number = readable_number(facts.caller, facts.country) or words["unknown"]
    name, department, office = one_line(facts.caller_name), one_line(facts.department), one_line(facts.office)
    who = f"{number} ({name})" if name else number
    subject = words["not reached" if mp3 is None else "subject"].format(who=who, department=department)
    if facts.on_call_missed:
        subject = words["on-call subject"].format(subject=subject)
    letter = new_letter(facts, subject, local)
    lines = [
        _reason(facts, words) if mp3 is None else words["opening"],
        *([words["on-call"]] if facts.on_call_missed else []),
        "",
        f"{words['department']}: {department}",
        f"{words['caller']}: {number}",
        *([f"{words['name']}: {name}"] if name else []),
        f"{words['time']}: {local.strftime(words['date form'])}",
        *([f"{words['ticket']}: {one_line(facts.ticket)}"] if facts.ticket else []),
        *([] if mp3 is None else [f"{words['length']}: {length_in_words(facts.seconds, facts.language)}"]),
        "",
        _call_back_line(facts),
        "",
        "-- ",
        office,
    ]
    letter.set_content("\n".join(lines) + "\n", cte="quoted-printable")  # some servers take no 8 bit
    if mp3 is not None:
        letter.add_attachment(mp3, maintype="audio", subtype="mpeg", filename=file_name(facts))
    return letter


def _reason(facts: LetterFacts, words: Mapping[str, str]) -> str:
    """Why somebody is written about who could not be called back."""
    return words["tried" if facts.attempts else "not tried"].format(attempts=facts.attempts)


def new_letter(facts: Facts, subject: str, date: datetime) -> EmailMessage:
    """A letter of the office without its text. Raises ValueError for an address that is none."""
    letter = EmailMessage(policy=SMTP)
    letter["From"] = Address(display_name=one_line(facts.office), addr_spec=mail_address(facts.sender))
    letter["To"] = Address(addr_spec=mail_address(facts.recipient))
    letter["Subject"] = subject
    letter["Date"] = format_datetime(date)
    letter["Message-ID"] = facts.message_id
    letter["Auto-Submitted"] = "auto-generated"
    return letter


def mail_address(text: str) -> str:
    """The address as mail servers know it: an umlaut domain becomes xn--. Raises ValueError."""
    local, at, domain = text.strip().rpartition("@")
    try:
        address = local + at + domain.encode("idna").decode("ascii")
    except UnicodeError:
        address = ""
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"not an e-mail address: {text!r}")
    return address


def readable_number(caller: str, country: str) -> str:
    """The number as people of `country` write it; what the network sent when it is none; "" if withheld."""
    number = _parse(caller)
    if number is None:
        return one_line(caller)
    home = number.country_code == phonenumbers.country_code_for_region(country)
    return phonenumbers.format_number(
        number, PhoneNumberFormat.NATIONAL if home else PhoneNumberFormat.INTERNATIONAL
    )


def length_in_words(seconds: float, language: str) -> str:
    """Like "1 Minute 12 Sekunden"; at least one second."""
    words = _WORDS[language]
    minutes, rest = divmod(max(1, round(seconds)), 60)
    parts = []
    if minutes:
        parts.append(f"{minutes} {words['minute' if minutes == 1 else 'minutes']}")
    if rest:
        parts.append(f"{rest} {words['second' if rest == 1 else 'seconds']}")
    return " ".join(parts)


def file_name(facts: LetterFacts) -> str:
    """Like 2026-11-24_08-05_0931123456.mp3: sorts by time, ASCII, no blanks."""
    local = facts.recorded_at.astimezone(ZoneInfo(facts.time_zone))
    number = re.sub(r"[^0-9+]", "", readable_number(facts.caller, facts.country))[:20]
    return f"{local:%Y-%m-%d_%H-%M}_{number or _WORDS[facts.language]['unknown']}.mp3"


def one_line(text: str) -> str:
    """Text from outside made harmless: one line, no control characters, of bounded length.

    "=?" is broken up: it begins an encoded word, and email decodes line ends out of one into headers.
    """
    shown = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    return " ".join(shown.split()).replace("=?", "= ?")[:_LONGEST_NAME].rstrip()


def _call_back_line(facts: LetterFacts) -> str:
    words = _WORDS[facts.language]
    number = _parse(facts.caller)
    if number is not None:
        return f"{words['call back']}: tel:{phonenumbers.format_number(number, PhoneNumberFormat.E164)}"
    if any(c.isdigit() for c in facts.caller):  # from a phone of the house
        return f"{words['call back']}: {one_line(facts.caller)}"
    return words["withheld"]


def _parse(caller: str) -> PhoneNumber | None:
    """The number, if `caller` is E.164 and nothing else."""
    if not re.fullmatch(r"\+[0-9]{3,15}", caller, re.ASCII):
        return None
    try:
        return phonenumbers.parse(caller)
    except phonenumbers.NumberParseException:
        return None
