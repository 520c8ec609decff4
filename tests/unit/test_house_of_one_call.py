"""What one call's house commits by itself, when nobody else has come to it yet."""

from __future__ import annotations

from array import array
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from appliance.house import HouseOfOneCall
from appliance.mail import sound
from tests.unit.seed import seeded_store

WORDS = array("h", [6000, -6000] * 8000)  # 2 s


def test_a_message_knows_who_called_though_the_call_is_not_in_the_books_yet(tmp_path: Path) -> None:
    db = seeded_store(tmp_path / "store.db")
    settings = SimpleNamespace(spool=tmp_path, recordings=tmp_path / "recordings", prompts=tmp_path)
    settings.recordings.mkdir()
    (settings.recordings / "1.0.wav").write_bytes(sound.write_wav(WORDS))
    house: Any = SimpleNamespace(settings=settings, on_message=lambda: None)
    leg: Any = SimpleNamespace(
        argument=lambda position: ("1.0", "093155510")[position - 1],
        caller_id=lambda: ("+491701234567", "Erika"),
        get=lambda variable: {"DEPARTMENT": "support"}.get(variable, ""),
    )
    assert HouseOfOneCall(house, leg, db).keep_message()
    message = db.execute("SELECT call, department, caller, caller_name FROM messages").fetchone()
    assert message == ("1.0", "support", "+491701234567", "Erika")
    db.close()
