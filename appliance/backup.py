"""A backup: one file with everything the office has set up and everything callers left.

A ZIP file: ``manifest.json`` first, which names every other file with its length and SHA-256, then
``store.db`` (the store without sessions, links, and calls going on), ``box.toml`` where there is one, and
``messages/…`` and ``recordings/…``, the sounds of voice messages. Digests of passwords, the phones' secrets
and the mail server's password are in it, else nobody could sign in, ring or be mailed after a restore: keep
the file like a key. The password of Asterisk's manager, sessions and links are not.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from sqlite_utils import Database

from appliance import __version__, files
from appliance.mail.spool import MESSAGES, RECORDINGS, call_of, find_recordings
from appliance.settings import Settings, SettingsError, read_settings
from appliance.store import times
from appliance.store.changes import Author
from appliance.store.config import ConfigError, export_config, read_config, write_config
from appliance.store.database import open_store
from appliance.store.migrations import migrations
from appliance.store.office import office_facts
from appliance.store.restoring import Added, leave_out_the_ephemeral, take_over

FORMAT: Final = "freizeichen backup"
FORMAT_VERSION: Final = 1
LARGEST_BYTES: Final = 4_000_000_000  # of everything unpacked
_LARGEST_MANIFEST: Final = 20_000_000
_MOST_FILES: Final = 200_000
_SPARE_BYTES: Final = 50_000_000  # left free for what callers say meanwhile
_PIECE: Final = 1 << 20
_STILL_SECONDS: Final = 5.0
_SOUND: Final = re.compile(
    rf"(?:{MESSAGES}/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.(?:mp3|wav)"
    rf"|{RECORDINGS}/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.wav)"
)
_UNREADABLE: Final = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError),
    *(TypeError, UnicodeError, RecursionError),
)

Progress = Callable[[float], None]
"""Is told how much is done, from 0 to 1."""


class BackupError(Exception):
    """A backup that is not taken; nothing was changed. One sentence in each language says why.

    `reason` is a word: not a backup, damaged, newer, foreign file, too large, no room, store, config, lines.
    """

    def __init__(self, reason: str, german: str, english: str) -> None:
        super().__init__(english)
        self.reason = reason
        self.german = german
        self.english = english


@dataclass(frozen=True, slots=True)
class Summary:
    """What is in a backup, for a person to decide by. `lines` are those to the exchange."""

    made_at: str
    made_by: str
    office: str
    departments: int
    agents: int
    users: int
    calls: int
    messages: int
    undelivered: int
    callbacks: int
    lines: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Done:
    """What a restore has done. With `lines`, `box.toml` was taken over, which holds after a restart."""

    added: Added
    lines: bool


def write_backup(settings: Settings, target: Path, progress: Progress = lambda _: None) -> Summary:
    """Write a backup to `target`, whole or not at all, readable by its owner only.

    The office goes on meanwhile: the store is copied as it is at one instant. Raises OSError.
    """
    unfinished = target.with_name(target.name + ".unfinished")
    with _folder(target.parent) as folder:
        try:
            copy = folder / "store.db"
            _copy_store(settings, copy)
            progress(0.1)
            named = [("store.db", copy), *_box_file(settings), *_sounds(settings, copy)]
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as stream:
                _pack(stream, settings, copy, named, progress)
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(target)
            files.sync(target.parent)
        finally:
            unfinished.unlink(missing_ok=True)
        progress(1.0)
        return _summary(copy, _manifest_values(settings, copy, []), target, settings)


def check_backup(settings: Settings, file: Path) -> Summary:
    """Look at a backup whole: every file, the store, its config and lines. Raises BackupError or OSError."""
    with _folder(settings.state) as folder:
        manifest = _unpack(file, folder)
        return _summary(folder / "store.db", manifest, file, _lines_in(folder, settings))


def restore(settings: Settings, file: Path, by: Author, progress: Progress = lambda _: None) -> Done:
    """Take a backup over, after it was checked whole. Raises BackupError (nothing was changed) or OSError.

    Sounds go first, then the store in one commit, then `box.toml`: cut off anywhere, the same done again
    completes it. Lines are taken over only where this box has none.
    """
    with _folder(settings.state) as folder:
        _unpack(file, folder, progress)
        sounds = _place_sounds(settings, folder)
        progress(0.8)
        other, db = open_store(folder / "store.db"), open_store(settings.store)
        try:
            added = take_over(db, other, by, sounds)
        finally:
            other.close()
            db.close()
        for recording in sorted((folder / RECORDINGS).glob("*.wav")):
            _place_recording(settings, recording)
        with_lines = (folder / "box.toml").exists() and not settings.lines
        if with_lines:
            files.write_durably(settings.state / "box.toml", (folder / "box.toml").read_bytes())
        progress(1.0)
        return Done(added, with_lines)


# --- making one


def _copy_store(settings: Settings, copy: Path) -> None:
    """The store as it is at one instant, without what must not leave the box, and without gaps."""
    source, target = sqlite3.connect(settings.store), sqlite3.connect(copy)
    try:
        source.execute("PRAGMA busy_timeout = 10000")
        source.backup(target)
    finally:
        source.close()
        target.close()
    db = open_store(copy, durable=False)
    leave_out_the_ephemeral(db)
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("VACUUM")
    db.close()


def _box_file(settings: Settings) -> Iterator[tuple[str, Path]]:
    if (settings.state / "box.toml").is_file():
        yield "box.toml", settings.state / "box.toml"


def _sounds(settings: Settings, copy: Path) -> Iterator[tuple[str, Path]]:
    """The sounds of the messages in the copy, and recordings that have not become messages yet."""
    db = Database(str(copy))
    sounds = [sound for (sound,) in db.execute("SELECT sound FROM messages ORDER BY id").fetchall()]
    calls = {call for (call,) in db.execute("SELECT call FROM calls").fetchall()}
    db.close()
    for sound in sounds:
        for name in (sound, str(Path(sound).with_suffix(".wav"))):
            if _SOUND.fullmatch(name) and (settings.spool / name).is_file():
                yield name, settings.spool / name
    for recording in find_recordings(settings.spool, still_seconds=_STILL_SECONDS):
        name = f"{RECORDINGS}/{recording.name}"
        if call_of(recording.stem) in calls and _SOUND.fullmatch(name):
            yield name, recording


def _pack(
    stream: IO[bytes],
    settings: Settings,
    copy: Path,
    named: list[tuple[str, Path]],
    progress: Progress,
) -> None:
    listed: list[dict[str, Any]] = []
    present = []
    for name, path in named:
        with contextlib.suppress(FileNotFoundError):  # retention has just removed it
            listed.append({"name": name, **_measured(path)})
            present.append((name, path))
    total, done = sum(entry["bytes"] for entry in listed) or 1, 0
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.writestr("manifest.json", json.dumps(_manifest_values(settings, copy, listed), indent=1))
        for entry, (name, path) in zip(listed, present, strict=True):
            stored = zipfile.ZIP_STORED if name.endswith(".mp3") else zipfile.ZIP_DEFLATED
            packed.write(path, name, stored)
            done += entry["bytes"]
            progress(0.1 + 0.9 * done / total)


def _measured(path: Path) -> dict[str, Any]:
    digest, length = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
            length += len(piece)
    return {"bytes": length, "sha256": digest.hexdigest()}


def _manifest_values(settings: Settings, copy: Path, listed: list[dict[str, Any]]) -> dict[str, Any]:
    db = Database(str(copy))
    name = office_facts(db).name
    db.close()
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "made_at": times.to_text(times.now()),
        "made_by": __version__,
        "office": name,
        "lines": len(settings.lines),
        "schema": _schema_names(),
        "files": listed,
    }


def _schema_names() -> list[str]:
    fresh = Database(memory=True)
    names = [each.name for each in migrations.pending(fresh)]
    fresh.close()
    return names


# --- looking at one


def _unpack(file: Path, folder: Path, progress: Progress = lambda _: None) -> dict[str, Any]:
    """Unpack a backup into an empty folder and check all of it; returns its manifest."""
    try:
        with zipfile.ZipFile(file) as packed:
            manifest = _manifest(packed)
            _check_room(manifest, folder)
            total, done = sum(entry["bytes"] for entry in manifest["files"]) or 1, 0
            for entry in manifest["files"]:
                _unpack_one(packed, entry, folder)
                done += entry["bytes"]
                progress(0.6 * done / total)
    except zipfile.BadZipFile as error:
        raise _cut_off() if _begins_like_zip(file) else _no_backup() from error
    except _UNREADABLE as error:
        raise _damaged() from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the beginning, where the ZIP says a file lies
            raise
        raise _damaged() from error
    _check_store(folder / "store.db")
    _lines_in(folder, None)
    return manifest


def _manifest(packed: zipfile.ZipFile) -> dict[str, Any]:
    entries = packed.infolist()
    names = [entry.filename for entry in entries]
    if "manifest.json" not in names:
        raise _no_backup()
    info = packed.getinfo("manifest.json")
    if info.file_size > _LARGEST_MANIFEST or len(entries) > _MOST_FILES:
        raise _too_large()
    with packed.open(info) as stream:
        content = stream.read(_LARGEST_MANIFEST + 1)
    if len(content) > _LARGEST_MANIFEST:
        raise _too_large()
    try:
        manifest = json.loads(content)
    except ValueError:
        raise _damaged() from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _no_backup()
    if manifest.get("format_version") != FORMAT_VERSION or not set(manifest["schema"]) <= set(
        _schema_names()
    ):
        raise BackupError(
            "newer",
            "Diese Sicherung ist von einer neueren Version von Freizeichen; diese Box zuerst aktualisieren.",
            "This backup was made by a newer version of Freizeichen; update this box first.",
        )
    listed = [entry["name"] for entry in manifest["files"]]
    for name in [*names, *listed]:
        if name not in ("manifest.json", "store.db", "box.toml") and not _SOUND.fullmatch(name):
            raise BackupError(
                "foreign file",
                f"In der Datei liegt etwas, das in keiner Sicherung ist: {_shown(name)}",
                f"There is something in the file that is in no backup: {_shown(name)}",
            )
    if sorted(names) != sorted(["manifest.json", *listed]) or "store.db" not in listed:
        raise _damaged()
    if any(type(entry["bytes"]) is not int or entry["bytes"] < 0 for entry in manifest["files"]):
        raise _damaged()
    return manifest


def _check_room(manifest: dict[str, Any], folder: Path) -> None:
    needed = sum(entry["bytes"] for entry in manifest["files"])
    if needed > LARGEST_BYTES:
        raise _too_large()
    # Unpacked beside what it becomes.
    if 2 * needed + _SPARE_BYTES > shutil.disk_usage(folder).free:
        raise BackupError(
            "no room",
            "Der Speicher der Box reicht nicht, um diese Sicherung auszupacken.",
            "The box has not enough space to unpack this backup.",
        )


def _unpack_one(packed: zipfile.ZipFile, entry: dict[str, Any], folder: Path) -> None:
    """One file of the manifest, no byte longer than that says."""
    path, digest, length = folder / entry["name"], hashlib.sha256(), 0
    path.parent.mkdir(exist_ok=True)
    with packed.open(entry["name"]) as source, path.open("wb") as target:
        while piece := source.read(min(_PIECE, entry["bytes"] - length + 1)):
            length += len(piece)
            if length > entry["bytes"]:
                raise _too_large()
            digest.update(piece)
            target.write(piece)
    if length != entry["bytes"] or digest.hexdigest() != entry["sha256"]:
        raise _damaged()


def _check_store(path: Path) -> None:
    """The store must be one of ours, unbroken, and its config right by the rules of the config file."""
    wrong = BackupError(
        "store",
        "Der Speicher in dieser Sicherung ist beschädigt oder nicht von Freizeichen.",
        "The store in this backup is damaged or not of Freizeichen.",
    )
    raw = sqlite3.connect(path)
    try:
        raw.execute("PRAGMA trusted_schema = OFF")
        sound = raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if not sound or raw.execute("PRAGMA foreign_key_check").fetchone():
            raise wrong
    except sqlite3.DatabaseError as error:
        raise wrong from error
    finally:
        raw.close()
    try:
        db = open_store(path)
    except (sqlite3.DatabaseError, ValueError) as error:
        raise wrong from error
    fresh = open_store(":memory:")
    try:
        if _schema(db) != _schema(fresh):
            raise wrong
        if db.execute("SELECT 1 FROM office").fetchone():
            read_config(write_config(export_config(db)))
    except ConfigError as error:
        raise BackupError(
            "config",
            f"Die Einrichtung in dieser Sicherung stimmt nicht: {error.text('de')}",
            f"The set-up in this backup is not right: {error.text('en')}",
        ) from error
    except sqlite3.DatabaseError as error:
        raise wrong from error
    finally:
        db.close()
        fresh.close()


def _schema(db: Database) -> set[tuple[str, str]]:
    """Every table, view, index and trigger as it was made: a store that does more than ours is none."""
    rows = db.execute(
        "SELECT name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    ).fetchall()
    return {(name, " ".join(sql.split())) for name, sql in rows}


def _lines_in(folder: Path, otherwise: Settings | None) -> Settings:
    """The settings of the backup's `box.toml`. Raises BackupError for one that cannot be."""
    if not (folder / "box.toml").exists():
        return otherwise or Settings(folder)
    try:
        return read_settings(folder)
    except SettingsError as error:
        german, english = (text.removeprefix(f"{folder}/") for text in (error.german, error.english))
        raise BackupError(
            "lines",
            f"Die Leitungen in dieser Sicherung stimmen nicht: {german}",
            f"The lines in this backup are not right: {english}",
        ) from error


def _summary(copy: Path, manifest: dict[str, Any], file: Path, settings: Settings) -> Summary:
    db = Database(str(copy))
    try:
        counts: tuple[int, int, int, int, int, int, int] = db.execute("""
            SELECT (SELECT count(*) FROM departments), (SELECT count(*) FROM agents),
              (SELECT count(*) FROM users), (SELECT count(*) FROM calls), (SELECT count(*) FROM messages),
              (SELECT count(*) FROM outbox WHERE delivered_at = ''),
              (SELECT count(*) FROM callbacks WHERE closed_at = '')""").fetchone()
    finally:
        db.close()
    return Summary(
        str(manifest["made_at"])[:40],
        str(manifest["made_by"])[:40],
        str(manifest["office"])[:200],
        *counts,
        len(settings.lines),
        file.stat().st_size,
    )


# --- taking it over


def _place_sounds(settings: Settings, folder: Path) -> dict[str, str]:
    """Put every message's sound into the spool, durably; under another name where that is taken."""
    names = {}
    files.make_folder(settings.spool / MESSAGES)
    for mp3 in sorted((folder / MESSAGES).glob("*.mp3")):
        stem = mp3.stem
        if not _same_or_missing(settings.spool / MESSAGES / mp3.name, mp3):
            stem += "-" + hashlib.sha256(mp3.read_bytes()).hexdigest()[:8]
        for source in (mp3.with_suffix(".wav"), mp3):
            target = settings.spool / MESSAGES / (stem + source.suffix)
            if source.is_file() and not target.is_file():
                files.write_durably(target, source.read_bytes())
        names[f"{MESSAGES}/{mp3.name}"] = f"{MESSAGES}/{stem}.mp3"
    return names


def _same_or_missing(here: Path, there: Path) -> bool:
    return not here.is_file() or here.read_bytes() == there.read_bytes()


def _place_recording(settings: Settings, recording: Path) -> None:
    """What was recorded and had not become a message yet becomes one here."""
    target = settings.recordings / recording.name
    message = settings.spool / MESSAGES / recording.name
    if not target.exists() and not message.exists():
        files.make_folder(settings.recordings)
        files.write_durably(target, recording.read_bytes())


@contextlib.contextmanager
def _folder(beside: Path) -> Iterator[Path]:
    """A folder for what is only needed for a moment; what an earlier power cut has left goes first."""
    for old in beside.glob(".backup-*"):
        if old.is_dir() and time.time() - old.stat().st_mtime > 3600:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=beside) as folder:
        yield Path(folder)


def _begins_like_zip(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name)[:80]


def _no_backup() -> BackupError:
    return BackupError(
        "not a backup",
        "Diese Datei ist keine Sicherung von Freizeichen.",
        "This file is not a backup of Freizeichen.",
    )


def _cut_off() -> BackupError:
    return BackupError(
        "cut off",
        "Diese Sicherung ist abgeschnitten; laden Sie die Datei noch einmal.",
        "This backup is cut off; load the file once more.",
    )


def _damaged() -> BackupError:
    return BackupError(
        "damaged",
        "Diese Sicherung ist beschädigt: nicht alles darin ist so, wie es gesichert wurde.",
        "This backup is damaged: not everything in it is as it was saved.",
    )


def _too_large() -> BackupError:
    return BackupError(
        "too large",
        "Ausgepackt wäre diese Datei größer, als eine Sicherung sein kann.",
        "Unpacked, this file would be larger than a backup can be.",
    )
