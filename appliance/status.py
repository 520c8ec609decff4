"""How the box is, in words: what `freizeichen status` shows and what needs somebody's attention."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from appliance import hardware_watchdog
from appliance.by_the_clock import clock_can_be_right
from appliance.hotline.line_states import Trouble as LineTrouble
from appliance.hotline.line_states import in_words as line_trouble_in_words
from appliance.hotline.line_states import lasting
from appliance.mail.night_letter import forgotten_in_words
from appliance.mail.outbox import delivery_state
from appliance.mail.spool import call_of, find_recordings
from appliance.mail.troubles import in_words
from appliance.settings import Settings
from appliance.store import config_change, night, people, times
from appliance.store.lines import line_states
from appliance.store.liveness import supervisor_runs
from appliance.store.missed import missed_callers
from appliance.store.office import office_facts
from appliance.store.on_call import duties_now
from appliance.telephony.asterisk_log import knocking
from appliance.telephony.box import manager_secret
from appliance.telephony.manager import ManagerError, ManagerLink
from appliance.telephony.prompts.install import MissingPrompts, check_prompts
from appliance.updating.progress import read_state

_LEAST_FREE_BYTES = 200_000_000
_STUCK_AFTER_SECONDS = 60.0  # the supervisor takes what a call has left behind within seconds


def ask_asterisk(settings: Settings) -> frozenset[str] | None:
    """The calls Asterisk has now, None when it does not answer."""
    link = ManagerLink(
        "127.0.0.1", settings.manager_port, "orders", manager_secret(settings.asterisk), name="status"
    )
    link.start()
    try:
        if not link.wait_connected(2.0):
            return None
        channels = link.send_list("CoreShowChannels", {})
        return frozenset(event.headers.get("Linkedid", "") for event in channels)
    except ManagerError:
        return None
    finally:
        link.stop()


def _missing_prompts(db: Database, settings: Settings) -> list[str]:
    """Sentences without a sound: of the catalogue, and those a department wants besides."""
    wanted = [
        (prompt, language)
        for greeting, extra, language in db.execute(
            "SELECT greeting, extra_prompts, language FROM departments ORDER BY name"
        ).fetchall()
        for prompt in (greeting, *extra.split())
    ]
    # Who is on duty is spoken to in the office's language.
    wanted += [
        (prompt, office_facts(db).language)
        for (prompt,) in db.execute(
            "SELECT DISTINCT department_prompt FROM rotas WHERE department_prompt <> ''"
        ).fetchall()
    ]
    try:
        check_prompts(settings.prompts, wanted)
    except MissingPrompts as error:
        return [f"{key} ({language})" for key, language in error.missing]
    return []


def _rota_gaps(db: Database) -> list[str]:
    """Moments within five weeks at which a department that has a rota is closed with nobody on duty."""
    zone = office_facts(db).time_zone
    return [
        f"{each.title}, {office_time(each.gap_at, zone)}"
        for each in duties_now(db, times.now())
        if each.gap_at
    ]


def office_time(instant: datetime, zone: str) -> str:
    """An instant on the office's wall clock, such as ``2026-12-24 17:00``."""
    return f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _recordings_stuck(settings: Settings, calls: frozenset[str]) -> int:
    """Recordings of calls that are over which have not become messages."""
    found = find_recordings(settings.spool, still_seconds=_STUCK_AFTER_SECONDS)
    return sum(call_of(file.stem) not in calls for file in found)


def _too_long_waits(db: Database, since: datetime) -> int:
    """Callers who had waited longer than promised when it was their turn."""
    question = "SELECT count(DISTINCT call) FROM steps WHERE step = 'waited longer than promised' AND at > ?"
    return int(db.execute(question, [times.to_text(since)]).fetchone()[0])


def calls_alive(settings: Settings) -> frozenset[str]:
    """Call numbers of the calls going on; none when Asterisk is not running."""
    return ask_asterisk(settings) or frozenset()


def look(db: Database, settings: Settings, calls: frozenset[str] | None) -> dict[str, Any]:
    """The state of the box as plain values: for JSON, and for `troubles`.

    `calls` are those Asterisk has now, None when it does not answer.
    """
    mails = delivery_state(db)
    forgotten = night.forgotten(db, times.now())
    time_zone = office_facts(db).time_zone
    return {
        "asterisk_answers": calls is not None,
        "supervisor_runs": supervisor_runs(settings.state),
        "calls_going_on": len(calls or ()),
        "agents_available": db.execute("SELECT count(*) FROM presence WHERE state = 'available'").fetchone()[
            0
        ],
        "departments_open": db.execute("SELECT count(*) FROM opening WHERE state = 'open'").fetchone()[0],
        "night_mode": night.night_mode(db),
        "night_switch_forgotten": {
            language: forgotten_in_words(forgotten, time_zone, language) for language in ("de", "en")
        }
        if forgotten
        else {},
        "callbacks_open": db.execute("SELECT count(*) FROM callbacks WHERE closed_at = ''").fetchone()[0],
        "callers_missed": len(missed_callers(db)),
        "waited_longer_than_promised": _too_long_waits(db, times.now() - timedelta(days=1)),
        "mails_undelivered": mails.waiting,
        "messages_undelivered": people.undelivered_messages(db),
        "mail_trouble": mails.last_error,
        "recordings_stuck": _recordings_stuck(settings, calls or frozenset()),
        "recordings_unreadable": len(list(settings.recordings.glob("*.unreadable"))),
        "prompts_missing": _missing_prompts(db, settings),
        "rota_gaps": _rota_gaps(db),
        "settings_refused": config_change.standing(db).refused,
        "lines_in_trouble": [
            {"line": state.line, "trouble": str(state.trouble)}
            for state in lasting(
                line_states(db), times.now(), timedelta(seconds=settings.line_patience_seconds)
            )
        ],
        "knocking": knocking(settings.asterisk_log, times.now()),
        "clock_believable": clock_can_be_right(db),
        "watchdog_counts": hardware_watchdog.counts(),
        "update": asdict(read_state(settings.state)),
        "disk_free_bytes": shutil.disk_usage(settings.state).free,
    }


@dataclass(frozen=True, slots=True)
class Trouble:
    """What needs somebody's attention: its `kind` in a word, and a sentence in each language."""

    kind: str
    german: str
    english: str


def troubles(state: dict[str, Any]) -> list[Trouble]:
    """What needs attention in the state that `look` gave."""
    found = []
    if not state["asterisk_answers"]:
        found.append(
            Trouble(
                "asterisk",
                "Asterisk antwortet nicht: Anrufe kommen nicht an.",
                "Asterisk does not answer: calls do not come in.",
            )
        )
    if not state["supervisor_runs"]:
        found.append(
            Trouble(
                "supervisor",
                "Die Steuerung läuft nicht; Asterisk nimmt Anrufe allein an.",
                "The supervisor does not run; Asterisk takes calls alone.",
            )
        )
    if forgotten := state["night_switch_forgotten"]:
        found.append(Trouble("night", forgotten["de"], forgotten["en"]))
    if why := state["mail_trouble"]:
        mails, messages = state["mails_undelivered"], state["messages_undelivered"]
        found.append(
            Trouble(
                "mail",
                f"{mails} Mail(s) warten auf den Mailserver, davon {messages} mit einer Nachricht:"
                f" {in_words(why, 'de')}",
                f"{mails} mail(s) wait for the mail server, {messages} of them with a message:"
                f" {in_words(why, 'en')}",
            )
        )
    if count := state["recordings_stuck"]:
        found.append(
            Trouble(
                "recordings",
                f"{count} Aufnahme(n) liegen da und sind noch keine Nachricht.",
                f"{count} recording(s) lie there and have not become a message.",
            )
        )
    if count := state["recordings_unreadable"]:
        found.append(
            Trouble(
                "recordings",
                f"{count} Aufnahme(n) sind kein Ton und wurden beiseitegelegt (*.unreadable).",
                f"{count} recording(s) are no sound and were put aside (*.unreadable).",
            )
        )
    if state["prompts_missing"]:
        missing = ", ".join(state["prompts_missing"])
        found.append(Trouble("prompts", f"Ansagen fehlen: {missing}", f"Prompts are missing: {missing}"))
    for gap in state["rota_gaps"]:
        found.append(
            Trouble(
                "rota",
                f"Niemand hat Bereitschaft, obwohl geschlossen ist: {gap}",
                f"Closed, and nobody is on duty: {gap}",
            )
        )
    if what := state["settings_refused"]:
        found.append(
            Trouble(
                "settings",
                f"Asterisk nimmt die letzte Änderung der Telefone nicht an ({what}); es gilt die davor.",
                f"Asterisk does not take the last change of the phones ({what}); the one before still holds.",
            )
        )
    for line in state["lines_in_trouble"]:
        name, trouble = line["line"], LineTrouble(line["trouble"])
        found.append(
            Trouble(
                "line",
                f"Leitung {name}: {line_trouble_in_words(trouble, 'de')}.",
                f"Line {name}: {line_trouble_in_words(trouble, 'en')}.",
            )
        )
    if addresses := state["knocking"]:
        who = ", ".join(address or "?" for address in addresses)
        found.append(
            Trouble(
                "knocking",
                f"Viele SIP-Anfragen werden abgewiesen, von {who}: Jemand probiert Nummern oder Kennwörter,"
                " oder ein Telefon ist falsch eingerichtet.",
                f"Many SIP requests are refused, from {who}: somebody tries numbers or passwords,"
                " or a telephone is set up wrongly.",
            )
        )
    if not state["clock_believable"]:
        found.append(
            Trouble(
                "clock",
                "Die Uhr der Anlage kann nicht stimmen: Öffnungszeiten warten, bis sie gestellt ist.",
                "The box's clock cannot be right: opening hours wait until it is set.",
            )
        )
    if state["watchdog_counts"] is False:
        found.append(
            Trouble(
                "watchdog",
                "Der Watchdog des Geräts ist aus: Hängt die Anlage, muss jemand den Stecker ziehen.",
                "The device's watchdog is off: when the box hangs, somebody must pull the plug.",
            )
        )
    if state["update"]["word"] == "fell back":
        found.append(Trouble("update", state["update"]["german"], state["update"]["english"]))
    if state["disk_free_bytes"] < _LEAST_FREE_BYTES:
        found.append(
            Trouble(
                "disk",
                "Der Speicher ist fast voll: Nachrichten können bald nicht mehr aufgenommen werden.",
                "The disk is almost full: soon messages cannot be recorded.",
            )
        )
    return found


def complaints(state: dict[str, Any], language: str) -> list[str]:
    """What needs attention, as sentences in German ('de') or English."""
    return [trouble.german if language == "de" else trouble.english for trouble in troubles(state)]
