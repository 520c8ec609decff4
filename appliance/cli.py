"""The command `freizeichen`: run the supervisor, look at the hotline, change what may be changed."""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from sqlite_utils import Database

from appliance import __version__
from appliance.boxes_command import boxes
from appliance.cli_page import users_group, web
from appliance.hotline.line_states import in_words
from appliance.hotline.night import NIGHT_MODES
from appliance.hotline.numbers import readable
from appliance.hotline.presence import Presence
from appliance.language import say, terminal_language
from appliance.mail.night_letter import forgotten_in_words
from appliance.panel_command import panel
from appliance.settings import Settings, SettingsError, line_text, read_settings
from appliance.store import ledger, night, people, times
from appliance.store.callbacks import cancel
from appliance.store.changes import BY_COMMAND
from appliance.store.config import ConfigError, export_config, import_config, read_config, write_config
from appliance.store.database import open_store
from appliance.store.lines import line_states
from appliance.store.liveness import Alive, AlreadyRunning, supervisor_runs
from appliance.store.missed import call_back, missed_callers
from appliance.store.office import callback_refusal, office_facts
from appliance.system_command import backup, diagnose, factory_reset_command, forget, restore_command
from appliance.update_command import confirm_start, install_update, update

DEFAULT_STATE = "/var/lib/freizeichen"
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="freizeichen")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="FREIZEICHEN_STATE",
    default=DEFAULT_STATE,
    show_default=True,
    help="The folder everything of this box is kept in.",
)
@click.pass_context
def main(context: click.Context, state: Path) -> None:
    """Freizeichen, a hotline in a box: callers reach the person who is really free."""
    if context.invoked_subcommand == "demo":
        return  # it has a box of its own
    try:
        context.obj = read_settings(state.absolute())
    except SettingsError as error:
        raise click.ClickException(say(error.german, error.english)) from error


main.add_command(boxes)
main.add_command(panel)


def _store(settings: Settings) -> Database:
    if not settings.state.exists():
        raise click.ClickException(
            say(
                f"Den Ordner {settings.state} gibt es nicht. Welche Box ist gemeint? (--state ORDNER)",
                f"There is no folder {settings.state}. Which box is meant? (--state FOLDER)",
            )
        )
    return _opened(settings)


def _opened(settings: Settings) -> Database:
    """The store, made if need be."""
    try:
        settings.state.mkdir(parents=True, exist_ok=True)
        return open_store(settings.store)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            sentence = say(f"{settings.store} ist keine Datenbank.", f"{settings.store} is not a database.")
        else:
            sentence = say(
                f"{settings.store} ist nicht zu benutzen: {error}.",
                f"{settings.store} cannot be used: {error}.",
            )
        raise click.ClickException(sentence) from error
    except OSError as error:
        raise click.ClickException(
            say(
                f"Der Ordner {settings.state} ist nicht zu benutzen: {error.strerror}.",
                f"The folder {settings.state} cannot be used: {error.strerror}.",
            )
        ) from error


@main.command()
@click.option("--verbose", is_flag=True, help="Log every step.")
@click.pass_obj
def run(settings: Settings, verbose: bool) -> None:
    """Run the supervisor until it is told to end. Asterisk runs beside it, on its own."""
    from appliance.supervisor import Supervisor

    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO, format="%(levelname)s %(name)s: %(message)s"
    )
    _store(settings).close()
    with ExitStack() as stack:
        try:
            stack.enter_context(Alive(settings.state))
            supervisor = Supervisor(settings)
        except AlreadyRunning as error:
            raise click.ClickException(
                say(
                    f"Auf {settings.state} läuft schon eine Steuerung.",
                    f"A supervisor already runs on {settings.state}.",
                )
            ) from error
        except OSError as error:
            raise click.ClickException(
                say(
                    f"Die Steuerung kann nicht beginnen (FastAGI-Port {settings.fastagi_port}): {error}",
                    f"The supervisor cannot start (FastAGI port {settings.fastagi_port}): {error}",
                )
            ) from error
        supervisor.run()


@main.command()
@click.pass_obj
def prepare(settings: Settings) -> None:
    """Make what Asterisk starts from: the prompts in force and its configuration. Asterisk need not run."""
    from appliance.prepare import prepare_box
    from appliance.telephony.debian_archive import PreparationError
    from appliance.telephony.prompts.install import MissingPrompts
    from appliance.telephony.sandbox import installed_asterisk

    program = installed_asterisk()
    if program is None:
        raise click.ClickException(
            say(
                "Auf diesem Rechner ist kein Asterisk, das alles hat, was gebraucht wird.",
                "No Asterisk is installed on this machine that has everything needed.",
            )
        )
    _opened(settings).close()
    try:
        prepare_box(settings, program)
    except (MissingPrompts, PreparationError) as error:
        raise click.ClickException(say(error.german, error.english)) from error
    except OSError as error:
        raise click.ClickException(
            say(
                f"Der Ordner {settings.state} ist nicht zu benutzen: {error}.",
                f"The folder {settings.state} cannot be used: {error}.",
            )
        ) from error


@main.command()
@click.option("--once", is_flag=True, help="End after the story, with exit status 0 if all went well.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Of the page, 0 for any. Without it: 8080, or any when that is taken.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Emptied at the start; must be new, empty or of an earlier demo.",
)
def demo(once: bool, port: int | None, folder: Path) -> None:
    """Show the whole appliance at work on simulated lines: three calls and their stories."""
    from appliance.simulator.demo import run_demo

    sys.exit(run_demo(folder.absolute(), once=once, port=port))


@main.group()
def config() -> None:
    """Departments, numbers, agents and phones as one readable file."""


@config.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only say whether the file could be taken over.")
@click.pass_obj
def config_import(settings: Settings, file: Path, check: bool) -> None:
    """Take over FILE as a whole, or refuse it as a whole with every error."""
    try:
        wanted = read_config(file.read_text(encoding="utf-8"))
    except ConfigError as error:
        raise click.ClickException(f"{file}:\n{error.text(terminal_language())}") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(
            say(f"{file} ist keine Textdatei in UTF-8.", f"{file} is not a text file in UTF-8.")
        ) from error
    if not check:
        db = _opened(settings)
        import_config(db, wanted)
        db.close()
    click.echo(say("In Ordnung.", "All right.") if check else say("Übernommen.", "Taken over."))


@config.command("export")
@click.pass_obj
def config_export(settings: Settings) -> None:
    """Print the configuration in force, as `import` reads it."""
    click.echo(write_config(export_config(_store(settings))), nl=False)


@main.command()
@click.argument("name", required=False)
@click.argument("presence", type=click.Choice([str(p) for p in Presence]), required=False)
@_as_json
@click.pass_obj
def agents(settings: Settings, name: str | None, presence: str | None, as_json: bool) -> None:
    """Show the agents, or set NAME to a PRESENCE."""
    db = _store(settings)
    if name and not presence:
        raise click.UsageError(say("Welche Anwesenheit?", "Which presence?"))
    if name and presence:
        try:
            people.set_presence(db, name, Presence(presence), "command", times.now())
        except LookupError as error:
            known = ", ".join(agent.name for agent in people.agents(db))
            raise click.ClickException(
                say(
                    f"Niemand heißt {name!r}. Es gibt: {known}",
                    f"Nobody is called {name!r}. There are: {known}",
                )
            ) from error
    lamps = dict(db.execute("SELECT name, pattern FROM lamps").fetchall())
    rows = [
        {
            "name": agent.name,
            "title": agent.title,
            "presence": str(agent.presence),
            "since": times.to_text(agent.since),
            "reason": agent.reason,
            "lamp": lamps.get(f"agent:{agent.name}", "") if supervisor_runs(settings.state) else "",
        }
        for agent in people.agents(db)
    ]
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']:12} {row['presence']:10} {row['lamp'] or '-':15} {row['title']}")


@main.command("night")
@click.argument("mode", type=click.Choice(NIGHT_MODES), required=False)
@_as_json
@click.pass_obj
def night_command(settings: Settings, mode: str | None, as_json: bool) -> None:
    """Show the night switch, or move it to MODE."""
    db = _store(settings)
    if mode:
        night.set_night_mode(db, mode, BY_COMMAND, times.now())
    switch, found = night.night_switch(db), night.forgotten(db, times.now())
    row = {
        "mode": switch.mode,
        "since": times.to_text(switch.since),
        "changed_by": switch.changed_by,
        "forgotten_since": times.to_text(found.missed_at) if found else "",
    }
    if as_json:
        _print_json(row)
        return
    click.echo(f"{row['mode']:6} {row['since']} {row['changed_by']}".rstrip())
    if found:
        words = forgotten_in_words(found, office_facts(db).time_zone, terminal_language())
        click.secho(f"! {words}", fg="red")


@main.command()
@_as_json
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Say how the hotline is. Exit status 1 when something needs attention."""
    from appliance.status import ask_asterisk, complaints, look

    state = look(_store(settings), settings, ask_asterisk(settings))
    problems = complaints(state, terminal_language())
    if as_json:
        _print_json(state | {"problems": problems})
    else:
        for key, value in state.items():
            click.echo(f"{key.replace('_', ' '):22} {value}")
        for problem in problems:
            click.secho(f"! {problem}", fg="red")
    sys.exit(1 if problems else 0)


@main.group(invoke_without_command=True)
@_as_json
@click.pass_context
def lines(context: click.Context, as_json: bool) -> None:
    """Show the lines and what they can do now. Exit status 1 when one has a trouble."""
    if context.invoked_subcommand is not None:
        return
    states = line_states(_store(context.obj))
    rows = [
        {
            "line": state.line,
            "kind": state.kind,
            "channels": state.channels,
            "busy": state.busy,
            "free": state.free,
            "trouble": str(state.trouble),
            "since": times.to_text(state.since) if state.since else "",
        }
        for state in states
    ]
    if as_json:
        _print_json(rows)
    else:
        for state in states:
            words = in_words(state.trouble, terminal_language()) or say("in Ordnung", "all right")
            click.echo(
                f"{state.line:12} {state.kind:9} "
                + (
                    say(f"{state.free} von {state.channels} frei", f"{state.free} of {state.channels} free")
                    if state.channels
                    else say(f"{state.busy} belegt", f"{state.busy} in use")
                )
                + f"  {words}"
            )
        if not states:
            click.echo(say("Es ist keine Leitung eingerichtet.", "No line is set up."))
    context.exit(1 if any(state.trouble for state in states) else 0)


@lines.command("found")
@click.option("--propose", "as_proposal", is_flag=True, help="Print sections for box.toml instead.")
@click.pass_obj
def lines_found(settings: Settings, as_proposal: bool) -> None:
    """Say which cards are there, and how their ports could be used."""
    from appliance.store.office import numbers, phones
    from appliance.telephony.lines.finding import find_cards, find_devices
    from appliance.telephony.lines.proposal import propose
    from appliance.telephony.lines.wiring import wire
    from appliance.telephony.lines.words import describe, describe_devices

    cards, language = find_cards(), terminal_language()
    if as_proposal:
        db = _store(settings)
        kept = settings.card_lines
        for line in propose(
            cards, numbers=numbers(db), phones=[phone["name"] for phone in phones(db)], kept=kept
        )[len(kept) :]:
            click.echo(f"[[line]]\n{line_text(line)}")
        return
    for sentence in [*describe(cards, language), *describe_devices(find_devices(), language)]:
        click.echo(sentence)
    for fault in wire(settings.card_lines, cards)[1]:
        click.secho(f"! {say(fault.german, fault.english)}", fg="red")


@lines.command("test")
@click.argument("name")
@click.option(
    "--number", default="", help="Where you can be called, as one dials it; without it no call out."
)
@click.pass_obj
def lines_test(settings: Settings, name: str, number: str) -> None:
    """Test the line NAME with you at a telephone: dial tone, calls out and in, caller id, hanging up.

    Prints a report to keep. Exit status 1 when a step failed. No caller should be on the line meanwhile.
    """
    from appliance.line_test import NoSuchLine, run_line_test
    from appliance.telephony.lines.bench import Verdict, report

    if not all(character in "0123456789*#" for character in number):
        raise click.ClickException(
            say(
                f"{number} ist keine Rufnummer, wie man sie wählt.",
                f"{number} is not a number as one dials it.",
            )
        )
    try:
        line, found = run_line_test(_store(settings), settings, name, number, click.echo)
    except NoSuchLine as error:
        known = ", ".join(error.known) or "-"
        raise click.ClickException(
            say(
                f"Es gibt keine Leitung {name} an einer Karte, nur: {known}",
                f"There is no line {name} on a card, only: {known}",
            )
        ) from error
    click.echo(report(line, found, terminal_language()))
    sys.exit(1 if any(finding.verdict is Verdict.BAD for finding in found) else 0)


@main.command()
@click.option("--call-back", "call", metavar="CALL", help="Put this caller back in line, to be called back.")
@_as_json
@click.pass_obj
def missed(settings: Settings, call: str | None, as_json: bool) -> None:
    """Show who hung up while waiting and has not reached us since."""
    db = _store(settings)
    if call is not None:
        _call_back(db, call)
    rows = [
        {
            "call": caller.call,
            "department": caller.department,
            "caller": caller.caller,
            "name": caller.caller_name,
            "ticket": caller.ticket,
            "waited_since": times.to_text(caller.waits_since),
            "waited_seconds": round(caller.waited_seconds),
            "called_back": caller.called_back,
        }
        for caller in missed_callers(db)
    ]
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        number = row["caller"] or say("unterdrückt", "withheld")
        state = say("wird zurückgerufen", "is called back") if row["called_back"] else ""
        waited = f"{row['waited_seconds']} s"
        click.echo(
            f"{row['call']:18} {number:17} {row['name']:20} {row['department']:12} {waited:>6}  {state}"
        )
    if not rows:
        click.echo(say("Niemand wurde verpasst.", "Nobody was missed."))


def _call_back(db: Database, call: str) -> None:
    caller = next((missed for missed in missed_callers(db) if missed.call == call), None)
    if caller is None:
        raise click.ClickException(
            say(f"Kein verpasster Anruf: {call}", f"This is not a missed call: {call}")
        )
    refusal = callback_refusal(db, caller.caller) if caller.caller else None
    if refusal or not caller.caller:
        raise click.ClickException(
            say(
                f"Dorthin wird nicht zurückgerufen: {caller.caller or 'Nummer unterdrückt'}",
                f"This number is not called back: {caller.caller or 'withheld'}",
            )
        )
    call_back(db, call, times.now())


@main.group()
def callbacks() -> None:
    """Who is to be called back, and how far that has come."""


@callbacks.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are settled, too.")
@_as_json
@click.pass_obj
def callbacks_list(settings: Settings, everything: bool, as_json: bool) -> None:
    """Show the requests in the order of their places in line."""
    which = "" if everything else "WHERE closed_at = ''"
    rows = list(
        _store(settings).query(
            "SELECT id, number, name, department, ticket, arrived, state, attempts, next_attempt_at, call "
            f"FROM callbacks {which} ORDER BY arrived, id"
        )
    )
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        click.echo(
            f"{row['id']:4} {row['number']:17} {row['department']:12} {row['arrived'][11:19]} "
            f"{row['state']:12} {row['attempts']} {row['name']}"
        )
    if not rows:
        click.echo(say("Niemand wartet auf einen Rückruf.", "Nobody waits to be called back."))


@callbacks.command("cancel")
@click.argument("callback", type=int)
@_as_json
@click.pass_obj
def callbacks_cancel(settings: Settings, callback: int, as_json: bool) -> None:
    """Cancel the request with this number; nobody calls back then."""
    if not cancel(_store(settings), callback, times.now()):
        raise click.ClickException(
            say(
                f"Rückruf {callback} ist nicht offen, oder es wird dort gerade angerufen.",
                f"Callback {callback} is not open, or is being dialled right now.",
            )
        )
    if as_json:
        _print_json({"cancelled": callback})


@main.command()
@_as_json
@click.pass_obj
def oncall(settings: Settings, as_json: bool) -> None:
    """Show who is on duty for each department that has a rota, and when that is handed over."""
    from appliance.status import office_time
    from appliance.store.on_call import duties_now

    db = _store(settings)
    facts = office_facts(db)
    duties = duties_now(db, times.now())
    if as_json:
        _print_json(
            [
                {
                    "department": each.department,
                    "title": each.title,
                    "duty": each.duty,
                    "phones": [phone.name for phone in each.phones],
                    "next_at": times.to_text(each.next_at) if each.next_at else "",
                    "next_duty": each.next_duty,
                    "gap_at": times.to_text(each.gap_at) if each.gap_at else "",
                }
                for each in duties
            ]
        )
        return
    nobody = say("niemand", "nobody")
    for each in duties:
        rung = ", ".join(readable(phone.name, facts.country) for phone in each.phones)
        click.echo(f"{each.title}: {each.duty or nobody}" + (f" ({rung})" if rung else ""))
        if each.next_at:
            at = office_time(each.next_at, facts.time_zone)
            following = each.next_duty or nobody
            click.echo(say(f"  ab {at}: {following}", f"  from {at}: {following}"))
        if each.gap_at:
            at = office_time(each.gap_at, facts.time_zone)
            click.secho(
                "  ! "
                + say(
                    f"{at} ist geschlossen und niemand hat Dienst.", f"{at} it is closed with nobody on duty."
                ),
                fg="red",
            )
    if not duties:
        click.echo(say("Keine Abteilung hat eine Rufbereitschaft.", "No department has an on-call rota."))


@main.group("ledger")
def ledger_group() -> None:
    """Every call and its outcome."""


@ledger_group.command("check")
@_as_json
@click.pass_obj
def ledger_check(settings: Settings, as_json: bool) -> None:
    """Prove that every call ended in exactly one outcome. Exit status 1 if one did not."""
    from appliance.status import calls_alive

    db = _store(settings)
    alive = calls_alive(settings)
    faults = ledger.check(db, alive=alive)
    counts = ledger.outcomes(db)
    if as_json:
        _print_json(
            {
                "outcomes": counts,
                "going_on": sorted(alive),
                "faults": [{"call": fault.call, "what": fault.what} for fault in faults],
            }
        )
    else:
        for outcome, count in counts.items():
            click.echo(f"{count:6} {outcome}")
        click.echo(f"{len(alive):6} " + say("laufen noch", "still going on"))
        for fault in faults:
            click.secho(f"! {fault.call}: {fault.what}", fg="red")
        if not faults:
            click.echo(say("Kein Anrufer ging verloren.", "No caller was lost."))
    sys.exit(1 if faults else 0)


@main.command()
@click.argument("call", required=False)
@_as_json
@click.pass_obj
def trace(settings: Settings, call: str | None, as_json: bool) -> None:
    """Tell the story of one CALL; without it, of the last call."""
    db = _store(settings)
    row = next(
        db.query(
            "SELECT * FROM calls WHERE call = ?1 OR ?1 IS NULL ORDER BY started_at DESC, call DESC LIMIT 1",
            [call],
        ),
        None,
    )
    if row is None:
        raise click.ClickException(say("Diesen Anruf gibt es nicht.", "There is no such call."))
    steps = ledger.story(db, row["call"])
    if as_json:
        _print_json(row | {"steps": steps})
        return
    click.echo(
        f"{row['call']}  {row['caller'] or '-'} {row['caller_name']} -> {row['dialled']} {row['department']}"
    )
    for step in steps:
        click.echo(f"  {step['at'][11:23]}  {step['step']} {step['detail']}")


main.add_command(web)
for command in (backup, restore_command, forget, factory_reset_command, diagnose):
    main.add_command(command)
for command in (update, install_update, confirm_start):
    main.add_command(command)
main.add_command(users_group)


if __name__ == "__main__":
    main()
