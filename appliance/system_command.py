"""The commands of the box itself: backup, restore, forgetting a number, factory reset, diagnosis."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
from sqlite_utils import Database

from appliance import files
from appliance.backup import BackupError, check_backup, write_backup
from appliance.diagnosis import write_bundle
from appliance.forgetting import RESTORE_FOLDER
from appliance.granting import grant
from appliance.language import say
from appliance.settings import Settings
from appliance.store import times, wishes
from appliance.store.changes import BY_COMMAND
from appliance.store.database import open_store
from appliance.store.liveness import supervisor_runs

_PATIENCE_SECONDS: Final = 600.0
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
RESET_WORDS: Final = ("ZURÜCKSETZEN", "RESET")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_as_json
@click.pass_obj
def backup(settings: Settings, file: Path, as_json: bool) -> None:
    """Write everything the office has set up and callers left to FILE. Keep it like a key."""
    _store(settings).close()
    try:
        summary = write_backup(settings, file.absolute(), _progress(as_json))
    except (OSError, sqlite3.Error) as error:
        raise _failed(file, error) from error
    if as_json:
        click.echo(json.dumps(asdict(summary), ensure_ascii=False, indent=1))
    else:
        click.echo(
            say(
                f"{file}: {summary.size_bytes / 1e6:.1f} MB, {summary.calls} Anrufe, "
                f"{summary.messages} Nachrichten. Verwahren Sie die Datei wie einen Schlüssel.",
                f"{file}: {summary.size_bytes / 1e6:.1f} MB, {summary.calls} calls, "
                f"{summary.messages} messages. Keep the file like a key.",
            )
        )


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only say what is in it and whether it could be taken over.")
@_as_json
@click.pass_obj
def restore_command(settings: Settings, file: Path, check: bool, as_json: bool) -> None:
    """Take over FILE as a whole, or refuse it as a whole. What callers left here meanwhile stays."""
    db = _opened(settings)
    try:
        summary = check_backup(settings, file)
        if check:
            answer: dict[str, Any] = asdict(summary)
        else:
            folder = settings.state / RESTORE_FOLDER
            files.make_folder(folder)
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as kept:
                shutil.copyfile(file, kept.name)
            Path(kept.name).chmod(0o640)
            answer = _granted(db, settings, "restore", file=Path(kept.name).name)
    except BackupError as error:
        raise click.ClickException(f"{file}: {say(error.german, error.english)}") from error
    except OSError as error:
        raise _failed(file, error) from error
    finally:
        db.close()
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, indent=1))
    elif check:
        click.echo(
            say(
                f"In Ordnung: {summary.office}, {summary.made_at[:10]}, {summary.calls} Anrufe.",
                f"All right: {summary.office}, {summary.made_at[:10]}, {summary.calls} calls.",
            )
        )
    else:
        click.echo(
            say(
                f"Übernommen; dazu kamen {answer['calls']} Anrufe und {answer['messages']} Nachrichten.",
                f"Taken over; {answer['calls']} calls and {answer['messages']} messages were added.",
            )
        )
        if answer["lines"]:
            click.echo(say("Die Leitungen gelten nach einem Neustart.", "The lines hold after a restart."))


@click.command()
@click.argument("number")
@_as_json
@click.pass_obj
def forget(settings: Settings, number: str, as_json: bool) -> None:
    """Delete everything about the telephone number NUMBER, at once and everywhere on the box."""
    db = _store(settings)
    answer = _granted(db, settings, "forget number", number=number)
    db.close()
    reasons = {
        "no number": ("Das ist keine Rufnummer.", "This is not a telephone number."),
        "going on": (
            "Mit dieser Nummer wird gerade gesprochen; versuchen Sie es danach noch einmal.",
            "Somebody is talking to this number right now; try again after that.",
        ),
        "set up": (
            "Diese Nummer gehört zur Einrichtung des Büros; entfernen Sie sie zuerst dort.",
            "This number belongs to the office's set-up; remove it there first.",
        ),
    }
    if answer["word"] in reasons:
        raise click.ClickException(say(*reasons[answer["word"]]))
    if as_json:
        click.echo(json.dumps(answer, indent=1))
    else:
        click.echo(
            say(
                f"Vergessen: {answer['calls']} Anrufe, {answer['messages']} Nachrichten, "
                f"{answer['callbacks']} Rückrufe. Frühere Sicherungen enthalten die Nummer noch.",
                f"Forgotten: {answer['calls']} calls, {answer['messages']} messages, "
                f"{answer['callbacks']} callbacks. Earlier backups still hold the number.",
            )
        )


@click.command("factory-reset")
@click.option("--confirm", metavar="WORD", default="", help=f"{RESET_WORDS[1]}, nobody does it by mistake.")
@_as_json
@click.pass_obj
def factory_reset_command(settings: Settings, confirm: str, as_json: bool) -> None:
    """Make the box as it came: everything that was set up and everything callers left is deleted."""
    if confirm.upper() not in RESET_WORDS:
        raise click.ClickException(
            say(
                f"Das löscht alles. Wer das will, schreibt --confirm {RESET_WORDS[0]}.",
                f"This deletes everything. Whoever wants that writes --confirm {RESET_WORDS[1]}.",
            )
        )
    db = _store(settings)
    answer = _granted(db, settings, "factory reset")
    db.close()
    if as_json:
        click.echo(json.dumps(answer))
    else:
        click.echo(say("Die Anlage ist wie neu.", "The box is as it came."))


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def diagnose(settings: Settings, file: Path) -> None:
    """Write a diagnosis bundle to FILE: what helps to find a fault, without personal data."""
    db = _store(settings)
    try:
        with file.open("wb") as stream:
            write_bundle(db, settings, stream)
    except OSError as error:
        raise _failed(file, error) from error
    finally:
        db.close()


def _granted(db: Database, settings: Settings, kind: str, **values: Any) -> dict[str, Any]:
    """Have a wish granted: by the supervisor where one runs, else here.

    A power cut leaves it for the next start. Raises ClickException when it fails.
    """
    number = wishes.ask(db, kind, BY_COMMAND, times.now(), **values)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (wish := wishes.wish(db, number)) is not None and wish.answer is None:
        if not supervisor_runs(settings.state):
            grant(db, settings, wish, {})
        elif time.monotonic() > deadline:
            raise click.ClickException(
                say("Die Steuerung antwortet nicht.", "The supervisor does not answer.")
            )
        else:
            time.sleep(0.1)
    answer = wish.answer if wish else None
    if answer is None or answer["word"] == "failed":
        detail = answer["detail"] if answer else ""
        raise click.ClickException(say(f"Das ging nicht: {detail}", f"That did not work: {detail}"))
    if answer["word"] == "refused":
        raise click.ClickException(say(answer["de"], answer["en"]))
    return answer


def _progress(as_json: bool) -> Callable[[float], None]:
    """A line on the terminal that counts up to 100 %."""
    if as_json or not sys.stderr.isatty():
        return lambda _: None

    def show(done: float) -> None:
        click.echo(f"\r{100 * done:3.0f} %" + ("\n" if done >= 1 else ""), nl=False, err=True)

    return show


def _failed(file: Path, error: Exception) -> click.ClickException:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return click.ClickException(
        say(f"{file} ist nicht zu benutzen: {why}.", f"{file} cannot be used: {why}.")
    )


def _store(settings: Settings) -> Database:
    if not settings.store.is_file():
        raise click.ClickException(
            say(f"Dort ist kein Speicher: {settings.store}", f"There is no store: {settings.store}")
        )
    return open_store(settings.store)


def _opened(settings: Settings) -> Database:
    """The store, made if need be: a restore may be the first thing that happens to a box."""
    try:
        settings.state.mkdir(parents=True, exist_ok=True)
        return open_store(settings.store)
    except (OSError, sqlite3.Error) as error:
        raise _failed(settings.state, error) from error
