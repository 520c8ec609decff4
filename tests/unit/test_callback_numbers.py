"""Callbacks go to ordinary numbers only: every kind of number of every country is allowed or refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from appliance.hotline.callback_numbers import Refusal, read_keyed_number, refusal

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)

# Every kind phonenumbers knows, so that one it learns later has to be thought about.
ORDINARY = ("FIXED_LINE", "MOBILE", "FIXED_LINE_OR_MOBILE", "TOLL_FREE", "VOIP")
COSTLY = ("PREMIUM_RATE", "SHARED_COST", "PERSONAL_NUMBER", "PAGER", "UAN", "VOICEMAIL")
KINDS = {name: kind for name, kind in vars(PhoneNumberType).items() if isinstance(kind, int)}


def examples(country: str, kinds: Collection[str]) -> Iterator[str]:
    for kind in kinds:
        example = phonenumbers.example_number_for_type(country, KINDS[kind])
        if example is not None:
            yield phonenumbers.format_number(example, PhoneNumberFormat.E164)


def judged(number: str, country: str, foreign_allowed: Collection[str] = ()) -> Refusal | None:
    return refusal(number, country=country, own_numbers=(), foreign_allowed=foreign_allowed)


def keyed(digits: str, country: str = "DE", area_code: str = "030") -> str | Refusal:
    return read_keyed_number(
        digits,
        country=country,
        area_code=area_code,
        own_numbers=("+493098765",),
        foreign_allowed=("AT",),
    )


def test_every_kind_of_number_is_in_the_table() -> None:
    assert set(KINDS) == {*ORDINARY, *COSTLY, "UNKNOWN"}


@pytest.mark.parametrize("country", COUNTRIES)
def test_ordinary_numbers_of_the_country_are_allowed_and_all_others_cost(country: str) -> None:
    assert {judged(number, country) for number in examples(country, ORDINARY)} == {None}
    assert {judged(number, country) for number in examples(country, COSTLY)} <= {Refusal.COST}


@pytest.mark.parametrize("country", COUNTRIES)
def test_abroad_they_are_foreign_unless_allowed_and_still_cost(country: str) -> None:
    home = "AT" if country == "DE" else "DE"
    for number in examples(country, ORDINARY):
        assert judged(number, home) is Refusal.FOREIGN
        assert judged(number, home, foreign_allowed=(country, "LI")) is None
    for number in examples(country, COSTLY):
        assert judged(number, home, foreign_allowed=COUNTRIES) is Refusal.COST


@pytest.mark.parametrize("code", sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS))
def test_satellites_and_international_networks_cost_wherever_one_is(code: int) -> None:
    example = phonenumbers.example_number_for_non_geo_entity(code)
    assert example is not None
    number = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    expected = None if code == 800 else Refusal.COST  # +800 is free all over the world
    assert judged(number, "DE", foreign_allowed=("001",)) is expected
    assert judged(number, "DE") is (expected or Refusal.FOREIGN)


@pytest.mark.parametrize(
    ("number", "country", "expected"),
    [
        ("+18765550123", "US", Refusal.FOREIGN),  # Jamaica looks like a call within the country
        ("+12645550123", "CA", Refusal.NO_NUMBER),
        ("+12644612345", "CA", Refusal.FOREIGN),  # Anguilla
        ("+12125550123", "CA", Refusal.FOREIGN),
        ("+18002123456", "CA", None),  # free numbers are of all countries with +1
        ("+19002345678", "US", Refusal.COST),
        ("+447781123456", "GB", Refusal.FOREIGN),  # Guernsey
        ("+447400123456", "GB", None),
        ("+447012345678", "GB", Refusal.COST),  # looks like a mobile telephone
        ("+390612345678", "IT", None),
        ("+491803123456", "DE", Refusal.COST),
        ("+491375123456", "DE", Refusal.COST),
        ("+4970012345678", "DE", Refusal.COST),
    ],
)
def test_numbers_that_look_like_others(number: str, country: str, expected: Refusal | None) -> None:
    assert judged(number, country) is expected


@pytest.mark.parametrize(
    "text", ["", "+", "+49", "030123456", "+49 30 123456", "+49112", "+491234", "+99912345678", "+4930x1"]
)
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    assert judged(text, "DE") is Refusal.NO_NUMBER


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("03012345678", "+493012345678"),
        ("12345678", "+493012345678"),
        ("004930 12345678", "+493012345678"),
        ("015112345678", "+4915112345678"),
        ("0043123456789", "+43123456789"),
        ("0041446681800", Refusal.FOREIGN),
        ("03098765", Refusal.OWN),
        ("98765", Refusal.OWN),
        ("110", Refusal.EMERGENCY),
        ("112", Refusal.EMERGENCY),
        ("030112", Refusal.EMERGENCY),  # with an area code it reaches the emergency services there
        ("004930110", Refusal.EMERGENCY),
        ("09001123456", Refusal.COST),
        ("00881612345678", Refusal.COST),
        ("11833", Refusal.NO_NUMBER),  # directory enquiries
        ("116117", Refusal.NO_NUMBER),
        ("01013030123456", Refusal.NO_NUMBER),  # through another carrier
        ("030", Refusal.NO_NUMBER),
        ("", Refusal.NO_NUMBER),
        ("0", Refusal.NO_NUMBER),
        ("*31#03012345678", Refusal.NO_NUMBER),
    ],
)
def test_keyed_digits_are_read_or_refused(digits: str, expected: str | Refusal) -> None:
    assert keyed(digits) == expected


@given(st.text("0123456789*#", max_size=24), st.sampled_from(COUNTRIES))
def test_whatever_is_keyed_a_number_that_is_read_may_be_called(digits: str, country: str) -> None:
    read = keyed(digits, country, area_code="")
    if not isinstance(read, Refusal):
        parsed = phonenumbers.parse(read)
        assert phonenumbers.is_valid_number(parsed)
        assert phonenumbers.number_type(parsed) in {KINDS[name] for name in ORDINARY}
        assert any(phonenumbers.is_valid_number_for_region(parsed, home) for home in (country, "AT"))
