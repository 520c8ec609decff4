"""An agent or a department is removed: nobody inherits rights, and nobody who was promised a call is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.hotline.callbacks import Result
from appliance.store import boxes, callbacks, changes, ledger, own_prompts, times, users
from appliance.store.changes import by_page
from appliance.store.config import import_config, read_config
from appliance.store.config_change import Document, change
from appliance.store.database import open_store

EXAMPLE = Path(__file__).parents[2] / "appliance/config_example.toml"
ERIKA = "+491701234567"
ADA = by_page("ada")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_store(tmp_path / "store.db", durable=False)
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))
    yield db
    db.close()


def without(kind: str, name: str) -> Callable[[Document], None]:
    def edit(document: Document) -> None:
        document[kind] = [each for each in document[kind] if each["name"] != name]

    return edit


def without_support(document: Document) -> None:
    without("department", "support")(document)
    for agent in document["agent"]:
        agent["departments"] = ["accounting"]
    for department in document["department"]:
        if department.pop("menu", None):
            department["numbers"] = ["0931 555-10"]


def owes(db: Database) -> int:
    now = times.now()
    ledger.open_call(db, "1.0", dialled="093155510", caller=ERIKA, caller_name="Erika", started_at=now)
    ledger.move_call(db, "1.0", "support", now)
    request = callbacks.request(db, "1.0", ERIKA, arrived=now, now=now)
    ledger.close_call(db, "1.0", now)
    return request


def told(db: Database) -> list[tuple[object, ...]]:
    return db.execute(
        "SELECT c.state, c.department, o.callback = c.id, o.recipient <> '', k.outcome FROM callbacks AS c"
        " LEFT JOIN outbox AS o ON o.callback = c.id LEFT JOIN calls AS k ON k.call = c.call"
    ).fetchall()


def test_whom_a_removed_department_was_to_call_is_told_to_the_office_at_once(db: Database) -> None:
    owes(db)
    change(db, without_support, ADA)
    assert told(db) == [("not reached", "support", 1, 1, "not reached")]
    assert ledger.check(db, alive=frozenset()) == []


@pytest.mark.parametrize("result", [None, Result.BUSY])
def test_an_attempt_that_outlives_its_department_is_the_last(db: Database, result: Result | None) -> None:
    db.execute("UPDATE night_switch SET mode = 'day'")
    attempt = callbacks.begin_attempt(db, owes(db))
    assert attempt
    change(db, without_support, ADA)
    assert told(db) == [("calling", "support", None, None, "")]
    if result:
        assert callbacks.dial(db, attempt, "anna", times.now())
        callbacks.note_result(db, attempt, result)
    callbacks.settle_attempt(db, attempt, times.now())
    assert told(db) == [("not reached", "support", 1, 1, "not reached")]


def test_what_a_removed_agent_says_himself_is_not_heard_any_more(db: Database) -> None:
    for agent in ("anna", "bert"):
        own_prompts.set_sound(db, f"agent-not-free-{agent}", "de", b"\0\0" * 800, ADA, times.now())
    change(db, without("agent", "anna"), ADA)
    heard = {prompt: own.has_sound for (prompt, _), own in own_prompts.newest(db).items()}
    assert heard == {"agent-not-free-anna": False, "agent-not-free-bert": True}


def test_who_gets_a_removed_agents_name_gets_neither_her_desk_box_nor_her_button(db: Database) -> None:
    now = times.now()
    users.make_first_admin(db, "ada", "kurz und gut")
    users.set_user(db, "frau.berg", "agent", "anna")
    users.set_user(db, "bert", "agent", "bert")
    for serial, agent in (("A1", "anna"), ("B1", "bert")):
        boxes.note_there(db, serial, "/dev/ttyACM0", "1.0", now)
        boxes.pair(db, serial, agent)
    boxes.begin_pairing(db, "anna", now)
    change(db, without("agent", "anna"), ADA)
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))  # with another Anna
    assert {each.name: each.agent for each in users.users(db)} == {"ada": "", "bert": "bert", "frau.berg": ""}
    assert dict(db.execute("SELECT serial, agent FROM boxes").fetchall()) == {"A1": "", "B1": "bert"}
    assert boxes.open_pairing(db) is None
    noted = {each.subject: each.by for each in changes.newest(db, 4)}
    assert noted["box:A1"] == noted["user:frau.berg"] == ADA


def test_who_stays_keeps_what_is_his(db: Database) -> None:
    users.set_user(db, "frau.berg", "agent", "anna")
    boxes.note_there(db, "A1", "/dev/ttyACM0", "1.0", times.now() - timedelta(days=1))
    boxes.pair(db, "A1", "anna")
    boxes.begin_pairing(db, "anna", times.now())
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))
    assert users.users(db)[0].agent == "anna"
    assert db.execute("SELECT agent FROM boxes").fetchall() == [("anna",)]
    assert boxes.open_pairing(db) is not None
