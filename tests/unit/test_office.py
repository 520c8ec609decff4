"""What a call finds of the office and its departments in the store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.hotline.departments import Department
from appliance.hotline.tickets import TicketRule
from appliance.store.database import open_store
from appliance.store.office import CallbackRules, callback_rules, department
from tests.unit.seed import seeded_store

SUPPORT = Department(
    name="support",
    title="Technik",
    language="de",
    greeting="greeting",
    menu=(),
    is_open=True,
    reopening=(),
    ring_seconds=20,
    message_seconds=60,
    offers_wait=True,
    offers_callback=True,
    offers_message=True,
    announce_position=True,
    announce_ticket=False,
    extra_prompts=(),
    promise_seconds=300,
    language_wait_seconds=60,
    ticket_from=3,
    ticket_rule=TicketRule(3, 12),
    callback_attempts=3,
)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return seeded_store(tmp_path / "store.db")


def test_a_department_is_found_by_its_name(db: Database) -> None:
    assert department(db, "support") == SUPPORT
    assert department(db, "093155510") is None


def test_a_call_gets_every_setting_of_its_department(db: Database) -> None:
    db.execute(
        "UPDATE departments SET offers_wait = 0, offers_callback = 0, announce_position = 0, "
        "announce_ticket = 1, "
        "extra_prompts = 'try-later thanks', promise_minutes = 2, language_wait_seconds = 7, "
        "ticket_from = 1, ticket_shortest = 5, ticket_longest = 8, ticket_prefixes = '4 70', "
        "callback_attempts = 9 WHERE name = 'support'"
    )
    assert department(db, "support") == replace(
        SUPPORT,
        offers_wait=False,
        offers_callback=False,
        announce_position=False,
        announce_ticket=True,
        extra_prompts=("try-later", "thanks"),
        promise_seconds=120,
        language_wait_seconds=7,
        ticket_from=1,
        ticket_rule=TicketRule(5, 8, ("4", "70")),
        callback_attempts=9,
    )
    db.execute("UPDATE departments SET offers_callback = 1, offers_message = 0")
    found = department(db, "support")
    assert found is not None
    assert (found.offers_wait, found.offers_callback, found.offers_message) == (False, True, False)


def test_the_night_switch_closes_what_is_not_always_open(db: Database) -> None:
    db.execute("UPDATE night_switch SET mode = 'night'")
    opened = {name: found.is_open for name in ("support", "office") if (found := department(db, name))}
    assert opened == {"support": True, "office": False}


def test_the_rules_for_callbacks(db: Database) -> None:
    own = frozenset({"+4993155510", "+4993155520"})
    assert callback_rules(db) == CallbackRules("DE", "931", own, frozenset(), True)
    db.execute("UPDATE office SET callback_countries = 'AT CH', callback_confirmation = 0")
    assert callback_rules(db) == CallbackRules("DE", "931", own, frozenset({"AT", "CH"}), False)


def test_before_anything_was_set_up_only_the_own_country_is_called(tmp_path: Path) -> None:
    db = open_store(tmp_path / "empty.db")
    assert callback_rules(db) == CallbackRules("DE", "", frozenset(), frozenset(), True)
