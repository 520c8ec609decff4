"""Backup and restore: one file, checked whole, taken over onto an empty box, twice, and cut off anywhere."""

from __future__ import annotations

import json
import random
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from appliance import backup, files
from appliance.backup import BackupError, check_backup, restore, write_backup
from appliance.mail.outbox import Outbox
from appliance.settings import Settings, SipLine, read_settings
from appliance.store import changes, inbox, ledger, own_prompts, restoring, times, users
from appliance.store.changes import by_page
from appliance.store.config import export_config, import_config, read_config
from appliance.store.database import open_store
from tests.unit.fake_smtp import FakeSmtp

EXAMPLE = Path(__file__).parents[2] / "appliance" / "config_example.toml"
ADA = by_page("ada")
NOW = times.to_text(times.now())
Contents = dict[str, bytes]


@pytest.fixture
def old(tmp_path: Path) -> Settings:
    """A box in use: set up, with recordings, users, calls, a message delivered and one that waits."""
    settings = Settings(tmp_path / "old", lines=(SipLine("line", "exchange.example", 5060),))
    settings.write()
    db = open_store(settings.store, durable=False)
    import_config(db, read_config(EXAMPLE.read_text("utf-8")), ADA)
    users.make_first_admin(db, "ada", "kurz und gut")
    users.begin_session(db, "ada", times.now())
    users.page_secret(db)
    own_prompts.set_sound(db, "greeting", "de", b"\1\2" * 800, ADA, times.now())
    db.execute(
        "INSERT INTO boxes (serial, agent, port, firmware, seen_at) VALUES ('b1', 'anna', '/dev/x', '1', '')"
    )
    for number, (call, outcome) in enumerate(
        [("1.1", "talked"), ("1.2", "message"), ("1.3", "message"), ("1.4", "hung up")], start=1
    ):
        add_call(db, call, outcome, f"+49931555{number:03}")
    for number, delivered in ((1, NOW), (2, "")):
        add_message(db, settings, f"1.{number + 1}", delivered)
    db.execute(
        "INSERT INTO callbacks (call, department, language, number, name, ticket, arrived, created_at,"
        " next_attempt_at) VALUES ('1.5', 'support', 'de', '+49931777', '', '', ?1, ?1, ?1)",
        [NOW],
    )
    add_call(db, "1.5", "", "+49931777", callback=1)
    inbox.write_note(db, "message:2", "ada", "Ruft morgen an")
    add_call(db, "1.6", "", "+49931888", ended_at="")
    db.close()
    return settings


def add_call(db: Database, call: str, outcome: str, caller: str, **columns: object) -> None:
    agent = "anna" if outcome == "talked" else ""
    row = {
        **{"call": call, "dialled": "1", "department": "support", "caller": caller, "agent": agent},
        **{"started_at": NOW, "ended_at": NOW, "outcome": outcome, **columns},
    }
    db.table("calls").insert(row)
    ledger.add_step(db, call, "rang in", "1", times.now())


def add_message(db: Database, settings: Settings, call: str, delivered: str, sound: bytes = b"mp3") -> None:
    files.make_folder(settings.spool / "messages")
    (settings.spool / "messages" / f"{call}.mp3").write_bytes(sound + call.encode())
    (settings.spool / "messages" / f"{call}.wav").write_bytes(b"wav" * 1000 + call.encode())
    message = db.execute(
        "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound)"
        " VALUES (?, 'support', '', '', ?, 3.0, ?)",
        [call, NOW, f"messages/{call}.mp3"],
    ).lastrowid
    db.execute(
        "INSERT INTO outbox (message, message_id, recipient, language, delivered_at)"
        " VALUES (?, ?, 'a@b.example', 'de', ?)",
        [message, f"<{call}@x>", delivered],
    )


@pytest.fixture
def file(old: Settings, tmp_path: Path) -> Path:
    file = tmp_path / "backup.zip"
    write_backup(old, file)
    return file


@pytest.fixture
def new(tmp_path: Path) -> Settings:
    """An empty box that was just taken over by somebody."""
    settings = Settings(tmp_path / "new")
    settings.state.mkdir()
    db = open_store(settings.store)
    users.make_first_admin(db, "eve", "ganz neu hier")
    db.close()
    return settings


def picture(settings: Settings) -> dict[str, Any]:
    """Everything that must be the same on the other box."""
    db = open_store(settings.store)
    tables = {
        name: list(db.query(f"SELECT * FROM {name} ORDER BY 1"))
        for name in ("calls", "steps", "messages", "outbox", "callbacks", "users", "inbox", "acts")
    }
    for row in tables["steps"]:
        del row["id"]
    tables["prompts"] = [(p.prompt, p.has_sound, p.set_by) for p in own_prompts.newest(db).values()]
    sounds = {file.name: file.read_bytes() for file in (settings.spool / "messages").iterdir()}
    config = export_config(db)
    db.close()
    return tables | {"config": config, "sounds": sounds}


def test_a_restore_onto_an_empty_box_has_everything(old: Settings, new: Settings, file: Path) -> None:
    db = open_store(old.store)
    db.execute("DELETE FROM steps WHERE call = '1.6'")
    db.execute("DELETE FROM calls WHERE call = '1.6'")  # it was going on: it is of that box
    db.close()
    done = restore(new, file, ADA)
    assert picture(new) == picture(old)
    assert (done.added.calls, done.added.messages, done.added.callbacks, done.lines) == (5, 2, 1, True)
    assert read_settings(new.state).lines == old.lines
    db = open_store(new.store)
    assert ledger.check(db, alive=frozenset()) == []
    assert [row[0] for row in db.execute("SELECT message_id FROM outbox WHERE delivered_at = ''")] == [
        "<1.3@x>"
    ]
    assert own_prompts.not_in_force(db), "the supervisor brings the recordings into force"
    assert users.check_password(db, "ada", "kurz und gut", "", times.now())
    assert db.execute("SELECT serial, agent, port FROM boxes").fetchall() == [("b1", "anna", "")]
    assert changes.newest(db, 1)[0].subject == "restore"
    db.close()


def test_what_was_not_delivered_goes_out_once_from_the_new_box(new: Settings, file: Path) -> None:
    with FakeSmtp() as server:
        for _ in range(2):  # the same backup again, and the outbox started again
            restore(new, file, ADA)
            db = open_store(new.store)
            db.execute(
                "UPDATE mail_server SET host = '127.0.0.1', port = ?, security = 'none'", [server.port]
            )
            db.close()
            outbox = Outbox(new.store, new.spool)
            outbox.start()
            server.wait_until(lambda server: bool(server.taken))
            outbox.stop()
    assert [mail.letter["Message-ID"] for mail in server.taken] == ["<1.3@x>"]


def test_the_same_again_changes_nothing_and_nothing_of_here_is_lost(new: Settings, file: Path) -> None:
    restore(new, file, ADA)
    db = open_store(new.store)
    add_call(db, "9.1", "message", "+4912")
    add_message(db, new, "9.1", "")
    db.execute("UPDATE outbox SET delivered_at = ? WHERE message_id = '<1.3@x>'", [NOW])
    db.close()
    before = picture(new)
    done = restore(read_settings(new.state), file, ADA)
    assert picture(new) == before
    assert (done.added.calls, done.added.messages, done.added.callbacks, done.lines) == (0, 0, 0, False)


def test_numbers_that_are_taken_here_lead_to_the_right_things(new: Settings, file: Path) -> None:
    db = open_store(new.store)
    add_call(db, "9.1", "message", "+4912")
    add_message(db, new, "9.1", "")
    db.execute(
        "INSERT INTO callbacks (call, department, language, number, name, ticket, arrived, created_at,"
        " next_attempt_at) VALUES ('9.2', 'support', 'de', '+49931777', '', '', ?1, ?1, ?1)",
        [NOW],
    )
    db.close()
    restore(new, file, ADA)
    db = open_store(new.store)
    note = db.execute(
        "SELECT m.call, i.note FROM inbox AS i JOIN messages AS m ON i.subject = 'message:' || m.id"
    ).fetchall()
    assert note == [("1.3", "Ruft morgen an")]
    assert db.execute("SELECT count(*) FROM callbacks").fetchone() == (1,), "he is owed one call, not two"
    assert db.execute("SELECT callback FROM calls WHERE call = '1.5'").fetchone() == (1,)
    pairs = db.execute(
        "SELECT m.call, o.message_id FROM outbox AS o JOIN messages AS m ON m.id = o.message"
    ).fetchall()
    assert sorted(pairs) == [("1.2", "<1.2@x>"), ("1.3", "<1.3@x>"), ("9.1", "<9.1@x>")]
    db.close()


def test_other_sound_of_the_same_name_stays_beside(new: Settings, file: Path) -> None:
    files.make_folder(new.spool / "messages")
    (new.spool / "messages" / "1.3.mp3").write_bytes(b"of here")
    restore(new, file, ADA)
    assert (new.spool / "messages" / "1.3.mp3").read_bytes() == b"of here"
    db = open_store(new.store)
    sound = db.execute("SELECT sound FROM messages WHERE call = '1.3'").fetchone()[0]
    db.close()
    assert (new.spool / sound).read_bytes() == b"mp31.3"
    assert (new.spool / sound).with_suffix(".wav").is_file()


def test_a_recording_that_is_no_message_yet_comes_along(
    old: Settings, new: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_STILL_SECONDS", 0.0)
    old.recordings.mkdir(parents=True)
    (old.recordings / "1.4.wav").write_bytes(b"said")
    (old.recordings / "1.6.wav").write_bytes(b"is just being said")
    write_backup(old, tmp_path / "b.zip")
    restore(new, tmp_path / "b.zip", ADA)
    assert {file.name for file in new.recordings.iterdir()} == {"1.4.wav"}


def test_what_must_not_leave_the_box_does_not(old: Settings, file: Path, tmp_path: Path) -> None:
    db = open_store(old.store)
    secret = users.page_secret(db)
    digest = db.execute("SELECT digest FROM sessions").fetchone()[0]
    db.close()
    with zipfile.ZipFile(file) as packed:
        names, content = packed.namelist(), b"".join(packed.read(name) for name in packed.namelist())
    assert not [name for name in names if "asterisk" in name]
    for word in (secret, digest, "+49931888"):  # the last: a call going on
        assert word.encode() not in content
    assert b"kurz und gut" not in content
    assert file.stat().st_mode & 0o077 == 0
    assert not list(tmp_path.glob("*.unfinished")) + list(old.state.glob(".backup-*"))


def test_before_a_restore_one_sees_what_is_in_it(new: Settings, file: Path) -> None:
    found = check_backup(new, file)
    assert (found.office, found.users, found.calls, found.messages) == ("Musterbüro", 1, 5, 2)
    assert (found.undelivered, found.callbacks, found.lines) == (1, 1, 1)
    assert not list(new.state.glob(".backup-*"))


# --- what is refused


def repacked(file: Path, change: Callable[[Contents], None], *, digests: bool = False) -> None:
    """The same with other contents; with `digests` the manifest knows of it."""
    with zipfile.ZipFile(file) as packed:
        contents = {name: packed.read(name) for name in packed.namelist()}
    change(contents)
    if digests:
        manifest = json.loads(contents["manifest.json"])
        for entry in manifest["files"]:
            if entry["name"] in contents:
                path = file.with_name("piece")
                path.write_bytes(contents[entry["name"]])
                entry |= backup._measured(path)
        contents["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in contents.items():
            packed.writestr(name, content)


def manifest(**values: object) -> Callable[[Contents], None]:
    def change(contents: Contents) -> None:
        contents["manifest.json"] = json.dumps(json.loads(contents["manifest.json"]) | values).encode()

    return change


def listed(name: str, content: bytes) -> Callable[[Contents], None]:
    def change(contents: Contents) -> None:
        values = json.loads(contents["manifest.json"])
        values["files"].append({"name": name, "bytes": len(content), "sha256": ""})
        contents["manifest.json"] = json.dumps(values).encode()
        contents[name] = content

    return change


def in_store(statement: str) -> Callable[[Contents], None]:
    def change(contents: Contents) -> None:
        db = sqlite3.connect(":memory:")
        db.deserialize(contents["store.db"])
        with db:
            db.execute(statement)
        contents["store.db"] = db.serialize()

    return change


def bomb(contents: Contents) -> None:
    contents["messages/1.3.wav"] = b"\0" * 50_000_000


@pytest.mark.parametrize(
    ("change", "digests", "reason", "words"),
    [
        (manifest(format="something"), False, "not a backup", "keine Sicherung von Freizeichen"),
        (manifest(format_version=2), False, "newer", "neueren Version"),
        (manifest(schema=["m001_office", "m099_later"]), False, "newer", "neueren Version"),
        (manifest(files=[]), False, "damaged", "beschädigt"),
        (manifest(files=[{"name": "store.db"}]), False, "damaged", "beschädigt"),
        (listed("../../etc/passwd", b"x"), True, "foreign file", "../../etc/passwd"),
        (listed("/etc/passwd", b"x"), True, "foreign file", "/etc/passwd"),
        (listed("messages/../../x.mp3", b"x"), True, "foreign file", "in keiner Sicherung"),
        (listed("freizeichen.service", b"x"), True, "foreign file", "freizeichen.service"),
        (bomb, False, "too large", "größer"),
        (lambda c: c.update({"store.db": b"SQLite format 3\0" + b"x" * 9000}), True, "store", "beschädigt"),
        (lambda c: c.update({"messages/1.3.wav": b"other"}), False, "damaged", "beschädigt"),
        (lambda c: c.update({"messages/1.3.wav": b"vaw" * 1000 + b"1.3"}), False, "damaged", "beschädigt"),
        (in_store("CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT 1; END"), True, "store", "Speicher"),
        (in_store("CREATE TABLE more (x)"), True, "store", "Speicher"),
        (in_store("UPDATE departments SET mailbox = 'nowhere'"), True, "config", "mailbox"),
        (in_store("UPDATE calls SET callback = 77 WHERE call = '1.1'"), True, "store", "Speicher"),
        (lambda c: c.update({"box.toml": b"sip_port = 0"}), True, "lines", "sip_port"),
    ],
)  # fmt: skip
def test_what_is_no_good_backup_is_refused_whole(
    new: Settings, file: Path, change: Callable[[Contents], None], digests: bool, reason: str, words: str
) -> None:
    repacked(file, change, digests=digests)
    assert_refused(new, file, reason, words)


def test_a_backup_whose_files_lie_before_its_beginning_is_damaged(new: Settings, file: Path) -> None:
    """The table at its end has been shifted: reading a file there is an error of the system, not of ZIP."""
    content = bytearray(file.read_bytes())
    place = content.rindex(b"PK\5\6") + 16  # where the table begins
    content[place : place + 4] = (int.from_bytes(content[place : place + 4], "little") + 10).to_bytes(
        4, "little"
    )
    file.write_bytes(content)
    assert_refused(new, file, "damaged", "beschädigt")


def assert_refused(settings: Settings, file: Path, reason: str, words: str) -> None:
    def everything() -> object:
        db = open_store(settings.store)
        dump = list(db.conn.iterdump())
        db.close()
        return dump, sorted(str(path) for path in settings.state.rglob("*") if ".db" not in path.name)

    before = everything()
    for look in (lambda: check_backup(settings, file), lambda: restore(settings, file, ADA)):
        with pytest.raises(BackupError) as error:
            look()
        assert error.value.reason == reason
        assert words in error.value.german
        assert error.value.english.isascii() or words in error.value.english
    assert everything() == before


def test_a_huge_one_is_refused_before_anything_is_unpacked(new: Settings, file: Path) -> None:
    def change(contents: Contents) -> None:
        values = json.loads(contents["manifest.json"])
        values["files"][0]["bytes"] = backup.LARGEST_BYTES + 1
        contents["manifest.json"] = json.dumps(values).encode()

    repacked(file, change)
    assert_refused(new, file, "too large", "größer")


def test_a_full_disk_refuses(new: Settings, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = backup.shutil.disk_usage(new.state)
    monkeypatch.setattr(backup.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    assert_refused(new, file, "no room", "reicht nicht")


def test_files_that_are_no_backup_at_all(new: Settings, file: Path) -> None:
    whole = file.read_bytes()
    for content, reason in (
        (b"", "not a backup"),
        (b"Sehr geehrte Damen und Herren", "not a backup"),
        (whole[: len(whole) // 2], "cut off"),
        (whole[:-30], "cut off"),
        (whole[:100], "cut off"),
    ):
        file.write_bytes(content)
        with pytest.raises(BackupError) as error:
            restore(new, file, ADA)
        assert error.value.reason == reason


def test_whatever_byte_is_broken_nothing_but_a_whole_backup_is_taken(new: Settings, file: Path) -> None:
    whole, dice = file.read_bytes(), random.Random(3)
    refused = 0
    for _ in range(60):
        broken = bytearray(whole)
        broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
        file.write_bytes(broken)
        try:
            check_backup(new, file)
        except BackupError:
            refused += 1
    assert refused > 40  # the others: bytes of the ZIP nobody reads, such as times


def test_a_file_that_lies_before_the_beginning_is_damage(new: Settings, file: Path) -> None:
    """A ZIP says in its last 22 bytes where its table begins; all its files are counted from there."""
    whole = bytearray(file.read_bytes())
    (begins,) = struct.unpack_from("<I", whole, len(whole) - 6)
    struct.pack_into("<I", whole, len(whole) - 6, begins + 1000)
    file.write_bytes(whole)
    with pytest.raises(BackupError) as error:
        check_backup(new, file)
    assert error.value.reason == "damaged"


# --- cut off anywhere


def test_a_restore_that_is_cut_off_anywhere_is_completed_by_the_same_again(
    old: Settings, new: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each file that is written and each piece of the store: the store is as before, or whole."""
    db = open_store(old.store)
    db.execute("DELETE FROM steps WHERE call = '1.6'")
    db.execute("DELETE FROM calls WHERE call = '1.6'")
    db.close()
    wanted = picture(old)
    pieces = [(files, "write_durably")] + [
        (restoring, name) for name in ("_users", "_prompts", "_boxes", "_changes", "_calls", "_inbox", "note")
    ]
    for number, (module, name) in enumerate(pieces):
        box = replace(new, state=new.state.with_name(f"cut{number}"))
        box.state.mkdir()
        open_store(box.store).close()
        real, calls = getattr(module, name), [0]

        def cut(*args: Any, _real: Any = real, _calls: list[int] = calls, **more: Any) -> Any:
            _calls[0] += 1
            if _calls[0] == 2 or _real.__name__ != "write_durably":
                raise PowerCut
            return _real(*args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(module, name, cut)
            with pytest.raises(PowerCut):
                restore(box, file, ADA)
        db = open_store(box.store)
        assert db.execute(
            "SELECT (SELECT count(*) FROM calls) + (SELECT count(*) FROM users)"
        ).fetchone() == (0,)
        db.close()
        restore(box, file, ADA)
        assert picture(box) == wanted


class PowerCut(BaseException):
    """Nothing catches it."""
