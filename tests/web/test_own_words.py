"""What an agent says himself when he is dialled directly and not free: his to change, and nothing else."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.office_page import BoxOfSettings
from appliance.own_prompts import bring_into_force
from appliance.settings import Settings
from appliance.store import own_prompts, times, users
from appliance.store.changes import by_page
from appliance.store.config import import_config, read_config
from appliance.store.database import open_store
from appliance.store.users import User
from appliance.telephony.prompts.install import source_of
from tests.web.busy_office import EXAMPLE, settings_of
from tests.web.test_prompts_page import tone
from tests.web.visiting import HERE, Visitor, post, visitor, words
from webui import create_app
from webui.texts import TEXTS
from webui.who_may import may_change_prompt

HIS = "agent-not-free-anna"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


@pytest.fixture
def db(settings: Settings) -> Database:
    """The example's office, in which extensions are dialled directly."""
    db = open_store(settings.store, durable=False)
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))
    users.set_user(db, "ada", "admin")
    return db


@pytest.fixture
def anna(settings: Settings, db: Database) -> Visitor:
    client = visitor(create_app(settings.store, box=BoxOfSettings(settings)))
    client.sign_in(db, "anna", "agent", "anna")
    return client


def test_the_rule() -> None:
    anna, ada, guest = User("anna", "agent", "anna"), User("ada", "admin", ""), User("x", "agent", "")
    assert [may_change_prompt(anna, agent) for agent in ("anna", "bert", "")] == [True, False, False]
    assert [may_change_prompt(ada, agent) for agent in ("anna", "bert", "")] == [True, True, True]
    assert [may_change_prompt(guest, agent) for agent in ("anna", "")] == [False, False]


def test_an_agent_finds_hears_changes_and_undoes_what_he_says_himself(
    anna: Visitor, db: Database, settings: Settings
) -> None:
    page = anna.get("/prompts?lang=de").get_data(as_text=True)
    mine = page.split('id="mine"')[1].split("</section>")[0]
    assert f'/prompts/de/{HIS}"' in mine
    assert f'/prompts/en/{HIS}"' in mine
    assert 'aria-label="Anna Berger ist nicht frei ändern"' in mine
    assert set(re.findall(r'href="(/prompts/[^"?]+)"', page.replace(".wav", "?"))) == {
        f"/prompts/{language}/{HIS}" for language in ("de", "en")
    }, "nothing else is hers to change"
    one = anna.get(f"/prompts/de/{HIS}?lang=de").get_data(as_text=True)
    assert "<h1>Anna Berger ist nicht frei</h1>" in one
    assert "Der gewünschte Gesprächspartner ist gerade nicht frei" in one, "what callers hear until then"
    assert "Hier ist der Anschluss von Anna Berger" in words(one, "text"), "a suggestion to be read"
    sound = {"file": (io.BytesIO(tone(1.0)), "anna.wav")}
    assert anna.post(f"/prompts/de/{HIS}", data=sound, headers=HERE).status_code == 303
    assert own_prompts.words_of(db, "anna", "de") == "", "not in force yet"
    bring_into_force(db, settings)
    assert own_prompts.words_of(db, "anna", "de") == HIS
    assert own_prompts.words_of(db, "anna", "en") == ""
    assert own_prompts.words_of(db, "bert", "de") == ""
    assert source_of(settings.prompts.resolve(), HIS, "de", settings.own_recordings) == "own"
    assert anna.get(f"/prompts/de/{HIS}.wav").mimetype == "audio/wav"
    seen = own_prompts.newest(db)[HIS, "de"].id
    assert post(anna, f"/prompts/de/{HIS}/undo", seen=str(seen)).status_code == 303
    bring_into_force(db, settings)
    assert own_prompts.words_of(db, "anna", "de") == ""


@pytest.mark.parametrize("where", ["", "/record", "/speak", "/undo", "/built-in"])
@pytest.mark.parametrize("key", ["greeting", "agent-not-free", "agent-not-free-bert", "greeting-fair"])
def test_nothing_else_is_his_to_change(anna: Visitor, db: Database, where: str, key: str) -> None:
    own_prompts.set_sound(db, key, "de", tone(0.2, 8000)[44:], by_page("ada"), times.now())
    before = own_prompts.newest(db)
    form = {"seen": str(before[key, "de"].id), "phone": "desk_1", "text": "Guten Tag."}
    refused = post(anna, f"/prompts/de/{key}{where}", **form)
    assert refused.status_code == 403
    assert words(refused.get_data(as_text=True), "reason") == TEXTS["de"]("error.may_not_prompt")
    assert anna.get(f"/prompts/de/{key}").status_code == 403
    assert own_prompts.newest(db) == before


def test_who_cannot_be_dialled_directly_is_told_that_nobody_hears_it(anna: Visitor, db: Database) -> None:
    with db.conn:
        db.execute("DELETE FROM numbers WHERE agent = 'anna'")
    for place in ("/prompts?lang=de", f"/prompts/de/{HIS}?lang=de"):
        assert TEXTS["de"]("prompts.not_dialled") in anna.get(place).get_data(as_text=True)


def test_the_admin_finds_it_among_the_prompts(settings: Settings, db: Database) -> None:
    client = visitor(create_app(settings.store, box=BoxOfSettings(settings)))
    client.sign_in(db, "ada")
    page = client.get("/prompts?lang=de").get_data(as_text=True)
    assert "Anna Berger ist nicht frei" in words(page, HIS)
    assert 'id="mine"' not in page, "she is no agent"
    found = client.get("/prompts?lang=de&search=anna").get_data(as_text=True)
    assert f'id="{HIS}"' in found


def test_what_somebody_said_is_not_heard_once_he_is_gone(db: Database, settings: Settings) -> None:
    own_prompts.set_sound(db, HIS, "de", tone(0.2, 8000)[44:], by_page("anna"), times.now())
    bring_into_force(db, settings)
    assert own_prompts.words_of(db, "anna", "de") == HIS
    own_prompts.set_sound(db, HIS, "de", None, by_page("anna"), times.now())
    assert own_prompts.words_of(db, "anna", "de") == HIS, "until the supervisor has taken it away"
    bring_into_force(db, settings)
    assert own_prompts.words_of(db, "anna", "de") == ""
