"""The office's form: blocks of direct numbers, callbacks, keys to transfer; a department's own prompts."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.web.set_up_office import SetUpOffice
from tests.web.test_prompts_page import tone
from tests.web.visiting import HERE, words
from webui.settings_form import slug

WHERE = "/setup/office"


def test_a_name_cut_short_is_still_one_that_is_taken() -> None:
    assert slug("Weihnachten und Neujahr 2026") == "weihnachten-und-neujahr"


def test_everything_in_the_form_is_saved(office: SetUpOffice) -> None:
    answer = office.send(
        WHERE,
        office.form(WHERE),
        block_number=["0931 777", "0931 555", "", ""],
        block_department=["support", "main", "main", "main"],
        callback_countries="at, CH",
        callback_confirmation="",
        address_phone="desk_2",
        office_time_zone="Europe/London",
        blind_key="##",
        attended_key="*9",
    )
    assert answer.status_code == 303
    saved = office.document
    assert saved["block"] == [
        {"number": "0931 777", "department": "support"},
        {"number": "0931 555", "department": "main"},
    ]
    assert saved["office"]["callback_countries"] == ["AT", "CH"]
    assert saved["office"]["callback_confirmation"] is False
    assert saved["office"]["address_phone"] == "desk_2"
    assert saved["office"]["time_zone"] == "Europe/London"
    assert saved["transfer"] == {"blind_key": "##", "attended_key": "*9"}
    numbers = dict(
        office.db.execute("SELECT number, agent FROM numbers WHERE block = '+49931777'").fetchall()
    )
    assert numbers["+4993177721"] == "anna"
    assert office.send(WHERE, office.form(WHERE)).status_code == 303
    assert office.document == saved, "sent as it is, nothing changes"


def test_a_block_is_removed_by_emptying_its_row(office: SetUpOffice) -> None:
    values = office.form(WHERE)
    assert values["block_number"] == ["0931 555", "", ""]
    kept = office.section("department", "main")
    with_number = office.form("/departments/main")
    office.send("/departments/main", with_number, numbers="0931 555-99")
    assert office.send(WHERE, office.form(WHERE), block_number=["", "", ""]).status_code == 303
    assert "block" not in office.document
    assert kept["name"] == "main"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"block_number": ["keine Nummer", "", ""]}, "block_0-wrong"),
        ({"block_number": ["0931 555", "0931 555", ""]}, "block_1-wrong"),
        ({"block_department": ["nobody", "main", "main"]}, "block_0-wrong"),
        ({"callback_countries": "Bayern"}, "callback_countries-wrong"),
        ({"address_phone": "nobody"}, "address_phone-wrong"),
        ({"blind_key": "7"}, "blind_key-wrong"),
        ({"attended_key": "#1"}, "attended_key-wrong"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    office: SetUpOffice, changed: dict[str, Any], field: str
) -> None:
    before = office.document
    answer = office.send(WHERE, office.form(WHERE), **changed)
    assert answer.status_code == 400
    assert words(answer.get_data(as_text=True), field)
    assert office.document == before


def test_a_department_has_a_greeting_and_a_sentence_of_its_own(office: SetUpOffice) -> None:
    for key in ("greeting-messe", "extra-messe"):
        sound = {"file": (io.BytesIO(tone(0.5, 8000)), "a.wav")}
        assert office.browser.post(f"/prompts/de/{key}", data=sound, headers=HERE).status_code == 303
    where = "/departments/accounting"
    page = office.get(where)
    assert "greeting-messe" in page
    answer = office.send(
        where, office.form(where), greeting="greeting-messe", extra_prompts=["try-later", "extra-messe"]
    )
    assert answer.status_code == 303
    section = office.section("department", "accounting")
    assert section["greeting"] == "greeting-messe"
    assert section["extra_prompts"] == ["try-later", "extra-messe"]
    assert office.form(where)["extra_prompts"] == ["try-later", "extra-messe"]
    assert office.send(where, office.form(where)).status_code == 303
    assert office.section("department", "accounting") == section
