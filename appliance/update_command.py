"""The commands that renew the box: ask for an update, install it, let a new system prove itself."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click

from appliance.language import say
from appliance.settings import Settings
from appliance.store.times import now, to_text
from appliance.updating import slots as card
from appliance.updating.install import install
from appliance.updating.progress import (
    BUSY,
    SIGNERS,
    UpdateState,
    folder_in,
    read_state,
    take_wish,
    wish_for,
    write_state,
)
from appliance.updating.trial import answers_page, answers_sip, is_ready, proves_itself
from appliance.updating.update_file import ThisBox, UpdateError, checked_update

ON_TRIAL: Final = Path("/run/slot-on-trial")
"""The first program of the box leaves it where another slot runs than the chosen one."""
_NAME: Final = "from-command"
_LOOK_SECONDS: Final = 0.5
_QUIET_SECONDS: Final = 12 * 3600.0
_LAMPS_HOLD: Final = timedelta(seconds=5)
_SENTENCES: Final = {
    "none": ("Es gab noch kein Update.", "There was no update yet."),
    "checking": ("Das Update wird geprüft.", "The update is being checked."),
    "writing": ("Das Update wird auf die Karte geschrieben.", "The update is being written to the card."),
    "waiting": (
        "Das Update ist geschrieben; die Anlage startet neu, sobald niemand mehr telefoniert.",
        "The update is written; the box restarts as soon as nobody talks any more.",
    ),
    "trying": ("Die neue Version wird erprobt.", "The new version is on trial."),
    "done": ("Die neue Version läuft.", "The new version runs."),
}


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.pass_obj
def update(settings: Settings, file: Path | None) -> None:
    """Renew the box from FILE; without one, say how the last update went. Calls go on meanwhile."""
    if file is None:
        click.echo(in_words(read_state(settings.state)))
        return
    try:
        card.slots_of_this_box()
    except card.NoSlots as error:
        raise click.ClickException(_no_slots()) from error
    if read_state(settings.state).word in BUSY:
        raise click.ClickException(say("Ein Update läuft schon.", "An update is going on already."))
    folder = folder_in(settings.state)
    target = folder / _NAME
    try:
        folder.mkdir(exist_ok=True)
        write_state(settings.state, UpdateState("checking"))
        shutil.copyfile(file, target)
        wish_for(settings.state, _NAME)
    except OSError as error:
        target.unlink(missing_ok=True)
        write_state(settings.state, UpdateState())
        raise click.ClickException(
            say(f"{file} ist nicht zu benutzen: {error}.", f"{file} cannot be used: {error}.")
        ) from error
    while (state := read_state(settings.state)).word in ("checking", "writing"):
        if sys.stderr.isatty():
            click.echo(f"\r{in_words(state)} {state.percent:3} %", nl=False, err=True)
        time.sleep(_LOOK_SECONDS)
    if state.word in ("refused", "failed"):
        raise click.ClickException(in_words(state))
    click.echo(in_words(state))


@click.command("install-update", hidden=True)
@click.pass_obj
def install_update(settings: Settings) -> None:
    """What a service of root's does with the file that is wished for; the box restarts when it is written."""
    file = take_wish(settings.state)
    if file is None:
        return
    try:
        _install(settings, file)
    except UpdateError as error:
        write_state(settings.state, UpdateState("refused", german=error.german, english=error.english))
    except (OSError, sqlite3.Error, card.NoSlots) as error:
        german, english = f"Das Update ging nicht: {error}.", f"The update did not work: {error}."
        write_state(settings.state, UpdateState("failed", german=german, english=english))
    else:
        _wait_until_quiet(settings.store)
        state = read_state(settings.state)
        write_state(settings.state, state.with_word("trying"))
        _restart()
    finally:
        file.unlink(missing_ok=True)


def _install(settings: Settings, file: Path) -> None:
    state = UpdateState("checking")
    shown = -1

    def show(done: float) -> None:
        nonlocal shown
        if int(100 * done) // 5 != shown:  # the card is spared
            shown = int(100 * done) // 5
            write_state(settings.state, replace(state, percent=int(100 * done)))

    slots = card.slots_of_this_box()
    with slots.device(slots.other).open("rb") as device:
        room = device.seek(0, 2)
    found = checked_update(
        file, ThisBox(card.this_board(), migrations_of(settings.store), room, SIGNERS), show
    )
    state, shown = UpdateState("writing", found.version, slot=slots.other), -1
    install(found, slots, show)
    write_state(settings.state, state.with_word("waiting"))


@click.command("confirm-start", hidden=True)
@click.pass_obj
def confirm_start(settings: Settings) -> None:
    """What a service of root's does at every start: a system on trial is chosen for good, or given up."""
    state = read_state(settings.state)
    if not ON_TRIAL.exists():
        proven = where_the_chosen_system_runs(state, lambda: card.slots_of_this_box().running)
        if proven != state:
            write_state(settings.state, proven)
        return
    missing = proves_itself(
        {
            "asterisk": lambda: answers_sip(settings.sip_port),
            "freizeichen": lambda: is_ready("freizeichen.service"),
            "freizeichen-web": lambda: answers_page(80),
        },
        now=time.monotonic,
        wait=lambda: time.sleep(1),
    )
    if missing:
        raise click.ClickException(say("Es antwortet nicht: ", "No answer from: ") + ", ".join(missing))
    card.slots_of_this_box().choose_running()
    ON_TRIAL.unlink()
    write_state(settings.state, state.with_word("done"))


def where_the_chosen_system_runs(state: UpdateState, running: Callable[[], str]) -> UpdateState:
    """What an update has come to when the box starts and nothing is on trial.

    Chosen for good and said so are two writes: where the power failed between them, the new system runs.
    """
    if state.word not in (*BUSY, "done"):
        return state
    if state.word in ("trying", "done") and state.slot == running():
        return state.with_word("done")
    return replace(
        state,
        word="fell back",
        german=f"Das Update auf {state.version} hat nicht gehalten; die bisherige Version läuft weiter.",
        english=f"The update to {state.version} did not hold; the version before runs on.",
    )


def in_words(state: UpdateState) -> str:
    """How far an update is, for the person at the terminal."""
    german, english = _SENTENCES.get(state.word, (state.german, state.english))
    return say(german, english)


def migrations_of(store: Path) -> list[str]:
    """The names of the steps by which the store came to its form; none when there is no store yet."""
    if not store.is_file() or not store.stat().st_size:
        return []
    with closing(sqlite3.connect(store, timeout=10)) as db:
        table = db.execute("SELECT count(*) FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone()
        return [name for (name,) in db.execute("SELECT name FROM _sqlite_migrations")] if table[0] else []


def somebody_talks(store: Path, now: datetime) -> bool:
    """Whether a call goes on: of a caller, of an attempt to call back, or on a line or phone by its lamp.

    Lamps count while the supervisor keeps them true. Raises sqlite3.Error.
    """
    with closing(sqlite3.connect(store, timeout=10)) as db:
        return bool(
            db.execute(
                "SELECT EXISTS (SELECT 1 FROM calls WHERE ended_at = '')"
                " OR EXISTS (SELECT 1 FROM callbacks WHERE state = 'calling')"
                " OR EXISTS (SELECT 1 FROM lamps AS l"
                "  JOIN lamps AS s ON s.name = 'supervisor' AND s.changed_at > ?"
                "  WHERE l.name LIKE 'agent:%' AND l.pattern = 'red'"
                "  OR l.name LIKE 'line:%' AND l.pattern IN ('on', 'amber', 'green blinking'))",
                [to_text(now - _LAMPS_HOLD)],
            ).fetchone()[0]
        )


def _wait_until_quiet(store: Path) -> None:
    """A restart ends conversations: until nobody talks, but not for ever."""
    until = time.monotonic() + _QUIET_SECONDS
    while time.monotonic() < until:
        if not store.is_file():
            return
        with contextlib.suppress(sqlite3.Error):  # locked for a moment: nobody knows, so it is not quiet
            if not somebody_talks(store, now()):
                return
        time.sleep(1)


def _restart() -> None:
    subprocess.run(["systemctl", "--no-block", "reboot"], check=True)


def _no_slots() -> str:
    return say(
        "Diese Anlage läuft nicht von unserer Karte; hier wird das Paket erneuert.",
        "This box does not run from our card; here the package is renewed.",
    )
