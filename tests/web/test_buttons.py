"""The buttons of the page: what a press does, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.hotline.hours import NightMode
from appliance.store import night
from tests.web.visiting import Visitor, element, get, post, presses, visitor, words
from webui import create_app
from webui.texts import TEXTS


@pytest.mark.parametrize("button", ["agent:anna", "agent:bob:home"])
def test_a_press_is_noted_and_changes_nothing_by_itself(client: Visitor, db: Database, button: str) -> None:
    def state() -> list[tuple[str, ...]]:
        return db.execute(
            "SELECT * FROM presence UNION ALL SELECT mode, '', '', '', '' FROM night_switch"
        ).fetchall()

    before = state()
    response = post(client, "/press", button=button)
    assert (response.status_code, response.headers["Location"]) == (303, "/")
    assert presses(db) == [button]
    assert state() == before


@pytest.mark.parametrize(
    "button",
    ["", "agent:", "agent:carl", "agent:anna:away", "night:", "night:dusk", "night:day:home", "anna",
     "line:1", "agent:anna\n", "x" * 3000, "' OR 1=1 --", "ägent:änna", "\x00"],
)  # fmt: skip
def test_an_unknown_button_is_refused_with_a_sentence(client: Visitor, db: Database, button: str) -> None:
    response = post(client, "/press", button=button)
    assert response.status_code == 400
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.button")
    assert presses(db) == []


@pytest.mark.parametrize("mode", ["day", "night"])
def test_the_night_switch_is_moved_without_the_supervisor(
    client: Visitor, db: Database, mode: NightMode
) -> None:
    assert post(client, "/press", button=f"night:{mode}").status_code == 303
    assert presses(db) == []
    switch = night.night_switch(db)
    assert (switch.mode, switch.changed_by) == (mode, "page")
    page = get(client)
    pressed = f"id=night-{mode} name=button value=night:{mode} aria-pressed=true"
    assert pressed in element(page, "night").attributes
    assert words(page, "night-since").startswith("Umgestellt auf dieser Seite, ")
    assert words(get(client, "en"), "night-since").startswith("Moved on this page, ")


def test_a_press_without_a_button_is_refused(client: Visitor, db: Database) -> None:
    assert post(client, "/press", knob="agent:anna").status_code == 400
    assert presses(db) == []


def test_too_large_a_request_is_refused(client: Visitor, db: Database) -> None:
    response = post(client, "/press", button="agent:anna", padding="x" * 5000)
    assert response.status_code == 413
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.413")
    assert presses(db) == []


def test_the_demo_places_a_call_to_one_of_our_numbers(path: Path, db: Database) -> None:
    placed: list[str] = []
    client = visitor(create_app(path, place_call=placed.append))
    client.sign_in(db, "ada")
    assert words(get(client), "exchange").endswith("Empfang anrufen 0931 55510 Technik anrufen 0931 55511")
    assert post(client, "/call", number="+4993155511").status_code == 303
    assert placed == ["+4993155511"]
    refused = post(client, "/call", number="+49110")
    assert refused.status_code == 400
    assert words(refused.get_data(as_text=True), "reason") == TEXTS["de"]("error.number")
    assert post(client, "/call").status_code == 400
    assert placed == ["+4993155511"]


def test_a_call_that_cannot_be_placed_is_told(path: Path, db: Database) -> None:
    def broken(number: str) -> None:
        raise OSError(f"no exchange for {number}")

    client = visitor(create_app(path, place_call=broken))
    client.sign_in(db, "ada")
    response = post(client, "/call", number="+4993155511")
    assert response.status_code == 500
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.500")


def test_without_the_demo_there_is_no_exchange(client: Visitor) -> None:
    assert 'id="exchange"' not in get(client)
    assert post(client, "/call", number="+4993155511").status_code == 404
