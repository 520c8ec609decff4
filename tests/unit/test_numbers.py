"""Telephone numbers in every form a line delivers, and names nobody can call code."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.hotline.numbers import (
    clean_caller_name,
    dialled_forms,
    dialled_table,
    readable,
    spoken,
    to_e164,
)

NUMBER = "+4993155510"


@pytest.mark.parametrize(
    "dialled",
    [
        *("+4993155510", "004993155510", "093155510", "93155510", "4993155510", "55510"),
        *(
            "0931 555-10",
            "0931/555-10",
            "(0931) 55510",
            "+49 (0)931 555-10",
            "555-10",
            " 0931\u00a0555\u201110 ",
        ),
    ],
)
@pytest.mark.parametrize("area_code", ["0931", "931"])
def test_all_forms_of_one_number(dialled: str, area_code: str) -> None:
    assert to_e164(dialled, "DE", area_code) == NUMBER


@pytest.mark.parametrize(
    "dialled",
    [
        *("", "anonymous", "Unavailable", "+", "00", "0931", "21", "*21#", "112", "110", "55510x", "5551\n0"),
        *("++4993155510", "0931,55510", "sip:55510", "١٢٣٤٥٦", "9" * 30, "+999123456789", "a" * 10_000),
    ],
)
def test_what_is_no_number(dialled: str) -> None:
    assert to_e164(dialled, "DE", "0931") is None


@pytest.mark.parametrize(
    ("dialled", "country", "area_code", "number"),
    [
        ("0170 1234567", "DE", "0931", "+491701234567"),
        ("4915112345678", "DE", "0931", "+4915112345678"),
        ("0043 1 5123456", "DE", "0931", "+4315123456"),
        ("5551234", "US", "212", "+12125551234"),
        ("011 49 931 55510", "US", "212", NUMBER),
        ("6465551234", "US", "212", "+16465551234"),
        ("06 69812345", "IT", "06", "+390669812345"),
        ("044 668 18 00", "CH", "", "+41446681800"),
        ("0931 555-10", "DE", "", NUMBER),
    ],
)
def test_numbers_from_elsewhere(dialled: str, country: str, area_code: str, number: str) -> None:
    assert to_e164(dialled, country, area_code) == number


@given(
    text=st.one_of(st.text(), st.text("+0123456789 -/()", max_size=25)), area=st.sampled_from(["", "0931"])
)
def test_whatever_is_dialled_becomes_e164_or_nothing(text: str, area: str) -> None:
    number = to_e164(text, "DE", area)
    assert number is None or re.fullmatch(r"\+[1-9][0-9]{3,14}", number)


# Subscriber numbers do not begin with 0 or 1; ours also not with what looks like a code.
local_numbers = st.from_regex(r"[2-8][0-9]{2,7}", fullmatch=True).filter(
    lambda text: not text.startswith("49")
)


@given(local=local_numbers)
def test_every_form_is_read_as_its_number(local: str) -> None:
    number = "+49931" + local
    for form in dialled_forms(number, "DE", "0931"):
        assert to_e164(form, "DE", "0931") == number, form


def test_the_forms_a_line_may_deliver() -> None:
    assert dialled_forms(NUMBER, "DE", "0931") == {
        *("+4993155510", "4993155510", "004993155510", "093155510", "93155510", "55510")
    }
    assert "5551234" in dialled_forms("+12125551234", "US", "212")
    assert "01112125551234" in dialled_forms("+12125551234", "US", "212")


def test_a_number_elsewhere_has_no_local_form() -> None:
    assert dialled_forms("+493055510", "DE", "0931") == {
        *("+493055510", "493055510", "00493055510", "03055510", "3055510")
    }
    assert dialled_forms("+4315123456", "DE", "0931") == {"+4315123456", "4315123456", "004315123456"}


@given(locals_=st.lists(local_numbers, unique=True, max_size=6), others=st.lists(local_numbers, max_size=3))
def test_every_number_of_the_office_is_found_in_every_plain_form(
    locals_: list[str], others: list[str]
) -> None:
    numbers = list(dict.fromkeys(["+49931" + text for text in locals_] + ["+4930" + text for text in others]))
    table = dialled_table(numbers, "DE", "0931")
    for number in numbers:
        assert table[number] == table["0" + number[3:]] == table["00" + number[1:]] == number


def test_a_form_two_numbers_claim_goes_to_the_one_it_is_read_as() -> None:
    # 55510 is the first one's local form, and the second one's national form without its 0.
    table = dialled_table([NUMBER, "+4955510"], "DE", "0931")
    assert table["55510"] == NUMBER
    assert table["055510"] == "+4955510"


def test_no_e164_has_no_forms() -> None:
    with pytest.raises(ValueError, match=r"E\.164"):
        dialled_forms("0931 55510", "DE", "0931")
    with pytest.raises(ValueError, match="country"):
        dialled_forms(NUMBER, "XX", "0931")


def test_numbers_for_people() -> None:
    assert readable(NUMBER, "DE") == "0931 55510"
    assert readable(NUMBER, "AT") == "+49 931 55510"
    assert readable("", "DE") == ""
    assert readable("anonymous", "DE") == "anonymous"
    assert spoken(NUMBER, "DE") == "093155510"
    assert spoken(NUMBER, "AT") == "004993155510"
    assert spoken(NUMBER, "US") == "0114993155510"


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("Jürgen Groß, Büro", "Jürgen Groß, Büro"),
        ("O'Brien „Bob“", "O'Brien „Bob“"),
        ('Anna "Anni" Berg', "Anna Anni Berg"),
        ("${SHELL(rm -rf /)}", "SHELL(rm -rf /)"),
        ("a\r\nAction: Originate", "a Action: Originate"),
        ("x\x00\x1b[31m\u202ey\u2028z", "x 31m y z"),
        ("a\u037eb\u1fefc", "a b c"),  # become ; and ` when composed
        ("u\u0308ber", "über"),
        ("a" * 39 + " b", "a" * 39),
        ("bad \udcff byte", "bad byte"),
        ("   ", ""),
    ],
)
def test_caller_names(name: str, clean: str) -> None:
    assert clean_caller_name(name) == clean


@given(name=st.one_of(st.text(st.characters()), st.text("${}[]\"\\;&|<>`\u037e\u1fef aä,\n'")))
def test_a_caller_name_is_never_code(name: str) -> None:
    clean = clean_caller_name(name)
    assert not set(clean) & set('${}[]"\\;&|<>`')
    assert not [c for c in clean if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert len(clean) <= 40
    assert clean == " ".join(clean.split())
    assert clean_caller_name(clean) == clean
    clean.encode("utf-8")


@given(name=st.text("abcäöüßÄÖÜ,.'„“()-1234567890", max_size=40))
def test_plain_names_stay_as_they_are(name: str) -> None:
    assert clean_caller_name(name) == name
