"""Reading a config text: all of it right, or refused with everything that is wrong."""

from __future__ import annotations

import tomllib
import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Any

from appliance.hotline.numbers import is_country, is_emergency
from appliance.hotline.public_holidays import states
from appliance.store import config_checks as checks
from appliance.store.config_errors import ConfigError, Problem, shown, syntax_problem
from appliance.store.config_hours import read_hours
from appliance.store.config_lines import Lines
from appliance.store.config_menu import check_menus, read_menu
from appliance.store.config_numbers import check_extensions, check_reachable, read_blocks, read_numbers
from appliance.store.config_rota import read_rotas
from appliance.store.config_table import Once, Problems, Table, similar
from appliance.store.config_tickets import read_ticket_rule
from appliance.store.config_values import (
    CHOICES,
    Agent,
    Config,
    Department,
    MailServer,
    Office,
    Phone,
    TransferKeys,
)

LANGUAGES = ("de", "en")
SECURITIES = ("tls", "starttls", "none")

_SINGLE = ("office", "mail", "transfer")
_SEVERAL = ("department", "block", "phone", "agent", "rota")


def read_config(text: str | bytes) -> Config:
    """Read a config file's text. Raises ConfigError with every problem there is."""
    values, problems = _parse(text)
    for key in values:
        if key not in (*_SINGLE, *_SEVERAL):
            problems.add("unknown", (key,), key, similar(key, (*_SINGLE, *_SEVERAL)))
    office_table = _section(values, problems, "office")
    office = _office(office_table)
    mail = _mail(_section(values, problems, "mail"))
    numbers, extensions = Once(), Once()
    department_tables = _sections(values, problems, "department")
    departments = _departments(department_tables, office, numbers, extensions)
    check_menus(department_tables, departments)
    block_tables = _sections(values, problems, "block")
    blocks = read_blocks(block_tables, office, departments, numbers)
    check_reachable(department_tables, departments, blocks)
    transfer = _transfer(_section(values, problems, "transfer"))
    phones = _phones(_sections(values, problems, "phone"), office, extensions)
    if office.address_phone:
        _is_phone(office_table, "address_phone", office.address_phone, phones)
    check_extensions(block_tables, blocks, phones)
    agents = _agents(_sections(values, problems, "agent"), office, departments, phones)
    rotas = read_rotas(_sections(values, problems, "rota"), office, departments, agents)
    if not departments and "department" not in values:
        problems.add("missing", (), "[[department]]")
    if problems.found:
        raise ConfigError(problems.found)
    return Config(office, mail, departments, blocks, phones, agents, rotas, transfer)


def _parse(text: str | bytes) -> tuple[Mapping[str, Any], Problems]:
    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError([Problem("not utf-8", 0, "")]) from None
    decoded = decoded.removeprefix("\ufeff")  # Windows editors begin a file with it
    try:
        return tomllib.loads(decoded), Problems(Lines(decoded))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([syntax_problem(str(error), decoded.count("\n") + 1)]) from error
    except RecursionError as error:  # brackets in brackets in brackets
        raise ConfigError([syntax_problem("", 0)]) from error


def _section(values: Mapping[str, Any], problems: Problems, key: str) -> Table:
    """The one section [key]. A missing one is read as empty, so that what it needs is named."""
    value = values.get(key, {})
    if isinstance(value, dict):
        return Table(problems, (key,), key, value)
    problems.add("not a table", (key,), key, value=key)
    return Table(Problems(problems.lines), (key,), key, {})  # what else is missing there says nothing new


def _sections(values: Mapping[str, Any], problems: Problems, key: str) -> list[Table]:
    """Every section [[key]]."""
    value = values.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        problems.add("not tables", (key,), key, value=key)
        return []
    tables = []
    for index, entry in enumerate(value):
        name = entry.get("department" if key == "rota" else "name")
        known = name if isinstance(name, str) and checks.prompt(name) is None else str(index + 1)
        tables.append(Table(problems, (key, index), f"{key}.{known}", entry))
    return tables


def _office(table: Table) -> Office:
    office = Office(
        name=table.text("name", check=checks.title),
        language=table.choice("language", LANGUAGES, "de"),
        country=table.text("country", "DE", checks.country, _similar_country),
        state=table.text("state", ""),
        area_code=table.text("area_code", "", checks.area_code),
        time_zone=table.text("time_zone", "Europe/Berlin", checks.time_zone, _similar_time_zone),
        retention_days=table.whole("retention_days", 90, 1, 3650),
        callback_countries=table.texts("callback_countries", (), checks.country, _similar_country),
        callback_confirmation=table.flag("callback_confirmation", True),
        mailbox=table.text("mailbox", "", checks.mail_address_or_none),
        address_phone=table.text("address_phone", ""),
    )
    known = states(office.country)
    if office.state and office.state not in known:
        close = similar(office.state.upper(), known)
        table.problem("state", "state", suggestion=close, value=shown(office.state), other=office.country)
    table.finish()
    return office


def _similar_country(text: str) -> str:
    return text.upper() if is_country(text.upper()) else ""


def _similar_time_zone(text: str) -> str:
    return similar(text, zoneinfo.available_timezones())


def _mail(table: Table) -> MailServer:
    server = MailServer(
        host=table.text("host", check=checks.host),
        port=table.whole("port", 587, 1, 65535),
        security=table.choice("security", SECURITIES, "starttls"),
        user=table.text("user", ""),
        password=table.text("password", ""),
        sender=table.text("sender", check=checks.mail_address),
    )
    table.finish()
    return server


def _departments(
    tables: Sequence[Table], office: Office, numbers: Once, extensions: Once
) -> tuple[Department, ...]:
    names = Once()
    departments = []
    for table in tables:
        name = table.text("name", check=checks.name)
        names.claim(name, table, "name")
        title = table.text("title", check=checks.title)
        hours = read_hours(table)
        choices = _choices(table)
        departments.append(
            Department(
                name=name,
                title=title,
                language=table.choice("language", LANGUAGES, office.language),
                mailbox=table.text("mailbox", check=checks.mail_address),
                greeting=table.text("greeting", "greeting", checks.prompt),
                menu=read_menu(table),
                menu_prompt=table.text("menu_prompt", "", checks.prompt_or_none),
                numbers=read_numbers(table, office, numbers),
                always_open=hours.always_open,
                spans=hours.spans,
                special_days=hours.special_days,
                closed_on_holidays=table.flag("closed_on_holidays", True),
                ignores_night_switch=table.flag("ignores_night_switch", hours.always_open),
                ring_seconds=table.whole("ring_seconds", 20, 3, 120),
                wrap_up_seconds=table.whole("wrap_up_seconds", 15, 0, 3600),
                message_seconds=table.whole("message_seconds", 180, 10, 1800),
                offers_wait="wait" in choices,
                offers_callback="callback" in choices,
                offers_message="message" in choices,
                announce_position=table.flag("announce_position", True),
                announce_ticket=table.flag("announce_ticket", False),
                extra_prompts=table.texts("extra_prompts", (), checks.prompt),
                promise_minutes=table.whole("promise_minutes", 5, 0, 120),
                language_wait_seconds=table.whole("language_wait_seconds", 60, 0, 3600),
                ticket_from=table.whole("ticket_from", 3, 0, 99),
                ticket_rule=read_ticket_rule(table),
                callback_attempts=table.whole("callback_attempts", 3, 1, 10),
                extension=_extension(table, office, extensions, ""),
            )
        )
        table.finish()
    return tuple(departments)


def _choices(table: Table) -> tuple[str, ...]:
    """What a caller may choose while nobody is free."""
    choices = table.choices("choices", CHOICES, CHOICES)
    if set(choices) == {"wait"}:
        table.problem("only waiting", "choices")
    return choices


def _phones(tables: Sequence[Table], office: Office, extensions: Once) -> tuple[Phone, ...]:
    names = Once()
    phones = []
    for table in tables:
        name = table.text("name", check=checks.name)
        names.claim(name, table, "name")
        extension = _extension(table, office, extensions)
        phones.append(Phone(name, extension, table.text("secret", check=checks.secret)))
        table.finish()
    return tuple(phones)


def _is_phone(table: Table, key: str, name: str, phones: Sequence[Phone]) -> bool:
    """Whether this names a phone; a problem of the table when it does not."""
    known = [phone.name for phone in phones]
    if name and name not in known:
        table.problem("no such phone", key, suggestion=similar(name, known), value=shown(name))
    return name in known


def _extension(table: Table, office: Office, taken: Once, default: str | None = None) -> str:
    """A short internal number: nobody else's, and no emergency number."""
    extension = table.text("extension", default, checks.extension)
    taken.claim(extension, table, "extension")
    if extension and is_country(office.country) and is_emergency(extension, office.country):
        table.problem("emergency", "extension", value=shown(extension))
    return extension


def _transfer(table: Table) -> TransferKeys:
    """The keys by which an agent transfers; neither may begin with the other."""
    usual = TransferKeys()
    blind = table.text("blind_key", usual.blind, checks.feature_key)
    attended = table.text("attended_key", usual.attended, checks.feature_key)
    if blind and attended and (blind.startswith(attended) or attended.startswith(blind)):
        table.problem("feature keys alike", "attended_key", value=shown(attended), other=shown(blind))
    table.finish()
    return TransferKeys(blind, attended)


def _agents(
    tables: Sequence[Table], office: Office, departments: Sequence[Department], phones: Sequence[Phone]
) -> tuple[Agent, ...]:
    names = Once()
    owners: dict[str, str] = {}
    known_departments = [department.name for department in departments]
    agents = []
    for table in tables:
        name = table.text("name", check=checks.name)
        names.claim(name, table, "name")
        phone = table.text("phone")
        if _is_phone(table, "phone", phone, phones) and phone in owners:
            table.problem("phone shared", "phone", value=shown(phone), other=shown(owners[phone]))
        owners.setdefault(phone, name)
        serves = table.texts("departments", ())
        if not serves and table.empty("departments"):
            table.problem("agent without department", "departments")
        for index, department in enumerate(serves):
            if department not in known_departments:
                close = similar(department, known_departments)
                value = shown(department)
                table.problem("no such department", "departments", index, suggestion=close, value=value)
        title = table.text("title", check=checks.title)
        languages = table.choices("languages", LANGUAGES, (office.language,))
        agents.append(Agent(name, title, phone, serves, languages))
        table.finish()
    return tuple(agents)
