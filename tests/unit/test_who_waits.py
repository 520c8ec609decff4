"""Who waits for an agent, by the story of his call."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.store.database import open_store
from appliance.store.waiting import WAITS_NOW


@pytest.mark.parametrize(
    ("story", "waits"),
    [
        ("", True),  # in line, and nothing else is written yet
        ("waits", True),
        ("waits, agent rings", True),
        ("waits, agent rings, agent did not answer", True),
        ("waits, agent rings, talks", False),
        ("waits, talks, transferred, handed over", True),
        ("waits, talks, transferred, handed over, agent rings, talks", False),
        ("waits, talks, transferred, not taken over, waits", True),
        ("waits, talks, transferred, not taken over, nobody present told", False),
        ("waits, talks, colleague asked, taken over", False),
        ("waits, on-call rings, on-call takes the call", False),
        ("waits, nobody present told", False),
        ("waits, leaves message, message too short, leaves message", False),
        ("waits, callback promised", False),
    ],
)
def test_who_waits(tmp_path: Path, story: str, waits: bool) -> None:
    db = open_store(tmp_path / "freizeichen.db")
    at = "2026-01-01T00:00:00.000Z"
    for call, since, ended in (("1", at, ""), ("never in line", "", ""), ("over", at, at)):
        db.execute(
            "INSERT INTO calls (call, dialled, started_at, waits_since, ended_at, outcome)"
            " VALUES (?, '', ?, ?, ?, ?)",
            [call, at, since, ended, "talked" if ended else ""],
        )
        for step in filter(None, story.split(", ")):
            db.execute("INSERT INTO steps (call, step) VALUES (?, ?)", [call, step])
    found = [call for (call,) in db.execute(f"SELECT call FROM calls AS c WHERE {WAITS_NOW}")]
    assert found == (["1"] if waits else [])
    db.close()
