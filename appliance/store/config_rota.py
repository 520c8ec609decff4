"""The on-call rota as a config file writes it: ``[[rota]]`` with duties, weeks, weekdays and dates."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

from appliance.hotline.callback_numbers import Refusal, refusal
from appliance.hotline.hours import clock_text, read_clock
from appliance.hotline.numbers import is_country, is_emergency, to_e164
from appliance.hotline.on_call import DutyDates, HandOver, Rota
from appliance.store import config_checks as checks
from appliance.store.config_errors import shown
from appliance.store.config_hours import DAYS, read_dates, read_weekdays, suggested_day, write_dates
from appliance.store.config_table import Table, similar
from appliance.store.config_values import Agent, Department, DepartmentRota, Office

RING_SECONDS = 25  # the mailbox of many a mobile answers later than that

_HAND_OVER = re.compile(r"([a-z]+) +([0-9:]+)")
_ANY_HAND_OVER = HandOver(0, 0)  # keeps the reader going when what stands there is wrong
_ANY_DATE = date(2024, 1, 1)

# Why a number is not rung: (German, English).
_REFUSALS: Mapping[Refusal, tuple[str, str]] = {
    Refusal.COST: ("sie kostet besondere Gebühren", "special charges apply to it"),
    Refusal.FOREIGN: (
        "sie liegt in einem Land, das nicht unter callback_countries steht",
        "it is in a country that is not among callback_countries",
    ),
    Refusal.OWN: ("das ist eine eigene Nummer des Büros", "it is one of the office's own numbers"),
    Refusal.EMERGENCY: ("das ist ein Notruf", "it is an emergency number"),
    Refusal.NO_NUMBER: ("diese Nummer gibt es nicht", "there is no such number"),
}


def read_rotas(
    tables: Sequence[Table], office: Office, departments: Sequence[Department], agents: Sequence[Agent]
) -> tuple[DepartmentRota, ...]:
    """Every section [[rota]]; a department has one at most."""
    rotas: list[DepartmentRota] = []
    lines: dict[str, int] = {}
    known = {department.name: department for department in departments}
    own_numbers = frozenset(number for department in departments for number in department.numbers)
    for table in tables:
        name = table.text("department")
        if name and name not in known:
            table.problem(
                "no such department", "department", suggestion=similar(name, known), value=shown(name)
            )
        elif name in lines:
            table.problem("twice", "department", value=shown(name), other=str(lines[name]), where=shown(name))
        elif name and known[name].always_open and known[name].ignores_night_switch:
            table.problem("rota always open", "department", value=shown(name))
        lines.setdefault(name, table.line("department"))
        duties = _duties(table, office, own_numbers, agents)
        rotas.append(
            DepartmentRota(
                department=name,
                duties=duties,
                rota=_rota(table, office, [duty for duty, _ in duties]),
                ring_seconds=table.whole("ring_seconds", RING_SECONDS, 5, 120),
            )
        )
        table.finish()
    return tuple(rotas)


def write_rota(rota: DepartmentRota, written: Callable[[str], str]) -> dict[str, object]:
    """The settings of a section [[rota]] as values of TOML; `written` is a number as people write it."""
    plan = rota.rota
    return {
        "department": rota.department,
        "duties": {
            duty: [written(contact) if contact.startswith("+") else contact for contact in contacts]
            for duty, contacts in rota.duties
        },
        "weeks": list(plan.weeks),
        "first_week": plan.first_week.isoformat(),
        "hand_over": write_hand_over(plan.hand_over),
        "weekdays": {DAYS[weekday]: duty for weekday, duty in plan.weekdays},
        "dates": {write_dates(each.first, each.last): each.duty for each in plan.dates},
        "ring_seconds": rota.ring_seconds,
    }


def read_hand_over(text: str) -> HandOver | None:
    """What "mon 08:00" says; None when it is no time of a week."""
    match = _HAND_OVER.fullmatch(text)
    if match is None or match[1] not in DAYS:
        return None
    try:
        return HandOver(DAYS.index(match[1]), read_clock(match[2]))
    except ValueError:
        return None


def write_hand_over(hand_over: HandOver) -> str:
    """The weekday and time of a hand-over, such as "mon 08:00"."""
    return f"{DAYS[hand_over.weekday]} {clock_text(hand_over.minutes)}"


def _duties(
    table: Table, office: Office, own_numbers: frozenset[str], agents: Sequence[Agent]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each duty with whom to ring, in order: names of agents, and numbers as E.164."""
    value = table.raw("duties")
    if value is None:
        return ()
    if not isinstance(value, dict) or not value:
        table.problem("duties", "duties")
        return ()
    duties: list[tuple[str, tuple[str, ...]]] = []
    for duty, contacts in value.items():
        wrong = checks.name(duty)
        if wrong is not None:
            table.problem(wrong, "duties", duty, value=shown(duty))
        if not isinstance(contacts, list) or not all(isinstance(contact, str) for contact in contacts):
            table.problem("not texts", "duties", duty)
            duties.append((duty, ()))
            continue
        if not contacts:
            table.problem("empty", "duties", duty)
        read: list[str] = []
        for index, text in enumerate(contacts):
            contact = _contact(table, ("duties", duty, index), text, office, own_numbers, agents)
            if contact and contact in read:
                first = str(table.line("duties", duty, read.index(contact)))
                table.problem(
                    "twice", "duties", duty, index, value=shown(text), other=first, where=shown(duty)
                )
            elif contact:
                read.append(contact)
        duties.append((duty, tuple(read)))
    return tuple(duties)


def _contact(
    table: Table,
    keys: tuple[str | int, ...],
    text: str,
    office: Office,
    own_numbers: frozenset[str],
    agents: Sequence[Agent],
) -> str:
    """The agent's name or the number (E.164); '' when it is noted as wrong."""
    names = [agent.name for agent in agents]
    if text in names:
        return text
    if not any(character.isdigit() for character in text) or checks.name(text) is None:
        table.problem("no such agent", *keys, suggestion=similar(text, names), value=shown(text))
        return ""
    if not is_country(office.country) or checks.area_code(office.area_code):
        return ""  # that is the problem then, not the number
    if is_emergency(text, office.country):
        table.problem("on-call number", *keys, value=shown(text), why=_REFUSALS[Refusal.EMERGENCY])
        return ""
    number = to_e164(text, office.country, office.area_code)
    if number is None:
        table.problem("telephone number", *keys, value=shown(text))
        return ""
    refused = refusal(
        number,
        country=office.country,
        own_numbers=own_numbers,
        foreign_allowed=office.callback_countries,
    )
    if refused is not None:
        table.problem("on-call number", *keys, value=shown(text), why=_REFUSALS[refused])
        return ""
    return number


def _rota(table: Table, office: Office, duties: Sequence[str]) -> Rota:
    weeks = table.texts_repeated("weeks", ())
    for index, duty in enumerate(weeks):
        _check_duty(table, duties, duty, "weeks", index)
    weekdays = _weekdays(table, duties)
    if not weeks and not weekdays:
        table.problem("rota without plan", "weeks")
    hand_over = read_hand_over(table.text("hand_over", "mon 08:00", _check_hand_over))
    zone = "UTC" if checks.time_zone(office.time_zone) else office.time_zone
    return Rota(
        hand_over=hand_over or _ANY_HAND_OVER,
        zone=ZoneInfo(zone),
        weeks=weeks,
        first_week=_first_week(table, needed=len(set(weeks)) > 1),
        weekdays=weekdays,
        dates=_dates(table, duties),
    )


def _first_week(table: Table, *, needed: bool) -> date:
    """A date in a week that the first of `weeks` has."""
    value = table.optional("first_week")
    if value is None:
        if needed:
            table.problem("missing", "first_week")
        return _ANY_DATE
    try:
        return date.fromisoformat(value.isoformat() if isinstance(value, date) else str(value))
    except ValueError:
        table.problem("date", "first_week", value=shown(str(value)))
        return _ANY_DATE


def _weekdays(table: Table, duties: Sequence[str]) -> tuple[tuple[int, str], ...]:
    found: dict[int, str] = {}
    for key, duty in _plan(table, "weekdays"):
        weekdays = read_weekdays(key)
        if weekdays is None:
            table.problem("day", "weekdays", key, suggestion=suggested_day(key), value=shown(key))
            continue
        _check_duty(table, duties, duty, "weekdays", key)
        for weekday in weekdays:
            if weekday in found:
                table.problem("weekday twice", "weekdays", key, value=DAYS[weekday])
            found.setdefault(weekday, duty)
    return tuple(sorted(found.items()))


def _dates(table: Table, duties: Sequence[str]) -> tuple[DutyDates, ...]:
    found = []
    for key, duty in _plan(table, "dates"):
        dates = read_dates(table, "dates", key)
        _check_duty(table, duties, duty, "dates", key)
        if dates is not None:
            found.append(DutyDates(*dates, duty))
    found.sort()
    for earlier, later in pairwise(found):
        if later.first <= earlier.last:
            first, second = write_dates(earlier.first, earlier.last), write_dates(later.first, later.last)
            table.problem("dates twice", "dates", second, value=first, other=second)
    return tuple(found)


def _plan(table: Table, key: str) -> list[tuple[str, str]]:
    """An inline table of duties: weekdays or dates, and who has them."""
    value = table.optional(key)
    if value is None:
        return []
    if not isinstance(value, dict) or not all(isinstance(duty, str) for duty in value.values()):
        table.problem("plan of duties", key)
        return []
    return list(value.items())


def _check_hand_over(text: str) -> str | None:
    return "hand-over" if read_hand_over(text) is None else None


def _check_duty(table: Table, duties: Sequence[str], duty: str, *keys: str | int) -> None:
    if duties and duty not in duties:  # without any, that is the problem
        table.problem("no such duty", *keys, suggestion=similar(duty, duties), value=shown(duty))
