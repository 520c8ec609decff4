"""The board page: what it shows, what a press does, and what it refuses."""

from __future__ import annotations

import http.client
import re
import string
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlite_utils import Database
from werkzeug.test import TestResponse

from appliance.store import times
from appliance.store.database import open_store
from appliance.store.liveness import Alive
from tests.unit.seed import NEW_DEPARTMENT, NEW_OFFICE
from webui import create_app, serve
from webui.live import CONNECTIONS, LiveStreams
from webui.texts import LANGUAGES, TEXTS

HERE = {"Origin": "http://localhost"}
DEADLINE_SECONDS = 10


def ago(seconds: float) -> str:
    return times.to_text(times.now() - timedelta(seconds=seconds))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    """A small office whose supervisor has just shown its lamps."""
    db = open_store(path, durable=False)
    with db.conn:
        db.execute(f"{NEW_OFFICE} (1, 'Kanzlei Weiß', 'de', 'DE', '0931', 'Europe/Berlin', 90)")
        for name, title in (("front", "Empfang"), ("support", "Technik")):
            db.execute(
                f"{NEW_DEPARTMENT} (?, ?, 'de', ?, 'greeting', 0, 20, 10, 120)",
                [name, title, f"{name}@example.org"],
            )
        db.execute("INSERT INTO numbers VALUES ('+4993155510', 'front'), ('+4993155511', 'support')")
        for name, title, extension in (("anna", "Anna Beck", "21"), ("bob", "Bob Öz", "22")):
            db.execute("INSERT INTO phones VALUES (?, ?, 'secret')", [f"desk-{name}", extension])
            db.execute("INSERT INTO agents VALUES (?, ?, ?)", [name, title, f"desk-{name}"])
            db.execute("INSERT INTO serves VALUES (?, 'front')", [name])
        db.execute("INSERT INTO presence (agent, state, reason) VALUES ('anna', 'available', 'button')")
        db.execute("INSERT INTO presence (agent, state, reason) VALUES ('bob', 'away', 'no answer')")
    lamp(db, "supervisor", "green")
    lamp(db, "agent:anna", "green")
    lamp(db, "agent:bob", "amber blinking")
    lamp(db, "night", "off")
    lamp(db, "message", "on")
    lamp(db, "line:1", "red")
    yield db
    db.close()


@pytest.fixture
def client(path: Path, db: Database) -> FlaskClient:  # noqa: ARG001 - the office is there
    return create_app(path, secret_key="test").test_client()


def lamp(db: Database, name: str, pattern: str, *, seconds_ago: float = 0) -> None:
    with db.conn:
        db.execute("INSERT OR REPLACE INTO lamps VALUES (?, ?, ?)", [name, pattern, ago(seconds_ago)])


def add_call(db: Database, call: str, *, outcome: str = "", started: float = 60, **columns: str) -> None:
    row = {
        "call": call,
        "dialled": "55510",
        "department": "front",
        "caller": "+4917612345678",
        "started_at": ago(started),
        "outcome": outcome,
        "ended_at": ago(started - 30) if outcome else "",
        **columns,
    }
    names = ", ".join(row)
    with db.conn:
        db.execute(f"INSERT INTO calls ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def add_step(db: Database, call: str, step: str, detail: str = "") -> None:
    with db.conn:
        db.execute("INSERT INTO steps (call, step, detail) VALUES (?, ?, ?)", [call, step, detail])


def presses(db: Database) -> list[str]:
    return [row[0] for row in db.execute("SELECT button FROM presses ORDER BY id").fetchall()]


class Words(HTMLParser):
    """The text of the element with an id, or of the whole page; void elements do not nest."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted, self.depth, self.text, self.attributes = wanted, 0, "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("br", "meta", "link"):
            return
        if self.depth or dict(attrs).get("id") == self.wanted:
            self.depth += 1
            self.attributes += " ".join(f"{name}={value}" for name, value in attrs) + "\n"

    def handle_endtag(self, tag: str) -> None:
        self.depth -= bool(self.depth) and tag not in ("br", "meta", "link")

    def handle_data(self, data: str) -> None:
        if self.depth:
            self.text += f" {data}"


def element(page: str, identity: str) -> Words:
    """The element with this id; fails when there is none."""
    words = Words(identity)
    words.feed(page)
    assert words.attributes, f"no element {identity}"
    words.text = " ".join(words.text.split())
    return words


def words(page: str, identity: str) -> str:
    return element(page, identity).text


def get(client: FlaskClient, language: str = "de") -> str:
    response = client.get(f"/?lang={language}")
    assert response.status_code == 200
    return response.get_data(as_text=True)


def post(client: FlaskClient, where: str, headers: dict[str, str] | None = None, **form: str) -> TestResponse:
    return client.post(where, data=form, headers=HERE if headers is None else headers)


# --- what is shown


def test_an_agent_has_a_button_a_lamp_in_words_and_a_presence(client: FlaskClient) -> None:
    page = get(client)
    assert (
        words(page, "station-anna")
        == "Anna Beck verfügbar " + _since(page, "anna") + " Taste Lampe grün Feierabend"
    )
    assert "value=agent:anna\n" in element(page, "station-anna").attributes.replace(" data-hold", "\n")
    assert "class=push green" in element(page, "station-anna").attributes
    assert "abwesend" in words(page, "station-bob")
    assert "hat nicht abgenommen" in words(page, "station-bob")
    assert "Lampe blinkt gelb" in words(page, "station-bob")
    assert "class=push amber blinking" in element(page, "station-bob").attributes


def _since(page: str, agent: str) -> str:
    found = re.search(r"seit \d\d:\d\d", words(page, f"station-{agent}"))
    assert found
    return found[0]


def test_the_front_panel_tells_every_lamp_in_words(client: FlaskClient) -> None:
    assert words(get(client), "lamps") == "Supervisor grün Nacht aus Nachricht an Leitung 1 rot"
    assert words(get(client, "en"), "lamps") == "Supervisor green Night off Message on Line 1 red"


@pytest.mark.parametrize("pattern", ["white pulse", "puce", "green wobbling", ""])
def test_a_pattern_nobody_knows_is_unknown(client: FlaskClient, db: Database, pattern: str) -> None:
    lamp(db, "agent:anna", pattern)
    page = get(client)
    assert "Lampe unbekannt" in words(page, "station-anna")
    assert "class=push white pulse unknown" in element(page, "station-anna").attributes


def test_a_silent_supervisor_is_said_plainly(client: FlaskClient, db: Database) -> None:
    assert "supervisor-down" not in get(client)
    lamp(db, "supervisor", "green", seconds_ago=6)
    page = get(client)
    assert words(page, "supervisor-down").startswith(
        "Der Supervisor läuft nicht; Asterisk allein nimmt Anrufe an."
    )
    assert "Lampe unbekannt" in words(page, "station-anna")
    assert words(page, "lamps").startswith("Supervisor läuft nicht Nacht unbekannt")
    english = words(get(client, "en"), "supervisor-down")
    assert english.startswith("The supervisor is not running; Asterisk alone answers.")


def test_a_stamp_from_the_future_is_no_sign_of_life(client: FlaskClient, db: Database) -> None:
    lamp(db, "supervisor", "green", seconds_ago=-60)
    assert "supervisor-down" in get(client)


def test_without_its_lamp_the_supervisors_lock_tells(client: FlaskClient, db: Database, path: Path) -> None:
    with db.conn:
        db.execute("DELETE FROM lamps WHERE name = 'supervisor'")
    assert "supervisor-down" in get(client)
    with Alive(path.parent):
        page = get(client)
    assert "supervisor-down" not in page
    assert words(page, "lamps").startswith("Supervisor grün")


def test_the_night_switch_shows_its_position(client: FlaskClient, db: Database) -> None:
    assert (
        "id=night-auto name=button value=night:auto aria-pressed=true"
        in element(get(client), "night").attributes
    )
    with db.conn:
        db.execute("UPDATE night_switch SET mode = 'night'")
    page = get(client)
    assert (
        "id=night-night name=button value=night:night aria-pressed=true" in element(page, "night").attributes
    )
    assert "Empfang" in words(page, "departments")
    assert "geschlossen durch den Nachtschalter" in words(page, "department-front")


def test_departments_say_whether_they_are_open_why_and_who_is_there(
    client: FlaskClient, db: Database
) -> None:
    with db.conn:
        db.execute("INSERT INTO schedule VALUES ('front', ?, 'open')", [ago(3600)])
        db.execute("INSERT INTO schedule VALUES ('front', '2099-03-02T16:30:00.000Z', 'closed')")
        db.execute("UPDATE departments SET always_open = 1 WHERE name = 'support'")
    page = get(client)
    assert words(page, "department-front") == "Empfang 1 Person verfügbar offen bis Mo 2.3. 17:30"
    assert words(page, "department-support") == "Technik niemand verfügbar offen rund um die Uhr"
    english = words(get(client, "en"), "department-front")
    assert english == "Empfang 1 person available open until Mon 2 Mar 17:30"


def test_a_live_call_tells_its_story_and_the_agent_is_in_it(client: FlaskClient, db: Database) -> None:
    add_call(db, "1700.1", caller_name="Frau Kühn")
    for step, detail in (("rang in", "55510"), ("greeted", ""), ("agent rings", "anna"), ("talks", "anna")):
        add_step(db, "1700.1", step, detail)
    page = get(client)
    call = words(page, "call-1700.1")
    assert call.startswith("Frau Kühn 0176 12345678 Empfang seit ")
    story = re.sub(r"\d\d:\d\d:\d\d ", "", call)
    assert story.endswith("ruft an wurde begrüßt Telefon von Anna Beck klingelt spricht mit Anna Beck")
    assert "im Gespräch mit Frau Kühn verfügbar seit" in words(page, "station-anna")


def test_ended_calls_show_outcome_and_story_the_last_ten(client: FlaskClient, db: Database) -> None:
    for number in range(12):
        add_call(db, f"c{number}", outcome="message", started=1000 - number)
    add_step(db, "c11", "message kept", "12.25")
    add_step(db, "c11", "ended", "message")
    page = get(client)
    assert re.findall(r'id="ended-(c\d+)"', page) == [f"c{n}" for n in range(11, 1, -1)]
    call = words(page, "ended-c11")
    assert "Nachricht gespeichert (12,2 s)" in call
    assert "Ende: Nachricht hinterlassen" in call
    assert "Gerade ruft niemand an." in words(page, "calls")


def test_a_step_nobody_has_worded_is_shown_as_it_is(client: FlaskClient, db: Database) -> None:
    add_call(db, "c1")
    add_step(db, "c1", "juggled {detail}", "three {balls}")
    assert words(get(client), "call-c1").endswith("juggled {detail} three {balls}")


@pytest.mark.parametrize(
    "step", sorted(key.partition(".")[2] for key in TEXTS["de"].sentences if key[:5] == "step.")
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_reads_as_a_sentence_with_and_without_a_detail(
    client: FlaskClient, db: Database, step: str, language: str
) -> None:
    add_call(db, "c1")
    add_step(db, "c1", step)
    add_step(db, "c1", step, "anna")
    call = words(get(client, language), "call-c1")
    assert "{" not in call
    assert not re.search(r"[:(] *\)|: *$|: \d\d:", call), call


def test_a_long_story_is_cut_at_its_beginning(client: FlaskClient, db: Database) -> None:
    add_call(db, "c1")
    for number in range(15):
        add_step(db, "c1", f"step{number:02}")
    call = words(get(client), "call-c1")
    assert "Frühere Schritte: 3" in call
    assert "step02" not in call
    assert "step03" in call


def test_messages_tell_how_far_their_mail_has_come(client: FlaskClient, db: Database) -> None:
    mails = {
        1: {"delivered_at": ago(10)},
        2: {"attempts": 3, "last_error": "421 try later", "next_attempt_at": ago(-60)},
        3: {},
        4: None,
    }
    with db.conn:
        for number, mail in mails.items():
            db.execute(
                "INSERT INTO messages VALUES (?, ?, 'front', '+4917612345678', '', ?, 7.5, 'a.mp3')",
                [number, f"c{number}", ago(100)],
            )
            if mail is not None:
                row = {
                    "message": number,
                    "message_id": f"<{number}@x>",
                    "recipient": "a@b.example",
                    "language": "de",
                }
                row |= mail
                db.execute(
                    f"INSERT INTO outbox ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                    list(row.values()),
                )
    page = get(client)
    assert "7,5 s E-Mail zugestellt an a@b.example, " in words(page, "message-1")
    assert "Versuche: 3" in words(page, "message-2")
    assert "Der Mailserver sagt: 421 try later" in words(page, "message-2")
    assert words(page, "message-3").endswith("E-Mail an a@b.example wird gesendet")
    assert words(page, "message-4").endswith("gespeichert, noch keine E-Mail")
    assert page.index("message-2") < page.index("message-1"), "what is stuck comes first"


def test_an_empty_store_says_what_to_do(path: Path) -> None:
    page = get(create_app(path, secret_key="test").test_client())
    assert "freizeichen config import" in page
    assert "Noch nicht eingerichtet" in page


def test_twenty_calls_and_everything_else_stay_under_150_kilobytes(client: FlaskClient, db: Database) -> None:
    for number in range(40):
        add_call(db, f"live{number}", caller_name="Ä" * 40)
        add_call(db, f"done{number}", outcome="talked", caller_name="Ä" * 40)
        for _ in range(20):
            add_step(db, f"live{number}", "agent did not answer", "anna")
            add_step(db, f"done{number}", "agent did not answer", "anna")
    page = client.get("/")
    assert "Weitere Anrufe, hier nicht gezeigt: 10" in page.get_data(as_text=True)
    own_files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.get_data(as_text=True))
    assert len(own_files) == 3
    everything = [page, client.get("/static/brushed.svg"), *(client.get(file) for file in own_files)]
    assert all(answer.status_code == 200 for answer in everything)
    assert sum(len(answer.data) for answer in everything) < 150_000


# --- buttons


@pytest.mark.parametrize("button", ["agent:anna", "agent:bob:home", "night:auto", "night:day", "night:night"])
def test_a_press_is_noted_and_changes_nothing_by_itself(
    client: FlaskClient, db: Database, button: str
) -> None:
    def state() -> list[tuple[str, ...]]:
        return db.execute(
            "SELECT * FROM presence UNION ALL SELECT mode, '', '', '', '' FROM night_switch"
        ).fetchall()

    before = state()
    response = post(client, "/press", button=button)
    assert (response.status_code, response.headers["Location"]) == (303, "/")
    assert presses(db) == [button]
    assert state() == before


@pytest.mark.parametrize(
    "button",
    ["", "agent:", "agent:carl", "agent:anna:away", "night:", "night:dusk", "night:day:home", "anna",
     "line:1", "agent:anna\n", "x" * 3000, "' OR 1=1 --", "ägent:änna", "\x00"],
)  # fmt: skip
def test_an_unknown_button_is_refused_with_a_sentence(client: FlaskClient, db: Database, button: str) -> None:
    response = post(client, "/press", button=button)
    assert response.status_code == 400
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.button")
    assert presses(db) == []


def test_a_press_without_a_button_is_refused(client: FlaskClient, db: Database) -> None:
    assert post(client, "/press", knob="agent:anna").status_code == 400
    assert presses(db) == []


def test_too_large_a_request_is_refused(client: FlaskClient, db: Database) -> None:
    response = post(client, "/press", button="agent:anna", padding="x" * 5000)
    assert response.status_code == 413
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.413")
    assert presses(db) == []


@pytest.mark.usefixtures("db")
def test_the_demo_places_a_call_to_one_of_our_numbers(path: Path) -> None:
    placed: list[str] = []
    client = create_app(path, place_call=placed.append, secret_key="test").test_client()
    assert words(get(client), "exchange").endswith("Empfang anrufen 0931 55510 Technik anrufen 0931 55511")
    assert post(client, "/call", number="+4993155511").status_code == 303
    assert placed == ["+4993155511"]
    refused = post(client, "/call", number="+49110")
    assert refused.status_code == 400
    assert words(refused.get_data(as_text=True), "reason") == TEXTS["de"]("error.number")
    assert post(client, "/call").status_code == 400
    assert placed == ["+4993155511"]


@pytest.mark.usefixtures("db")
def test_a_call_that_cannot_be_placed_is_told(path: Path) -> None:
    def broken(number: str) -> None:
        raise OSError(f"no exchange for {number}")

    client = create_app(path, place_call=broken, secret_key="test").test_client()
    response = post(client, "/call", number="+4993155511")
    assert response.status_code == 500
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.500")


def test_without_the_demo_there_is_no_exchange(client: FlaskClient) -> None:
    assert 'id="exchange"' not in get(client)
    assert post(client, "/call", number="+4993155511").status_code == 404


# --- safety


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", "http://localhost:81", "https://localhost.evil.example",
     "localhost", "http://evil.example/localhost", "http://[", "file://localhost"],
)  # fmt: skip
@pytest.mark.parametrize("where", ["/press", "/call", "/", "/nowhere"])
def test_a_foreign_page_cannot_press(
    client: FlaskClient, db: Database, origin: str | None, where: str
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    response = post(client, where, headers, button="agent:anna")
    assert response.status_code == 403
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.403")
    assert presses(db) == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "BREW"])
def test_every_unsafe_method_is_watched(client: FlaskClient, method: str) -> None:
    assert client.open("/press", method=method).status_code == 403
    assert client.open("/press", method=method, headers=HERE).status_code == 405


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_host_name_is_refused(client: FlaskClient, method: str) -> None:
    """A foreign name that resolves to this machine (DNS rebinding) reaches nothing."""
    headers = {"Host": "evil.example", "Origin": "http://evil.example"}
    response = client.open("/press" if method == "POST" else "/", method=method, headers=headers)
    assert response.status_code == 400
    assert "Anna Beck" not in response.get_data(as_text=True)
    assert client.get("/", headers={"Host": "127.0.0.1:8080"}).status_code == 200


@pytest.mark.parametrize("where", ["/", "/board", "/nowhere", "/press", "/static/board.js"])
def test_every_answer_carries_the_protecting_headers(client: FlaskClient, where: str) -> None:
    headers = client.get(where).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_nothing_in_the_page_needs_more_than_the_policy_allows(client: FlaskClient, db: Database) -> None:
    add_call(db, "c1")
    page = get(client)
    assert not re.search(
        r"<style|<script(?! src=\"/static/)|\sstyle=|\son[a-z]+=|javascript:|https?://", page
    )


def test_what_callers_and_mail_servers_say_is_escaped(client: FlaskClient, db: Database) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    add_call(db, evil, caller_name=evil, caller=evil, department=evil, dialled=evil)
    add_call(db, "ended", outcome="talked", caller_name=evil, department="", dialled=evil)
    add_step(db, evil, evil, evil)
    add_step(db, evil, "talks", evil)
    lamp(db, f"line:{evil}", evil)
    with db.conn:
        db.execute("UPDATE agents SET title = ? WHERE name = 'anna'", [evil])
        db.execute("UPDATE presence SET reason = ? WHERE agent = 'anna'", [evil])
        db.execute("UPDATE office SET name = ?", [evil])
        db.execute("UPDATE departments SET title = ?", [evil])
        db.execute("INSERT INTO messages VALUES (1, 'c', ?, ?, ?, ?, 1, 's')", [evil, evil, evil, ago(1)])
        db.execute(
            "INSERT INTO outbox (message, message_id, recipient, language, attempts, last_error)"
            " VALUES (1, 'm', ?, 'de', 1, ?)", [evil, evil],
        )  # fmt: skip
    page = get(client)
    assert "&lt;script&gt;alert(1)" in page
    assert "<img" not in page
    assert page.count("<script") == 1


def test_a_broken_store_is_told_in_words(path: Path, client: FlaskClient) -> None:
    path.write_bytes(b"no database at all" * 100)
    for leftover in path.parent.glob("store.db-*"):
        leftover.unlink()
    response = client.get("/")
    assert response.status_code == 500
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.500")


def test_an_unknown_page_says_so(client: FlaskClient) -> None:
    response = client.get("/nowhere?lang=en")
    assert response.status_code == 404
    assert words(response.get_data(as_text=True), "reason") == TEXTS["en"]("error.404")


# --- languages


def test_both_languages_have_every_sentence_with_the_same_places() -> None:
    def places(sentence: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}

    german, english = TEXTS["de"].sentences, TEXTS["en"].sentences
    assert german.keys() == english.keys()
    assert {key: places(text) for key, text in german.items()} == {
        key: places(text) for key, text in english.items()
    }
    assert all(text.strip() for text in [*german.values(), *english.values()])


@pytest.mark.parametrize(
    ("address", "cookie", "accepted", "office", "expected"),
    [
        ("/", "", "", "de", "de"),
        ("/", "", "", "en", "en"),
        ("/", "", "fr", "en", "en"),
        ("/", "", "en-GB,en;q=0.9,de;q=0.5", "de", "en"),
        ("/", "de", "en", "en", "de"),
        ("/?lang=en", "de", "de", "de", "en"),
        ("/?lang=tlh", "", "", "en", "en"),
        ("/", "<x>", "", "en", "en"),
    ],
)
def test_the_language_is_asked_for_remembered_the_browsers_or_the_offices(
    client: FlaskClient, db: Database, address: str, cookie: str, accepted: str, office: str, expected: str
) -> None:
    with db.conn:
        db.execute("UPDATE office SET language = ?", [office])
    if cookie:
        client.set_cookie("language", cookie)
    page = client.get(address, headers={"Accept-Language": accepted} if accepted else {}).get_data(
        as_text=True
    )
    assert f'<html lang="{expected}"' in page
    assert TEXTS[expected]("panel.agents") in page


def test_a_chosen_language_is_remembered(client: FlaskClient) -> None:
    get(client, "en")
    assert '<html lang="en"' in client.get("/").get_data(as_text=True)
    assert words(post(client, "/press").get_data(as_text=True), "reason") == TEXTS["en"]("error.button")


# --- live


class Stream:
    """A page's live stream over a real connection."""

    def __init__(self, port: int, address: str = "/live") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
        self.connection.request("GET", address)
        self.answer = self.connection.getresponse()

    def next_board(self) -> str:
        """The next picture; the beats between are passed over."""
        kind, data = "", []
        while raw := self.answer.readline().decode():
            # As a browser does: a lone carriage return ends a line, too.
            for line in re.split("[\r\n]", raw.removesuffix("\n")):
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    data.append(value)
                elif not line and kind == "board":
                    return "\n".join(data)
                elif not line:
                    kind, data = "", []
        raise AssertionError("the stream ended")

    def ends(self) -> bool:
        """Whether nothing more comes; waits for the end."""
        return self.answer.read()[-1:] in (b"", b"\n")

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


@pytest.fixture
def port(path: Path, db: Database) -> Iterator[int]:  # noqa: ARG001 - the office is there
    server = serve(create_app(path, secret_key="test"))
    yield server.port
    server.close()


def test_a_change_in_the_store_reaches_an_open_page(port: int, db: Database) -> None:
    stream = Stream(port, "/live?lang=en")
    assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
    assert "Lamp green" in words(stream.next_board(), "station-anna")
    lamp(db, "agent:anna", "red")
    assert "Lamp red" in words(stream.next_board(), "station-anna")
    stream.close()


def test_a_supervisor_that_falls_silent_reaches_an_open_page_without_any_commit(
    port: int, db: Database
) -> None:
    lamp(db, "supervisor", "green", seconds_ago=3)
    stream = Stream(port)
    assert "supervisor-down" not in stream.next_board()
    assert "supervisor-down" in stream.next_board()
    stream.close()


def test_a_callers_name_cannot_forge_an_event(port: int, db: Database) -> None:
    stream = Stream(port)
    stream.next_board()
    add_call(db, "c1", caller_name="a\r\revent: board\rdata: forged\n\nid: 1")
    assert "data: forged" in words(stream.next_board(), "call-c1")
    stream.close()


@pytest.mark.usefixtures("db")
def test_streams_are_bounded_and_a_closed_page_frees_its_place(port: int) -> None:
    streams = [Stream(port) for _ in range(CONNECTIONS)]
    for stream in streams:
        stream.next_board()
    refused = Stream(port)
    assert refused.answer.status == 503
    assert TEXTS["de"]("error.503") in refused.answer.read().decode()
    other = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
    other.request("GET", "/board")
    assert other.getresponse().status == 200, "pages are still served"
    other.close()
    streams.pop().close()
    again = _eventually_stream(port)
    assert "Anna Beck" in again.next_board()
    for stream in [*streams, refused, again]:
        stream.close()


def _eventually_stream(port: int) -> Stream:
    deadline = times.now() + timedelta(seconds=DEADLINE_SECONDS)
    while times.now() < deadline:
        stream = Stream(port)
        if stream.answer.status == 200:
            return stream
        stream.answer.read()
        stream.close()
    raise AssertionError("no place became free")


@pytest.mark.usefixtures("db")
def test_closing_the_server_ends_open_streams(path: Path) -> None:
    server = serve(create_app(path, secret_key="test"))
    stream = Stream(server.port)
    stream.next_board()
    closing = threading.Thread(target=server.close)
    closing.start()
    assert stream.ends()
    closing.join(DEADLINE_SECONDS)
    assert not closing.is_alive()
    for thread in threading.enumerate():
        if thread.name.startswith(("webui", "waitress")):
            thread.join(DEADLINE_SECONDS)
            assert not thread.is_alive()
    with pytest.raises(OSError, match="refused"):
        http.client.HTTPConnection("127.0.0.1", server.port).connect()
    stream.close()
    server.close()


@pytest.mark.usefixtures("db")
def test_a_stream_ends_after_a_while(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.live.LIFE_SECONDS", 0.2)
    events = list(LiveStreams(path).events(lambda _db, _now: "same", lambda: False))
    assert events[0] == "retry: 1000\n\n"
    assert [event for event in events if "data: same" in event] == events[1:]
    assert len(events) == 2


def test_a_taken_port_is_an_error(path: Path, port: int) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(create_app(path, secret_key="test"), "127.0.0.1", port)


# --- the command


@pytest.mark.usefixtures("db")
def test_the_command_serves_until_it_is_told_to_end(path: Path) -> None:
    command = [sys.executable, "-m", "webui", "--store", str(path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
        assert found
        stream = Stream(int(found[1]))
        stream.next_board()
        process.terminate()
        assert stream.ends()
        assert process.wait(DEADLINE_SECONDS) == 0
        stream.close()


def test_the_command_refuses_a_store_that_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "webui", "--store", str(tmp_path / "none.db")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "none.db" in result.stderr
    assert not (tmp_path / "none.db").exists()
    assert (
        "--store"
        in subprocess.run([*command[:3], "--help"], capture_output=True, text=True, check=True).stdout
    )
