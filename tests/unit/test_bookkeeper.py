"""The bookkeeper: what Asterisk's records say about calls, and recordings nobody took in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.bookkeeper import Bookkeeper
from appliance.store.database import open_store
from tests.unit.seed import seeded_store

WAIT_SECONDS = 20


def record(event: str, call: str, detail: str = "") -> str:
    extra = f'"{{""extra"":""{detail}""}}"' if detail else '""'
    return f'"{event}","{event}","1795495094.2","{call}","PJSIP/line-1","+491701234567","Erika",{extra}\n'


@contextmanager
def working(bookkeeper: Bookkeeper) -> Iterator[None]:
    bookkeeper.start()
    try:
        yield
    finally:
        bookkeeper.stop()


def test_a_recording_left_over_is_taken_only_when_it_is_known_whose_it_is(tmp_path: Path) -> None:
    """The supervisor comes back: the records of a call that goes on, and of one over, are unread."""
    db = seeded_store(tmp_path / "store.db")
    records = tmp_path / "records.csv"
    records.write_text(
        record("INCOMING", "1.1", "093155510")
        + record("INCOMING", "2.1", "093155510")
        + record("LINKEDID_END", "2.1")
    )
    taken: list[tuple[str, str]] = []
    done = threading.Event()

    def take_message(call: str) -> bool:
        reader = open_store(tmp_path / "store.db")  # in the bookkeeper's thread
        known = reader.execute("SELECT department FROM calls WHERE call = ?", [call]).fetchone()
        reader.close()
        taken.append((call, known[0] if known else "unknown"))
        if call == "3.1":
            done.set()
        return True

    bookkeeper = Bookkeeper(tmp_path / "store.db", records, take_message=take_message)
    bookkeeper.take_left_over(lambda: ["1.1", "2.1", "3.1"])
    with working(bookkeeper):
        assert done.wait(WAIT_SECONDS)
    assert taken == [("2.1", "support"), ("2.1", "support"), ("3.1", "unknown")]
    assert db.execute("SELECT outcome FROM calls ORDER BY call").fetchall() == [("",), ("message",)]
