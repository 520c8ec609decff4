"""The bookkeeper: what Asterisk's records say about calls, and recordings nobody took in."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.bookkeeper import Bookkeeper
from appliance.store import callbacks, ledger, outbox
from appliance.store.database import open_store
from appliance.store.times import to_text
from tests.unit.seed import seeded_store

WAIT_SECONDS = 20


BEGAN = datetime.fromtimestamp(1795495094.2, UTC)  # of every record


def record(event: str, call: str, detail: str = "", channel: str = "PJSIP/line-1") -> str:
    extra = f'"{{""extra"":""{detail}""}}"' if detail else '""'
    return f'"{event}","{event}","1795495094.2","{call}","{channel}","+491701234567","Erika",{extra}\n'


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


class Books:
    """A bookkeeper on a seeded store, to whom it can be said what Asterisk has written."""

    def __init__(self, folder: Path) -> None:
        self.db: Database = seeded_store(folder / "store.db")
        self.records = folder / "records.csv"
        self.bookkeeper = Bookkeeper(folder / "store.db", self.records, take_message=lambda _: False)

    def written(self, *lines: str) -> None:
        with self.records.open("a") as stream:
            stream.writelines(lines)

    def owes(self, call: str = "1.0", number: str = "+491701234567") -> int:
        """Somebody who called before these records is to be called back."""
        at = BEGAN - timedelta(hours=1)
        ledger.open_call(self.db, call, dialled="093155510", caller=number, caller_name="", started_at=at)
        request = callbacks.request(self.db, call, number, arrived=at, now=at)
        ledger.close_call(self.db, call, at)
        return request

    def begun(self, request: int, *, dialled: bool = False) -> str:
        attempt = callbacks.begin_attempt(self.db, request)
        assert attempt
        assert not dialled or callbacks.dial(self.db, attempt, "anna", BEGAN)
        return attempt

    def row(self, request: int) -> dict[str, object]:
        return next(self.db.query("SELECT * FROM callbacks WHERE id = ?", [request]))

    def steps(self, call: str) -> list[str]:
        return [step["step"] for step in ledger.story(self.db, call)]

    def works(self) -> None:
        """Everything that is there to do, until the end."""
        with working(self.bookkeeper):
            pass


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = Books(tmp_path)
    yield books
    books.db.close()


def test_what_asterisk_does_not_know_is_closed_but_not_what_is_younger_than_the_question(
    books: Books,
) -> None:
    books.written(*(record("INCOMING", call, "093155510") for call in ("1.1", "2.1")))
    books.bookkeeper.reconcile(frozenset({"1.1"}), BEGAN, ())
    books.works()
    assert ledger.open_calls(books.db) == ["1.1", "2.1"], "2.1 began in the instant of the question"
    again = Bookkeeper(books.records.with_name("store.db"), books.records, take_message=lambda _: True)
    again.reconcile(frozenset({"1.1"}), BEGAN + timedelta(seconds=1), ())
    with working(again):
        pass
    assert ledger.open_calls(books.db) == ["1.1"]
    assert books.steps("2.1") == ["rang in", "cut off", "ended"]
    assert ledger.outcomes(books.db) == {"message": 1}, "what was recorded was taken first"


def test_of_the_attempts_those_asterisk_does_not_know_are_over(books: Books) -> None:
    first, second = books.owes(), books.owes("2.0", "+49931777")
    gone, going_on = books.begun(first, dialled=True), books.begun(second)
    books.bookkeeper.reconcile(frozenset({going_on}), BEGAN, [gone, going_on])
    books.works()
    assert (books.row(first)["state"], books.row(first)["attempts"]) == ("waiting", 1)
    assert (books.row(second)["state"], books.row(second)["attempt"]) == ("calling", going_on)


def test_an_attempt_that_came_to_no_channel_is_settled(books: Books) -> None:
    request = books.owes()
    books.bookkeeper.settle_attempt(books.begun(request))
    books.works()
    assert (books.row(request)["state"], books.row(request)["attempts"]) == ("waiting", 0)


def test_the_records_of_an_attempt_tell_who_talked_and_make_no_call_of_their_own(books: Books) -> None:
    request = books.owes()
    attempt = books.begun(request, dialled=True)
    books.written(
        record("BRIDGE_ENTER", attempt, channel="PJSIP/desk_1-1"),
        record("BRIDGE_ENTER", attempt),
        record("LINKEDID_END", attempt),
    )
    books.works()
    assert (books.row(request)["state"], books.row(request)["result"]) == ("reached", "talked")
    assert ledger.outcomes(books.db) == {"called back": 1}
    assert ledger.check(books.db, alive=frozenset()) == []


def test_an_attempt_is_over_when_asterisk_says_so_not_when_it_is_read(books: Books) -> None:
    request = books.owes()
    attempt = books.begun(request, dialled=True)
    books.written(record("LINKEDID_END", attempt))
    books.works()
    assert books.row(request)["next_attempt_at"] == to_text(BEGAN + timedelta(minutes=15))


def until(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("error", [sqlite3.OperationalError("database is locked"), OSError(28, "full")])
def test_what_a_full_disk_refuses_is_kept_in_its_order_and_tried_again(
    books: Books, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    add_step, refused = ledger.add_step, []

    def sometimes(*values: object) -> None:
        if len(refused) < 2:
            refused.append(values)
            raise error
        add_step(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger, "add_step", sometimes)
    for step in ("first", "second"):
        books.bookkeeper.note("1.0", step)
    with working(books.bookkeeper):
        until(lambda: len(books.steps("1.0")) == 2)
    assert books.steps("1.0") == ["first", "second"]
    assert len(refused) == 2


@pytest.mark.parametrize(
    "error",
    [
        ValueError("nobody can write this"),
        sqlite3.IntegrityError("CHECK constraint failed"),
        sqlite3.ProgrammingError("type 'set' is not supported"),
        sqlite3.InterfaceError("bad parameter"),
    ],
)
def test_what_can_never_be_written_is_left_out_and_holds_up_nothing(
    books: Books, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    add_step = ledger.add_step

    def refuses(db: Database, call: str, step: str, detail: str, at: datetime) -> None:
        if step == "poison":
            raise error
        add_step(db, call, step, detail, at)

    monkeypatch.setattr(ledger, "add_step", refuses)
    for step in ("first", "poison", "second"):
        books.bookkeeper.note("1.0", step)
    with working(books.bookkeeper):
        until(lambda: "second" in books.steps("1.0"))
    assert books.steps("1.0") == ["first", "second"]
    assert [record.getMessage() for record in caplog.records] == [
        "the bookkeeper leaves out what it cannot write"
    ]


def test_the_end_of_a_call_is_entered_as_a_whole_or_not_at_all(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed or refused in the middle, a call would be over without an outcome, and for ever."""
    books.written(record("INCOMING", "1.1", "093155510"))
    refused: list[str] = []
    outcome_of = ledger.outcome_of

    def sometimes(evidence: ledger.Evidence) -> ledger.Outcome:
        if not refused:
            refused.append("once")
            raise sqlite3.OperationalError("disk I/O error")
        return outcome_of(evidence)

    monkeypatch.setattr(ledger, "outcome_of", sometimes)
    books.bookkeeper.reconcile(frozenset(), BEGAN + timedelta(seconds=1), ())
    with working(books.bookkeeper):
        until(lambda: not ledger.open_calls(books.db) and ledger.cursor(books.db, "call records"))
    assert refused
    assert books.steps("1.1") == ["rang in", "cut off", "ended"]
    assert ledger.check(books.db, alive=frozenset()) == []


def test_a_record_that_can_never_be_entered_is_left_out_whole_and_the_next_calls_are_entered(
    books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    """A mail about this callback is in the outbox already, who knows why: there is no second one."""
    request = books.owes()
    books.db.execute("UPDATE departments SET callback_attempts = 1")
    attempt = books.begun(request, dialled=True)
    outbox.put(books.db, "callback", request, "before", ("t@x.example", "de"))
    books.written(
        record("LINKEDID_END", attempt),
        record("INCOMING", "7.0", "093155510"),
        record("LINKEDID_END", "7.0"),
    )
    with working(books.bookkeeper):
        until(lambda: ledger.story(books.db, "7.0")[-1:] and not ledger.open_calls(books.db))
    assert books.db.execute("SELECT outcome FROM calls WHERE call = '7.0'").fetchone() == ("hung up",)
    assert books.row(request)["state"] == "calling", "nothing of it is entered"
    assert [each.getMessage() for each in caplog.records] == [
        f"the bookkeeper leaves out LINKEDID_END of call {attempt}"
    ]
