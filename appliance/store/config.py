"""The config in the store: taken over as a whole from one file, given back as one."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import fields
from typing import Any

from sqlite_utils import Database

from appliance.hotline.hours import Span, clock_text, read_clock
from appliance.hotline.numbers import dialled_table
from appliance.hotline.tickets import TicketRule
from appliance.store import boxes, callbacks, own_prompts, times, users
from appliance.store.changes import BY_COMMAND, Author, Difference, compare, note
from appliance.store.config_errors import ConfigError, Problem
from appliance.store.config_hours import write_times
from appliance.store.config_numbers import block_numbers
from appliance.store.config_reader import read_config, read_values
from appliance.store.config_values import (
    Agent,
    Block,
    Config,
    Department,
    DepartmentRota,
    MailServer,
    Office,
    Phone,
    TransferKeys,
)
from appliance.store.config_writer import write_config
from appliance.store.database import exclusive
from appliance.store.on_call import export_rotas, refresh_duties, rota_rows
from appliance.store.schedule import refresh_schedule, special_days

__all__ = [
    "Agent",
    "Block",
    "Config",
    "ConfigError",
    "Department",
    "DepartmentRota",
    "MailServer",
    "Office",
    "Phone",
    "TransferKeys",
    "config_of",
    "export_config",
    "import_config",
    "read_config",
    "read_values",
    "values_of",
    "write_config",
]

# Children before parents, so that no reference is ever broken.
_TABLES = (
    *("duty_schedule", "duty_dates", "duty_weekdays", "duty_phones", "rotas"),
    *("presence", "speaks", "serves", "dialled_forms", "numbers", "agents", "phones", "blocks", "menu"),
    *("schedule", "opening_hours", "special_days", "departments", "transfer_keys"),
    *("mail_server", "office"),
)

_DEPARTMENT_FLAGS = (
    "always_open",
    "closed_on_holidays",
    "ignores_night_switch",
    "offers_wait",
    "offers_callback",
    "offers_message",
    "announce_position",
    "announce_ticket",
)


def import_config(
    db: Database, config: Config, by: Author = BY_COMMAND, *, undoes: int | None = None
) -> None:
    """Replace everything the admin sets by `config`, in one transaction, with the schedule it leads to.

    Agents who stay keep their presence, new ones are offline; calls and messages are not touched. Who was to
    be called back by a department that is gone is told to the office by mail.
    What differs is noted as a change of `by` (see `changes`), which undoes the change `undoes`.
    """
    with exclusive(db):
        _note_differences(db, config, by, undoes)
        presence = {row["agent"]: row for row in db.query("SELECT * FROM presence")}
        for table in _TABLES:
            db.execute(f"DELETE FROM {table}")
        for table, rows in _rows(config).items():
            db.table(table).insert_all(rows)
        now = times.to_text(times.now())
        for agent in config.agents:
            new = {"agent": agent.name, "state": "offline", "since": now}
            db.table("presence").insert(presence.get(agent.name, new))
        refresh_schedule(db, times.now())
        refresh_duties(db, times.now())
        callbacks.give_up_without_department(db, times.now())
        _take_rights_of_the_removed(db, by)
        db.execute(
            "UPDATE config_state SET saved = saved + 1, saved_at = ?, in_force_at = '', refused = ''", [now]
        )


def _take_rights_of_the_removed(db: Database, by: Author) -> None:
    """Their desk boxes, users and words are nobody's: the next agent of that name may be another person."""
    removed = "agent <> '' AND agent NOT IN (SELECT name FROM agents)"
    for (serial,) in db.execute(f"SELECT serial FROM boxes WHERE {removed}").fetchall():
        boxes.unpair(db, serial, by)
    for name, role in db.execute(f"SELECT name, role FROM users WHERE {removed}").fetchall():
        users.set_user(db, name, role, "", by)
    db.execute(f"DELETE FROM pairing WHERE {removed}")
    own_prompts.hush_the_removed(db, by, times.now())


def export_config(db: Database) -> Config:
    """The config as it is in the store. Raises ConfigError when nothing was imported yet."""
    with exclusive(db):  # all of it from the same moment
        office = next(db.query("SELECT * FROM office"), None)
        mail = next(db.query("SELECT * FROM mail_server"), None)
        if office is None or mail is None:
            raise ConfigError([Problem("nothing set up", 0, "")])
        return Config(
            _office(office),
            MailServer(**_known(mail, MailServer)),
            tuple(_department(db, row) for row in list(db.query("SELECT * FROM departments ORDER BY rowid"))),
            tuple(Block(**_known(row, Block)) for row in db.query("SELECT * FROM blocks ORDER BY rowid")),
            tuple(Phone(**_known(row, Phone)) for row in db.query("SELECT * FROM phones ORDER BY rowid")),
            tuple(_agent(db, row) for row in list(db.query("SELECT * FROM agents ORDER BY rowid"))),
            export_rotas(db),
            transfer_keys(db),
        )


def values_of(config: Config) -> dict[str, dict[str, Any]]:
    """The config as a file has it, sections by kind; of several of a kind, each by its name.

    ``{"office": {"name": …}, "department": {"support": {"name": "support", "title": …}}}``
    """
    values = tomllib.loads(write_config(config))
    return {
        kind: section if isinstance(section, dict) else {_name_in(kind, entry): entry for entry in section}
        for kind, section in values.items()
    }


def config_of(values: dict[str, dict[str, Any]]) -> Config:
    """The config of what `values_of` gave, changed since. Raises ConfigError with every problem there is."""
    return read_values(
        {
            kind: section if kind in ("office", "mail", "transfer") else list(section.values())
            for kind, section in values.items()
        }
    )


def _name_in(kind: str, entry: dict[str, Any]) -> str:
    return str(entry[{"block": "number", "rota": "department"}.get(kind, "name")])


def _note_differences(db: Database, config: Config, by: Author, undoes: int | None) -> None:
    if db.execute("SELECT 1 FROM office").fetchone() is None:
        note(db, by, "setup", [Difference(("setup",), None, config.office.name)])
        return
    found = compare(values_of(export_config(db)), values_of(config))
    if found:
        note(db, by, "setup", found, undoes=undoes)


def transfer_keys(db: Database) -> TransferKeys:
    """The keys by which an agent transfers; the usual ones when nothing was imported yet."""
    row = next(db.query("SELECT blind, attended FROM transfer_keys"), None)
    return TransferKeys(**row) if row else TransferKeys()


def _rows(config: Config) -> dict[str, list[dict[str, Any]]]:
    """What the admin's tables hold, parents first; the order of the rows is that of the file."""
    office, mail, departments = config.office, config.mail, config.departments
    numbers = _numbers(config)
    return {
        "office": [
            {
                "id": 1,
                "name": office.name,
                "language": office.language,
                "country": office.country,
                "state": office.state,
                "area_code": office.area_code,
                "time_zone": office.time_zone,
                "retention_days": office.retention_days,
                "callback_countries": " ".join(office.callback_countries),
                "callback_confirmation": int(office.callback_confirmation),
                "mailbox": office.mailbox,
                "address_phone": office.address_phone,
                "report_mailbox": office.report_mailbox,
                "report_weekday": office.report_weekday,
                "public_status": int(office.public_status),
            }
        ],
        "mail_server": [
            {
                "id": 1,
                "host": mail.host,
                "port": mail.port,
                "security": mail.security,
                "user": mail.user,
                "password": mail.password,
                "sender": mail.sender,
            }
        ],
        "transfer_keys": [{"id": 1, "blind": config.transfer.blind, "attended": config.transfer.attended}],
        "departments": [
            {
                "name": department.name,
                "title": department.title,
                "language": department.language,
                "mailbox": department.mailbox,
                "greeting": department.greeting,
                "menu_prompt": department.menu_prompt,
                "always_open": int(department.always_open),
                "closed_on_holidays": int(department.closed_on_holidays),
                "ignores_night_switch": int(department.ignores_night_switch),
                "ring_seconds": department.ring_seconds,
                "wrap_up_seconds": department.wrap_up_seconds,
                "message_seconds": department.message_seconds,
                "offers_wait": int(department.offers_wait),
                "offers_callback": int(department.offers_callback),
                "offers_message": int(department.offers_message),
                "announce_position": int(department.announce_position),
                "announce_ticket": int(department.announce_ticket),
                "extra_prompts": " ".join(department.extra_prompts),
                "promise_minutes": department.promise_minutes,
                "language_wait_seconds": department.language_wait_seconds,
                "ticket_from": department.ticket_from,
                "ticket_shortest": department.ticket_rule.shortest,
                "ticket_longest": department.ticket_rule.longest,
                "ticket_prefixes": " ".join(department.ticket_rule.prefixes),
                "callback_attempts": department.callback_attempts,
                "extension": department.extension,
            }
            for department in departments
        ],
        "opening_hours": [
            {
                "department": department.name,
                "weekday": span.weekday,
                "opens": clock_text(span.opens),
                "closes": clock_text(span.closes),
            }
            for department in departments
            for span in department.spans
        ],
        "special_days": [
            {
                "department": department.name,
                "first": special.first.isoformat(),
                "last": special.last.isoformat(),
                "times": write_times(special),
            }
            for department in departments
            for special in department.special_days
        ],
        "menu": [
            {"department": department.name, "key": key, "choice": choice}
            for department in departments
            for key, choice in department.menu
        ],
        "blocks": [{"number": block.number, "department": block.department} for block in config.blocks],
        "phones": [
            {"name": phone.name, "extension": phone.extension, "secret": phone.secret}
            for phone in config.phones
        ],
        "agents": [
            {"name": agent.name, "title": agent.title, "phone": agent.phone} for agent in config.agents
        ],
        "numbers": list(numbers.values()),
        "dialled_forms": [
            {"dialled": form, "number": number} for form, number in _dialled_forms(config, numbers).items()
        ],
        "serves": [
            {"agent": agent.name, "department": name} for agent in config.agents for name in agent.departments
        ],
        "speaks": [
            {"agent": agent.name, "language": name} for agent in config.agents for name in agent.languages
        ],
        **rota_rows(config.rotas, departments, config.office.country),
    }


def _numbers(config: Config) -> dict[str, dict[str, Any]]:
    """The rows of the table `numbers`: what a department has claimed goes before what a block has in it."""
    numbers: dict[str, dict[str, Any]] = {
        number: {"number": number, "department": department.name, "agent": None, "block": None}
        for department in config.departments
        for number in department.numbers
    }
    for number, block, agent, _ in block_numbers(config.blocks, config.phones, config.agents):
        name = agent.name if agent else None
        department = agent.departments[0] if agent else block.department
        row = {"number": number, "department": department, "agent": name, "block": block.number}
        numbers.setdefault(number, row)
    return numbers


def _dialled_forms(config: Config, numbers: Collection[str]) -> dict[str, str]:
    """Which number each form means that a line may deliver; some lines deliver an extension alone."""
    forms = dialled_table(numbers, config.office.country, config.office.area_code)
    alone: dict[str, set[str]] = {}
    for number, _, _, extensions in block_numbers(config.blocks, config.phones, config.agents):
        for extension in extensions:
            alone.setdefault(extension, set()).add(number)
    for extension, meant in alone.items():
        if len(meant) == 1:
            forms.setdefault(extension, *meant)
    return forms


def _known(row: dict[str, Any], kind: type[Any]) -> dict[str, Any]:
    """What this version knows of a row: the store may be that of a newer one, which has more columns."""
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in row.items() if name in names}


def _office(row: dict[str, Any]) -> Office:
    return Office(
        **_known(row, Office)
        | {
            "callback_countries": tuple(row["callback_countries"].split()),
            "callback_confirmation": bool(row["callback_confirmation"]),
            "public_status": bool(row["public_status"]),
        }
    )


def _department(db: Database, row: dict[str, Any]) -> Department:
    name = row["name"]
    ticket_rule = TicketRule(
        row["ticket_shortest"], row["ticket_longest"], tuple(row["ticket_prefixes"].split())
    )
    spans = db.query("SELECT weekday, opens, closes FROM opening_hours WHERE department = ?", [name])
    return Department(
        **_known(row, Department)
        | {flag: bool(row[flag]) for flag in _DEPARTMENT_FLAGS}
        | {"extra_prompts": tuple(row["extra_prompts"].split())},
        ticket_rule=ticket_rule,
        special_days=special_days(db, name),
        menu=tuple(db.execute("SELECT key, choice FROM menu WHERE department = ? ORDER BY key", [name])),
        numbers=_column(
            db, "SELECT number FROM numbers WHERE department = ? AND block IS NULL ORDER BY rowid", name
        ),
        spans=tuple(
            sorted(
                Span(span["weekday"], read_clock(span["opens"]), read_clock(span["closes"])) for span in spans
            )
        ),
    )


def _agent(db: Database, row: dict[str, Any]) -> Agent:
    name = row["name"]
    return Agent(
        **_known(row, Agent),
        departments=_column(db, "SELECT department FROM serves WHERE agent = ? ORDER BY rowid", name),
        languages=_column(db, "SELECT language FROM speaks WHERE agent = ? ORDER BY rowid", name),
    )


def _column(db: Database, question: str, name: str) -> tuple[str, ...]:
    return tuple(row[0] for row in db.execute(question, [name]).fetchall())
