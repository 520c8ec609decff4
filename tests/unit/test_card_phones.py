"""Desk phones on ports of a card: whatever rings a phone finds there what Asterisk calls it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.settings import DahdiLine, LineKind
from appliance.store.office import agent_at, card_devices, put_on_cards, watchable
from appliance.store.people import agents
from appliance.telephony.lines.hardware import Card, Kind, Port
from appliance.telephony.lines.wiring import devices, wire
from tests.unit.seed import seeded_store
from tests.unit.test_lines import rendered, settings_of

CARD = Card("x", "x", "", tuple(Port(number, Kind.FXS, 1, (8 + number,)) for number in (1, 2, 3)))


@pytest.fixture
def db(tmp_path: Path) -> Database:
    """Anna has a SIP phone, Bert one on the card."""
    db = seeded_store(tmp_path / "store.db")
    put_on_cards(db, {"desk_2": "DAHDI/9"})
    return db


def test_a_phone_is_called_by_the_channel_of_its_port() -> None:
    wired, _ = wire([DahdiLine("desks", LineKind.FXS, (3, 1), phones=("desk_1", "desk_2"))], [CARD])
    assert devices(wired) == {"desk_1": "DAHDI/11", "desk_2": "DAHDI/9"}


def test_everybody_who_rings_a_phone_is_told_the_same(db: Database) -> None:
    assert {agent.name: agent.phone for agent in agents(db)} == {"anna": "PJSIP/desk_1", "bert": "DAHDI/9"}
    for view, owner, device in (
        ("queue_members", "membername", "interface"),
        ("extensions", "agent", "device"),
        ("ringable", "agent", "device"),
        ("phone_owners", "agent", "device"),
    ):
        found = dict(db.execute(f"SELECT {owner}, {device} FROM {view}").fetchall())
        assert found == {"anna": "PJSIP/desk_1", "bert": "DAHDI/9"}, view
    assert {entry.extension: entry.devices for entry in watchable(db)}["22"].startswith("DAHDI/9&")
    assert card_devices(db) == ["DAHDI/9"]


@pytest.mark.parametrize(
    ("channel", "agent"),
    [
        ("DAHDI/9-1", "bert"),
        ("DAHDI/99-1", ""),
        ("PJSIP/desk_1-0000002a", "anna"),
        ("PJSIP/desk_2-0000002a", ""),
        ("", ""),
    ],
)
def test_who_talks_is_known_by_his_channel(db: Database, channel: str, agent: str) -> None:
    assert agent_at(db, channel) == agent


def test_a_phone_that_was_taken_off_the_card_is_a_sip_phone_again(db: Database) -> None:
    put_on_cards(db, {})
    assert {agent.phone for agent in agents(db)} == {"PJSIP/desk_1", "PJSIP/desk_2"}


def test_only_desk_phones_hand_callers_over_by_hook_flash() -> None:
    """Each setting is inherited by the channel below it: a line says that it has none of this."""
    desk = DahdiLine("desk", LineKind.FXS, (1,), phones=("desk_1",))
    line = DahdiLine("old", LineKind.FXO, (2,), number="+4993155510")
    card = Card("x", "x", "", (CARD.ports[0], Port(2, Kind.FXO, 1, (10,))))
    text = rendered([card], desk, line)["chan_dahdi.conf"]
    for channel, flash, context in (
        ("9", "yes", "TRANSFER_CONTEXT=transfer"),
        ("10", "no", "TRANSFER_CONTEXT="),
    ):
        found = settings_of(text, channel)
        assert (found["transfer"], found["threewaycalling"], found["setvar"]) == (flash, flash, context)
        assert found["immediate"] == flash, "its second call must have begun when it is hung up"
