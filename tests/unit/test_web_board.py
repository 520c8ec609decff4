"""The board page: what it shows, what a press does, and what it refuses."""

from __future__ import annotations

import ast
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

from appliance.hotline.announcement import ANNOUNCEMENT_KEYS
from appliance.hotline.callback_numbers import Refusal
from appliance.hotline.callbacks import Result, State
from appliance.hotline.outcomes import Outcome
from appliance.store import callbacks, ledger, times
from appliance.store.database import open_store
from appliance.store.liveness import Alive
from appliance.telephony import dialog
from tests.unit.seed import NEW_DEPARTMENT, NEW_OFFICE
from webui import create_app, serve
from webui.live import CONNECTIONS, LiveStreams
from webui.texts import LANGUAGES, TEXTS

HERE = {"Origin": "http://localhost"}
DEADLINE_SECONDS = 10
APPLIANCE = Path(dialog.__file__).parents[1]

SCHEDULE = "INSERT INTO schedule (department, at, state) VALUES"


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
        for number, department in (("+4993155510", "front"), ("+4993155511", "support")):
            db.execute("INSERT INTO numbers (number, department) VALUES (?, ?)", [number, department])
        for name, title, extension in (("anna", "Anna Beck", "21"), ("bob", "Bob Öz", "22")):
            db.execute("INSERT INTO phones VALUES (?, ?, 'secret')", [f"desk-{name}", extension])
            db.execute("INSERT INTO agents VALUES (?, ?, ?)", [name, title, f"desk-{name}"])
            db.execute("INSERT INTO serves VALUES (?, 'front')", [name])
        db.execute("INSERT INTO presence (agent, state, reason) VALUES ('anna', 'available', 'button')")
        db.execute("INSERT INTO presence (agent, state, reason) VALUES ('bob', 'away', 'no answer')")
    lamp(db, "supervisor", "green")
    lamp(db, "asterisk", "green")
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


def add_missed(db: Database, call: str, *, waited: float = 65, **columns: str) -> None:
    """A call whose caller hung up a minute ago after waiting so many seconds."""
    add_call(db, call, outcome="hung up", started=70 + waited, waits_since=ago(60 + waited), **columns)
    with db.conn:
        db.execute("UPDATE calls SET ended_at = ? WHERE call = ?", [ago(60), call])


def owe(db: Database, call: str, number: str, arrived: float = 600, /, **columns: object) -> int:
    """The caller of this call, which is over, is to be called back."""
    callback = callbacks.request(
        db, call, number, arrived=times.now() - timedelta(seconds=arrived), now=times.now()
    )
    with db.conn:
        db.execute("UPDATE calls SET ended_at = ?, outcome = '' WHERE call = ?", [ago(1), call])
        for name, value in columns.items():
            db.execute(f"UPDATE callbacks SET {name} = ? WHERE id = ?", [value, callback])
    return callback


def owed(db: Database) -> list[tuple[str, str, int]]:
    """The callbacks there are: number, state, attempts."""
    return db.execute("SELECT number, state, attempts FROM callbacks ORDER BY id").fetchall()


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
    assert words(get(client), "lamps") == (
        "Supervisor grün Asterisk grün Nacht aus Nachricht an Leitung 1 rot"
    )
    assert words(get(client, "en"), "lamps") == (
        "Supervisor green Asterisk green Night off Message on Line 1 red"
    )


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
    assert words(page, "lamps").startswith("Supervisor läuft nicht Asterisk unbekannt Nacht unbekannt")
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
        db.execute(f"{SCHEDULE} ('front', ?, 'open')", [ago(3600)])
        db.execute(f"{SCHEDULE} ('front', '2099-03-02T16:30:00.000Z', 'closed')")
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
def test_every_step_reads_as_a_sentence_with_and_without_a_detail(
    client: FlaskClient, db: Database, step: str
) -> None:
    add_call(db, "c1")
    add_step(db, "c1", step)
    add_step(db, "c1", step, "anna")
    for language in LANGUAGES:
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
        add_call(db, f"owed{number}", caller_name="Ä" * 40, ended_at=ago(2000))
        owe(db, f"owed{number}", f"+49176200000{number:02}")
        add_missed(db, f"missed{number}", caller=f"+49176100000{number:02}", caller_name="Ä" * 40)
        for _ in range(20):
            add_step(db, f"live{number}", "agent did not answer", "anna")
            add_step(db, f"done{number}", "agent did not answer", "anna")
    page = client.get("/")
    assert "Weitere Anrufe, hier nicht gezeigt: 10" in page.get_data(as_text=True)
    assert "Weitere Rückrufe, hier nicht gezeigt: 20" in page.get_data(as_text=True)
    assert "Weitere Verpasste, hier nicht gezeigt: 30" in page.get_data(as_text=True)
    own_files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.get_data(as_text=True))
    assert len(own_files) == 3
    everything = [page, client.get("/static/brushed.svg"), *(client.get(file) for file in own_files)]
    assert all(answer.status_code == 200 for answer in everything)
    assert sum(len(answer.data) for answer in everything) < 150_000


# --- what a call's story can say


def steps_in_python() -> set[str]:
    """The steps Python code writes: the texts where `note`, `add_step` or a `step=` take one.

    A constant's name stands for the texts in it.
    """
    nodes = [
        node for file in sorted(APPLIANCE.rglob("*.py")) for node in ast.walk(ast.parse(file.read_text()))
    ]
    constants = {
        node.targets[0].id: node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.isupper()
    }
    places = [place for node in nodes for place in step_places(node)]
    names = {node.id for place in places for node in ast.walk(place) if isinstance(node, ast.Name)}
    places += [constants[name] for name in names & constants.keys()]
    return {
        node.value
        for place in places
        for node in ast.walk(place)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def step_places(node: ast.AST) -> list[ast.expr]:
    """Where in this piece of code a step is written down."""
    if isinstance(node, ast.FunctionDef):
        defaults = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        return [default for argument, default in defaults if argument.arg == "step" and default]
    if not isinstance(node, ast.Call):
        return []
    places = [keyword.value for keyword in node.keywords if keyword.arg == "step"]
    called = ast.unparse(node.func)
    match called.rpartition(".")[2]:
        case "add_step":
            places.append(node.args[2])
        case "note":
            places.append(node.args[1 if "bookkeeper" in called else 0])
    return places


def test_every_step_the_code_writes_is_worded_and_no_other() -> None:
    dialplan = (APPLIANCE / "dialplan" / "extensions.conf").read_text()
    written = steps_in_python() | set(re.findall(r"CELGenUserEvent\(step,([^)]+)\)", dialplan))
    assert {"waits", "callback ordered", "agent did not answer", "message too short", "floor"} <= written
    for language in LANGUAGES:
        worded = {key.removeprefix("step.") for key in TEXTS[language].sentences if key.startswith("step.")}
        assert worded == written


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_result_and_refusal_is_worded(language: str) -> None:
    sentences = TEXTS[language].sentences
    assert {f"outcome.{outcome}" for outcome in Outcome} <= sentences.keys()
    failures = set(Result) - {Result.NOT_DIALLED, Result.TALKED}
    assert {f"result.{result}" for result in failures} <= sentences.keys()
    assert {f"refusal.{refusal}" for refusal in Refusal} <= sentences.keys()


def story_of(client: FlaskClient, db: Database, *steps: tuple[str, str], language: str = "de") -> str:
    """The story of a call with these steps, without the times."""
    add_call(db, "c1")
    for step, detail in steps:
        add_step(db, "c1", step, detail)
    return re.sub(r"\d\d:\d\d:\d\d ?", "", words(get(client, language), "call-c1")).partition("seit ")[2]


def test_what_a_waiting_caller_was_told_is_told_in_words(client: FlaskClient, db: Database) -> None:
    told = [
        ("told", "position-2 wait-5"),
        ("told", "wait-longer position-over-20 wait-over-10"),
        ("told", "wait-1"),
        ("told", "position-1 wait-under-1"),
        ("told", "juggling-3 {x}"),
    ]
    assert story_of(client, db, *told) == (
        "hörte: Platz 2, etwa 5 Minuten "
        "hörte: es dauert länger, weil weniger da sind, Platz über 20, mehr als 10 Minuten "
        "hörte: etwa eine Minute hörte: Platz 1, weniger als eine Minute hörte: juggling-3, {x}"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_announcement_is_left_as_its_prompt_key(client: FlaskClient, db: Database, language: str) -> None:
    story = story_of(client, db, ("told", " ".join(ANNOUNCEMENT_KEYS[:22])), language=language)
    assert not re.search(r"position-|wait-", story)
    add_step(db, "c1", "told", " ".join(ANNOUNCEMENT_KEYS[22:]))
    assert not re.search(r"(position|wait)-[\do]", words(get(client, language), "call-c1"))


def test_the_story_of_a_callback(client: FlaskClient, db: Database) -> None:
    steps = [
        ("callback promised", "+4917612345678"),
        ("calls again", "+4917612345678"),
        ("calls back", "anna"),
        ("callback failed", "not confirmed"),
        ("waited longer than promised", "7"),
        ("ticket", "4711"),
        ("ended", "callback cancelled"),
    ]
    assert story_of(client, db, *steps) == (
        "Rückruf versprochen an 0176 12345678 "
        "ruft noch einmal an und behält den Platz (0176 12345678) "
        "Anna Beck ruft zurück beim Rückruf nicht erreicht: niemand bestätigte mit der 1 "
        "wartete 7 min, länger als versprochen gab Ticket oder Kundennummer ein: 4711 "
        "Ende: Rückruf gestrichen"
    )


def test_a_call_that_is_over_and_owed_a_callback_says_so(client: FlaskClient, db: Database) -> None:
    add_call(db, "c1")
    callback = owe(db, "c1", "+4917612345678")
    assert "wird zurückgerufen" in words(get(client), "ended-c1")
    callbacks.close(db, callback, State.NOT_REACHED, times.now())
    assert "Ende: nicht erreicht" in words(get(client), "ended-c1")


# --- who waits


def test_a_waiting_caller_shows_since_when_and_the_ticket(client: FlaskClient, db: Database) -> None:
    add_call(db, "c1", ticket="4711")
    assert "wartet seit" not in words(get(client), "call-c1")
    ledger.add_step(db, "c1", "waits", "", times.now() - timedelta(seconds=30))
    call = words(get(client), "call-c1")
    assert re.search(r"wartet seit \d\d:\d\d:\d\d Ticket 4711 ", call)
    assert "versprochen" not in call


@pytest.mark.parametrize(
    ("promise_minutes", "waits", "late"), [(5, 290, False), (5, 310, True), (0, 3000, False)]
)
def test_a_caller_who_waits_longer_than_promised_is_marked(
    client: FlaskClient, db: Database, promise_minutes: int, waits: float, late: bool
) -> None:
    with db.conn:
        db.execute("UPDATE departments SET promise_minutes = ?", [promise_minutes])
    add_call(db, "c1", started=waits + 5, waits_since=ago(waits))
    assert ("länger als die versprochenen 5 min" in words(get(client), "call-c1")) is late


def test_who_calls_again_waits_since_he_first_waited(client: FlaskClient, db: Database) -> None:
    add_call(db, "before")
    owe(db, "before", "+4917612345678", 400)
    add_call(db, "c1", waits_since=ago(5))
    assert "länger als die versprochenen 5 min" in words(get(client), "call-c1")


@pytest.mark.parametrize("step", ["nobody present told", "leaves message", "callback promised"])
def test_who_does_not_wait_any_more_is_not_shown_as_waiting(
    client: FlaskClient, db: Database, step: str
) -> None:
    add_call(db, "c1", waits_since=ago(400))
    add_step(db, "c1", step)
    assert "wartet seit" not in words(get(client), "call-c1")
    add_call(db, "c2", waits_since=ago(400), connected_at=ago(20))
    assert "wartet seit" not in words(get(client), "call-c2")


# --- callbacks


def test_callbacks_stand_in_the_order_of_their_places(client: FlaskClient, db: Database) -> None:
    add_call(db, "late", caller="+4917612345678", caller_name="Frau Kühn", ticket="4711")
    add_call(db, "early", caller="+4917612345679")
    late = owe(db, "late", "+4917612345678", 100)
    early = owe(db, "early", "+4917612345679", 900)
    with db.conn:
        db.execute("UPDATE departments SET always_open = 1")
    page = get(client)
    assert page.index(f'id="callback-{early}"') < page.index(f'id="callback-{late}"')
    assert re.fullmatch(
        r"Frau Kühn 0176 12345678 · Empfang Platz seit \d\d:\d\d Versuche: 0 von 3 "
        r"wartet, bis jemand frei ist Ticket 4711 "
        r"streichen Frau Kühn wird dann nicht zurückgerufen. Rückruf streichen",
        words(page, f"callback-{late}"),
    )
    assert words(page, f"callback-{early}").startswith("0176 12345679 Empfang Platz seit")
    assert "Rückrufe 2" in words(page, "callbacks")


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({}, "wartet, bis jemand frei ist"),
        ({"state": "calling"}, "ein Telefon im Büro klingelt"),
        ({"state": "calling", "result": "no answer"}, "Bob Öz ruft gerade an"),
        ({"state": "calling", "result": "talked"}, "im Gespräch mit Bob Öz"),
        ({"attempts": 2, "result": "busy", "next_attempt_at": "2099-03-02T13:35:00.000Z"},
         "Versuch 2: besetzt; nächster frühestens Mo 2.3. 14:35"),
        ({"attempts": 2, "result": "busy", "next_attempt_at": "2020-03-02T13:35:00.000Z"},
         "wartet, bis jemand frei ist"),
        ({"department": "gone"}, "Die Abteilung gibt es nicht mehr: niemand ruft zurück"),
    ],
)  # fmt: skip
def test_a_callback_says_how_far_it_is(
    client: FlaskClient, db: Database, columns: dict[str, object], says: str
) -> None:
    add_call(db, "c1")
    add_step(db, "c1", "calls back", "bob")
    callback = owe(db, "c1", "+4917612345678", **columns)
    page = get(client)
    assert f" von {1 if 'department' in columns else 3} {says}" in words(page, f"callback-{callback}")
    if columns.get("result") == "talked":
        assert "im Gespräch mit 0176 12345678" in words(page, "station-bob")


def test_a_callback_waits_for_its_department_and_for_who_is_calling_in(
    client: FlaskClient, db: Database
) -> None:
    add_call(db, "c1")
    callback = owe(db, "c1", "+4917612345678")
    with db.conn:
        db.execute(f"{SCHEDULE} ('front', ?, 'closed')", [ago(60)])
    assert "wartet, bis die Abteilung öffnet" in words(get(client), f"callback-{callback}")
    add_call(db, "c2", caller="+4917612345678")
    assert "ist gerade selbst am Telefon" in words(get(client), f"callback-{callback}")


def test_a_callback_is_struck_off_once_and_for_good(client: FlaskClient, db: Database) -> None:
    add_call(db, "c1")
    callback = owe(db, "c1", "+4917612345678")
    for _ in range(2):
        response = post(client, "/cancel-callback", callback=str(callback))
        assert (response.status_code, response.headers["Location"]) == (303, "/#callbacks")
        assert owed(db) == [("+4917612345678", "cancelled", 0)]
    page = get(client)
    assert "Niemand wartet auf einen Rückruf." in words(page, "callbacks")
    assert words(page, "ended-c1").count("Ende: Rückruf gestrichen") == 1


def test_who_is_being_called_is_not_struck_off(client: FlaskClient, db: Database) -> None:
    add_call(db, "c1")
    callback = owe(db, "c1", "+4917612345678", state="calling", result="no answer")
    assert "streichen" not in words(get(client), f"callback-{callback}")
    response = post(client, "/cancel-callback", callback=str(callback))
    assert response.status_code == 400
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.callback_running")
    assert owed(db) == [("+4917612345678", "calling", 0)]


@pytest.mark.parametrize("callback", ["", "2", "-1", "one", "1 OR 1=1", "9" * 400, "\x00"])
def test_a_callback_there_is_not_cannot_be_struck_off(
    client: FlaskClient, db: Database, callback: str
) -> None:
    add_call(db, "c1")
    owe(db, "c1", "+4917612345678")
    response = post(client, "/cancel-callback", callback=callback)
    assert response.status_code == 400
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.callback_gone")
    assert owed(db) == [("+4917612345678", "waiting", 0)]


# --- missed callers


def test_a_missed_caller_is_called_back_with_one_press(client: FlaskClient, db: Database) -> None:
    add_missed(db, "c1", caller_name="Frau Kühn", ticket="4711", waited=65)
    page = get(client)
    assert re.fullmatch(
        r"Frau Kühn 0176 12345678 · Empfang \d\d:\d\d wartete 1:05 min zurückrufen Ticket 4711",
        words(page, "missed-c1"),
    )
    for _ in range(2):
        response = post(client, "/call-back", call="c1")
        assert (response.status_code, response.headers["Location"]) == (303, "/#callbacks")
        assert owed(db) == [("+4917612345678", "waiting", 0)]
    page = get(client)
    assert words(page, "missed-c1").endswith("steht unter Rückrufe Ticket 4711")
    assert "Frau Kühn" in words(page, "callbacks")
    steps = [step["step"] for step in ledger.story(db, "c1")]
    assert steps == ["callback ordered"]


def test_pressing_again_gives_a_callback_no_new_attempts(client: FlaskClient, db: Database) -> None:
    add_missed(db, "c1")
    post(client, "/call-back", call="c1")
    with db.conn:
        db.execute("UPDATE callbacks SET attempts = 2")
    assert post(client, "/call-back", call="c1").status_code == 303
    assert owed(db) == [("+4917612345678", "waiting", 2)]


@pytest.mark.parametrize(("caller", "why"), [("", "withheld"), ("+4993155511", "own")])
def test_a_number_that_is_not_called_back_is_refused(
    client: FlaskClient, db: Database, caller: str, why: str
) -> None:
    add_missed(db, "c1", caller=caller)
    shown = words(get(client), "missed-c1")
    assert TEXTS["de"](f"refusal.{why}") in shown
    assert not shown.endswith(" zurückrufen")
    response = post(client, "/call-back", call="c1")
    assert response.status_code == 400
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"](f"refusal.{why}")
    assert owed(db) == []


@pytest.mark.parametrize("call", ["", "talked", "nobody", "' OR 1=1 --", "\x00", "x" * 3000])
def test_only_missed_callers_are_called_back(client: FlaskClient, db: Database, call: str) -> None:
    add_call(db, "talked", outcome="talked")
    response = post(client, "/call-back", call=call)
    assert response.status_code == 400
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.missed_gone")
    assert owed(db) == []


# --- what nobody knows


def test_without_asterisk_the_page_says_so_and_claims_nothing(client: FlaskClient, db: Database) -> None:
    add_call(db, "c1", waits_since=ago(20))
    add_step(db, "c1", "talks", "anna")
    add_call(db, "c2", ended_at=ago(1))
    callback = owe(db, "c2", "+4917612345679")
    page = get(client)
    assert "asterisk-down" not in page
    assert "vielleicht schon zu Ende" not in page
    assert "im Gespräch" in words(page, "station-anna")
    lamp(db, "asterisk", "red")
    page = get(client)
    assert words(page, "asterisk-down").startswith("Asterisk antwortet nicht: Anrufe kommen nicht an.")
    assert "Asterisk antwortet nicht" in words(page, "lamps")
    assert "unbekannt, wer erreichbar ist" in words(page, "department-front")
    assert "verfügbar" not in words(page, "department-front")
    call = words(page, "call-c1")
    assert "vielleicht schon zu Ende" in call
    assert "wartet seit" not in call
    assert "data-since" not in element(page, "call-c1").attributes
    assert "class=call stale" in page.replace('"', "")
    assert "im Gespräch" not in words(page, "station-anna")
    assert "die Box kann gerade niemanden anrufen" in words(page, f"callback-{callback}")
    english = words(get(client, "en"), "asterisk-down")
    assert english.startswith("Asterisk does not answer: calls do not arrive.")


def test_without_the_supervisor_live_calls_may_be_over(client: FlaskClient, db: Database) -> None:
    add_call(db, "c1")
    add_step(db, "c1", "talks", "anna")
    lamp(db, "supervisor", "green", seconds_ago=6)
    page = get(client)
    assert "vielleicht schon zu Ende" in words(page, "call-c1")
    assert "im Gespräch" not in words(page, "station-anna")
    assert "1 Person verfügbar" in words(page, "department-front"), "whom the floor rings is known"
    lamp(db, "asterisk", "red")
    page = get(client)
    assert "Asterisk allein nimmt Anrufe an" not in page
    assert words(page, "supervisor-down").startswith(TEXTS["de"]("supervisor.down_both"))
    assert "unbekannt, wer erreichbar ist" in words(page, "department-front")


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
def test_a_foreign_page_cannot_press(client: FlaskClient, db: Database, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    add_call(db, "c1", ended_at=ago(1))
    callback = owe(db, "c1", "+4917612345678")
    add_missed(db, "c2", caller="+4917612345679")
    for where in ("/press", "/call", "/call-back", "/cancel-callback", "/", "/nowhere"):
        response = post(client, where, headers, button="agent:anna", call="c2", callback=str(callback))
        assert response.status_code == 403, where
        assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.403")
    assert presses(db) == []
    assert owed(db) == [("+4917612345678", "waiting", 0)]


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
    add_step(db, evil, "told", evil)
    add_call(db, "owed", caller="+4915112345678", caller_name=evil, department=evil, ticket=evil)
    owe(db, "owed", "+4915112345678", attempts=1, result=evil, next_attempt_at=ago(-60))
    add_missed(db, evil + "missed", caller="+4915112345679", caller_name=evil, department=evil, ticket=evil)
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
    assert page.count("&lt;script&gt;alert(1)") > 20
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
