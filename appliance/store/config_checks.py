"""What a single text of the config must look like: each check names what is wrong, or returns None."""

from __future__ import annotations

import re
import zoneinfo

from appliance.hotline.numbers import code_characters, is_country

# Section names of Asterisk's own files, which a phone's or department's section must not replace.
RESERVED = frozenset(
    {
        *("default", "exchange", "general", "global", "globals", "line", "system", "transport-udp"),
        *("phone", "phone-aor", "phone-auth"),
    }
)

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_SECRET = re.compile(r"[A-Za-z0-9._-]{8,64}")
_EXTENSION = re.compile(r"[0-9]{2,6}")
_DIGITS = re.compile(r"[0-9]+")
_AREA_CODE = re.compile(r"[0-9]{0,7}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_ATOM = r"[A-Za-z0-9!#%'*+/=?^_~-]+"
_MAIL_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")


def name(text: str) -> str | None:
    """A name that can be used in the dialplan and as a section of Asterisk's files."""
    if not _NAME.fullmatch(text):
        return "not a name"
    return "reserved" if text in RESERVED else None


def prompt(text: str) -> str | None:
    """The key of a prompt; it becomes part of a file's path."""
    return None if _NAME.fullmatch(text) else "not a name"


def prompt_or_none(text: str) -> str | None:
    """The key of a prompt, or nothing."""
    return prompt(text) if text else None


def title(text: str) -> str | None:
    """A text for people, which also reaches the displays of telephones."""
    if not text.strip():
        return "empty"
    return "code in a title" if title_faults(text) else None


def title_faults(text: str) -> set[str]:
    """The characters a title must not have; the & of "Müller & Söhne" is harmless there."""
    return code_characters(text) - {"&"}


def country(text: str) -> str | None:
    """A country with a numbering plan, as two capital letters."""
    return None if is_country(text) else "country"


def area_code(text: str) -> str | None:
    """The office's area code with or without its leading 0, or nothing."""
    return None if _AREA_CODE.fullmatch(text) else "area code"


def time_zone(text: str) -> str | None:
    """A zone of the time zone database."""
    try:
        zoneinfo.ZoneInfo(text)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        return "time zone"
    return None


def host(text: str) -> str | None:
    """A host name or an IP address."""
    return None if _HOST.fullmatch(text) else "host"


def mail_address(text: str) -> str | None:
    """A plausible mail address in ASCII."""
    return None if _MAIL_ADDRESS.fullmatch(text) else "mail address"


def extension(text: str) -> str | None:
    """A short internal number."""
    return None if _EXTENSION.fullmatch(text) else "extension"


def ticket_prefix(text: str) -> str | None:
    """What a ticket number begins with."""
    return None if _DIGITS.fullmatch(text) else "ticket prefix"


def secret(text: str) -> str | None:
    """A phone's secret, which is written into Asterisk's files."""
    return None if _SECRET.fullmatch(text) else "secret"
