"""An office in the middle of a busy day, with everything a page can show, and the box behind it."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from pathlib import Path

from sqlite_utils import Database

from appliance import files
from appliance.hotline.line_states import LineState, Trouble
from appliance.mail import sound
from appliance.office_page import BoxOfSettings
from appliance.settings import Settings
from appliance.store import ledger, own_prompts, times
from appliance.store.attention import show_attention
from appliance.store.changes import by_page
from appliance.store.config import import_config, read_config
from appliance.store.config_change import note_in_force
from appliance.store.database import open_store
from appliance.store.lines import keep_line_states
from appliance.telephony.prompts.install import install_prompts
from appliance.telephony.prompts.sounds import samples
from appliance.telephony.prompts.speech import speech_file
from tests.web.visiting import add_call, add_missed, add_step, ago, lamp, owe

EXAMPLE = Path(__file__).parents[2] / "appliance" / "config_example.toml"
VOICE = samples(speech_file("leave-message", "de"))
PEOPLE = (
    ("Heike Vogt", "+493023125011"),
    ("Jürgen Groß", "+493023125022"),
    ("Ayşe Yılmaz", "+493023125033"),
    ("", "+4917612345678"),
    ("", ""),
)


def settings_of(folder: Path) -> Settings:
    """The box in this folder, its prompts installed."""
    settings = Settings(folder)
    settings.write()
    install_prompts(settings.prompts, debian_sounds=folder / "none", recordings=settings.own_recordings)
    return settings


def busy_office(folder: Path) -> tuple[BoxOfSettings, Settings, Database]:
    """The example's office with calls, messages, callbacks, missed callers and four weeks of history."""
    settings = settings_of(folder)
    db = open_store(settings.store, durable=False)
    import_config(db, read_config(_open_at_any_time(EXAMPLE.read_text("utf-8"))))
    departments = ["accounting", "support"]
    agents = [row[0] for row in db.execute("SELECT name FROM agents ORDER BY name").fetchall()]
    with db.conn:
        for number, agent in enumerate(agents):
            state = ("available", "available", "away", "offline")[number % 4]
            db.execute("UPDATE presence SET state = ?, since = ? WHERE agent = ?", [state, ago(3000), agent])
            lamp(db, f"agent:{agent}", ("red", "green", "amber", "off")[number % 4])
        for name, pattern in (
            ("asterisk", "green"),
            ("night", "off"),
            ("message", "on"),
            ("line:line", "green"),
        ):
            lamp(db, name, pattern)
        lamp(db, "supervisor", "green", seconds_ago=-4)
        _history(db, departments)
        _now(db, departments[0], agents[0])
        _messages(db, settings, departments)
    for serial, agent, port in (("b1", agents[0], "/dev/ttyACM0"), ("b2", agents[1], "")):
        db.execute(
            "INSERT INTO boxes (serial, agent, port, firmware, seen_at) VALUES (?, ?, ?, '1', ?)",
            [serial, agent, port, ago(30)],
        )
    show_attention(db, [("mail", "1 Nachricht wartet auf den Mailserver: Er ist nicht zu erreichen",
                         "1 message waits for the mail server: it cannot be reached")])  # fmt: skip
    troubled = LineState("isdn", "bri-ptp", 4, 0, 4, Trouble.NO_SIGNAL)
    keep_line_states(db, [LineState("line", "sip", 4, 1, 3), troubled], times.now())
    note_in_force(db, 1, times.now())
    own_prompts.set_sound(db, "greeting", "de", VOICE.tobytes(), by_page("ada"), times.now())
    return BoxOfSettings(settings), settings, db


def _open_at_any_time(config: str) -> str:
    """The office is in the middle of its day whenever the tests run, on holidays, too."""
    always = 'hours = { mon-sun = "00:00-24:00" }\nclosed_on_holidays = false'
    config = config.replace("public_status = false", "public_status = true")
    config = config.replace("closed_on_holidays = true\n", "")
    return re.sub(r"^hours = \{.*\}$", always, config, flags=re.MULTILINE)


def _history(db: Database, departments: list[str]) -> None:
    """Four weeks of calls, always the same."""
    dice = random.Random(7)
    outcomes = ("talked",) * 12 + ("message", "message", "hung up", "told closed", "called back")
    rows = []
    for day in range(1, 28):
        for number in range(dice.randrange(4, 24)):
            began, outcome = day * 86400 + dice.randrange(0, 30000), dice.choice(outcomes)
            waited, talked = dice.choice((0, 0, 20, 90, 200, 400)), outcome in ("talked", "called back")
            rows.append(
                {
                    "call": f"old-{day}-{number}",
                    "dialled": "55510",
                    "caller": "+4917612345678",
                    "department": dice.choice(departments),
                    "started_at": ago(began),
                    "waits_since": ago(began - 5) if waited else "",
                    "connected_at": ago(began - 5 - waited) if talked else "",
                    "ended_at": ago(began - 200 - waited),
                    "agent": "anna" if talked else "",
                    "outcome": outcome,
                }
            )
    db.table("calls").insert_all(rows)


def _now(db: Database, department: str, agent: str) -> None:
    add_call(
        db, "1700.1", caller_name="Heike Vogt", caller="+493023125011", department=department, started=200
    )
    for step, detail in (("rang in", "55510"), ("greeted", ""), ("agent rings", agent), ("talks", agent)):
        add_step(db, "1700.1", step, detail)
    with db.conn:
        db.execute("UPDATE calls SET connected_at = ?, agent = ? WHERE call = '1700.1'", [ago(180), agent])
    for (name, number), waits, ticket in zip(PEOPLE[1:3], (410, 65), ("", "4711"), strict=True):
        call = f"waits.{waits}"
        add_call(db, call, caller=number, caller_name=name, department=department,
                 started=waits + 12, ticket=ticket)  # fmt: skip
        add_step(db, call, "all busy told")
        ledger.add_step(db, call, "waits", "", times.now() - timedelta(seconds=waits))
    add_call(
        db,
        "owed.1",
        caller="+493023125044",
        caller_name="Matthias Kühn",
        department=department,
        ended_at=ago(900),
    )
    owe(db, "owed.1", "+493023125044", 1000)
    add_call(
        db,
        "owed.2",
        caller="+493023125055",
        caller_name="Sabine Lorenz",
        department=department,
        ended_at=ago(900),
    )
    owe(db, "owed.2", "+493023125055", 2000, attempts=1, result="busy", next_attempt_at=ago(-400))
    add_missed(db, "missed.1", caller="+493023125066", caller_name="Uwe Brandt", department=department)
    add_missed(db, "missed.2", caller="", department=department, waited=130)


def _messages(db: Database, settings: Settings, departments: list[str]) -> None:
    files.make_folder(settings.spool / "messages")
    for number, (name, caller) in enumerate(PEOPLE, start=1):
        call = f"said.{number}"
        add_call(db, call, outcome="message", started=number * 4000, caller=caller, caller_name=name,
                 department=departments[number % len(departments)])  # fmt: skip
        (settings.spool / "messages" / f"{call}.wav").write_bytes(sound.write_wav(VOICE))
        db.execute(
            "INSERT INTO messages (id, call, department, caller, caller_name, recorded_at, seconds, sound)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [number, call, departments[number % len(departments)], caller, name, ago(number * 4000),
             sound.seconds(VOICE), f"messages/{call}.mp3"],
        )  # fmt: skip
        db.execute(
            "INSERT INTO outbox (message, message_id, recipient, language, delivered_at)"
            " VALUES (?, ?, ?, 'de', ?)",
            [number, f"<{number}>", "technik@example.org", "" if number == 1 else ago(number * 4000 - 60)],
        )
