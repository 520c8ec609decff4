"""What keeps a mail from being delivered, as a short text for the store and as a sentence for people."""

from __future__ import annotations

import smtplib
import ssl
import unicodedata

NO_SERVER = "no server"
NO_MAILBOX = "no mailbox"
NO_SOUND = "no sound"

_LONGEST = 200
_PERMANENT = 500

_SENTENCES = {
    "refused": ("Der Mailserver lehnt die Nachricht ab", "The mail server refuses the message"),
    "not now": (
        "Der Mailserver nimmt die Nachricht gerade nicht an",
        "The mail server does not take the message just now",
    ),
    "login refused": (
        "Der Mailserver lehnt Benutzer oder Kennwort ab",
        "The mail server refuses user name or password",
    ),
    "certificate": (
        "Das Zertifikat des Mailservers ist nicht gültig",
        "The mail server's certificate is not valid",
    ),
    "encryption": (
        "Die verschlüsselte Verbindung zum Mailserver kommt nicht zustande",
        "No encrypted connection to the mail server",
    ),
    "unsupported": (
        "Der Mailserver kann nicht, was eingestellt ist",
        "The mail server cannot do what is configured",
    ),
    "timeout": ("Der Mailserver antwortet nicht rechtzeitig", "The mail server does not answer in time"),
    "disconnected": (
        "Der Mailserver hat die Verbindung getrennt",
        "The mail server closed the connection",
    ),
    "unreachable": ("Der Mailserver ist nicht erreichbar", "The mail server cannot be reached"),
    "protocol": ("Der Mailserver antwortet unverständlich", "The mail server's answer makes no sense"),
    "letter": ("Die Mail lässt sich nicht schreiben", "The mail cannot be written"),
    NO_SERVER: ("Es ist kein Mailserver eingestellt", "No mail server is configured"),
    NO_MAILBOX: ("Die Abteilung hat kein Postfach", "The department has no mailbox"),
    NO_SOUND: ("Die Tondatei ist nicht lesbar", "The sound file cannot be read"),
}


class UndeliverableError(Exception):
    """A message that cannot be sent as it is, for one of the reasons above."""

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


def trouble_of(error: Exception) -> str:
    """A failure as "kind: detail", for the store. Never holds more than the server said."""
    match error:
        case UndeliverableError():
            return error.trouble
        case smtplib.SMTPAuthenticationError():
            return _with_answer("login refused", error.smtp_code, error.smtp_error)
        case smtplib.SMTPRecipientsRefused():
            code, answer = next(iter(error.recipients.values()))
            return _with_answer(_kind(code), code, answer)
        case smtplib.SMTPResponseException():
            return _with_answer(_kind(error.smtp_code), error.smtp_code, error.smtp_error)
        case smtplib.SMTPNotSupportedError():
            return _with_detail("unsupported", str(error))
        case smtplib.SMTPServerDisconnected():
            return "timeout" if isinstance(error.__context__, TimeoutError) else "disconnected"
        case smtplib.SMTPException():
            return _with_detail("protocol", str(error))
        case UnicodeError():
            return _with_detail("unreachable", _last(error))  # a host name that is none
        case ssl.SSLCertVerificationError():
            return _with_detail("certificate", getattr(error, "verify_message", ""))
        case ssl.SSLError():
            return _with_detail("encryption", getattr(error, "reason", None) or _last(error))
        case TimeoutError():
            return "timeout"
        case ConnectionResetError() | BrokenPipeError():
            return "disconnected"
        case OSError():
            return _with_detail("unreachable", error.strerror or "")
        case _:
            return _with_detail("letter", str(error))


def is_permanent(trouble: str) -> bool:
    """Whether the server has said that asking again will not help."""
    return trouble.startswith("refused")


def in_words(trouble: str, language: str) -> str:
    """The sentence a person reads, with the server's own words where it said some."""
    kind, _, detail = trouble.partition(": ")
    if kind not in _SENTENCES:
        return trouble
    sentence = _SENTENCES[kind][0 if language == "de" else 1]
    return f"{sentence}: {detail}" if detail else f"{sentence}."


def _kind(code: int) -> str:
    return "refused" if code >= _PERMANENT else "not now"


def _last(error: Exception) -> str:
    return str(error.args[-1]) if error.args else ""


def _with_answer(kind: str, code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return _with_detail(kind, f"{code} {text}")


def _with_detail(kind: str, detail: str) -> str:
    shown = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in detail)
    line = " ".join(shown.split())[:_LONGEST]
    return f"{kind}: {line}" if line else kind
