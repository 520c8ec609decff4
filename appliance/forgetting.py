"""Forgetting: one number at once, or what is older than the retention time, wherever on the box it is."""

from __future__ import annotations

import csv
import fcntl
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from appliance.mail import files
from appliance.mail.retention import remove_old, remove_orphans
from appliance.mail.spool import MESSAGES
from appliance.settings import Settings
from appliance.store import callbacks, changes, inbox, ledger, line_alarms, night, weekly, wishes
from appliance.store.database import exclusive, open_store
from appliance.store.forgetting import (
    Forgotten,
    Number,
    empty_wal,
    forget_in_store,
    forget_wish,
    leave_no_trace,
    number_of,
)
from appliance.telephony.asterisk_log import shorten
from appliance.telephony.prompts.install import install_again

_FIELD: Final = re.compile(rb'"((?:[^"]|"")*)"')
_TIME, _CALL, _CHANNEL = 2, 3, 4  # the places of a call record's fields, see cel_custom.conf.j2
_HIDDEN: Final = b"x"
_UNDECIDED_SECONDS: Final = 3600.0
RESTORE_FOLDER: Final = "restore"
"""Where uploaded backups wait for somebody to decide."""


def forget_number(db: Database, settings: Settings, text: str) -> Forgotten:
    """Delete everything about one number, at once and everywhere: store, sounds, Asterisk's records and logs.

    When it returns, that is so on disk. Raises CannotForget (nothing was changed), OSError or sqlite3.Error;
    done again it goes on, also after a power cut (see `forget_in_store`). Messages and callbacks of the
    number that were still owed are dropped, too.
    """
    number = number_of(db, text)
    forgotten = forget_in_store(db, number)
    for sound in forgotten.sounds:
        files.remove(settings.spool / sound)
        files.remove((settings.spool / sound).with_suffix(".wav"))
    for call in forgotten.calls:
        for recording in settings.recordings.glob(f"{call}.*"):
            files.remove(recording)
    calls = set(forgotten.calls)
    _remove_left_backups(db, settings, 0.0)
    for folder in (settings.spool / MESSAGES, settings.recordings, settings.state / RESTORE_FOLDER):
        if folder.is_dir():
            files.sync(folder)
    for file in _record_files(settings):
        hide(file, lambda fields: fields[_CALL] in calls, number)
    for file in _log_files(settings):
        hide(file, lambda _: False, number)
    forget_wish(db, number)
    leave_no_trace(db)
    return forgotten


def forget_old(db: Database, settings: Settings, before: datetime) -> None:
    """Delete what is older than the retention time. What is still owed to a caller stays, however old."""
    remove_old(db, settings.spool, before)
    remove_orphans(db, settings.spool, before)
    ledger.forget(db, before)
    night.forget_reminders(db, before)
    weekly.forget_reports(db, before)
    line_alarms.forget(db, before)
    callbacks.forget(db, before)
    inbox.forget(db, before)
    changes.forget(db, before)
    for file in settings.recordings.glob("*.unreadable"):
        if file.stat().st_mtime < before.timestamp():
            file.unlink()
    _remove_left_backups(db, settings, _UNDECIDED_SECONDS)
    for file in _record_files(settings):
        hide(file, lambda fields: float(fields[_TIME]) < before.timestamp(), None)
    shorten(settings.asterisk_log, before)
    empty_wal(db)


def factory_reset(db: Database, settings: Settings) -> None:
    """Make the box as it came: nothing set up, nothing kept, nobody who may sign in. Calls going on go on.

    Cut off anywhere, the same done again completes it. Raises OSError or sqlite3.Error.
    """
    for file in _record_files(settings):  # first: the bookkeeper would enter these calls again
        _overwrite(file)
    with exclusive(db):
        db.execute("PRAGMA defer_foreign_keys = ON")
        tables = db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_%' ESCAPE '\\'"
        ).fetchall()
        db.execute("UPDATE wishes SET detail = '{}', who = ''")
        fresh = open_store(":memory:")
        for (table,) in tables:
            if table not in ("wishes", "cursors"):  # what is read already is not to be read again
                db.execute(f'DELETE FROM "{table}"')
                db.table(table).insert_all(list(fresh.query(f'SELECT * FROM "{table}"')))
        fresh.close()
    for folder in (settings.spool, settings.own_recordings):
        for content in folder.glob("*/*"):
            _remove(content)
        for emptied in folder.glob("*/"):
            files.sync(emptied)
    if settings.prompts.exists():
        install_again(settings.prompts, recordings=settings.own_recordings)
    _remove_left_backups(db, settings, 0.0)
    for file in _log_files(settings):
        _overwrite(file)
    files.remove(settings.state / "box.toml")
    files.sync(settings.state)
    leave_no_trace(db)


def hide(file: Path, concerns: Callable[[list[str]], bool], number: Number | None) -> None:
    """Overwrite numbers and names of callers in a file that Asterisk may be writing behind them.

    Every byte stays where it is. Of a call record that `concerns` us only the event, its time and the call
    are left; everywhere else only the `number` goes.
    """
    if not file.is_file():
        return
    with file.open("r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # against `shorten`
        at = 0
        for line in stream.read().splitlines(keepends=True):
            hidden = _hidden(line, concerns, number)
            if hidden != line:
                stream.seek(at)
                stream.write(hidden)
            at += len(line)
        stream.flush()
    files.sync(file)


def _hidden(line: bytes, concerns: Callable[[list[str]], bool], number: Number | None) -> bytes:
    spans = [match.span(1) for match in _FIELD.finditer(line)]
    pieces = bytearray(line)
    text = line.decode(errors="replace")
    mentioned = number is not None and number.is_in(text)
    if len(spans) > _CHANNEL:
        fields = next(csv.reader([text.rstrip("\r\n")]), [])
        with suppress(ValueError):
            if len(fields) == len(spans) and (mentioned or concerns(fields)):
                for first, last in spans[_CHANNEL:]:
                    pieces[first:last] = _HIDDEN * (last - first)
    if mentioned and number is not None:
        pieces[:] = number.in_bytes.sub(lambda match: _HIDDEN * len(match[0]), bytes(pieces))
    return bytes(pieces)


def _remove_left_backups(db: Database, settings: Settings, age_seconds: float) -> None:
    """Remove uploaded backups nobody has decided about, and what a power cut has left of unpacked ones."""
    wish = wishes.waiting(db)
    wanted = wish.values.get("file") if wish else None
    for file in (settings.state / RESTORE_FOLDER).glob("*"):
        if file.name != wanted and time.time() - file.stat().st_mtime >= age_seconds:
            files.remove(file)
    for folder in settings.state.glob(".backup-*"):  # younger ones are in use
        if time.time() - folder.stat().st_mtime >= _UNDECIDED_SECONDS:
            _remove(folder)


def _record_files(settings: Settings) -> Iterator[Path]:
    yield from sorted(settings.call_records.parent.glob(f"{settings.call_records.stem}*.csv"))


def _log_files(settings: Settings) -> Iterator[Path]:
    records = set(_record_files(settings))
    yield from sorted(
        file for file in settings.call_records.parent.rglob("*") if file.is_file() and file not in records
    )


def _remove(content: Path) -> None:
    if content.is_dir():
        shutil.rmtree(content)
    else:
        files.remove(content)


def _overwrite(file: Path) -> None:
    """Hide everything in a file that Asterisk may be writing; it does not notice."""
    with file.open("r+b") as stream:
        content = stream.read()
        stream.seek(0)
        stream.write(re.sub(rb"[^\r\n]", b" ", content))
        stream.flush()
    files.sync(file)
