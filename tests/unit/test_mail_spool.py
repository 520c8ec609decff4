"""A recording becomes exactly one message, whatever breaks and however often it is tried."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from array import array
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from appliance.mail import sound
from appliance.mail.retention import remove_old
from appliance.mail.spool import (
    Message,
    MessageFacts,
    accept_recording,
    call_of,
    find_message,
    find_recordings,
)
from appliance.store.database import exclusive, open_store
from appliance.store.times import to_text
from tests.unit.seed import NEW_DEPARTMENT, NEW_OFFICE

CALL = "freizeichen-1764000000.12"
FACTS = MessageFacts(
    call=CALL,
    department="sales",
    caller="+49931123456",
    caller_name='Jörg "Jo" Müller',
    recorded_at=datetime(2026, 11, 24, 7, 5, tzinfo=UTC),
)
WORDS = array("h", [0] * 4000 + [6000, -6000] * 8000 + [0] * 4000)  # 2 s between silences


class PowerCutError(BaseException):
    """Nothing runs after this one: no `except OSError` may tidy up."""


class Faults:
    """Counts what is done to disk and store, and breaks the n-th of it, before or after it happened."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []
        self.break_at = -1
        self.afterwards = False
        self.power_cut = False

    def run(self, name: str, detail: str, operation: Callable[[], Any]) -> Any:
        number = len(self.done)
        self.done.append((name, detail))
        if number == self.break_at and not self.afterwards:
            raise self.error(name)
        result = operation()
        if number == self.break_at:
            raise self.error(name)
        return result

    def error(self, name: str) -> BaseException:
        if self.power_cut:
            return PowerCutError()
        if name == "sql":
            return sqlite3.OperationalError("database or disk is full")
        return OSError(errno.ENOSPC, "No space left on device")


def make_store(path: Path) -> None:
    db = open_store(path)
    with exclusive(db):
        db.execute(f"{NEW_OFFICE} (1, 'Firma', 'de', 'DE', '0931', 'Europe/Berlin', 90)")
        for name, language in [("sales", "en"), ("service", "de")]:
            db.execute(
                f"{NEW_DEPARTMENT} (?, 'A title', ?, ?, 'welcome', 0, 20, 10, 180)",
                [name, language, f"{name}@office.example"],
            )
    db.close()


@pytest.fixture(name="spool")
def make_spool(tmp_path: Path) -> Path:
    make_store(tmp_path / "store.db")
    (tmp_path / "spool" / "recordings").mkdir(parents=True)
    return tmp_path / "spool"


@pytest.fixture(name="db")
def open_db(spool: Path) -> Database:
    return open_store(spool.parent / "store.db")


def record(spool: Path, samples: array[int] = WORDS, call: str = CALL) -> Path:
    path = spool / "recordings" / f"{call}.wav"
    path.write_bytes(sound.write_wav(samples))
    return path


def rows(db: Database, table: str) -> list[dict[str, Any]]:
    return list(db.query(f"SELECT * FROM {table} ORDER BY id"))


def assert_one_message(db: Database, spool: Path, message: Message | None) -> None:
    """Row, mail and both files are there, once, and the recording is gone."""
    assert message is not None
    assert message == find_message(db, CALL)
    (mail,) = rows(db, "outbox")
    assert mail["message"] == message.id
    assert len(rows(db, "messages")) == 1
    names = sorted(path.name for path in (spool / "messages").iterdir())
    assert names == [f"{CALL}.mp3", f"{CALL}.wav"]
    kept = sound.read_wav((spool / message.sound).with_suffix(".wav").read_bytes())
    assert sound.seconds(kept) == message.seconds
    assert (spool / message.sound).read_bytes() == sound.write_mp3(kept)
    assert find_recordings(spool) == []


def test_a_recording_becomes_a_message_and_a_mail(db: Database, spool: Path) -> None:
    message = accept_recording(db, spool, record(spool), FACTS)
    assert_one_message(db, spool, message)
    assert message is not None
    assert message.seconds == pytest.approx(2.4, abs=0.05)
    assert (message.call, message.department, message.caller) == (CALL, "sales", "+49931123456")
    assert (message.caller_name, message.recorded_at) == ('Jörg "Jo" Müller', FACTS.recorded_at)
    (mail,) = rows(db, "outbox")
    assert (mail["recipient"], mail["language"]) == ("sales@office.example", "en")
    assert mail["message_id"].startswith(f"<{CALL}.")
    assert mail["message_id"].endswith("@freizeichen.local>")
    assert (mail["delivered_at"], mail["attempts"]) == ("", 0)
    assert mail["next_attempt_at"] <= to_text(datetime.now(UTC))


def test_asking_again_gives_the_same_message(db: Database, spool: Path) -> None:
    recording = record(spool)
    first = accept_recording(db, spool, recording, FACTS)
    again = accept_recording(db, spool, recording, FACTS)
    assert again == first
    record(spool)  # as if the power had gone before the recording was removed
    assert accept_recording(db, spool, recording, FACTS) == first
    assert_one_message(db, spool, first)


def test_who_left_a_message_and_is_called_back_may_leave_another(db: Database, spool: Path) -> None:
    first = accept_recording(db, spool, record(spool), FACTS)
    name = f"{CALL}.callback-7-ab12"
    assert call_of(name) == call_of(CALL) == CALL
    second = accept_recording(db, spool, record(spool, call=name), FACTS)
    assert first is not None
    assert second is not None
    assert (first.call, second.call) == (CALL, CALL)
    assert first.id != second.id
    assert len(rows(db, "outbox")) == 2
    assert find_recordings(spool) == []
    assert (spool / first.sound).exists()
    assert (spool / second.sound).exists()


def test_two_at_the_same_time_give_one_message(db: Database, spool: Path) -> None:
    recording = record(spool)
    start = threading.Barrier(4)
    given: list[Message | None] = []

    def accept() -> None:
        own = open_store(spool.parent / "store.db")
        start.wait()
        given.append(accept_recording(own, spool, recording, FACTS))
        own.close()

    threads = [threading.Thread(target=accept) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 4
    assert len(set(given)) == 1
    assert_one_message(db, spool, given[0])


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(array("h"), id="no sample"),
        pytest.param(array("h", [0] * 40000), id="silence"),
        pytest.param(array("h", [0] * 8000 + [6000, -6000] * 1200 + [0] * 8000), id="0.3 s"),
    ],
)
def test_too_little_is_no_message(db: Database, spool: Path, samples: array[int]) -> None:
    recording = record(spool, samples)
    assert accept_recording(db, spool, recording, FACTS) is None
    assert accept_recording(db, spool, recording, FACTS) is None
    assert not rows(db, "messages")
    assert not rows(db, "outbox")
    assert not find_recordings(spool)
    # The caller speaks again in the same call.
    assert_one_message(db, spool, accept_recording(db, spool, record(spool), FACTS))


def test_a_file_of_zero_bytes_is_no_message(db: Database, spool: Path) -> None:
    recording = record(spool)
    recording.write_bytes(b"")
    assert accept_recording(db, spool, recording, FACTS) is None
    assert find_recordings(spool) == []


def test_garbage_is_refused_and_kept_for_a_person_to_look_at(db: Database, spool: Path) -> None:
    recording = record(spool)
    recording.write_bytes(bytes(5000))
    with pytest.raises(sound.SoundError):
        accept_recording(db, spool, recording, FACTS)
    assert find_recordings(spool) == [recording]
    assert rows(db, "messages") == []


def test_a_recording_cut_by_a_crash_of_asterisk_is_taken_as_it_is(db: Database, spool: Path) -> None:
    recording = record(spool)
    content = bytearray(recording.read_bytes())
    content[4:8] = content[40:44] = bytes(4)
    recording.write_bytes(content[:32768])
    message = accept_recording(db, spool, recording, FACTS)
    assert message is not None
    assert message.seconds == pytest.approx(1.75, abs=0.05)


def test_a_message_for_a_department_that_is_gone_goes_to_another_mailbox(db: Database, spool: Path) -> None:
    message = accept_recording(db, spool, record(spool), replace(FACTS, department="gone"))
    assert_one_message(db, spool, message)
    (mail,) = rows(db, "outbox")
    assert (mail["recipient"], mail["language"]) == ("sales@office.example", "de")


@pytest.mark.parametrize("name", ["\udcff\udc80", "a\0b", "x'); DROP TABLE messages; --", "😀" * 50])
def test_any_caller_name_can_be_kept(db: Database, spool: Path, name: str) -> None:
    assert_one_message(
        db, spool, accept_recording(db, spool, record(spool), replace(FACTS, caller_name=name))
    )


@pytest.mark.parametrize("call", ["", "..", "../x", "a/b", "a b", ".a", "a.", "a\n", "ä"])
def test_a_call_that_is_no_file_name_is_refused(db: Database, spool: Path, call: str) -> None:
    recording = record(spool)
    with pytest.raises(ValueError, match="not a call"):
        accept_recording(db, spool, recording, replace(FACTS, call=call))
    assert recording.exists()


def test_what_is_not_durable_is_refused(spool: Path) -> None:
    recording = record(spool)
    careless = open_store(spool.parent / "store.db", durable=False)
    with pytest.raises(ValueError, match="durable"):
        accept_recording(careless, spool, recording, FACTS)
    careful = open_store(spool.parent / "store.db")
    with exclusive(careful), pytest.raises(ValueError, match="transaction"):
        accept_recording(careful, spool, recording, FACTS)
    with pytest.raises(ValueError, match="time zone"):
        accept_recording(careful, spool, recording, replace(FACTS, recorded_at=datetime(2026, 1, 1)))
    assert recording.exists()


def test_recordings_left_over_are_found_oldest_first(spool: Path) -> None:
    assert find_recordings(spool.parent / "nowhere") == []
    for age, call in [(10, "b"), (50, "a"), (30, "c")]:
        path = record(spool, call=call)
        then = path.stat().st_mtime - age
        os.utime(path, (then, then))
    (spool / "recordings" / "note.txt").write_text("not a recording")
    assert [path.stem for path in find_recordings(spool)] == ["a", "c", "b"]
    assert [path.stem for path in find_recordings(spool, still_seconds=20)] == ["a", "c"]


class TestEveryOperationFailing:
    """The n-th operation on disk or store breaks; the next try must end in exactly one message."""

    @pytest.fixture(name="faults")
    def break_things(self, monkeypatch: pytest.MonkeyPatch) -> Faults:
        faults = Faults()
        handles: dict[int, str] = {}

        def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(first: Any, *rest: Any, **options: Any) -> Any:
                if name == "write":
                    rest = (rest[0][:20000],)  # a system call may write less than it was given
                detail = handles.get(first, "") if isinstance(first, int) else Path(first).name
                result = faults.run(name, detail, lambda: real(first, *rest, **options))
                if name == "open":
                    handles[result] = detail
                return result

            return wrapped

        for name in ("open", "write", "fsync", "close", "replace", "unlink", "mkdir"):
            monkeypatch.setattr(os, name, wrap(name, getattr(os, name)))
        return faults

    def open_breakable(self, spool: Path, faults: Faults) -> Database:
        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                return faults.run("sql", sql, lambda: super(Connection, self).execute(sql, *parameters))  # type: ignore[no-any-return]

            def commit(self) -> None:
                faults.run("sql", "COMMIT", super().commit)

        connection = sqlite3.connect(spool.parent / "store.db", factory=Connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        db = Database(connection)
        faults.done.clear()
        return db

    @pytest.mark.parametrize("afterwards", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("power_cut", [False, True], ids=["disk full", "power cut"])
    def test_there_is_exactly_one_message(
        self, spool: Path, faults: Faults, power_cut: bool, afterwards: bool
    ) -> None:
        number = 0
        while True:
            recording = record(spool)
            db = self.open_breakable(spool, faults)
            faults.break_at, faults.afterwards, faults.power_cut = number, afterwards, power_cut
            with contextlib.suppress(OSError, sqlite3.Error, PowerCutError):
                accept_recording(db, spool, recording, FACTS)
            operation = faults.done[number] if number < len(faults.done) else None
            db.close()
            faults.break_at = -1

            db = open_store(spool.parent / "store.db")
            assert recording.exists() or find_message(db, CALL), operation
            if not power_cut and not afterwards and find_message(db, CALL) is None:
                assert not list(spool.glob("messages/*.unfinished")), operation
            assert_one_message(db, spool, accept_recording(db, spool, recording, FACTS))
            if operation is None:
                break
            remove_all(db, spool)
            db.close()
            number += 1
        assert number > 25

    def test_everything_is_on_disk_before_the_commit_and_the_recording_goes_after_it(
        self, spool: Path, faults: Faults
    ) -> None:
        recording = record(spool)
        accept_recording(self.open_breakable(spool, faults), spool, recording, FACTS)
        order = [
            (name, detail)
            for name, detail in faults.done
            if name in ("fsync", "replace", "unlink", "mkdir") or detail == "COMMIT"
        ]
        assert order == [
            ("mkdir", "messages"),
            ("fsync", "spool"),
            ("fsync", f"{CALL}.wav.unfinished"),
            ("replace", f"{CALL}.wav.unfinished"),
            ("fsync", "messages"),
            ("fsync", f"{CALL}.mp3.unfinished"),
            ("replace", f"{CALL}.mp3.unfinished"),
            ("fsync", "messages"),
            ("sql", "COMMIT"),
            ("unlink", f"{CALL}.wav"),
        ]


def remove_all(db: Database, spool: Path) -> None:
    with exclusive(db):
        db.execute("DELETE FROM outbox")
        db.execute("DELETE FROM messages")
    for path in (spool / "messages").iterdir():
        path.unlink()
    (spool / "messages").rmdir()


class TestRetention:
    def deliver(self, db: Database, call: str, instant: datetime) -> None:
        with exclusive(db):
            db.execute(
                "UPDATE outbox SET delivered_at = ? WHERE message = (SELECT id FROM messages WHERE call = ?)",
                [to_text(instant), call],
            )

    def test_only_what_was_delivered_long_ago_goes(self, db: Database, spool: Path) -> None:
        before = datetime(2026, 11, 24, tzinfo=UTC)
        for call in ("old", "new", "never"):
            facts = replace(FACTS, call=call, recorded_at=before - timedelta(days=400))
            accept_recording(db, spool, record(spool, call=call), facts)
        self.deliver(db, "old", before - timedelta(seconds=1))
        self.deliver(db, "new", before + timedelta(seconds=1))
        assert remove_old(db, spool, before) == 1
        assert [row["call"] for row in rows(db, "messages")] == ["new", "never"]
        assert len(rows(db, "outbox")) == 2
        names = sorted(path.name for path in (spool / "messages").iterdir())
        assert names == ["never.mp3", "never.wav", "new.mp3", "new.wav"]
        assert remove_old(db, spool, before) == 0

    def test_a_crash_in_between_is_made_good_the_next_time(self, db: Database, spool: Path) -> None:
        accept_recording(db, spool, record(spool), FACTS)
        self.deliver(db, CALL, datetime(2026, 1, 1, tzinfo=UTC))
        (spool / "messages" / f"{CALL}.wav").unlink()
        assert remove_old(db, spool, datetime(2026, 2, 1, tzinfo=UTC)) == 1
        assert not list((spool / "messages").iterdir())
        assert not rows(db, "messages")
