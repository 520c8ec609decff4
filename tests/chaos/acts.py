"""What people are promised, done by the product's own code, one act a program that can be traced or killed.

    python -m tests.chaos.acts ACT FOLDER COUNT

Whenever a person is told something, a mark says so (see `trace.MARKS`) and a line is printed: `kept CALL` (a
message), `promised NUMBER CALL`, `called NUMBER` (his telephone rings), `saved NUMBER` (settings),
`taken CALL` (by the mail server), `sent CALL`, `asked NUMBER` (to be forgotten), `forgot
NUMBER`, `backed up`. `not kept CALL` and the like is an honest refusal.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from sqlite_utils import Database

from appliance import backup
from appliance.bookkeeper import Bookkeeper
from appliance.granting import grant
from appliance.hotline.callbacks import Result
from appliance.hotline.departments import Department
from appliance.house import House, HouseOfOneCall
from appliance.mail import outbox as outbox_module
from appliance.mail import sound
from appliance.mail.outbox import Outbox
from appliance.settings import Settings
from appliance.store import callbacks, config_change, ledger, times, wishes
from appliance.store.changes import BY_COMMAND
from appliance.store.config import export_config, import_config, read_config
from appliance.store.database import exclusive, open_store
from appliance.store.office import department
from appliance.switchboard import Switchboard
from appliance.telephony.asking import ask_for_callback
from appliance.telephony.call import Call
from appliance.telephony.dialog import take_message
from appliance.telephony.fastagi import CallerLeg
from tests.chaos.trace import MARKS

WORDS = array("h", [7000, -6500, 3000, -4000] * 2600)  # 1.3 s, as a caller speaks them
_PAGES_TO_CHECKPOINT = 24  # often, so that what SQLite does at a checkpoint is among what is tried
OFFICE = """
[office]
name = "Musterbüro"
language = "de"
country = "DE"
area_code = "0931"
time_zone = "Europe/Berlin"
retention_days = 90
mailbox = "buero@musterbuero.example"

[mail]
host = "127.0.0.1"
port = 25
security = "none"
user = ""
password = ""
sender = "anrufe@musterbuero.example"

[[department]]
name = "support"
title = "Technik"
language = "de"
mailbox = "technik@musterbuero.example"
numbers = ["0931 555-10"]
hours = "always"

[[phone]]
name = "desk_1"
extension = "21"
secret = "geheim-desk-1"

[[agent]]
name = "anna"
title = "Anna Berg"
phone = "desk_1"
departments = ["support"]
languages = ["de"]
"""


def prepare(state: Path, *, mail_port: int = 25) -> Settings:
    """An office that is set up, in a folder that holds nothing yet."""
    settings = Settings(state)
    state.mkdir(parents=True)
    settings.recordings.mkdir(parents=True)
    (state / "asterisk" / "log").mkdir(parents=True)
    db = open_store(settings.store)
    config = read_config(OFFICE)
    import_config(db, replace(config, mail=replace(config.mail, port=mail_port)))
    db.close()
    return settings


def number_of(place: int) -> str:
    """The number of the person who calls in this place."""
    return f"+4917020{place:05d}"


def tell(*words: object) -> None:
    """Mark that a person has been told so."""
    text = " ".join(map(str, words))
    with contextlib.suppress(OSError):
        os.close(os.open(MARKS + text, os.O_RDONLY))
    with contextlib.suppress(OSError):
        os.write(1, f"{text}\n".encode())


class ScriptedLeg:
    """A caller who presses these keys one after the other, and speaks when he is recorded."""

    hung_up = False
    channel = "PJSIP/line-1"

    def __init__(
        self, settings: Settings, call: str, number: str, keys: str, told: Callable[[str], None]
    ) -> None:
        self.recordings = settings.recordings
        self.call, self.number, self.keys, self.told = call, number, list(keys), told
        self.variables = {"DEPARTMENT": "support"}

    def argument(self, position: int) -> str:
        return (self.call, "093155510")[position - 1]

    def caller_id(self) -> tuple[str, str]:
        return self.number, "Erika Muster"

    def set(self, variable: str, value: str) -> None:
        self.variables[variable] = value

    def get(self, variable: str) -> str:
        return self.variables.get(variable, "")

    def play(self, sound: str, keys: str = "") -> str:
        self.told(Path(sound).name)
        return self.wait_key(0) if self.keys and self.keys[0] in keys else ""

    def wait_key(self, _wait_seconds: float) -> str:
        return self.keys.pop(0) if self.keys else ""

    def run(self, application: str, *arguments: str) -> None:
        """Record as Asterisk does: a file that is not synced. A full disk cuts it short, without a word."""
        assert application == "Record"
        with contextlib.suppress(OSError):
            Path(arguments[0]).write_bytes(sound.write_wav(WORDS))


class _NoSwitchboard:
    """Nobody is in line in these acts."""


class Act:
    """One person's business with the box, again and again."""

    def __init__(self, state: Path) -> None:
        self.settings = Settings(state)
        self.db = self.open()
        bookkeeper = Bookkeeper(
            self.settings.store, self.settings.call_records, take_message=lambda _call: False
        )
        self.house = House(
            self.settings, cast(Switchboard, _NoSwitchboard()), bookkeeper, on_message=lambda: None
        )

    def open(self) -> Database:
        db = open_store(self.settings.store)
        db.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_TO_CHECKPOINT}")
        return db

    def call(self, place: int, keys: str, told: dict[str, str]) -> Call:
        """A call; when the caller hears one of these prompts, it is told in these words."""
        name = f"1795{place:06d}.7"

        def hears(prompt: str) -> None:
            if prompt in told:
                tell(*told[prompt].format(call=name, number=number_of(place)).split())

        leg = cast(CallerLeg, ScriptedLeg(self.settings, name, number_of(place), keys, hears))
        return Call(leg, HouseOfOneCall(self.house, leg, self.db))

    def department(self) -> Department:
        found = department(self.db, "support")
        assert found is not None
        return found


def message(act: Act, place: int) -> None:
    """A caller leaves a message; when the dialog fails, the floor does its part, as the dialplan has it."""
    call = act.call(place, "", {"message-thanks": "kept {call}"})
    name = call.leg.argument(1)
    with contextlib.suppress(sqlite3.Error):  # the bookkeeper tries again later
        ledger.open_call(act.db, name, dialled="+4993155510", department="support", caller=number_of(place),
                         caller_name="Erika Muster", started_at=times.now())  # fmt: skip
    try:
        take_message(call, act.department())
    except (OSError, sqlite3.Error, sound.SoundError):
        _floor_keeps(act, name)


def _floor_keeps(act: Act, name: str) -> None:
    """extensions.conf, [floor] recording: what the dialplan does when the supervisor's dialog has failed."""
    recording = act.settings.recordings / f"{name}.wav"
    with contextlib.suppress(sqlite3.Error):
        if act.db.execute("SELECT 1 FROM messages WHERE call = ?", [name]).fetchone():
            tell("kept", name)
            return
    if not recording.exists() or recording.stat().st_size < 16000:
        tell("not kept", name)  # "too short", and asked to speak again
        return
    done = subprocess.run(["sync", str(recording), str(recording.parent)], check=False, capture_output=True)
    tell("not kept" if done.returncode else "kept", name)


def floor(act: Act, place: int) -> None:
    """A caller leaves a message while there is no supervisor."""
    name = f"1795{place:06d}.7"
    leg = ScriptedLeg(act.settings, name, number_of(place), "", lambda _prompt: None)
    leg.run("Record", str(act.settings.recordings / f"{name}.wav"))
    _floor_keeps(act, name)


def callback(act: Act, place: int) -> None:
    """A caller is promised to be called back; the third in each three is called: busy, then reached."""
    call = act.call(
        place,
        "1",
        {"callback-promised": "promised {number} {call}", "callback-failed": "not promised {number}"},
    )
    agreed = ask_for_callback(call, "callback-confirm")
    if agreed:
        call.hears("callback-promised")
    if agreed and place % 3 == 2:
        number = number_of(place)
        with exclusive(act.db):
            act.db.execute("UPDATE calls SET ended_at = ? WHERE call = ?",
                           [times.to_text(times.now()), call.leg.argument(1)])  # fmt: skip
        _call_back(act, number, Result.BUSY)
        _call_back(act, number, Result.TALKED)


def _call_back(act: Act, number: str, result: Result) -> None:
    (request,) = act.db.execute(
        "SELECT id FROM callbacks WHERE number = ? AND closed_at = ''", [number]
    ).fetchone()
    attempt = callbacks.begin_attempt(act.db, request)
    assert attempt is not None
    if callbacks.dial(act.db, attempt, "anna", times.now()):
        tell("called", number)
    if result is Result.TALKED:
        with exclusive(act.db):  # as the bookkeeper does
            callbacks.connect(act.db, attempt, "PJSIP/desk_1-00000001", times.now())
    else:
        callbacks.note_result(act.db, attempt, result)
    callbacks.settle_attempt(act.db, attempt, times.now())
    if result is Result.TALKED:
        tell("reached", number)


def settings(act: Act, place: int) -> None:
    """An admin saves the settings: by the page's way, and by a whole file."""
    name = f"Büro {place}"

    def edit(document: dict[str, Any]) -> None:
        document["office"]["name"] = name
        document["department"][0]["title"] = f"Technik {place}"

    try:
        if place % 2:
            config_change.change(act.db, edit, BY_COMMAND)
        else:
            config = export_config(act.db)
            first = replace(config.departments[0], title=f"Technik {place}")
            office = replace(config.office, name=name)
            import_config(act.db, replace(config, office=office, departments=(first,)))
    except (OSError, sqlite3.Error):
        tell("not saved", place)
        return
    tell("saved", place)


def mails(act: Act, count: int) -> None:
    """All the messages there are are mailed. The server's word is marked before anything is done with it."""
    done = []

    class Marked(Outbox):
        def _send(self, mail: outbox_module._Due) -> None:
            super()._send(mail)
            tell("taken", mail.call)

    def sent(call: str) -> None:
        tell("sent", call)
        done.append(call)

    outbox = Marked(act.settings.store, act.settings.spool, first_pause_seconds=0.05, on_change=sent)
    outbox.start()
    until = time.monotonic() + 20
    while len(done) < count and time.monotonic() < until:
        time.sleep(0.01)
    outbox.stop()


def forget(act: Act, place: int) -> None:
    """Somebody asks that his number be forgotten."""
    message(act, place)
    ended = times.to_text(times.now() - timedelta(minutes=5))
    tell("taken", f"1795{place:06d}.7")
    with exclusive(act.db):
        act.db.execute("UPDATE calls SET ended_at = ?, outcome = 'message' WHERE outcome = ''", [ended])
        act.db.execute("UPDATE outbox SET delivered_at = ?", [ended])
    wishes.ask(act.db, "forget number", BY_COMMAND, times.now(), number=number_of(place))
    tell("asked", number_of(place))
    while wish := wishes.waiting(act.db):
        grant(act.db, act.settings, wish, {})
        answered = wishes.wish(act.db, wish.id)
        assert answered is not None
        word = answered.answer and answered.answer["word"]
        tell("forgot" if word == "done" else f"not forgotten ({word})", number_of(place))


def back_up(act: Act, place: int) -> None:
    """A backup replaces the one before it."""
    message(act, place)
    try:
        backup.write_backup(act.settings, act.settings.state / "backup.zip")
    except (OSError, sqlite3.Error):
        tell("not backed up")
        return
    tell("backed up", place)


ACTS: dict[str, Callable[[Act, int], None]] = {
    "message": message,
    "floor": floor,
    "callback": callback,
    "settings": settings,
    "mails": mails,
    "forget": forget,
    "backup": back_up,
}


def do(name: str, folder: Path, count: int) -> None:
    """Do one act so often (mails: all at once), with a mark before and behind."""
    act = Act(folder)
    tell("begin")
    for place in [count] if name == "mails" else range(count):
        ACTS[name](act, place)
    with contextlib.suppress(sqlite3.Error):
        act.db.close()
    tell("end")


if __name__ == "__main__":
    do(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
