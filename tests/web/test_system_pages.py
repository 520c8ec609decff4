"""The pages of the system: mail, backup, privacy, parts, and the status for the website."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from appliance.granting import grant
from appliance.office_page import BoxOfSettings
from appliance.settings import Settings
from appliance.store import ledger, times, wishes
from appliance.store.changes import newest
from appliance.store.config import export_config, import_config, read_config
from appliance.store.database import open_store
from appliance.store.liveness import Alive
from tests.unit.test_backup import EXAMPLE, add_call, add_message
from tests.unit.test_config_rota import WITH_ROTA
from tests.web.visiting import HERE, Visitor, lamp, post, visitor, words
from webui import create_app, website
from webui.texts import TEXTS

SECRET = "streng-geheim-77"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(tmp_path / "box")
    settings.write()
    return settings


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    db = open_store(settings.store, durable=False)
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))
    db.execute("UPDATE mail_server SET password = ?, user = 'box'", [SECRET])
    add_call(db, "1.1", "message", "+4917612345678")
    add_message(db, settings, "1.1", "")
    with Alive(settings.state):
        yield db
    db.close()


@pytest.fixture
def restarted() -> list[str]:
    return []


@pytest.fixture
def admin(settings: Settings, db: Database, restarted: list[str]) -> Visitor:
    box = BoxOfSettings(settings, restart_page=lambda: restarted.append("page"))
    client = visitor(create_app(settings.store, box=box))
    client.sign_in(db, "ada")
    return client


def page(client: Visitor, where: str, language: str = "de") -> str:
    return client.get(f"{where}?lang={language}").get_data(as_text=True)


def seen(text: str, action: str) -> str:
    """What the form with this action carries, so that the second of two editors is told."""
    return text.split(f'action="{action}"')[1].split('name="seen" value="')[1].split('"')[0]


def granted(db: Database, settings: Settings) -> dict[str, Any]:
    """What the supervisor does with the wish that waits."""
    wish = wishes.waiting(db)
    assert wish
    grant(db, settings, wish, {})
    done = wishes.wish(db, wish.id)
    assert done
    assert done.answer
    return done.answer


# --- mail

SERVER = {"host": "mail.example", "port": "587", "security": "starttls", "user": "u", "sender": "a@b.example"}


def test_the_mail_server_is_set_and_its_password_never_shown(admin: Visitor, db: Database) -> None:
    text = page(admin, "/system/mail")
    assert SECRET not in text
    assert TEXTS["de"]("mail.password_kept") in text
    form = SERVER | {"seen": seen(text, "/system/mail")}
    assert post(admin, "/system/mail", **form).status_code == 303
    assert export_config(db).mail.host == "mail.example"
    assert export_config(db).mail.password == SECRET, "left empty, it stays"
    form["seen"] = seen(page(admin, "/system/mail"), "/system/mail")
    post(admin, "/system/mail", **form, password="neu und anders")
    assert export_config(db).mail.password == "neu und anders"
    form["seen"] = seen(page(admin, "/system/mail"), "/system/mail")
    post(admin, "/system/mail", **form, no_password="1")
    assert export_config(db).mail.password == ""
    for where in ("/system/mail", "/system/changes"):
        assert "neu und anders" not in page(admin, where)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"host": ""}, "Server: "), ({"port": "x"}, "Port: "), ({"port": "70000"}, "Port: "),
     ({"security": "rot13"}, "Verschlüsselung: "), ({"sender": "nobody"}, "Absender: ")],
)  # fmt: skip
def test_a_mail_server_that_cannot_be_is_refused_and_what_was_typed_stays(
    admin: Visitor, db: Database, wrong: dict[str, str], said: str
) -> None:
    before = export_config(db)
    form = SERVER | {"seen": seen(page(admin, "/system/mail"), "/system/mail"), "password": "p"} | wrong
    refused = post(admin, "/system/mail", **form)
    assert refused.status_code == 400
    text = refused.get_data(as_text=True)
    assert words(text, "fault").startswith(said)
    assert "mail.example" in text or "host" in wrong
    assert export_config(db) == before


def test_who_comes_second_is_told(admin: Visitor, db: Database) -> None:
    stale = seen(page(admin, "/system/mail"), "/system/mail")
    post(admin, "/system/mail", **SERVER, seen=stale)
    refused = post(admin, "/system/mail", **SERVER | {"host": "other.example"}, seen=stale)
    assert words(refused.get_data(as_text=True), "fault") == TEXTS["de"]("system.changed_meanwhile")
    assert export_config(db).mail.host == "mail.example"


def test_a_test_mail_is_wished_for_and_its_answer_shown(
    admin: Visitor, db: Database, settings: Settings
) -> None:
    assert post(admin, "/system/mail/test", recipient="chef").status_code == 400
    assert post(admin, "/system/mail/test", recipient="chef@office.example").status_code == 303
    waiting = admin.get("/system/mail")
    assert waiting.headers["Refresh"] == "2"
    assert TEXTS["de"]("system.waits") in waiting.get_data(as_text=True)
    db.execute("DELETE FROM mail_server")
    granted(db, settings)
    db.execute("INSERT INTO mail_server VALUES (1, 'h', 25, 'none', '', '', 'a@b.example')")
    done = admin.get("/system/mail")
    assert "Refresh" not in done.headers
    assert words(done.get_data(as_text=True), "tested") == "Es ist kein Mailserver eingestellt."


def test_the_weekly_report_is_switched_on(admin: Visitor, db: Database) -> None:
    form = {"report_mailbox": "chef@office.example", "report_weekday": "fri", "mailbox": ""}
    key = seen(page(admin, "/system/mail"), "/system/mail/report")
    assert post(admin, "/system/mail/report", **form, seen=key).status_code == 303
    office = export_config(db).office
    assert (office.report_mailbox, office.report_weekday) == ("chef@office.example", "fri")
    key = seen(page(admin, "/system/mail"), "/system/mail/report")
    refused = post(admin, "/system/mail/report", **form | {"report_weekday": "doomsday"}, seen=key)
    assert words(refused.get_data(as_text=True), "fault").startswith("Tag des Wochenberichts: ")


# --- backup


def uploaded(client: Visitor, content: bytes) -> Any:
    data = {"csrf_token": client.form_token, "file": (io.BytesIO(content), "b.zip")}
    return client.post("/system/backup/upload", data=data, headers=HERE, content_type="multipart/form-data")


def test_a_backup_is_downloaded_looked_at_and_restored(
    admin: Visitor, db: Database, settings: Settings
) -> None:
    answer = post(admin, "/system/backup/file")
    file = answer.get_data()
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=freizeichen-")
    assert zipfile.ZipFile(io.BytesIO(file)).testzip() is None
    assert not list(settings.state.glob(".backup-*")), "nothing of it stays on the box"
    ledger.add_step(db, "1.1", "x", "", times.now())
    db.execute("UPDATE departments SET title = 'Anders'")
    text = uploaded(admin, file).get_data(as_text=True)
    assert "Musterbüro" in words(text, "contents")
    assert "Nachrichten 1 davon noch nicht zugestellt 1" in words(text, "contents")
    assert db.execute("SELECT title FROM departments LIMIT 1").fetchone() == ("Anders",), "only looked at"
    name = text.split('name="file" value="')[1].split('"')[0]
    assert post(admin, "/system/backup/restore", file=name).status_code == 303
    assert granted(db, settings)["word"] == "done"
    assert "Zurückgespielt." in words(page(admin, "/system/backup"), "restored")
    assert export_config(db).departments[0].title == "Technik"
    assert newest(db, 1)[0].by.name == "ada"
    assert post(admin, "/system/backup/restore", file=name).status_code == 400


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "keine Sicherung"),
        (b"Sehr geehrte", "keine Sicherung"),
        (b"PK\3\4" + b"x" * 99, "abgeschnitten"),
    ],
)
def test_a_file_that_is_no_backup_is_refused_in_words(
    admin: Visitor, settings: Settings, content: bytes, said: str
) -> None:
    refused = uploaded(admin, content)
    assert refused.status_code == 400
    reason = words(refused.get_data(as_text=True), "reason")
    assert said in reason
    assert reason.endswith("Es wurde nichts geändert.")
    assert not list((settings.state / "restore").iterdir())


@pytest.mark.parametrize("name", ["", "x", "upload-x", "../freizeichen.db", "upload-../../freizeichen.db"])
def test_only_what_was_looked_at_is_restored(admin: Visitor, db: Database, name: str) -> None:
    assert post(admin, "/system/backup/restore", file=name).status_code == 400
    assert post(admin, "/system/backup/upload").status_code == 400
    assert wishes.waiting(db) is None


# --- privacy


def test_a_number_is_forgotten(admin: Visitor, db: Database, settings: Settings) -> None:
    for number, reason in (("Erika", "no number"), ("", "no number")):
        refused = post(admin, "/system/privacy/forget", number=number)
        assert words(refused.get_data(as_text=True), "reason") == TEXTS["de"](f"cannot_forget.{reason}")
    post(admin, "/system/privacy/forget", number="0931 555-10")
    assert granted(db, settings)["word"] == "set up"
    assert TEXTS["de"]("cannot_forget.set up") in page(admin, "/system/privacy")
    post(admin, "/system/privacy/forget", number="0176 12345678")
    granted(db, settings)
    assert words(page(admin, "/system/privacy"), "forgotten").startswith("Vergessen: 1 Anrufe, 1 Nachrichten")
    assert db.execute("SELECT count(*) FROM calls").fetchone() == (0,)


def test_the_retention_time_is_set_within_its_bounds(admin: Visitor, db: Database) -> None:
    key = seen(page(admin, "/system/privacy"), "/system/privacy")
    assert post(admin, "/system/privacy", retention_days="30", seen=key).status_code == 303
    assert export_config(db).office.retention_days == 30
    for wrong in ("0", "99999", "x", ""):
        key = seen(page(admin, "/system/privacy"), "/system/privacy")
        refused = post(admin, "/system/privacy", retention_days=wrong, seen=key)
        assert words(refused.get_data(as_text=True), "fault").startswith("Aufbewahrung in Tagen: ")


# --- parts


def test_parts_are_restarted_by_wish_and_the_page_by_itself(
    admin: Visitor, db: Database, restarted: list[str]
) -> None:
    assert "Freizeichen 0." in words(page(admin, "/system"), "version")
    for part in ("supervisor", "asterisk"):
        assert post(admin, "/system/restart", part=part).status_code == 303
        assert wishes.newest(db, "restart").values == {"part": part}  # type: ignore[union-attr]
    post(admin, "/system/restart", part="page").close()
    assert restarted == ["page"]
    assert post(admin, "/system/restart", part="reactor").status_code == 400


def test_what_only_the_supervisor_can_do_is_not_promised_while_it_is_away(
    settings: Settings, tmp_path: Path
) -> None:
    alone = Settings(tmp_path / "alone")
    alone.state.mkdir()
    db = open_store(alone.store)
    client = visitor(create_app(alone.store, box=BoxOfSettings(settings)))
    client.sign_in(db, "ada")
    for where, form in (
        ("/system/restart", {"part": "asterisk"}),
        ("/system/reset", {"word": "RESET"}),
        ("/system/mail/test", {"recipient": "a@b.example"}),
        ("/system/privacy/forget", {"number": "0931 123456"}),
    ):
        refused = post(client, where, **form)
        assert refused.status_code == 409
        assert words(refused.get_data(as_text=True), "reason") == TEXTS["de"]("system.nobody_restarts")
    assert wishes.waiting(db) is None
    db.close()


def test_a_factory_reset_wants_its_word(admin: Visitor, db: Database, settings: Settings) -> None:
    for word in ("", "ja", "zurück"):
        assert post(admin, "/system/reset", word=word).status_code == 400
    assert wishes.waiting(db) is None
    assert post(admin, "/system/reset", word="zurücksetzen").status_code == 303
    assert granted(db, settings)["word"] == "done"
    assert admin.get("/").headers["Location"] == "/first-start"


def test_the_diagnosis_is_a_file_without_names(admin: Visitor) -> None:
    answer = admin.get("/system/diagnosis.zip")
    with zipfile.ZipFile(io.BytesIO(answer.get_data())) as packed:
        whole = b"".join(packed.read(name) for name in packed.namelist())
    for word in (b"Technik", b"anna", b"12345678", SECRET.encode(), b"ada"):
        assert word not in whole


# --- the status for the website


def switch(client: Visitor, on: str) -> None:
    key = seen(page(client, "/system/website"), "/system/website")
    assert post(client, "/system/website", public_status=on, seen=key).status_code == 303


@pytest.fixture
def fresh_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question looks anew."""
    monkeypatch.setattr(website, "LOOK_SECONDS", 0.0)


@pytest.mark.usefixtures("fresh_answers")
def test_nothing_is_told_unless_it_is_switched_on(admin: Visitor, settings: Settings) -> None:
    stranger = visitor(create_app(settings.store))
    for where in ("/status.json", "/status.svg"):
        assert stranger.get(where).status_code == 404
    switch(admin, "1")
    for where in ("/status.json", "/status.svg", "/status.svg?lang=en"):
        assert stranger.get(where).status_code == 200
    switch(admin, "0")
    assert stranger.get("/status.json").status_code == 404


@pytest.mark.usefixtures("fresh_answers")
def test_the_status_is_true(admin: Visitor, db: Database) -> None:
    switch(admin, "1")

    def told() -> dict[str, Any]:
        values: dict[str, Any] = json.loads(admin.get("/status.json").get_data())
        return values

    with db.conn:
        db.execute("UPDATE presence SET state = 'offline'")
        db.execute("UPDATE night_switch SET mode = 'day'")
    assert told()["state"] == "nobody"
    with db.conn:
        db.execute("UPDATE presence SET state = 'available' WHERE agent = 'anna'")
    lamp(db, "agent:anna", "green")
    assert told() | {"de": "", "en": ""} == {
        "state": "free",
        "wait_minutes": None,
        "opens_at": None,
        "de": "",
        "en": "",
    }
    assert "jemand ist frei" in admin.get("/status.svg?lang=de").get_data(as_text=True)
    lamp(db, "agent:anna", "red")
    for number in range(6):  # conversations of two minutes, from which the wait is learned
        began = times.now() - timedelta(minutes=30 + 3 * number)
        ended = times.to_text(began + timedelta(minutes=2))
        add_call(db, f"t{number}", "talked", "", started_at=times.to_text(began),
                 connected_at=times.to_text(began), ended_at=ended)  # fmt: skip
    busy = told()
    assert busy["state"] == "busy"
    assert busy["en"] == f"All in a call, about {busy['wait_minutes']} min"
    assert 1 <= busy["wait_minutes"] <= 5
    lamp(db, "asterisk", "red")
    assert told()["state"] == "unknown"
    lamp(db, "asterisk", "green")
    with db.conn:
        db.execute("UPDATE night_switch SET mode = 'night'")
        db.execute("UPDATE departments SET ignores_night_switch = 0")
    closed = told()
    assert (closed["state"], closed["opens_at"], closed["en"]) == ("closed", None, "Closed")
    lamp(db, "supervisor", "green", seconds_ago=60)
    assert told()["state"] == "unknown"


@pytest.mark.usefixtures("fresh_answers")
def test_the_status_says_until_when_it_is_closed(admin: Visitor, db: Database) -> None:
    switch(admin, "1")
    opens = times.now() + timedelta(hours=30)
    with db.conn:
        db.execute("UPDATE departments SET always_open = 0")
        db.execute("DELETE FROM schedule")
        for (name,) in db.execute("SELECT name FROM departments").fetchall():
            for at, state in ((times.now() - timedelta(hours=1), "closed"), (opens, "open")):
                db.execute("INSERT INTO schedule (department, at, state) VALUES (?, ?, ?)",
                           [name, times.to_text(at), state])  # fmt: skip
    values = json.loads(admin.get("/status.json").get_data())
    assert values["state"] == "closed"
    assert values["opens_at"] == times.to_text(opens)
    assert values["de"].startswith("Geschlossen bis ")


@pytest.mark.usefixtures("fresh_answers")
def test_the_status_names_nobody(admin: Visitor, db: Database) -> None:
    switch(admin, "1")
    add_call(
        db,
        "w",
        "",
        "+4917612345678",
        caller_name="Erika Muster",
        ended_at="",
        waits_since=times.to_text(times.now()),
    )
    whole = b"".join(admin.get(where).get_data() for where in ("/status.json", "/status.svg"))
    for word in (b"Erika", b"12345678", b"anna", b"Anna", b"Technik", "Musterbüro".encode()):
        assert word not in whole


def test_however_many_ask_the_store_is_looked_at_once_a_second(
    admin: Visitor, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(admin, "1")
    looks: list[int] = []
    bodies = website._bodies
    monkeypatch.setattr(website, "_bodies", lambda: looks.append(1) or bodies())
    monkeypatch.setattr(website, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(website.time, "monotonic", lambda: 1000.0)  # within one instant
    app = create_app(settings.store)
    answers: list[int] = []

    def ask() -> None:
        client = app.test_client()
        answers.extend(client.get("/status.json").status_code for _ in range(25))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looks) == 1
    assert sorted(answers) == [200] * website.PER_SECOND + [429] * (100 - website.PER_SECOND)


def test_who_asks_again_gets_no_body_and_foreign_pages_may_read(admin: Visitor) -> None:
    switch(admin, "1")
    first = admin.get("/status.svg")
    again = admin.get("/status.svg", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    assert first.headers["Cache-Control"] == "public, max-age=1"
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    assert first.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert admin.get("/status.svg", headers={"Host": "evil.example"}).status_code == 400


# --- today


def test_today_shows_who_is_on_duty_and_which_desk_boxes_are_there(admin: Visitor, db: Database) -> None:
    import_config(db, read_config(WITH_ROTA))
    assert words(page(admin, "/"), "on-duty").startswith("Rufbereitschaft Technik ")
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))
    assert 'id="on-duty"' not in page(admin, "/")
    lamp(db, "supervisor", "green")
    with db.conn:
        for serial, agent, port in (("b1", "anna", "/dev/x"), ("b2", "bert", ""), ("b3", "", "/dev/y")):
            db.execute(
                "INSERT INTO boxes (serial, agent, port, firmware, seen_at) VALUES (?, ?, ?, '1', ?)",
                [serial, agent, port, times.to_text(times.now())],
            )
    shown = words(page(admin, "/"), "desk-boxes")
    assert "Anna Berger angeschlossen" in shown
    assert "Bert Scholz nicht angeschlossen" in shown
    assert "niemandem zugeordnet (b3) angeschlossen" in shown
