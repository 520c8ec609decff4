"""The caller's ear: the dialog itself tells what somebody would go through, and nothing is touched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.callers_ear import caller_hears
from appliance.settings import Settings, SipLine
from appliance.store import times
from appliance.store.changes import by_page
from appliance.store.config import import_config, read_config
from appliance.store.config_change import Document, change, read_document
from appliance.store.database import open_store
from webui.box import Heard

EXAMPLE = Path(__file__).parents[2] / "appliance" / "config_example.toml"
LINE = SipLine("line", "127.0.0.2", 5060)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, lines=(LINE,))


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    db = open_store(settings.store, durable=False)
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))
    yield db
    db.close()


def is_at(db: Database, agent: str, state: str, lamp: str) -> None:
    """An agent's presence, and what the lamp at the button shows."""
    db.execute("UPDATE presence SET state = ? WHERE agent = ?", [state, agent])
    db.execute("INSERT OR REPLACE INTO lamps VALUES (?, ?, ?)", [f"agent:{agent}", lamp, "x"])


def prompts(heard: list[Heard]) -> list[str]:
    return [prompt for step in heard for prompt in step.prompts]


def edit(db: Database, **changes: object) -> None:
    """Change the settings of accounting."""

    def do(document: Document) -> None:
        document["department"][1] |= changes

    change(db, do, by_page("ada"))


def test_who_is_free_is_rung(db: Database, settings: Settings) -> None:
    is_at(db, "bert", "available", "green")
    assert caller_hears(db, settings, "support") == [
        Heard("hears", ("greeting",), "de"),
        Heard("rings", who="bert", seconds=20),
        Heard("talks", who="bert"),
        Heard("ends"),
    ]


@pytest.mark.parametrize("lamp", ["red", "amber blinking", "green blinking"])
def test_whose_lamp_is_not_green_is_not_rung(db: Database, settings: Settings, lamp: str) -> None:
    is_at(db, "bert", "available", lamp)
    assert "rings" not in {step.kind for step in caller_hears(db, settings, "support")}


def test_while_all_are_in_a_call_it_is_said_with_place_and_choices(db: Database, settings: Settings) -> None:
    is_at(db, "bert", "available", "red")
    now = times.to_text(times.now() - timedelta(minutes=2))
    for n in range(2):
        db.execute(
            "INSERT INTO calls (call, dialled, department, started_at, waits_since) VALUES (?, '1', ?, ?, ?)",
            [f"c{n}", "support", now, now],
        )
    _greeting, choices, ticket, music = caller_hears(db, settings, "support")
    assert choices.prompts[:2] == ("all-busy", "position-3")
    assert choices.prompts[-3:] == ("offer-wait", "offer-callback", "offer-message")
    assert choices.keys.strip("D") == "123"
    assert ticket.prompts == ("ticket",)
    assert music == Heard("music")


def test_where_nobody_is_a_callback_or_a_message_is_left(db: Database, settings: Settings) -> None:
    heard = caller_hears(db, settings, "support")
    assert prompts(heard) == [
        "greeting", "nobody-present", "offer-callback", "offer-message", "leave-message", "message-thanks",
    ]  # fmt: skip
    assert Heard("records", seconds=180) in heard
    assert heard[-1] == Heard("ends")


def test_a_menu_is_said_choice_by_choice(db: Database, settings: Settings) -> None:
    db.execute("UPDATE night_switch SET mode = 'day'")
    said = caller_hears(db, settings, "main")[1]
    assert said.prompts == ("menu-support", "press-1", "menu-accounting", "press-2")
    assert said.keys == "12"


def test_who_is_on_duty_is_rung_while_it_is_closed(db: Database, settings: Settings) -> None:
    def do(document: Document) -> None:
        document["rota"] = [
            {
                "department": "accounting",
                "duties": {"a": ["0171 2345678"]},
                "weekdays": {"mon-sun": "a"},
                "hand_over": "mon 08:00",
            }
        ]

    change(db, do, by_page("ada"))
    db.execute("UPDATE night_switch SET mode = 'night'")
    heard = caller_hears(db, settings, "accounting")
    assert [step.kind for step in heard] == ["hears", "hears", "rings", "talks", "ends"]
    assert prompts(heard)[:4] == ["greeting", "closed", "on-call-trying", "offer-message"]
    assert heard[2] == Heard("rings", who="+491712345678", seconds=25)


def test_the_departments_own_settings_count(db: Database, settings: Settings) -> None:
    edit(db, hours="always", ignores_night_switch=True, language="en", choices=["callback"])
    heard = caller_hears(db, settings, "accounting")
    assert {step.language for step in heard if step.prompts} == {"en"}
    assert prompts(heard) == ["greeting", "nobody-present", "offer-callback", "goodbye"]


def test_nothing_is_written_and_nobody_is_rung(db: Database, settings: Settings) -> None:
    is_at(db, "bert", "available", "green")
    before = "\n".join(db.conn.iterdump())
    for department in ("support", "accounting", "main"):
        assert caller_hears(db, settings, department)
    assert "\n".join(db.conn.iterdump()) == before
    assert read_document(db)
