"""An update from the page: handed over, followed, refused in words."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from appliance import office_page
from appliance.office_page import BoxOfSettings
from appliance.settings import Settings
from appliance.store.database import open_store
from appliance.updating.progress import UpdateState, folder_in, read_state, take_wish, write_state
from tests.web.visiting import HERE, Visitor, visitor, words
from webui import create_app


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(tmp_path / "box")
    settings.write()
    folder_in(settings.state).mkdir()
    return settings


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    db = open_store(settings.store, durable=False)
    yield db
    db.close()


@pytest.fixture
def signers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where there is such a file, the box runs from our card."""
    file = tmp_path / "update-signers"
    file.touch()
    monkeypatch.setattr(office_page, "SIGNERS", file)
    return file


@pytest.fixture
def admin(settings: Settings, db: Database, signers: Path) -> Visitor:
    assert signers.exists()
    client = visitor(create_app(settings.store, box=BoxOfSettings(settings)))
    client.sign_in(db, "ada")
    return client


def uploaded(client: Visitor, content: bytes | None) -> Any:
    data: dict[str, Any] = {}
    if content is not None:
        data["file"] = (io.BytesIO(content), "new.update")
    return client.post("/system/update", data=data, headers=HERE, content_type="multipart/form-data")


def page(client: Visitor) -> str:
    return client.get("/system?lang=de").get_data(as_text=True)


def test_an_update_is_handed_to_the_one_who_installs_it(admin: Visitor, settings: Settings) -> None:
    content = b"update " * 100_000
    assert uploaded(admin, content).status_code == 303
    answer = admin.get("/system")
    assert "geprüft: 0 %" in words(answer.get_data(as_text=True), "renewal")
    assert answer.headers["Refresh"] == "2"
    file = take_wish(settings.state)
    assert file is not None
    assert file.read_bytes() == content


def test_while_one_is_going_on_no_other_is_taken(admin: Visitor, settings: Settings) -> None:
    write_state(settings.state, UpdateState("writing", "2.0", 40))
    refused = uploaded(admin, b"x")
    assert refused.status_code == 409
    assert "läuft schon" in words(refused.get_data(as_text=True), "reason")
    assert read_state(settings.state).word == "writing"
    assert [file.name for file in folder_in(settings.state).iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("writing", "40 %"),
        ("waiting", "sobald niemand mehr spricht"),
        ("trying", "wird erprobt"),
        ("done", "2.0 läuft"),
        ("refused", "Unterschrift"),
        ("fell back", "Unterschrift"),
    ],
)
def test_the_page_says_how_far_it_is(admin: Visitor, settings: Settings, word: str, said: str) -> None:
    write_state(settings.state, UpdateState(word, "2.0", 40, "Die Unterschrift stimmt nicht.", "Wrong."))
    assert said in words(page(admin), "renewal")
    assert ("Refresh" in admin.get("/system").headers) is (word in ("writing", "waiting", "trying"))


def test_without_a_file_nothing_is_changed(admin: Visitor, settings: Settings) -> None:
    assert uploaded(admin, None).status_code == 400
    assert take_wish(settings.state) is None


def test_a_box_that_does_not_run_from_our_card_offers_none(
    admin: Visitor, settings: Settings, signers: Path
) -> None:
    signers.unlink()
    assert 'action="/system/update"' not in page(admin)
    assert uploaded(admin, b"x").status_code == 400
    assert take_wish(settings.state) is None


def test_an_update_that_was_left_lying_goes(admin: Visitor, settings: Settings) -> None:
    left = folder_in(settings.state) / "upload-old"
    left.write_bytes(b"x")
    assert uploaded(admin, b"new").status_code == 303
    assert not left.exists()
