"""From a recorded file to a voice message that survives everything: files, row and outgoing mail.

The recording (recordings/NAME.wav) goes only when the message (messages/NAME.wav and .mp3, its row and
its place in the outbox) is on disk. NAME is the call; in what somebody records who is called back, that of
the attempt stands behind it, for the call that asked may have a message already. Whatever breaks in
between, doing it again gives exactly one message.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from appliance import files
from appliance.mail import sound
from appliance.store import outbox
from appliance.store.callbacks import ATTEMPT
from appliance.store.database import exclusive
from appliance.store.office import mailbox_of
from appliance.store.times import from_text, to_text

RECORDINGS = "recordings"
MESSAGES = "messages"
SHORTEST_SECONDS = 1.0

_CALL = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")  # a file name, and half of a Message-ID
_SYNCHRONOUS_FULL = 2
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What is known about a recording besides its sound. `caller` is E.164, empty when withheld."""

    call: str
    department: str
    caller: str
    caller_name: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A voice message as it is kept. `sound` is its MP3 file, relative to the spool; a WAV lies beside it."""

    id: int
    call: str
    department: str
    caller: str
    caller_name: str
    recorded_at: datetime
    seconds: float
    sound: str


def accept_recording(db: Database, spool: Path, recording: Path, facts: MessageFacts) -> Message | None:
    """Make `recording` a voice message on its way to the department's mailbox.

    When this returns a message it is on disk, and the recording is gone. Returns None when there is
    nothing worth a message (no recording, or under 1 s of sound); then the recording is gone, too.
    A recording is one message: asked again, also after a crash at any point, this returns the same one.

    `db` must be a durable connection outside a transaction (else ValueError, as for a call id that
    is no file name or a time without zone). Raises SoundError for a file that is no recording and OSError or
    sqlite3.Error when it cannot be stored; the recording stays in each of these cases.
    """
    for name in (facts.call, recording.stem):
        if not _CALL.fullmatch(name):
            raise ValueError(f"not a call: {name!r}")
    if db.conn.in_transaction or db.execute("PRAGMA synchronous").fetchone()[0] < _SYNCHRONOUS_FULL:
        raise ValueError("a message needs a durable connection outside a transaction")
    to_text(facts.recorded_at)
    with _one_at_a_time:  # the call's thread and the sweep after a crash may mean the same file
        message = find_message(db, recording.stem)
        if message is None:
            message = _store(db, spool, recording, facts)
        files.remove(recording)
    return message


def find_message(db: Database, name: str) -> Message | None:
    """The voice message the recording of this name has become, if it was one."""
    for row in db.query("SELECT * FROM messages WHERE sound = ?", [_sound(name)]):
        return _message(row)
    return None


def call_of(name: str) -> str:
    """The call the recording of this name belongs to."""
    return name.partition(f".{ATTEMPT}")[0]


def find_recordings(spool: Path, *, still_seconds: float = 0.0) -> list[Path]:
    """Recordings that have not become messages yet, oldest first.

    Asterisk writes a running recording every two seconds or so: with `still_seconds` only files
    that nobody has written to for so long are given.
    """
    latest = time.time() - still_seconds
    found = []
    for path in (spool / RECORDINGS).glob("*.wav"):
        with contextlib.suppress(FileNotFoundError):  # somebody else has just accepted it
            written_at = path.stat().st_mtime
            if written_at <= latest:
                found.append((written_at, path))
    return [path for _, path in sorted(found)]


def _store(db: Database, spool: Path, recording: Path, facts: MessageFacts) -> Message | None:
    """Write files, then rows. None when there is nothing to keep."""
    try:
        samples = sound.trim(sound.read_wav(recording.read_bytes()))
    except (FileNotFoundError, sound.EmptySoundError):
        return None
    if sound.seconds(samples) < SHORTEST_SECONDS:
        return None
    name = _sound(recording.stem)
    files.make_folder(spool / MESSAGES)
    files.write_durably((spool / name).with_suffix(".wav"), sound.write_wav(samples))
    files.write_durably(spool / name, sound.write_mp3(samples))
    with exclusive(db):
        if find_message(db, recording.stem) is None:
            _insert(db, facts, sound.seconds(samples), name)
    return find_message(db, recording.stem)


def _sound(name: str) -> str:
    """Where the message of this recording lies, relative to the spool."""
    return f"{MESSAGES}/{name}.mp3"


def _insert(db: Database, facts: MessageFacts, seconds: float, name: str) -> None:
    """The message's row and its place in the outbox."""
    inserted = db.execute(
        "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            facts.call,
            facts.department,
            _storable(facts.caller),
            _storable(facts.caller_name),
            to_text(facts.recorded_at),
            seconds,
            name,
        ],
    )
    outbox.put(db, "message", inserted.lastrowid, facts.call, mailbox_of(db, facts.department))


def _storable(text: str) -> str:
    """Text from the telephone network that the store can take: broken characters become '?'."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _message(row: dict[str, Any]) -> Message:
    return Message(
        id=row["id"],
        call=row["call"],
        department=row["department"],
        caller=row["caller"],
        caller_name=row["caller_name"],
        recorded_at=from_text(row["recorded_at"]),
        seconds=row["seconds"],
        sound=row["sound"],
    )
