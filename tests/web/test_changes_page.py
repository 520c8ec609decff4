"""The page of changes: each in words of both languages, undone by a button, refused with the reason."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.store import boxes, night, own_prompts, times, users
from appliance.store.changes import Author, by_page, newest
from appliance.store.config import export_config, import_config, read_config
from appliance.store.config_change import not_in_force, note_in_force
from appliance.store.database import open_store
from appliance.store.liveness import Alive
from tests.web.visiting import Visitor, post, visitor, words
from webui import create_app
from webui.texts import TEXTS

EXAMPLE = Path(__file__).parents[2] / "appliance" / "config_example.toml"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_store(tmp_path / "store.db", durable=False)
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))
    yield db
    db.close()


@pytest.fixture
def admin(tmp_path: Path, db: Database) -> Visitor:
    client = visitor(create_app(tmp_path / "store.db"))
    client.sign_in(db, "ada")
    return client


def page(client: Visitor, language: str = "de", where: str = "/system/changes") -> str:
    return client.get(f"{where}?lang={language}").get_data(as_text=True)


def retitle(db: Database, title: str) -> int:
    config = export_config(db)
    first = replace(config.departments[0], title=title, promise_minutes=7)
    import_config(db, replace(config, departments=(first, *config.departments[1:])), by_page("bob"))
    return newest(db, 1)[0].id


def test_every_kind_of_change_is_told_in_words(admin: Visitor, db: Database) -> None:
    number = retitle(db, "<b>Hilfe</b>")
    night.set_night_mode(db, "night", Author("desk_1", "phone"), times.now())
    users.set_user(db, "eve", "agent", "bert", by_page("ada"))
    own_prompts.set_sound(db, "greeting", "de", b"x", by_page("ada"), times.now())
    german, english = page(admin), page(admin, "en")
    assert words(german, f"change-{number}").startswith("Abteilung <b>Hilfe</b> ")
    assert "Name bisher Technik · jetzt <b>Hilfe</b>" in words(german, f"change-{number}")
    assert "Zusage in Minuten bisher 5 · jetzt 7" in words(german, f"change-{number}")
    assert "<b>Hilfe</b>" not in german
    assert "Nachtschalter" in words(german, f"change-{number + 1}")
    assert "am Telefon desk_1" in words(german, f"change-{number + 1}")
    assert "before Automatic · now Night" in words(english, f"change-{number + 1}")
    assert "new: May use: telephone and inbox, Agent: bert" in words(english, f"change-{number + 2}")
    assert "bisher eingebaute Stimme · jetzt eigene Aufnahme" in words(german, f"change-{number + 3}")


def test_undo_by_its_button_and_the_reason_when_it_no_longer_fits(admin: Visitor, db: Database) -> None:
    number = retitle(db, "Hilfe")
    assert post(admin, "/system/changes/undo", change=str(number)).status_code == 303
    assert export_config(db).departments[0].title == "Technik"
    assert newest(db, 1)[0].by == by_page("ada")
    assert TEXTS["de"]("changes.saved") in page(admin), "nobody runs who could bring it into force"
    assert "rückgängig gemacht" in words(page(admin), f"change-{number}")
    again = post(admin, "/system/changes/undo", change=str(number))
    assert again.status_code == 409
    assert words(again.get_data(as_text=True), "reason") == TEXTS["de"]("cannot_undo.undone already")
    for odd in ("", "x", "²", "9" * 40):
        assert post(admin, "/system/changes/undo", change=odd).status_code == 400


def test_what_would_not_fit_is_named(admin: Visitor, db: Database) -> None:
    config = export_config(db)
    import_config(db, replace(config, agents=config.agents[:-1], rotas=()), by_page("ada"))
    number = newest(db, 1)[0].id
    shrunk = export_config(db)
    other = replace(shrunk.agents[0], phone=config.agents[-1].phone)
    import_config(db, replace(shrunk, agents=(other, *shrunk.agents[1:])), by_page("ada"))
    refused = post(admin, "/system/changes/undo", change=str(number))
    assert refused.status_code == 409
    assert "gehört schon dem Agenten" in words(refused.get_data(as_text=True), "reason")


def test_older_changes_are_on_further_pages(admin: Visitor, db: Database) -> None:
    for number in range(60):
        retitle(db, f"Hilfe {number}")
    first = page(admin)
    assert first.count('class="card change') == 50
    older = first.split('href="/system/changes?before=')[1].split('"')[0]
    rest = admin.get(f"/system/changes?before={older}").get_data(as_text=True)
    assert rest.count('class="card change') == 12  # with the first set-up, and that Ada may sign in


def test_who_undoes_is_told_when_it_is_in_force(admin: Visitor, db: Database, tmp_path: Path) -> None:
    number = retitle(db, "Hilfe")

    def bring_into_force() -> None:
        other = open_store(tmp_path / "store.db")
        while export_config(other).departments[0].title == "Hilfe":
            time.sleep(0.01)
        note_in_force(other, not_in_force(other), times.now())
        other.close()

    with Alive(tmp_path):
        supervisor = threading.Thread(target=bring_into_force)
        supervisor.start()
        post(admin, "/system/changes/undo", change=str(number))
        supervisor.join()
    assert TEXTS["de"]("changes.done") in page(admin)


def test_whose_a_desk_box_is_stands_there_as_well(admin: Visitor, db: Database) -> None:
    boxes.note_there(db, "0a0a", "/dev/x", "1", times.now())
    boxes.pair(db, "0a0a", "anna")
    paired = newest(db, 1)[0]
    assert "Tischkästchen 0a0a" in words(page(admin), f"change-{paired.id}")
    assert "am Kästchen selbst" in words(page(admin), f"change-{paired.id}")
    assert post(admin, "/agents/unpair", serial="0a0a").status_code == 303
    unpaired = newest(db, 1)[0]
    assert (unpaired.by, unpaired.differences[0].before) == (by_page("ada"), "anna")
    assert post(admin, "/system/changes/undo", change=str(unpaired.id)).status_code == 303
    assert {box.serial: box.agent for box in boxes.all_boxes(db)} == {"0a0a": "anna"}
    again = words(page(admin), f"change-{newest(db, 1)[0].id}")
    assert "ada" in again
    assert "macht eine Änderung rückgängig" in again
