"""Telephone numbers: from what a line delivers to E.164 and back, and names that are safe to show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberFormat, ValidationResult

NAME_LENGTH = 40

SEPARATORS = " \t\u00a0\u202f/().-\u2010\u2011\u2012\u2013\u2014\u2015"
"""Each character that people, and programs for them, write between the digits of a number."""
_SEPARATORS = re.compile(f"[{re.escape(SEPARATORS)}]")
_DIALLABLE = re.compile(r"\+?[0-9]{3,20}")
E164_LENGTH = 16  # the "+" and 15 digits
_SUBSCRIBER_DIGITS = 8  # the longest subscriber number; more digits without a prefix are not a local number
_SHORTEST_LOCAL = 3
_CODE_CHARACTERS = set('${}[]"\\;&|<>`')


@dataclass(frozen=True, slots=True)
class _Plan:
    """How numbers are dialled in a country: its code, the prefixes, and the office's own area code."""

    country_code: str
    national_prefix: str
    international_prefix: str
    international_pattern: str
    area: str


def is_country(country: str) -> bool:
    """Whether this is a country (two capital letters) whose numbering plan is known."""
    return country in phonenumbers.SUPPORTED_REGIONS


def is_emergency(digits: str, country: str) -> bool:
    """Whether these digits reach the emergency services of the country."""
    return bool(phonenumbers.is_emergency_number(digits, country))


def emergency_numbers(country: str) -> list[str]:
    """The numbers of three digits that reach the emergency services of the country."""
    return [digits for digits in map(str, range(100, 1000)) if is_emergency(digits, country)]


def to_e164(dialled: str, country: str, area_code: str) -> str | None:
    """The E.164 form of a number as a line delivers it or a person writes it.

    Digits without any prefix are read as: our area code and a number; up to eight digits, a local number;
    more, a number that begins with our country code or with an area code. None for whatever is no number.
    """
    text = _SEPARATORS.sub("", dialled.strip())
    if not _DIALLABLE.fullmatch(text) or is_emergency(text, country):
        return None
    for reading in _readings(text, _plan(country, area_code)):
        parsed = _parse(reading, country)
        number = phonenumbers.format_number(parsed, PhoneNumberFormat.E164) if parsed else ""
        if number and len(number) <= E164_LENGTH:
            return number
    return None


def dialled_forms(number: str, country: str, area_code: str) -> set[str]:
    """Every form in which a line of this office may deliver the number, as digits and as "+" and digits.

    Raises ValueError when `number` is not E.164.
    """
    plan = _plan(country, area_code)
    parsed = _e164(number)
    forms = {number, number[1:], plan.international_prefix + number[1:]}
    if str(parsed.country_code) == plan.country_code:
        national = phonenumbers.national_significant_number(parsed)
        forms |= {national, plan.national_prefix + national}
        if plan.area and national.startswith(plan.area) and national != plan.area:
            forms.add(national.removeprefix(plan.area))
    return forms


def dialled_table(numbers: Iterable[str], country: str, area_code: str) -> dict[str, str]:
    """Which of the office's numbers each dialled form means.

    A form that two numbers claim goes to the one `to_e164` reads it as, or to none of them.
    """
    claims: dict[str, list[str]] = {}
    for number in numbers:
        for form in sorted(dialled_forms(number, country, area_code)):
            claims.setdefault(form, []).append(number)
    table = {}
    for form, claimants in claims.items():
        meant = claimants[0] if len(claimants) == 1 else to_e164(form, country, area_code)
        if meant is not None and meant in claimants:
            table[form] = meant
    return table


def readable(number: str, country: str) -> str:
    """The number as people of the country write it; what is not E.164 is returned unchanged."""
    try:
        parsed = _e164(number)
    except ValueError:
        return number
    home = parsed.country_code == phonenumbers.country_code_for_region(country)
    return phonenumbers.format_number(
        parsed, PhoneNumberFormat.NATIONAL if home else PhoneNumberFormat.INTERNATIONAL
    )


def spoken(number: str, country: str) -> str:
    """The digits to be said one by one: those a person in the country would dial."""
    plan = _plan(country, "")
    home = number.startswith("+" + plan.country_code)
    if home:
        return plan.national_prefix + phonenumbers.national_significant_number(_e164(number))
    return plan.international_prefix + number.removeprefix("+")


def clean_caller_name(text: str) -> str:
    """A caller's name that is safe in a dialplan, on a display and in a mail header.

    Control characters and those that Asterisk reads as code become blanks; at most 40 characters remain.
    """
    # Composing comes first: it turns some harmless looking characters into ';' and '`'.
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(" " if _is_unsafe(character) else character for character in composed)
    return " ".join(kept.split())[:NAME_LENGTH].rstrip()


def code_characters(text: str) -> set[str]:
    """The characters of the text that Asterisk could read as code."""
    return _CODE_CHARACTERS & set(unicodedata.normalize("NFC", text))


def _is_unsafe(character: str) -> bool:
    return character in _CODE_CHARACTERS or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _plan(country: str, area_code: str) -> _Plan:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
    if metadata is None:
        raise ValueError(f"no numbering plan for country {country!r}")
    national_prefix = metadata.national_prefix or ""
    pattern = metadata.international_prefix or "00"
    prefix = metadata.preferred_international_prefix or pattern
    area = _SEPARATORS.sub("", area_code)
    return _Plan(
        country_code=str(metadata.country_code),
        national_prefix=national_prefix,
        international_prefix=prefix if prefix.isdigit() else "00",
        international_pattern=pattern,
        area=area.removeprefix(national_prefix),
    )


def _readings(text: str, plan: _Plan) -> list[str]:
    """What the digits may mean, the likeliest first, in forms that need no guessing."""
    if text.startswith("+") or re.match(plan.international_pattern, text):
        return [text]
    if plan.national_prefix and text.startswith(plan.national_prefix):
        return [text]
    if not plan.area:
        return [text]
    home = "+" + plan.country_code
    local, national = home + plan.area + text, home + text
    international = ["+" + text] if text.startswith(plan.country_code) else []
    if _follows(text, plan.area):
        return [national, local]
    if _follows(text, plan.country_code + plan.area):
        return [*international, local]
    if len(text) <= _SUBSCRIBER_DIGITS:
        return [local, national]
    return [*international, national, local]


def _follows(text: str, start: str) -> bool:
    return text.startswith(start) and len(text) >= len(start) + _SHORTEST_LOCAL


def _parse(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    if number.italian_leading_zero and metadata is not None and metadata.national_prefix == "0":
        return None  # a bare area code: the 0 is only a prefix there
    # "possible local only" would be a number that cannot be dialled from elsewhere.
    possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return number if possible else None


def _e164(number: str) -> phonenumbers.PhoneNumber:
    """Parse an E.164 number. Raises ValueError for anything else."""
    if not re.fullmatch(r"\+[0-9]+", number):
        raise ValueError(f"not an E.164 number: {number!r}")
    try:
        return phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException as error:
        raise ValueError(f"not an E.164 number: {number!r}") from error
