"""Callbacks and missed callers on the board."""

from __future__ import annotations

import re

import pytest
from sqlite_utils import Database

from appliance.store import ledger
from tests.web.visiting import Visitor, add_call, add_missed, add_step, ago, get, owe, owed, post, words
from webui.texts import TEXTS


def test_callbacks_stand_in_the_order_of_their_places(client: Visitor, db: Database) -> None:
    add_call(db, "late", caller="+4917612345678", caller_name="Frau Kühn", ticket="4711")
    add_call(db, "early", caller="+4917612345679")
    late = owe(db, "late", "+4917612345678", 100)
    early = owe(db, "early", "+4917612345679", 900)
    with db.conn:
        db.execute("UPDATE departments SET always_open = 1")
    page = get(client)
    assert page.index(f'id="callback-{early}"') < page.index(f'id="callback-{late}"')
    assert re.fullmatch(
        r"Frau Kühn 0176 12345678 · Empfang Platz seit \d\d:\d\d Versuche: 0 von 3 "
        r"wartet, bis jemand frei ist Ticket 4711 "
        r"streichen Frau Kühn wird dann nicht zurückgerufen. Rückruf streichen",
        words(page, f"callback-{late}"),
    )
    assert words(page, f"callback-{early}").startswith("0176 12345679 Empfang Platz seit")
    assert "Rückrufe 2" in words(page, "callbacks")


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({}, "wartet, bis jemand frei ist"),
        ({"state": "calling"}, "ein Telefon im Büro klingelt"),
        ({"state": "calling", "result": "no answer"}, "Bob Öz ruft gerade an"),
        ({"state": "calling", "result": "talked"}, "im Gespräch mit Bob Öz"),
        ({"attempts": 2, "result": "busy", "next_attempt_at": "2099-03-02T13:35:00.000Z"},
         "Versuch 2: besetzt; nächster frühestens Mo 2.3. 14:35"),
        ({"attempts": 2, "result": "busy", "next_attempt_at": "2020-03-02T13:35:00.000Z"},
         "wartet, bis jemand frei ist"),
        ({"department": "gone"}, "Die Abteilung gibt es nicht mehr: niemand ruft zurück"),
    ],
)  # fmt: skip
def test_a_callback_says_how_far_it_is(
    client: Visitor, db: Database, columns: dict[str, object], says: str
) -> None:
    add_call(db, "c1")
    add_step(db, "c1", "calls back", "bob")
    callback = owe(db, "c1", "+4917612345678", **columns)
    page = get(client)
    assert f" von {1 if 'department' in columns else 3} {says}" in words(page, f"callback-{callback}")
    if columns.get("result") == "talked":
        assert "im Gespräch mit 0176 12345678" in words(page, "station-bob")


def test_a_callback_waits_for_its_department_and_for_who_is_calling_in(client: Visitor, db: Database) -> None:
    add_call(db, "c1")
    callback = owe(db, "c1", "+4917612345678")
    with db.conn:
        db.execute("INSERT INTO schedule (department, at, state) VALUES ('front', ?, 'closed')", [ago(60)])
    assert "wartet, bis die Abteilung öffnet" in words(get(client), f"callback-{callback}")
    add_call(db, "c2", caller="+4917612345678")
    assert "ist gerade selbst am Telefon" in words(get(client), f"callback-{callback}")


def test_a_callback_is_struck_off_once_and_for_good(client: Visitor, db: Database) -> None:
    add_call(db, "c1")
    callback = owe(db, "c1", "+4917612345678")
    for _ in range(2):
        response = post(client, "/cancel-callback", callback=str(callback))
        assert (response.status_code, response.headers["Location"]) == (303, "/#callbacks")
        assert owed(db) == [("+4917612345678", "cancelled", 0)]
    page = get(client)
    assert "Niemand wartet auf einen Rückruf." in words(page, "callbacks")
    assert words(page, "ended-c1").count("Ende: Rückruf gestrichen") == 1


def test_who_is_being_called_is_not_struck_off(client: Visitor, db: Database) -> None:
    add_call(db, "c1")
    callback = owe(db, "c1", "+4917612345678", state="calling", result="no answer")
    assert "streichen" not in words(get(client), f"callback-{callback}")
    response = post(client, "/cancel-callback", callback=str(callback))
    assert response.status_code == 400
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.callback_running")
    assert owed(db) == [("+4917612345678", "calling", 0)]


@pytest.mark.parametrize("callback", ["", "2", "-1", "one", "1 OR 1=1", "9" * 400, "\x00"])
def test_a_callback_there_is_not_cannot_be_struck_off(client: Visitor, db: Database, callback: str) -> None:
    add_call(db, "c1")
    owe(db, "c1", "+4917612345678")
    response = post(client, "/cancel-callback", callback=callback)
    assert response.status_code == 400
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.callback_gone")
    assert owed(db) == [("+4917612345678", "waiting", 0)]


# --- missed callers


def test_a_missed_caller_is_called_back_with_one_press(client: Visitor, db: Database) -> None:
    add_missed(db, "c1", caller_name="Frau Kühn", ticket="4711", waited=65)
    page = get(client)
    assert re.fullmatch(
        r"Frau Kühn 0176 12345678 · Empfang \d\d:\d\d wartete 1:05 min zurückrufen Ticket 4711",
        words(page, "missed-c1"),
    )
    for _ in range(2):
        response = post(client, "/call-back", call="c1")
        assert (response.status_code, response.headers["Location"]) == (303, "/#callbacks")
        assert owed(db) == [("+4917612345678", "waiting", 0)]
    page = get(client)
    assert words(page, "missed-c1").endswith("steht unter Rückrufe Ticket 4711")
    assert "Frau Kühn" in words(page, "callbacks")
    steps = [step["step"] for step in ledger.story(db, "c1")]
    assert steps == ["callback ordered"]


def test_pressing_again_gives_a_callback_no_new_attempts(client: Visitor, db: Database) -> None:
    add_missed(db, "c1")
    post(client, "/call-back", call="c1")
    with db.conn:
        db.execute("UPDATE callbacks SET attempts = 2")
    assert post(client, "/call-back", call="c1").status_code == 303
    assert owed(db) == [("+4917612345678", "waiting", 2)]


@pytest.mark.parametrize(("caller", "why"), [("", "withheld"), ("+4993155511", "own")])
def test_a_number_that_is_not_called_back_is_refused(
    client: Visitor, db: Database, caller: str, why: str
) -> None:
    add_missed(db, "c1", caller=caller)
    shown = words(get(client), "missed-c1")
    assert TEXTS["de"](f"refusal.{why}") in shown
    assert not shown.endswith(" zurückrufen")
    response = post(client, "/call-back", call="c1")
    assert response.status_code == 400
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"](f"refusal.{why}")
    assert owed(db) == []


@pytest.mark.parametrize("call", ["", "talked", "nobody", "' OR 1=1 --", "\x00", "x" * 3000])
def test_only_missed_callers_are_called_back(client: Visitor, db: Database, call: str) -> None:
    add_call(db, "talked", outcome="talked")
    response = post(client, "/call-back", call=call)
    assert response.status_code == 400
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.missed_gone")
    assert owed(db) == []
