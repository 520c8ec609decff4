"""The forms of departments: what is saved, what is refused and where it says so, and the caller's ear."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.store.config_change import standing
from tests.web.set_up_office import SetUpOffice
from tests.web.visiting import element, words
from webui.texts import TEXTS

WHERE = "/departments/accounting"
de = TEXTS["de"]


def text_of(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


def test_a_form_sent_as_it_is_changes_nothing(office: SetUpOffice) -> None:
    before = office.document
    for name in ("support", "accounting", "main"):
        where = f"/departments/{name}"
        assert office.send(where, office.form(where)).status_code == 303
    hours = {"mon-thu": "08:00-12:00, 13:00-17:00", "fri": "08:00-14:00", "2026-12-24..2027-01-01": "closed"}
    assert office.document == before
    assert office.section("department", "accounting")["hours"] == hours


def test_everything_in_the_form_is_saved(office: SetUpOffice) -> None:
    values = office.form(WHERE)
    answer = office.send(
        WHERE,
        values,
        title="Buchhaltung & Kasse", numbers="0931 555-20, 0931 555-30", extension="", mon="09:00-12:00",
        sun="10:00-11:00", special_last=["", "2027-01-02", ""],
        special_first=["2026-12-24", "2026-12-31", ""],
        special_times=["", "10:00-12:00", ""], choices=["callback"], ring_seconds="31", ticket_from="0",
        ticket_digits="6", ticket_prefixes="4, 70", announce_ticket="on", mailbox="kasse@x.example",
    )  # fmt: skip
    assert answer.status_code == 303
    section = office.section("department", "accounting")
    assert section["title"] == "Buchhaltung & Kasse"
    assert section["numbers"] == ["0931 55520", "0931 55530"]
    assert "extension" not in section
    assert section["hours"] == {
        "mon": "09:00-12:00", "tue-thu": "08:00-12:00, 13:00-17:00", "fri": "08:00-14:00",
        "sun": "10:00-11:00", "2026-12-24": "closed", "2026-12-31..2027-01-02": "10:00-12:00",
    }  # fmt: skip
    assert section["choices"] == ["callback"]
    assert (section["ring_seconds"], section["ticket_from"], section["ticket_digits"]) == (31, 0, "6")
    assert section["ticket_prefixes"] == ["4", "70"]
    assert section["announce_ticket"] is True
    newest = office.db.execute("SELECT who, how, subject FROM changes ORDER BY id DESC").fetchone()
    assert newest == ("ada", "page", "setup")
    assert standing(office.db).saved_at is not None
    assert standing(office.db).in_force_at is None
    assert de("form.saved") in office.get(WHERE)


def test_christmas_is_entered_once_for_all_departments(office: SetUpOffice) -> None:
    values = office.form(WHERE)
    christmas = {"special_first": ["2026-12-24"], "special_last": ["2026-12-26"], "special_times": [""]}
    main = office.section("department", "main")["hours"]
    assert office.send(WHERE, values, **christmas).status_code == 303
    assert office.section("department", "main")["hours"] == main, "only where it was wanted"
    values = office.form(WHERE)
    assert office.send(WHERE, values, special_everywhere="on").status_code == 303
    for name in ("accounting", "main"):
        assert office.section("department", name)["hours"]["2026-12-24..2026-12-26"] == "closed"
    assert office.section("department", "support")["hours"] == "always"


def test_where_another_department_has_its_own_on_these_days_nothing_is_changed(office: SetUpOffice) -> None:
    christmas = {"special_first": ["2026-12-24"], "special_last": ["2026-12-26"], "special_times": [""]}
    assert office.send("/departments/main", office.form("/departments/main"), **christmas).status_code == 303
    before = office.document
    values = office.form(WHERE) | {"special_everywhere": "on"}
    answer = office.send(WHERE, values, special_first=["2026-12-25"], special_last=[""], special_times=[""])
    assert answer.status_code == 400
    assert "Abteilung Zentrale" in answer.get_data(as_text=True)
    assert office.document == before


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"title": ""}, "title", "Hier muss etwas stehen."),
        ({"title": "${SHELL(x)}"}, "title", "nicht erlaubt"),
        ({"numbers": "12"}, "numbers", "keine mögliche Telefonnummer"),
        ({"numbers": "0931 555-10"}, "numbers", 'schon vergeben: "Technik"'),
        ({"extension": "21"}, "extension", '"21" ist schon vergeben: Telefon desk_1'),
        ({"extension": "112"}, "extension", "Notruf"),
        ({"mailbox": "kasse"}, "mailbox", "keine Mailadresse"),
        ({"mon": "8 bis 12"}, "mon", "keine Zeitspanne"),
        ({"mon": "08:00-12:00, 11:00-13:00"}, "mon", "überschneiden"),
        ({"special_first": ["2026-02-30"], "special_last": [""], "special_times": [""]},
         "special_0", "kein Datum"),
        ({"special_first": ["2026-12-24"] * 2, "special_last": [""] * 2, "special_times": ["", "9:00-11:00"]},
         "special_0", "denselben Tag"),
        ({"choices": ["wait"]}, "choices", "Nur warten lassen"),
        ({"choices": []}, "choices", "Hier muss etwas stehen."),
        ({"ring_seconds": "lange"}, "ring_seconds", "ganze Zahl"),
        ({"ring_seconds": ""}, "ring_seconds", "ganze Zahl"),
        ({"ring_seconds": "9999"}, "ring_seconds", "zwischen 3 und 120"),
        ({"ticket_digits": "viele"}, "ticket_digits", "keine Zahl von Ziffern"),
        ({"menu_1": "support"}, "menu", "zwei bis vier"),
        ({"menu_1": "support", "menu_2": "main"}, "menu_2", "hat selbst ein Menü"),
        ({"language": "fr"}, "language", "gibt es hier nicht"),
        ({"greeting": "../x"}, "greeting", "geht nicht"),
        (dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "") | {"special_first": [], "special_last": [],
         "special_times": []}, "hours", "immer geschlossen"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_beside_its_field_and_changes_nothing(
    office: SetUpOffice,
    changed: dict[str, Any],
    field: str,
    sentence: str,
) -> None:
    before = office.document
    values = office.form(WHERE)
    answer = office.send(WHERE, values, **changed)
    assert answer.status_code == 400
    page = text_of(answer)
    assert sentence in words(page, f"{field}-wrong"), page
    assert words(page, "refused").startswith("So geht es nicht. Es wurde nichts gespeichert.")
    assert office.document == before


def test_what_was_entered_stays_in_the_form_that_is_refused(office: SetUpOffice) -> None:
    page = text_of(office.send(WHERE, office.form(WHERE), title="<script>alert(1)</script>", mon="immer"))
    assert "<script>alert" not in page
    assert 'value="&lt;script&gt;alert(1)&lt;/script&gt;"' in page
    assert 'value="immer"' in page


def test_the_second_of_two_who_edit_the_same_is_told_and_may_insist(office: SetUpOffice) -> None:
    first, second = office.form(WHERE), office.form(WHERE)
    assert office.send(WHERE, first, title="Kasse").status_code == 303
    answer = office.send(WHERE, second, mailbox="neu@x.example")
    page = text_of(answer)
    assert answer.status_code == 400
    assert de("form.somebody_else") in words(page, "refused")
    assert de("form.now", value="Kasse") in page
    assert office.section("department", "accounting")["title"] == "Kasse"
    assert office.section("department", "accounting")["mailbox"] == "buchhaltung@musterbuero.example"
    seen = page.split('name="seen" value="')[1].split('"')[0]
    assert office.send(WHERE, second, mailbox="neu@x.example", seen=seen).status_code == 303
    assert office.section("department", "accounting")["mailbox"] == "neu@x.example"


def test_the_second_sees_which_special_days_are_saved_now(office: SetUpOffice) -> None:
    first, second = office.form(WHERE), office.form(WHERE)
    special = {"special_first": ["2027-05-01"], "special_last": [""], "special_times": ["10:00-12:00"]}
    assert office.send(WHERE, first, **special).status_code == 303
    page = text_of(office.send(WHERE, second, title="Kasse"))
    assert de("form.now", value="2027-05-01 10:00-12:00") in page


def test_two_who_edit_different_departments_do_not_meet(office: SetUpOffice) -> None:
    one, other = office.form(WHERE), office.form("/departments/support")
    assert office.send(WHERE, one, title="Kasse").status_code == 303
    assert office.send("/departments/support", other, title="Hilfe").status_code == 303
    assert {each["title"] for each in office.document["department"]} == {"Kasse", "Hilfe", "Zentrale"}


def test_a_department_is_added_and_removed(office: SetUpOffice) -> None:
    values = office.form("/departments/new")
    refused = office.send("/departments/new", values, title="Einkauf")
    assert de("problem.department without number") in words(text_of(refused), "numbers-wrong")
    answer = office.send(
        "/departments/new", values, title="Ein Käufer", numbers="0931 555-40", mailbox="ein@x.example"
    )
    assert answer.headers["Location"] == "/departments/ein-kaeufer"
    assert office.section("department", "ein-kaeufer")["numbers"] == ["0931 55540"]
    where = "/departments/ein-kaeufer"
    assert office.send(f"{where}/remove", office.form(where, f"{where}/remove")).status_code == 303
    assert "ein-kaeufer" not in {each["name"] for each in office.document["department"]}
    assert office.browser.get(where).status_code == 404


def test_a_department_others_depend_on_is_not_removed_and_it_says_why(office: SetUpOffice) -> None:
    before = office.document
    answer = office.send(f"{WHERE}/remove", office.form(WHERE, f"{WHERE}/remove"))
    assert answer.status_code == 400
    said = words(text_of(answer), "refused")
    assert "Abteilung Zentrale:" in said, "its menu leads there"
    assert "Person Clara Weiß: Ohne Abteilung klingelt dieses Telefon nie." in said
    assert office.document == before


# --- on call


def test_one_number_is_a_rota(office: SetUpOffice) -> None:
    where = f"{WHERE}/rota"
    values = office.form(where)
    assert office.send(where, values, duty_name=[""], duty_contacts=["0171 2345678"]).status_code == 303
    rota = office.section("rota", "accounting")
    assert rota["duties"] == {"accounting": ["0171 2345678"]}
    assert rota["weeks"] == ["accounting"]
    assert office.send(where, office.form(where)).status_code == 303
    assert office.section("rota", "accounting") == rota


def test_a_rota_is_set_up_changed_and_ended(office: SetUpOffice) -> None:
    where = f"{WHERE}/rota"
    values = office.form(where)
    answer = office.send(
        where, values, duty_name=["Anna", "Bert B."],
        duty_contacts=["0171 2345678, Anna Berger", "0171 2345679"],
        weeks="Anna, Bert B.", first_week="2026-11-30", hand_over_time="09:30", sat="Bert B.",
        date_first=["2026-12-24"], date_last=["2026-12-26"], date_duty=["anna"],
    )  # fmt: skip
    assert answer.status_code == 303, text_of(answer)
    rota = office.section("rota", "accounting")
    assert rota["duties"] == {"anna": ["0171 2345678", "anna"], "bert-b": ["0171 2345679"]}
    assert (rota["weeks"], rota["hand_over"]) == (["anna", "bert-b"], "mon 09:30")
    assert rota["weekdays"] == {"sat": "bert-b"}
    assert rota["dates"] == {"2026-12-24..2026-12-26": "anna"}
    before = office.document
    assert office.send(where, office.form(where)).status_code == 303
    assert office.document == before, "sent as it is, nothing changes"
    nothing = {"duty_name": [], "duty_contacts": [], "weeks": ""}
    assert office.send(where, office.form(where), **nothing).status_code == 303
    assert "rota" not in office.document


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"duty_contacts": ["110"]}, "duty_0", "Notruf"),
        ({"duty_contacts": ["0900 1234567"]}, "duty_0", "Gebühren"),
        ({"duty_contacts": ["Niemand"]}, "duty_0", "weder eine Person"),
        ({"weeks": "carl"}, "weeks", "gibt es oben nicht"),
        (
            {"weeks": "", "duty_name": ["anna", "bert"], "duty_contacts": ["0171 2345678", "0171 2345679"]},
            "weeks",
            "wer wann Dienst hat",
        ),
        ({"hand_over_time": "25:00"}, "hand_over", "keine Zeit für die Übergabe"),
        ({"ring_seconds": "1"}, "ring_seconds", "zwischen"),
    ],
)
def test_a_rota_that_cannot_be_is_refused(
    office: SetUpOffice,
    changed: dict[str, Any],
    field: str,
    sentence: str,
) -> None:
    where = f"{WHERE}/rota"
    usual = {
        "duty_name": ["anna"],
        "duty_contacts": ["0171 2345678"],
        "weeks": "anna",
        "first_week": "2026-11-30",
    }
    answer = office.send(where, office.form(where), **{**usual, **changed})
    assert answer.status_code == 400
    assert sentence in words(text_of(answer), f"{field}-wrong")
    assert "rota" not in office.document


# --- the picture, the ear


def test_the_week_is_drawn_and_the_next_weeks_are_listed(office: SetUpOffice) -> None:
    page = office.get(WHERE)
    assert page.count('class="weekday"') == 7
    assert page.count('class="is-open') <= 9
    assert office.get("/departments/support").count('class="is-open') == 7


def test_the_caller_of_an_office_where_nobody_is_leaves_a_message(office: SetUpOffice) -> None:
    page = office.get("/departments/support/ear")
    heard = words(page, "ear")
    assert heard.startswith("Hört Herzlich willkommen.")
    for sentence in ("Tasten, die dabei etwas bewirken: 2, 3", "höchstens 180 s", de("ear.ends")):
        assert sentence in heard
    assert "/prompts/de/leave-message.wav" in page
    assert not office.db.execute("SELECT 1 FROM calls").fetchone(), "nothing is written"


def test_an_agent_sees_no_forms(office: SetUpOffice) -> None:
    office.browser.sign_in(office.db, "bob", "agent")
    assert office.browser.get("/departments").status_code == 403
    assert element(office.browser.get("/lines").get_data(as_text=True), "hardware")
