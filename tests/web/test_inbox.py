"""The inbox: what lies in it, who deals with it, and that everything is on disk before it is told."""

from __future__ import annotations

import re
import wave
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.mail.retention import remove_old
from appliance.store import callbacks, inbox, ledger, times
from tests.web.busy_office import busy_office
from tests.web.visiting import HERE, Visitor, ago, element, post, visitor, words
from webui import create_app
from webui.inbox import _ACTS
from webui.inbox_items import ON_A_PAGE
from webui.texts import TEXTS

Office = tuple[Visitor, Database, Path]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """The admin's browser at a busy office, its store, and its spool."""
    box, settings, db = busy_office(tmp_path)
    client = visitor(create_app(settings.store, box=box))
    client.sign_in(db, "ada")
    yield client, db, settings.spool
    db.close()


def page(client: Visitor, query: str = "") -> str:
    answer = client.get(f"/inbox?lang=de{query}")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def subjects(text: str) -> list[str]:
    """What is shown, in order."""
    return re.findall(r'class="card item \w+" id="([^"]+)"', text)


def act(client: Visitor, what: str, subject: str, **more: str) -> str:
    """Do something; the sentence that refuses it, or '' after following to the page."""
    answer = post(client, "/inbox", act=what, subject=subject, **more)
    if answer.status_code == 303:
        return ""
    return words(answer.get_data(as_text=True), "reason")


def handling(db: Database, subject: str) -> dict[str, str]:
    return next(db.query("SELECT * FROM inbox WHERE subject = ?", [subject]), {})


def test_everything_that_waits_for_somebody_newest_first(office: Office) -> None:
    client, _, _ = office
    text = page(client)
    assert words(text, "counts") == "Nachrichten: 5 · Rückrufe: 2 · Verpasst: 2"
    assert subjects(text) == [
        *("missed-missed.1", "missed-missed.2", "callback-1", "callback-2"),
        *("message-1", "message-2", "message-3", "message-4", "message-5"),
    ]
    assert "Heike Vogt 030 23125011 Technik" in words(text, "message-1")
    assert "E-Mail an technik@example.org wird gesendet" in words(text, "message-1")
    assert "Die Nummer ist unterdrückt" in words(text, "missed-missed.2")
    assert "value=call back" not in element(text, "missed-missed.2").attributes


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("&show=message", [f"message-{n}" for n in range(1, 6)]),
        ("&show=callback", ["callback-1", "callback-2"]),
        ("&show=missed", ["missed-missed.1", "missed-missed.2"]),
        ("&show=done", []),
        ("&mine=1", []),
        ("&show=message&department=support", ["message-1", "message-3", "message-5"]),
        ("&show=nonsense&department=&mine=7", None),
        ("&department=%27%20OR%201=1%20--", []),
    ],
)
def test_filters(office: Office, query: str, shown: list[str] | None) -> None:
    client, db, _ = office
    names = {row[0] for row in db.execute("SELECT name FROM departments").fetchall()}
    assert "support" in names
    found = subjects(page(client, query))
    assert found == (subjects(page(client)) if shown is None else shown)


def test_a_message_is_played_and_downloaded(office: Office) -> None:
    client, _, spool = office
    answer = client.get("/inbox/messages/1.wav")
    assert (answer.status_code, answer.mimetype) == (200, "audio/wav")
    assert answer.data == (spool / "messages" / "said.1.wav").read_bytes()
    with wave.open(BytesIO(answer.data)) as sound:
        assert sound.getframerate() == 8000
    part = client.get("/inbox/messages/1.wav", headers={"Range": "bytes=0-99"})
    assert (part.status_code, len(part.data)) == (206, 100)
    kept = client.get("/inbox/messages/1.wav?download", headers={"Accept-Language": "de"})
    assert kept.headers["Content-Disposition"].startswith("attachment; filename=Nachricht-20")


def test_a_sound_that_is_none_of_ours_is_not_there(office: Office) -> None:
    client, db, spool = office
    (spool.parent / "x.wav").write_bytes(b"secret")
    for sound in ("../../etc/passwd", "messages/none.mp3", "../x.mp3", "", "messages/../../x.mp3"):
        with db.conn:
            db.execute("UPDATE messages SET sound = ? WHERE id = 1", [sound])
        assert client.get("/inbox/messages/1.wav").status_code == 404
    for where in ("99", "1e9", "-1", "9" * 400):
        assert client.get(f"/inbox/messages/{where}.wav").status_code == 404


def test_who_takes_something_is_named_and_the_second_one_is_told(
    office: Office,
) -> None:
    client, db, _ = office
    bert = visitor(client.application)
    bert.sign_in(db, "bert", "agent")
    assert act(client, "take", "message:1") == ""
    assert "ada kümmert sich darum." in words(page(bert), "message-1")
    assert act(bert, "take", "message:1") == ""
    assert "ada war schneller" in page(bert)
    assert handling(db, "message:1")["taken_by"] == "ada"
    assert subjects(page(client, "&mine=1")) == ["message-1"]
    assert subjects(page(bert, "&mine=1")) == []
    assert act(bert, "give back", "message:1") == ""
    assert act(bert, "take", "message:1") == ""
    history = words(page(client), "message-1")
    for said in ("übernommen von ada", "abgegeben von bert", "übernommen von bert"):
        assert said in history


@pytest.mark.parametrize("subject", ["message:2", "missed:missed.1"])
def test_what_is_done_leaves_and_can_come_back(office: Office, subject: str) -> None:
    client, db, _ = office
    identity = subject.replace(":", "-", 1)
    assert act(client, "done", subject) == ""
    assert act(client, "done", subject) == "", "twice does no harm"
    assert identity not in subjects(page(client))
    if subject.startswith("missed"):
        assert identity not in client.get("/").get_data(as_text=True), "the board knows it, too"
    done = words(page(client, "&show=done"), identity)
    assert "Erledigt von ada" in done
    assert TEXTS["de"]("inbox.not_done") in done
    assert act(client, "not done", subject) == ""
    assert identity in subjects(page(client))
    assert len(inbox.acts(db, [subject])[subject]) == 2


def test_a_message_is_called_back_in_the_place_of_the_moment_it_was_left(
    office: Office,
) -> None:
    client, db, _ = office
    recorded = db.execute("SELECT recorded_at FROM messages WHERE id = 2").fetchone()[0]
    assert act(client, "call back", "message:2") == ""
    assert act(client, "call back", "message:2") == ""
    rows = db.execute("SELECT arrived, state FROM callbacks WHERE number = '+493023125022'").fetchall()
    assert rows == [(recorded, "waiting")]
    text = page(client)
    assert "steht unter Rückrufe" in words(text, "message-2")
    assert "value=call back" not in element(text, "message-2").attributes
    assert "callback-3" in subjects(text)


def test_who_is_not_called_back_is_refused_with_the_reason(office: Office) -> None:
    client, db, _ = office
    assert act(client, "call back", "message:5") == TEXTS["de"]("refusal.withheld")
    with db.conn:
        db.execute("UPDATE messages SET caller = '+499005123456' WHERE id = 4")
    assert act(client, "call back", "message:4") == TEXTS["de"]("refusal.cost")
    assert act(client, "call back", "missed:missed.2") == TEXTS["de"]("refusal.withheld")
    assert db.execute("SELECT count(*) FROM callbacks").fetchone()[0] == 2


def test_a_missed_caller_is_called_back(office: Office) -> None:
    client, _, _ = office
    assert act(client, "call back", "missed:missed.1") == ""
    found = subjects(page(client))
    assert "missed-missed.1" not in found
    assert "callback-3" in found


def test_a_callback_that_rests_is_called_at_once_when_somebody_says_so(
    office: Office,
) -> None:
    client, db, _ = office
    assert [c.id for c in callbacks.waiting(db) if c.next_attempt_at <= times.now()] == [1]
    text = page(client)
    assert "value=call now" in element(text, "callback-2").attributes
    assert "value=call now" not in element(text, "callback-1").attributes
    assert act(client, "call now", "callback:2") == ""
    assert [c.id for c in callbacks.waiting(db) if c.next_attempt_at <= times.now()] == [2, 1]
    assert "sofortiger Anruf bestellt von ada" in words(page(client), "callback-2")


def test_a_callback_is_struck_off(office: Office) -> None:
    client, db, _ = office
    assert act(client, "cancel", "callback:1") == ""
    assert "callback-1" not in subjects(page(client))
    done = words(page(client, "&show=done"), "callback-1")
    assert "Vom Büro gestrichen." in done
    assert "gestrichen von ada" in done
    with db.conn:
        db.execute("UPDATE callbacks SET state = 'calling', result = 'no answer' WHERE id = 2")
    assert act(client, "cancel", "callback:2") == TEXTS["de"]("error.callback_running")


def test_a_note_is_kept_as_it_was_written(office: Office) -> None:
    client, db, _ = office
    note = "Ruft <b>morgen</b> an & fragt nach „Anna“\nzweite Zeile"
    assert act(client, "note", "missed:missed.2", note=note + "  \r\n") == ""
    assert handling(db, "missed:missed.2")["note"] == note
    text = page(client)
    assert "&lt;b&gt;morgen&lt;/b&gt; an &amp; fragt" in text
    assert "<b>morgen" not in text
    assert act(client, "note", "missed:missed.2", note="x" * 501) == TEXTS["de"]("error.note")
    assert handling(db, "missed:missed.2")["note"] == note


SUBJECTS = (
    *("", "message:", "message:99", "message:-1", "missed:none", "missed:said.1", "callback:99"),
    *("callback:x", "x:1", "' OR 1=1 --", "message:1\x00", "callback:" + "9" * 400),
)


def test_what_is_not_in_the_inbox_is_refused_and_changes_nothing(office: Office) -> None:
    client, db, _ = office

    def kept() -> list[object]:
        return [db.execute(f"SELECT * FROM {name}").fetchall() for name in ("inbox", "acts", "callbacks")]

    before = kept()
    for subject in SUBJECTS:
        for what in (*_ACTS, "", "drop"):
            assert post(client, "/inbox", act=what, subject=subject).status_code == 400, (what, subject)
    assert kept() == before


def test_after_an_act_one_is_back_where_one_was(office: Office) -> None:
    client, _, _ = office
    answer = post(client, "/inbox", act="take", subject="message:1", back="/inbox?show=message")
    assert answer.headers["Location"] == "/inbox?show=message#message-1"
    for evil in ("https://evil.example", "//evil.example", "/people"):
        answer = post(client, "/inbox", act="take", subject="message:1", back=evil)
        assert answer.headers["Location"] == "/inbox#message-1"


def test_what_the_inbox_knows_goes_with_what_it_is_about(office: Office) -> None:
    client, db, spool = office
    for subject in ("message:2", "missed:missed.1", "callback:1"):
        assert act(client, "note", subject, note="persönlich") == ""
    callbacks.cancel(db, 1, times.now())
    remove_old(db, spool, times.now())
    with db.conn:
        db.execute("UPDATE calls SET callback = NULL")
    ledger.forget(db, times.now())
    callbacks.forget(db, times.now())
    assert db.execute("SELECT * FROM inbox").fetchall() == []
    post(client, "/inbox", act="take", subject="message:1")
    inbox.forget(db, times.now() - timedelta(days=1))
    assert inbox.acts(db, ["message:1"])
    inbox.forget(db, times.now() + timedelta(seconds=1))
    assert not inbox.acts(db, ["message:1"])
    kept = {row[0] for row in db.execute("SELECT subject FROM acts").fetchall()}
    assert not kept & {"message:2", "missed:missed.1", "callback:1"}


def test_a_full_inbox_says_how_much_more_there_is(office: Office) -> None:
    client, db, _ = office
    with db.conn:
        for number in range(100, 300):
            db.execute(
                "INSERT INTO messages VALUES (?, ?, 'support', '+4917612345678', ?, ?, 12.5, 'none')",
                [number, f"c{number}", "Ä" * 40, ago(number)],
            )
    text = page(client)
    assert len(subjects(text)) == ON_A_PAGE
    assert f"Seite 1 von {-(-209 // ON_A_PAGE)}" in text
    every = [subject for number in range(1, 7) for subject in subjects(page(client, f"&page={number}"))]
    assert len(every) == len(set(every)) == 209
    for odd in ("0", "-1", "x", "999", "9" * 99):
        assert subjects(page(client, f"&page={odd}"))
    own_files = re.findall(r'(?:href|src)="(/static/[^"]+)"', text)
    assert len(text.encode()) + sum(len(client.get(file).data) for file in own_files) < 150_000


def test_what_callers_say_is_escaped(office: Office) -> None:
    client, db, _ = office
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    with db.conn:
        db.execute("UPDATE messages SET caller = ?, caller_name = ?", [evil, evil])
        db.execute("UPDATE callbacks SET name = ?, ticket = ?", [evil, evil])
        db.execute("UPDATE calls SET caller_name = ?, caller = ?, ticket = ?", [evil, evil, evil])
        db.execute("UPDATE departments SET title = ?", [evil])
    for query in ("", "&show=done"):
        text = page(client, query)
        assert "<img" not in text
        assert "<script>" not in text


def test_nothing_is_done_by_looking(office: Office) -> None:
    client, db, _ = office
    assert client.get("/inbox?act=done&subject=message:1").status_code == 200
    assert client.post("/inbox", data={"act": "done", "subject": "message:1"}).status_code == 403
    client.form_token = ""
    refused = client.post("/inbox", data={"act": "done", "subject": "message:1"}, headers=HERE)
    assert refused.status_code == 400
    assert handling(db, "message:1") == {}
