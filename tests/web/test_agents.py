"""The forms of people and phones, a phone's page with its codes, desk boxes, the first five questions."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from appliance.hotline.line_states import LineState, Trouble
from appliance.store import boxes, times, users
from appliance.store.config_change import read_document
from appliance.store.lines import keep_line_states
from appliance.store.liveness import Alive
from tests.web.set_up_office import SetUpOffice
from tests.web.test_rights import FIELDS, NASTY
from tests.web.visiting import HERE, element, lamp, visitor, words
from webui.texts import TEXTS

de = TEXTS["de"]


def text_of(answer: Any) -> str:
    return str(answer.get_data(as_text=True))


def test_a_form_sent_as_it_is_changes_nothing(office: SetUpOffice) -> None:
    before = office.document
    for name in ("anna", "bert", "clara"):
        assert office.send(f"/agents/{name}", office.form(f"/agents/{name}")).status_code == 303
    assert office.document == before


def test_a_new_person_gets_a_phone_with_a_secret_of_its_own(office: SetUpOffice) -> None:
    values = office.form("/agents/new")
    answer = office.send(
        "/agents/new", values, title="Dörte Öz", extension="24", departments=["support"], languages=["de"]
    )
    assert answer.headers["Location"] == "/agents/phones/desk-doerte-oez"
    agent, phone = office.section("agent", "doerte-oez"), office.section("phone", "desk-doerte-oez")
    assert agent == {
        "name": "doerte-oez", "title": "Dörte Öz", "phone": "desk-doerte-oez", "departments": ["support"],
        "languages": ["de"],
    }  # fmt: skip
    assert re.fullmatch(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}", phone["secret"])
    page = office.get("/agents/phones/desk-doerte-oez")
    for identity, shown in {"secret": phone["secret"], "user": phone["name"], "port": "5060"}.items():
        assert words(page, identity) == shown
    assert "Dörte Öz" in words(office.get("/"), "station-doerte-oez"), "the panel has her button"


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"title": ""}, "title", "Hier muss etwas stehen."),
        ({"extension": ""}, "extension", "keine Nebenstelle"),
        ({"extension": "1"}, "extension", "keine Nebenstelle"),
        ({"extension": "81"}, "extension", 'schon vergeben: "Technik"'),
        ({"extension": "22"}, "extension", "schon vergeben"),
        ({"extension": "110"}, "extension", "Notruf"),
        ({"departments": []}, "departments", "Ohne Abteilung"),
        ({"departments": ["nowhere"]}, "departments", "gibt es dann nicht"),
        ({"languages": []}, "languages", "Hier muss etwas stehen."),
    ],
)
@pytest.mark.parametrize("where", ["/agents/new", "/agents/anna"])
def test_what_cannot_be_is_said_beside_its_field(
    office: SetUpOffice,
    where: str,
    changed: dict[str, Any],
    field: str,
    sentence: str,
) -> None:
    before = office.document
    usual = {"title": "Eva Kern", "extension": "29", "departments": ["support"], "languages": ["de"]}
    answer = office.send(where, office.form(where), **{**usual, **changed})
    assert answer.status_code == 400
    assert sentence in words(text_of(answer), f"{field}-wrong")
    assert office.document == before


def test_the_second_who_edits_a_person_is_told(office: SetUpOffice) -> None:
    first, second = office.form("/agents/anna"), office.form("/agents/anna")
    assert office.send("/agents/anna", first, extension="27").status_code == 303
    page = text_of(office.send("/agents/anna", second, title="Anna Groß"))
    assert de("form.somebody_else") in words(page, "refused")
    assert de("form.now", value="27") in page
    assert office.section("agent", "anna")["title"] == "Anna Berger"


def test_who_leaves_leaves_the_phone_and_who_comes_may_take_it(office: SetUpOffice) -> None:
    remove = "/agents/anna/remove"
    assert office.send(remove, office.form("/agents/anna", remove)).status_code == 303
    assert words(office.get("/agents"), "phone-desk_1").startswith("21 desk_1")
    values = office.form("/agents/new")
    office.send(
        "/agents/new", values, title="Nora", extension="21", departments=["support"], languages=["de"]
    )
    assert office.section("agent", "nora")["phone"] == "desk_1"


def test_a_phone_that_is_nobodys_comes_gets_a_new_secret_and_goes(office: SetUpOffice) -> None:
    values = office.form("/agents", "/agents/phones")
    for wrong in ("", "1", "21", "112"):
        assert office.send("/agents/phones", values, extension=wrong).status_code == 400
    where = office.send("/agents/phones", values, extension="40").headers["Location"]
    assert where == "/agents/phones/phone-40"
    before = office.section("phone", "phone-40")["secret"]
    stale = office.form(where, f"{where}/secret")
    assert office.send(f"{where}/secret", stale).status_code == 303
    assert office.section("phone", "phone-40")["secret"] != before
    assert office.send(f"{where}/secret", stale).status_code == 409, "pressed twice, it changes once"
    assert office.send(f"{where}/remove", office.form("/agents", f"{where}/remove")).status_code == 303
    assert office.browser.get(where).status_code == 404


def test_a_phone_somebody_has_is_not_removed(office: SetUpOffice) -> None:
    seen = office.form("/agents/phones/desk_1", "/agents/phones/desk_1/secret")
    answer = office.send("/agents/phones/desk_1/remove", seen)
    assert answer.status_code == 400
    assert "Person Anna Berger" in words(text_of(answer), "reason")
    assert office.section("phone", "desk_1")


# --- codes


def test_an_app_reads_the_settings_by_its_code_and_nothing_else_does(office: SetUpOffice) -> None:
    where = "/agents/phones/desk_1"
    page = text_of(office.send(f"{where}/code", office.form(where, f"{where}/code")))
    assert page.count("<svg") >= 2
    token = users.new_link(office.db, "phone", times.now() + timedelta(minutes=1), "desk_1")
    stranger = visitor(office.browser.application)
    answer = stranger.get(f"/phone/{token}.xml")
    entries = {
        entry.get("name"): entry.text for entry in ElementTree.fromstring(answer.data).iter() if entry.text
    }
    assert answer.mimetype == "application/xml"
    assert (entries["username"], entries["passwd"]) == ("desk_1", "example-secret-21")
    assert entries["reg_proxy"] == "<sip:127.0.0.1:5060;transport=udp>"
    assert stranger.get(where).status_code == 303
    users.new_link(office.db, "phone", times.now() - timedelta(seconds=1), "desk_1")
    for wrong in (token, "x", "%00"):
        assert stranger.get(f"/phone/{wrong}.xml").status_code in (400, 403)


# --- desk boxes


def test_a_box_is_paired_by_its_next_press_and_unpaired(office: SetUpOffice) -> None:
    boxes.note_there(office.db, "00000000000051af", "/dev/x", "1", times.now())
    assert "gehört niemandem" in words(office.get("/agents"), "boxes")
    assert office.send("/agents/anna/pair", office.form("/agents", "/agents/anna/pair")).status_code == 303
    assert "Anna Berger" in words(office.get("/agents"), "pairing")
    press = boxes.NumberedPress(1, None, 0.0, pairs=True)
    boxes.take_presses(office.db, "00000000000051af", 1, [press], times.now(), allows=lambda: True)
    assert "angeschlossen" in words(office.get("/agents"), "agent-anna")
    values = office.form("/agents", "/agents/unpair")
    assert office.send("/agents/unpair", values, serial="00000000000051af").status_code == 303
    assert office.send("/agents/unpair", values, serial="nothing").status_code == 400
    assert "keines" in words(office.get("/agents"), "agent-anna")
    assert office.send("/agents/nobody/pair", values).status_code == 404


# --- lines


def test_the_lines_are_told_in_words(office: SetUpOffice, tmp_path: Path) -> None:
    states = [LineState("isdn", "bri-ptp", 4, 4, 0), LineState("amt", "fxo", 1, 0, 1, Trouble.NO_SIGNAL)]
    keep_line_states(office.db, states, times.now())
    with Alive(tmp_path):
        page = office.get("/lines")
    assert "Wer jetzt anruft, hört besetzt." in words(page, "line-isdn")
    assert "Störung Kein Signal, bitte das Kabel prüfen." in words(page, "line-amt")
    late = office.get("/lines")
    assert "hört besetzt" not in words(late, "line-isdn"), "nobody looks any more"
    for line in ("isdn", "amt"):
        assert de("lines.unknown") in words(late, f"line-{line}")
    assert "Keine Karte für Telefonleitungen gefunden." in words(page, "hardware")
    assert "no signal, check the cable" in words(office.get("/lines", "en"), "line-amt").casefold()


# --- the first five questions


ANSWERS = {
    "office_name": "Kanzlei", "office_area_code": "0931", "numbers": "555-10", "mailbox": "post@k.example",
    "mail_host": "smtp.k.example", "mail_sender": "box@k.example", "person": "Anna Berg",
}  # fmt: skip


def test_five_answers_make_an_office(empty: SetUpOffice) -> None:
    assert "/setup" in empty.get("/")
    assert words(empty.get("/departments"), "departments").endswith(de("setup.begin"))
    assert empty.browser.get("/agents/new").status_code == 400
    answer = empty.send("/setup", empty.form("/setup"), **ANSWERS)
    assert answer.headers["Location"] == "/agents/phones/desk-anna-berg"
    assert empty.section("department", "zentrale")["numbers"] == ["0931 55510"]
    assert empty.browser.get("/setup").headers["Location"] == "/departments"
    assert empty.send("/setup", {**ANSWERS}).headers["Location"] == "/departments"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"office_name": ""}, "office_name"), ({"office_country": "Deutschland"}, "office_country"),
        ({"office_state": "XX"}, "office_state"), ({"numbers": ""}, "numbers"), ({"hours": "8-5"}, "hours"),
        ({"mailbox": "x"}, "mailbox"), ({"mail_host": ""}, "mail_host"), ({"mail_port": "x"}, "mail_port"),
        ({"person": ""}, "person"), ({"extension": "x"}, "extension"), ({"title": ""}, "title"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_told_beside_it_and_nothing_is_set_up(
    empty: SetUpOffice, changed: dict[str, str], field: str
) -> None:
    answer = empty.send("/setup", empty.form("/setup"), **{**ANSWERS, **changed})
    assert answer.status_code == 400
    assert words(text_of(answer), f"{field}-wrong")
    assert read_document(empty.db) == {}


def test_the_office_itself_is_changed_later(office: SetUpOffice) -> None:
    where, before = "/setup/office", office.document["office"]
    assert office.send(where, office.form(where)).status_code == 303
    assert office.document["office"] == before, "sent as it is, nothing changes"
    first, second = office.form(where), office.form(where)
    assert office.send(where, first, office_name="Kanzlei Weiß").status_code == 303
    assert de("form.somebody_else") in words(text_of(office.send(where, second)), "refused")
    wrong = office.send(where, office.form(where), office_state="XY", office_country="Bayern")
    assert words(text_of(wrong), "office_country-wrong")
    assert office.document["office"] == before | {"name": "Kanzlei Weiß"}


def test_an_office_that_moves_keeps_its_numbers(office: SetUpOffice) -> None:
    before = office.db.execute("SELECT number, department FROM numbers ORDER BY number").fetchall()
    values = office.form("/setup/office")
    moved = office.send("/setup/office", values, office_country="AT", office_state="", office_area_code="01")
    assert moved.status_code == 303
    assert office.db.execute("SELECT number, department FROM numbers ORDER BY number").fetchall() == before


# --- anything at all


def test_whatever_is_sent_to_the_forms_is_answered_in_words(office: SetUpOffice) -> None:
    """Odd changes to forms that are really there: none breaks the page, and what is saved is always right."""
    dice = random.Random("forms")
    forms = {
        "/departments/accounting": "", "/departments/new": "", "/departments/support/rota": "",
        "/agents/anna": "", "/agents/new": "", "/agents": "/agents/phones", "/setup/office": "",
    }  # fmt: skip
    office.browser.application.config["PROPAGATE_EXCEPTIONS"] = False
    for _ in range(150):
        where, action = dice.choice(list(forms.items()))
        odd: dict[str, Any] = {dice.choice(FIELDS): dice.choice(NASTY) for _ in range(2)}
        odd[dice.choice(["special_first", "duty_name", "choices", "departments"])] = [dice.choice(NASTY)] * 3
        if office.browser.get(where).status_code != 200:
            continue
        values = {**office.form(where, action), **odd}
        answer = office.browser.post(action or where, data=values, headers=HERE)
        assert answer.status_code < 500, (where, odd)
        assert "<script>alert" not in text_of(answer)
        assert office.document
    assert element(office.get("/departments"), "departments")


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [("green", "state_green"), ("green blinking", "state_green_blinking"), ("red", "state_red"),
     ("off", "state_off"), ("", "state_unknown")],
)  # fmt: skip
def test_a_phones_page_says_whether_it_is_registered(
    office: SetUpOffice, tmp_path: Path, pattern: str, sentence: str
) -> None:
    if pattern:
        lamp(office.db, "phone:desk_1", pattern)
    with Alive(tmp_path):
        assert words(office.get("/agents/phones/desk_1"), "registered") == de(f"phone.{sentence}")
    assert words(office.get("/agents/phones/desk_1"), "registered") == de("phone.state_unknown")
