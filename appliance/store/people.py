"""Agents, their presence and the panel: the questions and changes the switchboard makes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from sqlite_utils import Database

from appliance.hotline.lamps import Pattern
from appliance.hotline.night import NIGHT_MODES
from appliance.hotline.presence import Agent, PhoneState, Presence, Press
from appliance.store.database import exclusive
from appliance.store.times import from_text, to_text

ADDRESS_BUTTON = "address"
"""The front panel's button by which a phone says where the office's page is."""


def agents(db: Database) -> list[Agent]:
    """Every agent by name. The phone's state is not in the store: unreachable until told."""
    rows = db.query("""
        SELECT a.name, a.title, d.device, p.state, p.reason, p.since, p.wrap_up_until,
          (SELECT json_group_array(department) FROM serving WHERE agent = a.name) AS departments,
          (SELECT json_group_array(language) FROM speaks WHERE agent = a.name) AS languages
        FROM agents AS a JOIN devices AS d ON d.phone = a.phone
        JOIN presence AS p ON p.agent = a.name ORDER BY a.name""")
    return [
        Agent(
            name=row["name"],
            title=row["title"],
            phone=row["device"],
            departments=frozenset(json.loads(row["departments"])),
            languages=frozenset(json.loads(row["languages"])),
            presence=Presence(row["state"]),
            reason=row["reason"],
            since=from_text(row["since"]),
            idle_since=from_text(row["since"]),
            phone_state=PhoneState.UNREACHABLE,
            wrap_up_until=from_text(row["wrap_up_until"]) if row["wrap_up_until"] else None,
        )
        for row in rows
    ]


def set_presence(db: Database, agent: str, presence: Presence, reason: str, now: datetime) -> None:
    """Commit an agent's presence. Raises LookupError for an unknown agent."""
    changed = db.execute(
        "UPDATE presence SET state = ?, reason = ?, since = ?, wrap_up_until = '' WHERE agent = ?",
        [str(presence), reason, to_text(now), agent],
    ).rowcount
    if not changed:
        raise LookupError(agent)


def set_wrap_up(db: Database, agent: str, until: datetime) -> None:
    """Enter that the agent is not rung before `until`."""
    db.execute("UPDATE presence SET wrap_up_until = ? WHERE agent = ?", [to_text(until), agent])


def wrap_up_seconds(db: Database, department: str) -> int:
    """The department's time for notes after a conversation; 0 for one that is gone."""
    row = db.execute("SELECT wrap_up_seconds FROM departments WHERE name = ?", [department]).fetchone()
    return int(row[0]) if row else 0


def send_everybody_home(db: Database, reason: str, now: datetime) -> int:
    """Set every agent offline, as after a power cut: nobody is present until he says so."""
    return db.execute(
        "UPDATE presence SET state = 'offline', reason = ?, since = ?, wrap_up_until = '' "
        "WHERE state <> 'offline'",
        [reason, to_text(now)],
    ).rowcount


def press(db: Database, button: str) -> None:
    """Note a press on the panel: ``agent:anna``, ``agent:anna:home``, ``night:day``, ``address``.

    While the agent's lamp says that somebody is calling, a short one means "not now".
    Raises LookupError for a button the panel does not have; nothing is noted then.
    """
    lamp = button.removesuffix(":home")
    press = Press.LONG if button != lamp else Press.SHORT
    kind, _, name = lamp.partition(":")
    exists = (
        button == ADDRESS_BUTTON
        or (kind == "night" and name in NIGHT_MODES and press is Press.SHORT)
        or (kind == "agent" and db.execute("SELECT 1 FROM agents WHERE name = ?", [name]).fetchone())
    )
    if not exists:
        raise LookupError(button)
    rings = db.execute("SELECT 1 FROM lamps WHERE name = ? AND pattern = ?", [lamp, Pattern.GREEN_BLINKING])
    if press is Press.SHORT and rings.fetchone():
        press = Press.NOT_NOW
    db.execute("INSERT INTO presses (button, press) VALUES (?, ?)", [lamp, str(press)])


def take_presses(db: Database) -> list[tuple[str, Press]]:
    """Take the noted presses, oldest first: the button as `press` names it, and what press it was.

    A press nobody acted on for ten seconds, because the supervisor was away, means nothing any more.
    """
    if not db.execute("SELECT 1 FROM presses LIMIT 1").fetchone():
        return []
    with exclusive(db):
        fresh = "at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-10 seconds')"
        rows = db.execute(f"SELECT button, press FROM presses WHERE {fresh} ORDER BY id").fetchall()
        db.execute("DELETE FROM presses")
    return [(button, Press(press)) for button, press in rows]


def undelivered_messages(db: Database) -> int:
    """Voice messages no mail server has taken yet."""
    question = "SELECT count(*) FROM outbox WHERE delivered_at = '' AND message NOT NULL"
    return int(db.execute(question).fetchone()[0])


def show_lamps(db: Database, lamps: Mapping[str, str], now: datetime) -> None:
    """Enter the whole picture; `changed_at` moves only for lamps that changed."""
    with exclusive(db):
        for name, pattern in lamps.items():
            db.execute(
                "INSERT INTO lamps (name, pattern, changed_at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
                "SET pattern = excluded.pattern, changed_at = excluded.changed_at "
                "WHERE pattern <> excluded.pattern",
                [name, str(pattern), to_text(now)],
            )
        marks = ",".join("?" * len(lamps))
        db.execute(f"DELETE FROM lamps WHERE name NOT IN ({marks})", list(lamps))


def own_phone_first(db: Database, agent: str) -> list[dict[str, str]]:
    """Every desk phone with name, extension and its owner's title, '' for nobody's; this agent's first."""
    return list(
        db.query(
            "SELECT p.name, p.extension, coalesce(a.title, '') AS title FROM phones AS p"
            " LEFT JOIN agents AS a ON a.phone = p.name ORDER BY a.name IS NOT ?, p.extension",
            [agent],
        )
    )
