"""What the box itself does after a power cut or a kill, and whether what people were told holds then."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from sqlite_utils import Database

from appliance.backup import BackupError, check_backup
from appliance.bookkeeper import Bookkeeper
from appliance.forgetting import forget_old
from appliance.granting import grant
from appliance.house import keep_message_of_ended_call
from appliance.mail import sound
from appliance.mail.spool import find_recordings
from appliance.settings import Settings
from appliance.store import callbacks, ledger, times, wishes
from appliance.store.config import export_config, read_config, write_config
from appliance.store.database import open_store
from tests.chaos.acts import WORDS

_LONG_AGO = times.from_text("2020-01-01T00:00:00.000Z")


def recover(settings: Settings) -> None:
    """What the supervisor does about calls, messages and wishes when it starts, in this order.

    Asterisk knows of no call: after a power cut it does not, either.
    """
    db = open_store(settings.store)
    attempts = callbacks.calling_in(db)
    bookkeeper = Bookkeeper(
        settings.store,
        settings.call_records,
        take_message=lambda call: keep_message_of_ended_call(settings, call),
    )
    bookkeeper.reconcile(frozenset(), times.now(), attempts)
    bookkeeper.take_left_over(lambda: [file.stem for file in find_recordings(settings.spool)])
    bookkeeper._hurry.set()
    bookkeeper.start()
    bookkeeper.stop()
    forget_old(db, settings, _LONG_AGO)
    while wish := wishes.waiting(db):
        grant(db, settings, wish, {})
    db.close()


def broken_promises(state: Path, told: Collection[str], *, twice: bool = False) -> list[str]:
    """What does not hold after the recovery (`twice`: after a second one, too); empty when all of it does."""
    settings = Settings(state)
    try:
        found: list[str] = []
        for _ in range(2 if twice else 1):
            recover(settings)
            db = open_store(settings.store)
            found += [*_whole(db, settings), *_kept(db, settings, told)]
            db.close()
    except (sqlite3.Error, OSError, ValueError) as error:
        return [f"the recovery itself failed: {error!r}"]
    return found


def _whole(db: Database, settings: Settings) -> Iterator[str]:
    """Nothing is half there, told or not."""
    if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        yield "the store is damaged"
    if db.execute("PRAGMA foreign_key_check").fetchone():
        yield "a row refers to nothing"
    yield from (f"ledger: {fault}" for fault in ledger.check(db, alive=frozenset()))
    for row in db.query("SELECT call, sound, (SELECT count(*) FROM outbox WHERE message = m.id) AS mails"
                        " FROM messages AS m"):  # fmt: skip
        if row["mails"] != 1:
            yield f"message {row['call']} has {row['mails']} mails"
        for file in (settings.spool / row["sound"], (settings.spool / row["sound"]).with_suffix(".wav")):
            if not file.is_file() or not file.stat().st_size:
                yield f"message {row['call']} has no {file.suffix}"
    office = export_config(db)
    read_config(write_config(office))
    if office.departments[0].title.removeprefix("Technik") != office.office.name.removeprefix("Büro") and (
        office.office.name != "Musterbüro"
    ):
        yield "settings are mixed of two"


def _kept(db: Database, settings: Settings, told: Collection[str]) -> Iterator[str]:
    """What was told holds, once."""
    forgotten = {text.split()[1] for text in told if text.startswith(("asked ", "forgot "))}
    for text in told:
        word, *about = text.split()
        if look := _LOOKS.get(word):
            yield from (f"{text}: {fault}" for fault in look(db, settings, about, told, forgotten))


_Look = Callable[[Database, Settings, list[str], Collection[str], set[str]], Iterator[str]]


@functools.cache
def _sounds() -> tuple[bytes, bytes]:
    samples = sound.trim(sound.read_wav(sound.write_wav(WORDS)))
    return sound.write_wav(samples), sound.write_mp3(samples)


def _message(
    db: Database, settings: Settings, about: list[str], _told: Collection[str], forgotten: set[str]
) -> Iterator[str]:
    (call,) = about
    rows = list(db.query("SELECT * FROM messages WHERE call = ?", [call]))
    if call in {_call_of(number) for number in forgotten} or wishes.newest(db, "forget number"):
        return  # the wish was on disk, though nobody had been told so yet
    if len(rows) != 1:
        yield f"there are {len(rows)} messages"
        return
    wav, mp3 = _sounds()
    file = settings.spool / rows[0]["sound"]
    if file.read_bytes() != mp3 or file.with_suffix(".wav").read_bytes() != wav:
        yield "its sound is not what was said"


def _call_of(number: str) -> str:
    return f"1795{int(number[-5:]):06d}.7"


def _promise(
    db: Database, _settings: Settings, about: list[str], told: Collection[str], _forgotten: set[str]
) -> Iterator[str]:
    number, call = about
    states = db.execute("SELECT state, attempts FROM callbacks WHERE number = ?", [number]).fetchall()
    reached = f"reached {number}" in told
    if len(states) != 1:
        yield f"there are {len(states)} requests"
    elif states[0][0] != "reached" and (reached or states[0][0] != "waiting"):
        yield f"it is {states[0][0]}"
    if not db.execute("SELECT 1 FROM calls WHERE call = ? AND callback NOT NULL", [call]).fetchone():
        yield "the call knows nothing of it"


def _called(
    db: Database, _settings: Settings, about: list[str], told: Collection[str], _forgotten: set[str]
) -> Iterator[str]:
    rung = sum(text == f"called {about[0]}" for text in told)
    (attempts,) = db.execute("SELECT attempts FROM callbacks WHERE number = ?", about).fetchone()
    if attempts < rung:
        yield f"{attempts} attempts are on record, his telephone rang {rung} times"


def _saved(
    db: Database, _settings: Settings, about: list[str], _told: Collection[str], _forgotten: set[str]
) -> Iterator[str]:
    name = export_config(db).office.name
    if int(name.split()[-1]) < int(about[0]):
        yield f"the office is {name!r}"


def _sent(
    db: Database, _settings: Settings, about: list[str], _told: Collection[str], _forgotten: set[str]
) -> Iterator[str]:
    if not _delivered(db, about[0]):
        yield "it would be sent again"


def _begin(
    db: Database, _settings: Settings, _about: list[str], told: Collection[str], _forgotten: set[str]
) -> Iterator[str]:
    """What the mail server has not taken is not taken for sent."""
    calls = db.execute(
        "SELECT call FROM messages AS m JOIN outbox AS o ON o.message = m.id WHERE o.delivered_at <> ''"
    ).fetchall()
    for (call,) in calls:
        if f"taken {call}" not in told and not any(text.startswith("forg") for text in told):
            yield f"{call} counts as sent and was not"


def _delivered(db: Database, call: str) -> bool:
    row = db.execute(
        "SELECT delivered_at FROM outbox JOIN messages AS m ON m.id = message WHERE m.call = ?", [call]
    ).fetchone()
    return bool(row and row[0])


def _forgot(
    _db: Database, settings: Settings, about: list[str], _told: Collection[str], _forgotten: set[str]
) -> Iterator[str]:
    (number,) = about
    yield from (f"{file} has it" for file in files_with(settings.state, number, _call_of(number)))


def _asked(
    db: Database, settings: Settings, about: list[str], told: Collection[str], forgotten: set[str]
) -> Iterator[str]:
    """Asked to be forgotten: the recovery has gone on with it, and what it says is true."""
    if wishes.waiting(db):
        yield "nobody goes on with it"
    yield from _forgot(db, settings, about, told, forgotten)


def files_with(folder: Path, number: str, call: str) -> list[str]:
    """Every file of a folder in which a number stands, as a person or a line writes it, or of its call."""
    forms = [form.encode() for form in (number, "0" + number[3:], "00" + number[1:])]
    found = []
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            if any(form in content for form in forms) or file.name.startswith(call):
                found.append(str(file.relative_to(folder)))
    return found


def _backed_up(
    _db: Database, settings: Settings, about: list[str], _told: Collection[str], _forgotten: set[str]
) -> Iterator[str]:
    try:
        summary = check_backup(settings, settings.state / "backup.zip")
    except (BackupError, OSError) as error:
        yield repr(error)
        return
    if summary.messages < int(about[-1]):
        yield f"it has {summary.messages} messages"


_LOOKS: dict[str, _Look] = {
    "begin": _begin,
    "kept": _message,
    "promised": _promise,
    "called": _called,
    "saved": _saved,
    "sent": _sent,
    "asked": _asked,
    "forgot": _forgot,
    "backed": _backed_up,
}
