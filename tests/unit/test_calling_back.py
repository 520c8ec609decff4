"""Attempts to call back that nobody tells the end of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.calling_back import CallingBack
from appliance.settings import Settings
from appliance.store import callbacks, ledger, times
from appliance.telephony.manager import Event, ManagerError
from tests.unit.seed import seeded_store


@dataclass
class Orders:
    """The manager link, as far as it is asked which channels there are."""

    calls: list[str] = field(default_factory=list)
    lost: bool = False

    def send_list(self, action: str, _headers: object) -> list[Event]:
        assert action == "CoreShowChannels"
        if self.lost:
            raise ManagerError("not connected")
        return [Event("CoreShowChannel", {"Linkedid": call}) for call in self.calls]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = seeded_store(tmp_path / "store.db")
    now = times.now()
    ledger.open_call(db, "1.0", dialled="093155510", caller="+491701234567", caller_name="", started_at=now)
    callbacks.request(db, "1.0", "+491701234567", arrived=now, now=now)
    ledger.close_call(db, "1.0", now)
    yield db
    db.close()


def test_an_attempt_without_a_channel_at_two_looks_in_a_row_is_over(db: Database, tmp_path: Path) -> None:
    orders, over = Orders(), list[str]()
    calling_back = CallingBack(
        Settings(tmp_path),
        lambda: None,  # type: ignore[arg-type, return-value]
        orders,  # type: ignore[arg-type]
        on_no_call=over.append,
    )
    calling_back.settle_vanished(db)  # nothing is being called
    attempt = callbacks.begin_attempt(db, 1)
    assert attempt
    orders.calls = [attempt]
    calling_back.settle_vanished(db)
    orders.calls = []
    calling_back.settle_vanished(db)
    assert over == [], "its channel may just be made"
    orders.lost = True
    calling_back.settle_vanished(db)
    assert over == [], "nobody could be asked"
    orders.lost = False
    calling_back.settle_vanished(db)
    assert over == [attempt]
