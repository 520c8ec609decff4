"""The command at its edges: whatever is wrong with the box, it says a sentence in either language."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli import main
from appliance.settings import Settings
from appliance.status import complaints, look
from appliance.store import night, outbox, times
from appliance.store.changes import by_page
from appliance.store.liveness import Alive
from appliance.telephony.prompts.install import MissingPrompts
from tests.unit.seed import seeded_store


def refused(state: Path, *words: str) -> str:
    """Run a command that must fail with one sentence in German and in English; returns both."""
    told = []
    for locale in ("de_DE.UTF-8", "C.UTF-8"):
        answer = CliRunner(env={"LC_ALL": locale}).invoke(main, ["--state", str(state), *words])
        assert answer.exit_code == 1
        assert isinstance(answer.exception, SystemExit), answer.exception
        assert answer.output.startswith("Error: ")
        told.append(answer.output)
    german, english = told
    assert german != english
    return german + english


@contextmanager
def unreadable(folder: Path) -> Iterator[None]:
    """Nobody but its owner may look into `folder`, and we are not its owner."""
    if os.geteuid():
        folder.chmod(0)
        yield
        folder.chmod(0o700)
        return
    folder.chmod(0o700)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def no_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """`run` sets up the log of its process, which is ours here."""
    monkeypatch.setattr(logging, "basicConfig", lambda **_options: None)


@pytest.mark.usefixtures("no_logging")
def test_a_second_supervisor_is_told_before_it_takes_anything(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, Alive(tmp_path):
        Settings(tmp_path, fastagi_port=first.getsockname()[1]).write()
        told = refused(tmp_path, "run")
    assert f"Auf {tmp_path} läuft schon eine Steuerung." in told
    assert f"A supervisor already runs on {tmp_path}." in told


@pytest.mark.usefixtures("no_logging")
def test_a_port_that_another_program_has_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        Settings(tmp_path, fastagi_port=port).write()
        assert refused(tmp_path, "run").count(f"FastAGI-Port {port}") == 1


@pytest.mark.parametrize("words", [["status"], ["agents"], ["run"], ["config", "export"]])
def test_a_folder_one_may_not_look_into(tmp_path: Path, words: list[str]) -> None:
    with unreadable(tmp_path):
        told = refused(tmp_path, *words)
    assert f"{tmp_path}/box.toml ist nicht zu lesen" in told
    assert f"{tmp_path}/box.toml cannot be read" in told


def test_a_store_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "freizeichen.db").write_text("Liebe Oma, " * 1000)
    told = refused(tmp_path, "status")
    assert "freizeichen.db ist keine Datenbank" in told
    assert "freizeichen.db is not a database" in told


def test_a_store_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "freizeichen.db").mkdir()
    told = refused(tmp_path, "ledger", "check")
    assert "freizeichen.db ist nicht zu benutzen" in told


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    config = tmp_path / "office.toml"
    config.write_text((Path(__file__).parents[2] / "appliance" / "config_example.toml").read_text())
    told = refused(config / "box", "config", "import", str(config))
    assert str(config / "box") in told


def test_a_wrong_box_toml(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_text("sip_port = 99999\n")
    told = refused(tmp_path, "status")
    assert "sip_port muss eine ganze Zahl von 1 bis 65535 sein" in told
    assert "sip_port must be a whole number from 1 to 65535" in told


# What `status` sees lying about


def test_status_tells_of_a_forgotten_night_switch(tmp_path: Path) -> None:
    settings = Settings(tmp_path, manager_port=1)
    settings.recordings.mkdir(parents=True)
    db = seeded_store(settings.store)
    db.execute("INSERT INTO opening_hours VALUES ('office', 0, '08:00', '17:00')")
    night.set_night_mode(db, "night", by_page("ada"), times.now())
    assert not [told for told in complaints(look(db, settings, None), "en") if "night switch" in told]
    night.set_night_mode(db, "auto", by_page("ada"), times.now())
    night.set_night_mode(db, "night", by_page("ada"), times.now() - timedelta(days=15))
    state = look(db, settings, None)
    db.close()
    assert any("at night since" in told for told in complaints(state, "en"))
    assert any("auf Nacht" in told for told in complaints(state, "de"))


def test_status_tells_of_a_watchdog_that_is_off(tmp_path: Path) -> None:
    settings = Settings(tmp_path, manager_port=1)
    db = seeded_store(settings.store)
    state = look(db, settings, None)
    db.close()
    for counts, told in ((True, False), (None, False), (False, True)):
        now = state | {"watchdog_counts": counts}
        assert any("Watchdog des Geräts ist aus" in sentence for sentence in complaints(now, "de")) is told
        assert any("watchdog is off" in sentence for sentence in complaints(now, "en")) is told


def test_status_tells_of_recordings_nobody_takes(tmp_path: Path) -> None:
    settings = Settings(tmp_path, manager_port=1)  # nobody answers there
    settings.recordings.mkdir(parents=True)
    (settings.recordings / "17.1.wav").touch()
    os.utime(settings.recordings / "17.1.wav", (0, 0))
    (settings.recordings / "17.2.wav").touch()  # still being spoken
    (settings.recordings / "17.3.unreadable").touch()
    db = seeded_store(settings.store)
    state = look(db, settings, None)
    db.close()
    assert (state["recordings_stuck"], state["recordings_unreadable"]) == (1, 1)
    for language, stuck, unreadable in (
        ("de", "1 Aufnahme(n) liegen da", "1 Aufnahme(n) sind kein Ton"),
        ("en", "1 recording(s) lie there", "1 recording(s) are no sound"),
    ):
        told = " ".join(complaints(state, language))
        assert stuck in told
        assert unreadable in told
    quiet = complaints(state | {"recordings_stuck": 0, "recordings_unreadable": 0}, "en")
    assert not [sentence for sentence in quiet if "recording" in sentence]


def test_status_says_which_of_the_mails_that_wait_have_a_message(tmp_path: Path) -> None:
    settings = Settings(tmp_path, manager_port=1)  # nobody answers there
    db = seeded_store(settings.store)
    message = db.execute(
        "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound)"
        " VALUES ('1.1', 'support', '', '', '2026-11-24T12:00:00.000Z', 3, '1.1.mp3')"
    ).lastrowid
    report = db.execute(
        "INSERT INTO weekly_reports (last_day, noticed_at) VALUES ('2026-11-22', '')"
    ).lastrowid
    outbox.put(db, "message", message, "message", ("t@x.example", "de"))
    outbox.put(db, "weekly_report", report, "week", ("t@x.example", "de"))
    state = look(db, settings, None)
    db.close()
    assert (state["mails_undelivered"], state["messages_undelivered"]) == (2, 1)
    assert any(
        "2 Mail(s) warten" in told and "davon 1 mit einer Nachricht" in told
        for told in complaints(state, "de")
    )
    assert any(
        "2 mail(s) wait" in told and "1 of them with a message" in told for told in complaints(state, "en")
    )


def test_preparing_without_an_asterisk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.telephony.sandbox.installed_asterisk", lambda: None)
    assert "No Asterisk is installed" in refused(tmp_path / "box", "prepare")
    assert not (tmp_path / "box").exists()


def test_preparing_with_a_prompt_missing_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(*_: object) -> None:
        raise MissingPrompts([("greeting", "de")])

    monkeypatch.setattr("appliance.telephony.sandbox.installed_asterisk", object)
    monkeypatch.setattr("appliance.prepare.prepare_box", prepare)
    assert "greeting (de)" in refused(tmp_path / "box", "prepare")
