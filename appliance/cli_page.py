"""The commands of the office's page: serve it, and let people in who cannot get in by themselves."""

from __future__ import annotations

import logging
import signal
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import click
from sqlite_utils import Database

from appliance.language import say
from appliance.settings import Settings
from appliance.store import times, users
from appliance.store.database import open_store

_CODE_LASTS = timedelta(days=3650)
_LINK_LASTS = timedelta(minutes=30)
_LOOK_SECONDS = 3.0


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 is the whole network.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 for any.")
@click.option("--name", "names", multiple=True, help="Another name of this machine that browsers may use.")
@click.option(
    "--code-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the code the first admin takes the box over by; without one it is made up.",
)
@click.pass_obj
def web(settings: Settings, host: str, port: int, names: tuple[str, ...], code_file: Path | None) -> None:
    """Serve the office's page until told to end. It needs only the store; the supervisor runs beside it."""
    from appliance.office_page import office_page
    from webui import serve

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    _store(settings).close()
    asked_to_end = threading.Event()
    try:
        server = serve(office_page(settings, names, restart_page=asked_to_end.set), host, port)
    except sqlite3.Error as error:
        raise click.ClickException(
            say(
                f"{settings.store} ist nicht zu benutzen: {error}.",
                f"{settings.store} cannot be used: {error}.",
            )
        ) from error
    except (OSError, OverflowError) as error:
        raise click.ClickException(
            say(f"Port {port} ist nicht zu haben: {error}", f"Port {port} cannot be had: {error}")
        ) from error
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_end.set())
    click.echo(say(f"Die Seite ist zu sehen unter {server.url}", f"The page is at {server.url}"))
    _tell_code(settings, server.url, code_file)
    while not asked_to_end.wait(_LOOK_SECONDS):
        _tell_code(settings, server.url, code_file, only_if_nobody_knows=True)  # after a factory reset
    server.close()


def _tell_code(
    settings: Settings, url: str, code_file: Path | None, *, only_if_nobody_knows: bool = False
) -> None:
    """Whoever sees this console, or chose the code, may take over a box that belongs to nobody."""
    db = _store(settings)
    told = only_if_nobody_knows and users.has_link(db, "first start", times.now())
    if users.first_start(db) and not told:
        code = users.new_link(db, "first start", times.now() + _CODE_LASTS, chosen=_chosen_code(code_file))
        click.echo(
            say(
                f"Die Anlage gehört noch niemandem. Code zum Übernehmen: {code}",
                f"The box belongs to nobody yet. Code to take it over: {code}",
            )
        )
        click.echo(f"{url}first-start?code={code}")
    db.close()


def _chosen_code(file: Path | None) -> str:
    """What is in the file; nothing when it is not there or cannot be read."""
    try:
        return file.read_text("utf-8", errors="replace") if file else ""
    except OSError:
        return ""


@click.group("users")
def users_group() -> None:
    """Who may sign in to the office's page."""


def _store(settings: Settings) -> Database:
    """The store of this box, which must be there and be one."""
    if not settings.store.is_file():
        raise click.ClickException(
            say(f"Dort ist kein Speicher: {settings.store}", f"There is no store: {settings.store}")
        )
    try:
        return open_store(settings.store)
    except sqlite3.Error as error:
        raise click.ClickException(
            say(
                f"{settings.store} ist nicht zu benutzen: {error}.",
                f"{settings.store} cannot be used: {error}.",
            )
        ) from error


@users_group.command("list")
@click.pass_obj
def users_list(settings: Settings) -> None:
    """Show everybody who may sign in."""
    db = _store(settings)
    for user in users.users(db):
        click.echo(f"{user.name:20} {user.role:6} {user.agent}")
    db.close()


@users_group.command("link")
@click.argument("name")
@click.option("--admin", is_flag=True, help="Make NAME an admin, also when there was no such user.")
@click.option("--url", default="http://127.0.0.1:8080/", show_default=True, help="Where the page is.")
@click.pass_obj
def users_link(settings: Settings, name: str, admin: bool, url: str) -> None:
    """Print a link that signs NAME in within half an hour: the way back for who forgot the password."""
    db = _store(settings)
    try:
        if admin:
            known = users.user(db, name)
            users.set_user(db, name, "admin", known.agent if known else "")
        elif users.user(db, name) is None:
            raise click.ClickException(
                say(f"Niemand meldet sich als {name!r} an.", f"Nobody signs in as {name!r}.")
            )
        token = users.new_link(db, "sign in", times.now() + _LINK_LASTS, name)
    except users.UserError as error:
        raise click.ClickException(
            say(f"{name!r} ist kein Name zum Anmelden.", f"{name!r} is no name to sign in by.")
        ) from error
    finally:
        db.close()
    click.echo(f"{url.rstrip('/')}/sign-in/{token}")
