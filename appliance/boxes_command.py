"""The command `freizeichen boxes`: whose the desk boxes are, where they are, and a simulated one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
from sqlite_utils import Database

from appliance.language import say
from appliance.panel.bundle import install, make_bundle
from appliance.settings import Settings
from appliance.store import boxes as store
from appliance.store import people, times
from appliance.store.changes import BY_COMMAND
from appliance.store.database import open_store
from appliance.store.liveness import supervisor_runs


@click.group()
def boxes() -> None:
    """Desk boxes: whose they are, and where."""


def _store(settings: Settings) -> Database:
    if not settings.store.exists():
        raise click.ClickException(say(f"{settings.store} gibt es nicht.", f"There is no {settings.store}."))
    return open_store(settings.store)


def _unknown(serial: str, db: Database) -> click.ClickException:
    known = ", ".join(box.serial for box in store.all_boxes(db)) or "-"
    return click.ClickException(
        say(
            f"Kein Kästchen hat die Nummer {serial}. Es gibt: {known}",
            f"No box has the number {serial}. There are: {known}",
        )
    )


@boxes.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
@click.pass_obj
def list_boxes(settings: Settings, as_json: bool) -> None:
    """Show every box that was ever there."""
    newest = make_bundle().name
    runs = supervisor_runs(settings.state)
    rows = [
        {
            "serial": box.serial,
            "agent": box.agent,
            "port": box.port if runs else "",
            "sound": box.sound,
            "firmware": box.firmware,
            "firmware_is_ours": box.firmware == newest,
            "seen_at": times.to_text(box.seen_at),
        }
        for box in store.all_boxes(_store(settings))
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        where = row["port"] or say("nicht da", "not there")
        age = "" if row["firmware_is_ours"] else say("andere Firmware", "other firmware")
        click.echo(f"{row['serial']}  {row['agent'] or '-':12} {where:24} {age}".rstrip())
    if not rows:
        click.echo(say("Noch war kein Kästchen da.", "No box has been there yet."))


@boxes.command()
@click.argument("agent")
@click.pass_obj
def pair(settings: Settings, agent: str) -> None:
    """Wait for a box: the next press on one that is nobody's makes it AGENT's."""
    db = _store(settings)
    try:
        store.begin_pairing(db, agent, times.now())
    except LookupError as error:
        known = ", ".join(known.name for known in people.agents(db))
        raise click.ClickException(
            say(
                f"Niemand heißt {agent!r}. Es gibt: {known}",
                f"Nobody is called {agent!r}. There are: {known}",
            )
        ) from error
    seconds = store.PAIRING_SECONDS
    click.echo(
        say(
            f"Jetzt am violett blinkenden Kästchen drücken ({seconds} Sekunden Zeit).",
            f"Now press the button of the box that blinks violet (within {seconds} seconds).",
        )
    )


@boxes.command()
@click.argument("serial")
@click.pass_obj
def unpair(settings: Settings, serial: str) -> None:
    """Make the box with this SERIAL number nobody's."""
    db = _store(settings)
    try:
        store.unpair(db, serial, BY_COMMAND)
    except LookupError as error:
        raise _unknown(serial, db) from error


@boxes.command()
@click.argument("serial")
@click.argument("state", type=click.Choice(["on", "off"]))
@click.pass_obj
def sound(settings: Settings, serial: str, state: str) -> None:
    """Switch the buzzer of a box on or off."""
    db = _store(settings)
    try:
        store.set_sound(db, serial, on=state == "on")
    except LookupError as error:
        raise _unknown(serial, db) from error


@boxes.command("disk")
@click.argument("folder", type=click.Path(path_type=Path))
def disk(folder: Path) -> None:
    """Write into a new FOLDER what belongs on a new box, to be copied there with mpremote."""
    try:
        install(folder)
    except FileExistsError as error:
        raise click.ClickException(say(f"{folder} gibt es schon.", f"{folder} is already there.")) from error
    click.echo(f"mpremote cp -r {folder}/* :")


@boxes.command()
@click.argument("port", type=click.Path(path_type=Path))
@click.option("--serial", default="00000000000051af", show_default=True, help="16 hexadecimal digits.")
@click.option("--python", is_flag=True, help="Run the firmware on this Python instead of MicroPython.")
def simulate(port: Path, serial: str, python: bool) -> None:
    """Put a simulated box at PORT, where the appliance finds it when its box_ports say so.

    It is told what to do by words on standard input: press, hold, down, up, hang, break (in the
    middle of a frame), unplug, plug, off, on, flood, garble, calm, quit.
    """
    from appliance.simulator.desk_box_console import run_console

    if len(serial) != 16 or set(serial) - set("0123456789abcdef"):
        raise click.UsageError(
            say("Die Nummer hat 16 hexadezimale Ziffern.", "The serial number has 16 hexadecimal digits.")
        )
    if os.path.lexists(port):
        raise click.ClickException(say(f"{port} gibt es schon.", f"{port} is already there."))
    run_console(port, serial, on_python=python)
