"""Forgetting: afterwards the number is in no file of the box, and nobody else's data is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from appliance import forgetting
from appliance.bookkeeper import CURSOR, Bookkeeper
from appliance.forgetting import factory_reset, forget_number, forget_old, hide
from appliance.granting import grant
from appliance.hotline.numbers import SEPARATORS
from appliance.settings import Settings
from appliance.store import changes, inbox, ledger, times, users, wishes
from appliance.store.changes import SECRET, Difference, by_page
from appliance.store.config import import_config, read_config
from appliance.store.database import open_store
from appliance.store.forgetting import CannotForget, number_of
from appliance.telephony.call_records import parse_record
from tests.unit.test_backup import EXAMPLE, add_call, add_message

HIS, HER = "+4917612345678", "+4917612345679"
TRACES = (b"17612345678", b"176 12345678", b"Erika Muster")
LONG_AGO = times.now() - timedelta(days=100)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(tmp_path / "box")
    settings.write()
    return settings


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    """An office in which he is everywhere, and she is, too."""
    db = open_store(settings.store)
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))
    for call, caller in (("his.1", HIS), ("his.2", HIS), ("her.1", HER), ("her.2", HER)):
        add_call(db, call, "message", caller, caller_name="Erika Muster" if caller == HIS else "Ute Ander")
    for call in ("his.1", "her.1", "his.2", "her.2"):
        add_message(db, settings, call, "2026-01-01T00:00:00.000Z" if call.endswith("1") else "")
    db.execute("UPDATE messages SET caller = ?, caller_name = 'Erika Muster' WHERE call LIKE 'his%'", [HIS])
    for number, caller in ((1, HIS), (2, HER)):
        db.execute(
            "INSERT INTO callbacks (id, call, department, language, number, name, ticket, arrived,"
            " created_at, next_attempt_at, closed_at, state) VALUES"
            " (?1, 'x', 'support', 'de', ?2, '', '', '', '', '', ?3, 'not reached')",
            [number, caller, "2026-01-01T00:00:00.000Z"],
        )
        add_call(db, f"asked.{number}", "not reached", caller, callback=number)
        db.execute(
            "INSERT INTO outbox (callback, message_id, recipient, language)"
            " VALUES (?1, ?1, 'a@b.example', 'de')",
            [number],
        )
    db.execute("UPDATE calls SET callback = 1, outcome = '' WHERE call = 'her.1'")  # at his number
    ledger.add_step(db, "her.1", "callback promised", HIS, times.now())
    inbox.write_note(db, "message:2", "ada", "Schwester von 0176 / 12345678")
    inbox.write_note(db, "message:4", "ada", "Ruft morgen an")
    duties = Difference(("rota", "support", "duties"), {"mon": ["0176 12345678"]}, {"mon": ["anna"]})
    changes.note(db, by_page("ada"), "setup", [duties])
    users.check_password(db, "017612345678", "falsch", "10.0.0.1", times.now())
    wishes.ask(db, "forget number", by_page("ada"), times.now(), number=HIS)
    records = settings.call_records
    records.parent.mkdir(parents=True)
    for file in (records, records.with_suffix(".1.csv")):
        file.write_text("".join(
            record(call, caller, name, at)
            for at in (LONG_AGO.timestamp(), times.now().timestamp())
            for call, caller, name in (
                ("his.1", "017612345678", "Erika Muster"),
                ("her.1", "017612345679", 'Ute "die" Ander'),
                ("his.1", "", "Erika Muster"),
                ("her.1", "017612345679", ""),
            )
        ), "utf-8")  # fmt: skip
    (records.parent / "messages").write_text("NOTICE: call from 017612345678 and 017612345679\n")
    settings.recordings.mkdir(parents=True)
    (settings.recordings / "his.1.unreadable").write_bytes(b"broken")
    yield db
    db.close()


def record(call: str, caller: str, name: str, at: float) -> str:
    name = name.replace('"', '""')
    fields = (
        "USER_DEFINED",
        "STEP",
        f"{at:.6f}",
        call,
        f"PJSIP/line-{caller}",
        caller,
        name,
        f"to {caller}",
        "",
    )
    return ",".join(f'"{field}"' for field in fields) + "\n"


def traces(settings: Settings, words: tuple[bytes, ...] = TRACES) -> list[str]:
    """The files in which one of the words still is."""
    return [
        f"{file.relative_to(settings.state)}: {word.decode()}"
        for file in settings.state.rglob("*")
        if file.is_file()
        for word in words
        if word in file.read_bytes()
    ]


class PowerCutError(BaseException):
    """Nothing runs after this one."""


@pytest.mark.parametrize("step", ["remove", "sync", "hide", "forget_wish", "leave_no_trace"])
@pytest.mark.parametrize("time", [1, 2])
def test_a_wish_cut_off_anywhere_is_gone_on_with(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str, time: int
) -> None:
    """What is left outside the store is removed after a power cut, too, though the store has forgotten it."""
    home = forgetting.files if step in ("remove", "sync") else forgetting
    real, calls = getattr(home, step), count(1)

    def cut_off(*arguments: Any) -> Any:
        if next(calls) == time:
            raise PowerCutError
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(home, step, cut_off)
        with suppress(PowerCutError):
            grant_next(db, settings)
    if wishes.waiting(db):
        grant_next(db, settings)
    assert traces(settings) == []
    assert wishes.waiting(db) is None
    assert not list(settings.spool.rglob("his.*"))


def test_a_recording_that_came_back_after_the_cut_is_forgotten_with_the_wish(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cut undid its removal, and it has become a message of nobody before the wish is gone on with."""

    def cut_off(*_: Any) -> None:
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(forgetting, "hide", cut_off)
        with pytest.raises(PowerCutError):
            grant_next(db, settings)
    add_message(db, settings, "his.1", "")
    db.execute("UPDATE messages SET caller = '', caller_name = '' WHERE call = 'his.1'")
    grant_next(db, settings)
    assert db.execute("SELECT 1 FROM messages WHERE call = 'his.1'").fetchone() is None
    assert not list(settings.spool.rglob("his.*"))


def grant_next(db: Database, settings: Settings) -> None:
    wish = wishes.waiting(db)
    assert wish is not None
    grant(db, settings, wish, {})


def test_afterwards_the_number_is_in_no_file_of_the_box(db: Database, settings: Settings) -> None:
    assert len({trace.partition(":")[0] for trace in traces(settings)}) >= 4, (
        "it was in store, records and logs"
    )
    found = forget_number(db, settings, "0176 12345678")
    assert found.calls == ("asked.1", "his.1", "his.2", "x")
    assert (found.callbacks, found.messages) == (1, 2)
    assert traces(settings) == []
    assert not list(settings.spool.rglob("*his*"))


def test_everybody_else_stays(db: Database, settings: Settings) -> None:
    forget_number(db, settings, HIS)
    assert db.execute("SELECT call FROM calls ORDER BY call").fetchall() == [
        ("asked.2",),
        ("her.1",),
        ("her.2",),
    ]
    assert {file.name for file in (settings.spool / "messages").iterdir()} == {
        *("her.1.mp3", "her.1.wav", "her.2.mp3", "her.2.wav")
    }
    assert db.execute("SELECT number FROM callbacks").fetchall() == [(HER,)]
    assert db.execute("SELECT count(*) FROM outbox").fetchone() == (3,)
    assert db.execute("SELECT note FROM inbox ORDER BY 1").fetchall() == [("",), ("Ruft morgen an",)]
    assert changes.newest(db, 1)[0].differences[0].before == {"mon": [SECRET]}
    assert ledger.check(db, alive=frozenset()) == []
    log = (settings.call_records.parent / "messages").read_text()
    assert log == "NOTICE: call from xxxxxxxxxxxx and 017612345679\n"


def test_records_stay_where_they_are_and_readable(db: Database, settings: Settings) -> None:
    before = settings.call_records.read_bytes()
    inode = settings.call_records.stat().st_ino
    forget_number(db, settings, HIS)
    after = settings.call_records.read_bytes()
    assert settings.call_records.stat().st_ino == inode
    assert [len(line) for line in after.splitlines()] == [len(line) for line in before.splitlines()]
    read = [parse_record(line) for line in after.decode().splitlines()]
    assert [(each.call, each.caller, each.caller_name) for each in read if each][:4] == [
        ("his.1", "xxxxxxxxxxxx", "xxxxxxxxxxxx"),
        ("her.1", "017612345679", 'Ute "die" Ander'),
        ("his.1", "", "xxxxxxxxxxxx"),
        ("her.1", "017612345679", ""),
    ]


def test_a_longer_number_is_another_one(tmp_path: Path, db: Database) -> None:
    file = tmp_path / "messages"
    file.write_text("0176123456789 10176 12345678 +4917612345678, 0176-12345678.")
    hide(file, lambda _: False, number_of(db, HIS))
    assert file.read_text() == "0176123456789 10176 12345678 xxxxxxxxxxxxxx, xxxxxxxxxxxxx."


def test_it_is_found_with_whatever_people_write_between_the_digits(tmp_path: Path, db: Database) -> None:
    written = [between.join(("0176", "123", "45678")) for between in SEPARATORS]
    file, number = tmp_path / "messages", number_of(db, HIS)
    file.write_text("".join(f"Grüße von {text}, Tschüß\n" for text in written), "utf-8")
    hide(file, lambda _: False, number)
    assert file.read_text("utf-8").splitlines() == [
        f"Grüße von {'x' * len(text.encode())}, Tschüß" for text in written
    ]
    for text in written:
        assert number_of(db, text) == number
        assert number.is_in(f"Schwester von {text}, Grüße")


def test_a_line_that_comes_meanwhile_is_not_lost(tmp_path: Path, db: Database) -> None:
    file = tmp_path / "records.csv"
    file.write_text(record("her.1", "", "", 1.0))
    number, before = number_of(db, HIS), file.stat().st_size

    def asterisk_writes(_fields: list[str]) -> bool:
        with file.open("a") as stream:
            stream.write("new\n")
        return True

    hide(file, asterisk_writes, number)
    assert file.read_text().endswith("new\n")
    assert file.stat().st_size > before


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("", "no number"), ("Erika", "no number"), ("110", "no number"), ("0931 555-10", "set up")],
)
def test_what_cannot_be_forgotten_is_refused_and_nothing_changes(
    db: Database, settings: Settings, typed: str, reason: str
) -> None:
    before = list(db.conn.iterdump())
    with pytest.raises(CannotForget) as error:
        forget_number(db, settings, typed)
    assert error.value.reason == reason
    assert list(db.conn.iterdump()) == before


def test_nobody_is_forgotten_while_he_talks(db: Database, settings: Settings) -> None:
    db.execute("UPDATE calls SET ended_at = '' WHERE call = 'his.2'")
    with pytest.raises(CannotForget, match="going on"):
        forget_number(db, settings, HIS)
    db.execute("UPDATE calls SET ended_at = '2026-01-01' WHERE call = 'his.2'")
    db.execute("UPDATE callbacks SET state = 'calling' WHERE number = ?", [HIS])
    with pytest.raises(CannotForget, match="going on"):
        forget_number(db, settings, HIS)


def test_asked_again_it_is_all_right(db: Database, settings: Settings) -> None:
    forget_number(db, settings, HIS)
    assert forget_number(db, settings, HIS).calls == ()


def test_after_the_retention_time_nothing_is_in_any_file_but_what_is_owed(
    db: Database, settings: Settings
) -> None:
    """Delivered and settled things go, of the store, of the spool, of the records; undelivered mail stays."""
    for table, column in (("calls", "started_at"), ("changes", "at"), ("acts", "at")):
        db.execute(f"UPDATE {table} SET {column} = ?", [times.to_text(LONG_AGO)])
    db.execute("UPDATE outbox SET delivered_at = ?", [times.to_text(LONG_AGO)])
    db.execute("UPDATE calls SET outcome = 'not reached' WHERE outcome = ''")
    db.execute("UPDATE inbox SET note = ''")
    db.execute("DELETE FROM failed_sign_ins")  # they are remembered for a quarter of an hour
    wishes.answer(db, 1, "done")
    orphan = settings.spool / "messages" / "lost.wav"
    orphan.write_bytes(b"Erika Muster")
    for file in (orphan, settings.recordings / "his.1.unreadable"):
        os.utime(file, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    for file in settings.call_records.parent.glob("*.csv"):
        lines = file.read_text("utf-8").splitlines(keepends=True)
        file.write_text("".join(lines[: len(lines) // 2]), "utf-8")
    forget_old(db, settings, times.now() - timedelta(days=90))
    forget_old(db, settings, times.now() - timedelta(days=90))
    assert traces(settings, (*TRACES, b"17612345679", b"Ute")) == []
    assert not list(settings.spool.rglob("*.*"))


def test_backups_nobody_decides_about_go(db: Database, settings: Settings) -> None:
    wishes.answer(db, 1, "done")
    wishes.ask(db, "restore", by_page("ada"), times.now(), file="upload-wanted")
    folder = settings.state / "restore"
    folder.mkdir()
    left = settings.state / ".backup-left"
    left.mkdir()
    for name in ("upload-wanted", "upload-old", "upload-new"):
        (folder / name).write_bytes(b"x")
    now = times.now().timestamp()
    os.utime(folder / "upload-new", (now, now))
    for path in (folder / "upload-wanted", folder / "upload-old", left):
        os.utime(path, (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    forget_old(db, settings, times.now() - timedelta(days=90))
    assert {file.name for file in folder.iterdir()} == {"upload-wanted", "upload-new"}
    assert not left.exists()
    forget_number(db, settings, HIS)
    assert [file.name for file in folder.iterdir()] == ["upload-wanted"]


def test_what_is_owed_and_what_is_young_stays(db: Database, settings: Settings) -> None:
    forget_old(db, settings, times.now() - timedelta(days=90))
    assert {call for (call,) in db.execute("SELECT call FROM messages").fetchall()} >= {"his.2", "her.2"}
    young = settings.call_records.read_text("utf-8").splitlines()[4:]
    assert all("xxx" not in line for line in young)


@pytest.mark.parametrize("has_read", [True, False])
def test_no_caller_comes_back_after_a_factory_reset(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, has_read: bool
) -> None:
    """The bookkeeper reads Asterisk's records ten times a second, also in the middle of it."""

    def keep_books(*_: object) -> None:
        bookkeeper = Bookkeeper(settings.store, settings.call_records, take_message=lambda _: False)
        bookkeeper.start()
        bookkeeper.stop()  # when everything is read

    for table in ("outbox", "messages", "steps", "calls"):
        db.execute(f"DELETE FROM {table}")
    incoming = (
        f'"USER_DEFINED","INCOMING","{times.now().timestamp()}","7.1","PJSIP/line-1","{HIS}","","0931",""\n'
    )
    settings.call_records.write_text(incoming)
    if has_read:
        keep_books()
    assert db.execute("SELECT count(*) FROM calls").fetchone() == (int(has_read),)
    read_to = ledger.cursor(db, CURSOR)
    monkeypatch.setattr(forgetting, "_remove_left_backups", lambda *_: None if has_read else keep_books())
    factory_reset(db, settings)
    assert not has_read or ledger.cursor(db, CURSOR) == read_to, "what was read is passed over"
    keep_books()
    assert db.execute("SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM steps)").fetchone() == (
        0,
        0,
    )


def test_a_factory_reset_leaves_an_empty_box(db: Database, settings: Settings) -> None:
    users.make_first_admin(db, "ada", "kurz und gut")
    (settings.own_recordings / "de").mkdir(parents=True)
    (settings.own_recordings / "de" / "greeting.wav").write_bytes(b"Erika Muster")
    factory_reset(db, settings)
    assert traces(settings, (*TRACES, b"Ute", b"17612345679", b"Musterb", b"ada", b"Technik")) == []
    assert users.first_start(db)
    fresh = open_store(":memory:")
    for (table,) in fresh.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        if table not in ("wishes", "night_switch", "_sqlite_migrations", "sqlite_sequence"):
            assert list(db.query(f"SELECT * FROM {table}")) == list(fresh.query(f"SELECT * FROM {table}")), (
                table
            )
    fresh.close()
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))  # and it can be set up again
