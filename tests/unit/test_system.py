"""The box itself: wishes granted, commands of backup and forgetting, and a diagnosis that names nobody."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlite_utils import Database

from appliance import granting
from appliance.backup import write_backup
from appliance.cli import main
from appliance.diagnosis import write_bundle
from appliance.granting import Granting, grant
from appliance.settings import Settings, SipLine
from appliance.store import times, users, wishes
from appliance.store.changes import by_page
from appliance.store.config import import_config, read_config
from appliance.store.database import open_store
from appliance.store.liveness import Alive
from tests.unit.fake_smtp import FakeSmtp
from tests.unit.test_backup import EXAMPLE, add_call, add_message
from tests.web.busy_office import busy_office

ADA = by_page("ada")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(tmp_path / "box", lines=(SipLine("line", "exchange.example", 5060),))
    settings.write()
    return settings


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    db = open_store(settings.store)
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))
    add_call(db, "1.1", "message", "+4917612345678")
    add_message(db, settings, "1.1", "")
    yield db
    db.close()


def answer(db: Database, settings: Settings, kind: str, **values: Any) -> dict[str, Any]:
    """What came of a wish, with the parts that were restarted."""
    number = wishes.ask(db, kind, ADA, times.now(), **values)
    wish, began = wishes.waiting(db), list[str]()
    assert wish
    restart: dict[str, Callable[[], None]] = {
        part: (lambda part=part: began.append(part))
        for part in ("supervisor", "asterisk")  # type: ignore[misc]
    }
    grant(db, settings, wish, restart)
    done = wishes.wish(db, number)
    assert done
    assert done.answer
    return done.answer | {"restarted": began}


@pytest.mark.parametrize("part", ["supervisor", "asterisk"])
def test_a_part_is_restarted_behind_the_answer(db: Database, settings: Settings, part: str) -> None:
    assert answer(db, settings, "restart", part=part) == {"word": "done", "restarted": [part]}


def test_a_part_there_is_not_is_not_restarted(db: Database, settings: Settings) -> None:
    assert answer(db, settings, "restart", part="reactor")["restarted"] == []


def test_a_test_mail_arrives_or_its_trouble_is_told(db: Database, settings: Settings) -> None:
    with FakeSmtp() as server:
        db.execute("UPDATE mail_server SET host = '127.0.0.1', port = ?, security = 'none'", [server.port])
        found = answer(db, settings, "test mail", recipient="chef@office.example")
        assert found["word"] == "done"
        assert server.taken[0].recipients == ("chef@office.example",)
        assert server.taken[0].letter["Subject"] == "Test der Telefonanlage"
        server.faults["RCPT"] = "550 nobody here"
        refused = answer(db, settings, "test mail", recipient="x@office.example")
        assert (refused["word"], refused["trouble"]) == ("trouble", "refused: 550 nobody here")
    assert answer(db, settings, "test mail", recipient="no address")["trouble"].startswith("unreachable")
    db.execute("DELETE FROM mail_server")
    assert answer(db, settings, "test mail", recipient="a@b.example")["trouble"] == "no server"


def test_the_thread_takes_a_wish_that_was_left_by_a_power_cut(db: Database, settings: Settings) -> None:
    number = wishes.ask(db, "forget number", ADA, times.now(), number="0176 12345678")
    thread = Granting(settings, {})
    thread.start()
    deadline = times.now().timestamp() + 20
    while (wish := wishes.wish(db, number)) is None or wish.answer is None:
        assert times.now().timestamp() < deadline
    thread.stop()
    assert wish.answer == {"word": "done", "calls": 1, "messages": 1, "callbacks": 0}
    assert wish.values == {}, "the wish has forgotten the number, too"


def test_a_restore_takes_only_what_was_uploaded(db: Database, settings: Settings, tmp_path: Path) -> None:
    write_backup(settings, tmp_path / "b.zip")
    folder = settings.state / "restore"
    folder.mkdir()
    for name in ("", "../../b.zip", str(tmp_path / "b.zip"), ".", "gone"):
        assert answer(db, settings, "restore", file=name)["word"] == "failed"
    (folder / "mine").write_bytes((tmp_path / "b.zip").read_bytes())
    assert answer(db, settings, "restore", file="mine")["word"] == "done"
    assert list(folder.iterdir()) == []
    (folder / "odd").write_bytes(b"odd")
    refused = answer(db, settings, "restore", file="odd")
    assert (refused["word"], refused["en"]) == ("refused", "This file is not a backup of Freizeichen.")


# --- the commands


def run(settings: Settings, *words: str) -> Result:
    return CliRunner(env={"LANG": "en_GB.UTF-8", "LC_ALL": "en_GB.UTF-8"}).invoke(
        main, ["--state", str(settings.state), *words]
    )


def test_backup_and_restore_by_command(db: Database, settings: Settings, tmp_path: Path) -> None:
    users.make_first_admin(db, "ada", "kurz und gut")
    file = tmp_path / "backup.zip"
    told = run(settings, "backup", str(file), "--json")
    assert json.loads(told.stdout)["messages"] == 1
    fresh = Settings(tmp_path / "fresh")
    checked = run(fresh, "restore", str(file), "--check", "--json")
    assert json.loads(checked.stdout)["office"] == "Musterbüro"
    assert not users.users(open_store(fresh.store)), "checking takes nothing over"
    done = run(fresh, "restore", str(file), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) | {"word": "done"} == {
        **{"word": "done", "calls": 1, "messages": 1, "callbacks": 0, "lines": True}
    }
    assert [user.name for user in users.users(open_store(fresh.store))] == ["ada"]


def test_what_cannot_be_done_by_command_is_said(db: Database, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "odd").write_text("Sehr geehrte Damen")
    refused = run(settings, "restore", str(tmp_path / "odd"))
    assert refused.exit_code == 1
    assert "This file is not a backup of Freizeichen." in refused.output
    assert "cannot be used" in run(settings, "backup", "/proc/no/backup.zip").output
    assert "There is no store" in run(Settings(tmp_path / "none"), "backup", str(tmp_path / "b")).output
    assert "not a telephone number" in run(settings, "forget", "Erika").output
    assert "set-up" in run(settings, "forget", "0931 555-10").output
    reset = run(settings, "factory-reset")
    assert reset.exit_code == 1
    assert "--confirm RESET" in reset.output
    assert db.execute("SELECT count(*) FROM calls").fetchone() == (1,)


def test_forgetting_and_reset_by_command(db: Database, settings: Settings) -> None:
    assert json.loads(run(settings, "forget", "0176 12345678", "--json").stdout)["calls"] == 1
    assert run(settings, "factory-reset", "--confirm", "reset").exit_code == 0
    assert db.execute("SELECT count(*) FROM departments").fetchone() == (0,)


def test_a_supervisor_that_runs_is_left_to_do_it(db: Database, settings: Settings) -> None:
    thread = Granting(settings, {})
    with Alive(settings.state):
        thread.start()
        done = run(settings, "forget", "0176 12345678", "--json")
    thread.stop()
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["calls"] == 1
    assert db.execute("SELECT count(*) FROM calls").fetchone() == (0,)


# --- the diagnosis


def test_a_diagnosis_names_nobody_and_no_number(tmp_path: Path) -> None:
    """Every text of the store that is not a word of our own is looked for in the bundle."""
    _, settings, db = busy_office(tmp_path)
    db.execute("UPDATE outbox SET last_error = 'refused: 550 chef@example.org', delivered_at = ''")
    db.execute("INSERT INTO steps (call, step, detail) VALUES ('1700.1', 'Frau Kühn', '')")
    users.make_first_admin(db, "verwalterin", "kurz und gut")
    bundle = io.BytesIO()
    write_bundle(db, settings, bundle)
    with zipfile.ZipFile(bundle) as packed:
        assert set(packed.namelist()) == {
            f"{name}.json" for name in ("box", "store", "setup", "state", "calls")
        }
        texts = {name: packed.read(name).decode() for name in packed.namelist()}
    whole = "\n".join(json.dumps(json.loads(text), ensure_ascii=False) for text in texts.values())
    for table, columns in {
        "calls": ("call", "caller", "caller_name", "dialled", "ticket", "agent"),
        "callbacks": ("number", "name", "ticket"),
        "messages": ("caller", "caller_name", "sound"),
        "outbox": ("recipient", "message_id"),
        "agents": ("title", "phone"),
        "departments": ("title", "mailbox"),
        "numbers": ("number",),
        "dialled_forms": ("dialled",),
        "phones": ("secret",),
        "office": ("name", "mailbox"),
        "mail_server": ("host", "sender", "user", "password"),
        "users": ("name", "password"),
        "steps": ("detail",),
    }.items():
        for column in columns:
            for (value,) in db.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
                if value and len(value) > 3 and value != "message":
                    assert value not in whole, (table, column, value)
    for word in ("Kühn", "chef@", "verwalterin"):
        assert word not in whole
    calls = json.loads(texts["calls.json"])
    assert any(
        [step for _, step in call["steps"] if step in ("rang in", "talks")] == ["rang in", "talks"]
        for call in calls
    )
    assert json.loads(texts["store.json"])["sound"] is True
    assert run(settings, "diagnose", str(tmp_path / "d.zip")).exit_code == 0
    db.close()


def test_a_wish_waits_for_a_disk_that_can_be_written(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk ends no thread, which would end the supervisor again and again; it is granted later."""
    number = wishes.ask(db, "forget number", ADA, times.now(), number="+4917612345678")
    real, tried = wishes.answer, list[int]()

    def answered(*arguments: Any, **values: Any) -> None:
        tried.append(1)
        if len(tried) == 1:
            raise sqlite3.OperationalError("database or disk is full")
        real(*arguments, **values)

    granted = Event()
    monkeypatch.setattr(wishes, "answer", answered)
    monkeypatch.setattr(granting, "_AGAIN_SECONDS", 0.01)
    waiting = Granting(settings, {}, on_change=granted.set)
    waiting.start()
    assert granted.wait(60)
    waiting.stop()
    done = wishes.wish(db, number)
    assert done is not None
    assert done.answer is not None
    assert done.answer["word"] == "done"
    assert len(tried) == 2
