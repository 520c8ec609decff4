"""Which numbers the box calls back: ordinary ones of the office's country and of those it allows."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from appliance.hotline.numbers import is_emergency, to_e164

# What is not named here is refused: a kind of number nobody thought of must not cost the office money.
_ORDINARY = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.VOIP,
}
_NO_COUNTRY = "001"  # the region of satellites, international networks, and free numbers of the whole world


class Refusal(StrEnum):
    """Why a number is not called back; the caller is told."""

    COST = "cost"
    FOREIGN = "foreign"
    OWN = "own"
    EMERGENCY = "emergency"
    NO_NUMBER = "no-number"


def read_keyed_number(
    digits: str,
    *,
    country: str,
    area_code: str,
    own_numbers: Collection[str],
    foreign_allowed: Collection[str],
) -> str | Refusal:
    """The number (E.164) to call back that a caller keyed in, or why there is none.

    The digits may be of any of the forms `to_e164` reads. Raises ValueError for an unknown country.
    """
    if is_emergency(digits, country):
        return Refusal.EMERGENCY
    number = None if _is_short_code(digits, country) else to_e164(digits, country, area_code)
    if number is None:
        return Refusal.NO_NUMBER
    refused = refusal(number, country=country, own_numbers=own_numbers, foreign_allowed=foreign_allowed)
    return number if refused is None else refused


def refusal(
    number: str, *, country: str, own_numbers: Collection[str], foreign_allowed: Collection[str]
) -> Refusal | None:
    """Why this number is not called back; None when it may be.

    `own_numbers` are E.164, `foreign_allowed` are countries such as "AT". Countries that share a code are
    told apart: with the United States at home, a Caribbean number is foreign.
    """
    if number in own_numbers:
        return Refusal.OWN
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return Refusal.NO_NUMBER
    if phonenumbers.format_number(parsed, PhoneNumberFormat.E164) != number:
        return Refusal.NO_NUMBER
    region = phonenumbers.region_code_for_number(parsed)
    if region is None or not phonenumbers.is_valid_number(parsed):
        return Refusal.NO_NUMBER
    kind = phonenumbers.number_type(parsed)
    if _is_local_emergency(parsed, region):
        return Refusal.EMERGENCY
    if kind not in _ORDINARY or (region == _NO_COUNTRY and kind != PhoneNumberType.TOLL_FREE):
        return Refusal.COST
    # A number may be of several countries: the free ones with +1 800 are Canada's as well.
    allowed = (country, *foreign_allowed)
    is_allowed = any(phonenumbers.is_valid_number_for_region(parsed, each) for each in allowed)
    return None if is_allowed else Refusal.FOREIGN


def _is_short_code(digits: str, country: str) -> bool:
    """Whether these digits reach a service (directory, taxi, authorities) and no subscriber."""
    try:
        parsed = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_short_number_for_region(parsed, country)


def _is_local_emergency(parsed: PhoneNumber, region: str) -> bool:
    """Whether this is an area code and an emergency number, which reaches that area's services."""
    area_digits = phonenumbers.length_of_geographical_area_code(parsed)
    subscriber = phonenumbers.national_significant_number(parsed)[area_digits:]
    return is_emergency(subscriber, region)
