"""Today: what it shows of panel, departments and calls."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.store import ledger, night, times
from appliance.store.attention import show_attention
from appliance.store.changes import BY_PANEL
from appliance.store.database import open_store
from appliance.store.liveness import Alive
from tests.web.visiting import (
    Visitor,
    add_call,
    add_missed,
    add_step,
    ago,
    element,
    get,
    lamp,
    owe,
    visitor,
    words,
)
from webui import create_app
from webui.texts import LANGUAGES, TEXTS


def test_an_agent_has_a_button_a_lamp_in_words_and_a_presence(client: Visitor) -> None:
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


def test_the_front_panel_tells_every_lamp_in_words(client: Visitor) -> None:
    assert words(get(client), "lamps") == (
        "Supervisor grün Asterisk grün Nacht aus Nachricht an Rückruf aus Leitung 1 rot"
    )
    assert words(get(client, "en"), "lamps") == (
        "Supervisor green Asterisk green Night off Message on Callback off Line 1 red"
    )


@pytest.mark.parametrize("pattern", ["white pulse", "puce", "green wobbling", ""])
def test_a_pattern_nobody_knows_is_unknown(client: Visitor, db: Database, pattern: str) -> None:
    lamp(db, "agent:anna", pattern)
    page = get(client)
    assert "Lampe unbekannt" in words(page, "station-anna")
    assert "class=push white pulse unknown" in element(page, "station-anna").attributes


def test_a_silent_supervisor_is_said_plainly(client: Visitor, db: Database) -> None:
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


def test_a_stamp_from_the_future_is_no_sign_of_life(client: Visitor, db: Database) -> None:
    lamp(db, "supervisor", "green", seconds_ago=-60)
    assert "supervisor-down" in get(client)


def test_without_its_lamp_the_supervisors_lock_tells(client: Visitor, db: Database, path: Path) -> None:
    with db.conn:
        db.execute("DELETE FROM lamps WHERE name = 'supervisor'")
    assert "supervisor-down" in get(client)
    with Alive(path.parent):
        page = get(client)
    assert "supervisor-down" not in page
    assert words(page, "lamps").startswith("Supervisor grün")


def test_the_night_switch_shows_its_position(client: Visitor, db: Database) -> None:
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


def test_a_department_that_ignores_the_night_switch_shows_its_hours(client: Visitor, db: Database) -> None:
    with db.conn:
        db.execute("UPDATE night_switch SET mode = 'night'")
        db.execute("UPDATE departments SET ignores_night_switch = 1 WHERE name = 'front'")
        db.execute("UPDATE departments SET always_open = 1 WHERE name = 'support'")
        db.execute("INSERT INTO schedule (department, at, state) VALUES ('front', ?, 'open')", [ago(3600)])
        closes = "2099-03-02T16:30:00.000Z"
        db.execute("INSERT INTO schedule (department, at, state) VALUES ('front', ?, 'closed')", [closes])
    page = get(client)
    assert words(page, "department-front").endswith("offen bis Mo 2.3. 17:30")
    assert words(page, "department-support").endswith("geschlossen durch den Nachtschalter")


def test_who_moved_the_night_switch_is_told_by_name(client: Visitor, db: Database) -> None:
    assert "night-since" not in get(client), "nobody has"
    with db.conn:
        db.execute("UPDATE night_switch SET mode = 'night'")
        db.execute("UPDATE night_switch SET changed_by = 'phone desk-anna'")
    assert words(get(client), "night-since").startswith("Umgestellt am Telefon Anna Beck, ")
    with db.conn:
        db.execute("UPDATE night_switch SET changed_by = 'phone lobby'")
    assert words(get(client, "en"), "night-since").startswith("Moved on the phone of lobby, ")


def test_a_forgotten_night_switch_is_an_alarm(client: Visitor, db: Database) -> None:
    with db.conn:
        db.execute("INSERT INTO opening_hours VALUES ('front', 0, '08:00', '17:00')")
        night.set_night_mode(db, "night", BY_PANEL, times.now())
    assert "night-forgotten" not in get(client)
    with db.conn:
        db.execute("UPDATE night_switch SET since = ?", [ago(15 * 86400)])
    told = words(get(client), "night-forgotten")
    assert re.match(r"Der Nachtschalter steht seit .+ auf Nacht. Die Öffnungszeit begann Mo .+ 08:00\.", told)
    assert "Auf Automatik" in told
    assert "at night since" in words(get(client, "en"), "night-forgotten")


def test_departments_say_whether_they_are_open_why_and_who_is_there(client: Visitor, db: Database) -> None:
    with db.conn:
        db.execute("INSERT INTO schedule (department, at, state) VALUES ('front', ?, 'open')", [ago(3600)])
        closes = "2099-03-02T16:30:00.000Z"
        db.execute("INSERT INTO schedule (department, at, state) VALUES ('front', ?, 'closed')", [closes])
        db.execute("UPDATE departments SET always_open = 1 WHERE name = 'support'")
    page = get(client)
    assert words(page, "department-front") == "Empfang 1 Person verfügbar offen bis Mo 2.3. 17:30"
    assert words(page, "department-support") == "Technik niemand verfügbar offen rund um die Uhr"
    english = words(get(client, "en"), "department-front")
    assert english == "Empfang 1 person available open until Mon 2 Mar 17:30"


def test_a_live_call_tells_its_story_and_the_agent_is_in_it(client: Visitor, db: Database) -> None:
    add_call(db, "1700.1", caller_name="Frau Kühn")
    for step, detail in (("rang in", "55510"), ("greeted", ""), ("agent rings", "anna"), ("talks", "anna")):
        add_step(db, "1700.1", step, detail)
    page = get(client)
    call = words(page, "call-1700.1")
    assert call.startswith("Frau Kühn 0176 12345678 Empfang seit ")
    story = re.sub(r"\d\d:\d\d:\d\d ", "", call)
    assert story.endswith("ruft an wurde begrüßt Telefon von Anna Beck klingelt spricht mit Anna Beck")
    assert "im Gespräch mit Frau Kühn verfügbar seit" in words(page, "station-anna")


def test_ended_calls_show_outcome_and_story_the_last_ten(client: Visitor, db: Database) -> None:
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


def test_a_step_nobody_has_worded_is_shown_as_it_is(client: Visitor, db: Database) -> None:
    add_call(db, "c1")
    add_step(db, "c1", "juggled {detail}", "three {balls}")
    assert words(get(client), "call-c1").endswith("juggled {detail} three {balls}")


@pytest.mark.parametrize(
    "step", sorted(key.partition(".")[2] for key in TEXTS["de"].sentences if key[:5] == "step.")
)
def test_every_step_reads_as_a_sentence_with_and_without_a_detail(
    client: Visitor, db: Database, step: str
) -> None:
    add_call(db, "c1")
    add_step(db, "c1", step)
    add_step(db, "c1", step, "anna")
    for language in LANGUAGES:
        call = words(get(client, language), "call-c1")
        assert "{" not in call
        assert not re.search(r"[:(] *\)|: *$|: \d\d:", call), call


def test_a_long_story_is_cut_at_its_beginning(client: Visitor, db: Database) -> None:
    add_call(db, "c1")
    for number in range(15):
        add_step(db, "c1", f"step{number:02}")
    call = words(get(client), "call-c1")
    assert "Frühere Schritte: 3" in call
    assert "step02" not in call
    assert "step03" in call


def test_messages_tell_how_far_their_mail_has_come(client: Visitor, db: Database) -> None:
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
    client = visitor(create_app(path))
    client.sign_in(open_store(path), "ada")
    page = get(client)
    assert 'href="/setup"' in page
    assert "Noch nicht eingerichtet" in page


def test_twenty_calls_and_everything_else_stay_under_150_kilobytes(client: Visitor, db: Database) -> None:
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
    assert len(own_files) == 4
    everything = [page, client.get("/static/brushed.svg"), *(client.get(file) for file in own_files)]
    assert all(answer.status_code == 200 for answer in everything)
    assert sum(len(answer.data) for answer in everything) < 150_000


# --- who waits


def test_a_waiting_caller_shows_since_when_and_the_ticket(client: Visitor, db: Database) -> None:
    add_call(db, "c1", ticket="4711")
    assert "wartet seit" not in words(get(client), "call-c1")
    ledger.add_step(db, "c1", "waits", "", times.now() - timedelta(seconds=30))
    call = words(get(client), "call-c1")
    assert re.search(r"wartet seit \d\d:\d\d:\d\d noch etwa 3 min Ticket 4711 ", call)
    assert "versprochen" not in call


@pytest.mark.parametrize(
    ("promise_minutes", "waits", "late"), [(5, 290, False), (5, 310, True), (0, 3000, False)]
)
def test_a_caller_who_waits_longer_than_promised_is_marked(
    client: Visitor, db: Database, promise_minutes: int, waits: float, late: bool
) -> None:
    with db.conn:
        db.execute("UPDATE departments SET promise_minutes = ?", [promise_minutes])
    add_call(db, "c1", started=waits + 5, waits_since=ago(waits))
    assert ("länger als die versprochenen 5 min" in words(get(client), "call-c1")) is late


def test_who_calls_again_waits_since_he_first_waited(client: Visitor, db: Database) -> None:
    add_call(db, "before")
    owe(db, "before", "+4917612345678", 400)
    add_call(db, "c1", waits_since=ago(5))
    assert "länger als die versprochenen 5 min" in words(get(client), "call-c1")


@pytest.mark.parametrize("step", ["nobody present told", "leaves message", "callback promised"])
def test_who_does_not_wait_any_more_is_not_shown_as_waiting(client: Visitor, db: Database, step: str) -> None:
    add_call(db, "c1", waits_since=ago(400))
    add_step(db, "c1", step)
    assert "wartet seit" not in words(get(client), "call-c1")
    add_call(db, "c2", waits_since=ago(400), connected_at=ago(20))
    add_step(db, "c2", "talks")
    assert "wartet seit" not in words(get(client), "call-c2")


# --- what nobody knows


def test_without_asterisk_the_page_says_so_and_claims_nothing(client: Visitor, db: Database) -> None:
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


def test_without_the_supervisor_live_calls_may_be_over(client: Visitor, db: Database) -> None:
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


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_line_in_trouble_leads_to_the_lines(client: Visitor, db: Database, language: str) -> None:
    show_attention(db, [("line", "Leitung isdn: kein Signal.", "Line isdn: no signal.")])
    page = get(client, language)
    assert f'<a href="/lines">{TEXTS[language]("attention.line")}</a>' in page
