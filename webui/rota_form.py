"""The form of an on-call rota: its section of the config as fields, and what was entered as a section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from appliance.store.config_errors import Problem
from appliance.store.config_hours import DAYS, read_weekdays
from webui.settings_form import Section, Values, slug, whole, words

SPARE_ROWS: Final = 2
LONGEST_ROWS: Final = 40
_USUAL: Final[Section] = {
    "duties": {},
    "weeks": [],
    "first_week": "",
    "hand_over": "mon 08:00",
    "weekdays": {},
    "dates": {},
    "ring_seconds": 25,
}


def values_of(section: Section | None) -> Values:
    """A rota's section as the fields of its form; None: there is no rota yet."""
    rota = section or _USUAL
    weekday, _, clock = rota["hand_over"].partition(" ")
    values: Values = {
        "duties": [(duty, ", ".join(contacts)) for duty, contacts in rota["duties"].items()],
        "weeks": ", ".join(rota["weeks"]),
        "first_week": rota["first_week"] if rota["weeks"] else "",
        "hand_over_day": weekday,
        "hand_over_time": clock.strip(),
        "ring_seconds": str(rota["ring_seconds"]),
        "dates": [],
    }
    values |= dict.fromkeys(DAYS, "")
    for key, duty in rota["weekdays"].items():
        for day in read_weekdays(key) or ():
            values[DAYS[day]] = duty
    for key, duty in rota["dates"].items():
        first, _, last = key.partition("..")
        values["dates"].append((first, last, duty))
    return values


def posted_values(form: Any) -> Values:
    """What was entered."""
    names = ("weeks", "first_week", "hand_over_day", "hand_over_time", "ring_seconds", *DAYS)
    values: Values = {name: form.get(name, "").strip() for name in names}
    values["duties"] = _rows(form, "duty_name", "duty_contacts")
    values["dates"] = _rows(form, "date_first", "date_last", "date_duty")
    return values


def section_from(values: Values, department: str, agents: Mapping[str, str]) -> Section | None:
    """The section that was entered, None for no duties; an agent may be named by his title in `agents`.

    A single duty is on whenever it is closed, where nothing else was entered; it need not have a name.
    """
    if not values["duties"] and not values["weeks"]:
        return None
    names = {title.casefold(): name for title, name in agents.items()}
    duties: dict[str, list[str]] = {}
    for duty, contacts in values["duties"]:
        named = [names.get(contact.casefold(), contact) for contact in words(contacts)]
        duties[slug(duty or department, duties)] = named
    dates: dict[str, str] = {}
    for first, last, duty in values["dates"]:
        key = f"{first}..{last}" if last and last != first else first
        dates[f"{key}..{key}" if key in dates else key] = _duty(duty)
    section: Section = {
        "department": department,
        "duties": duties,
        "weeks": [_duty(duty) for duty in words(values["weeks"])],
        "hand_over": f"{values['hand_over_day']} {values['hand_over_time']}",
        "weekdays": {day: _duty(values[day]) for day in DAYS if values[day]},
        "dates": dates,
        "ring_seconds": whole(values["ring_seconds"]),
    }
    if len(duties) == 1 and not (section["weeks"] or section["weekdays"] or section["dates"]):
        section["weeks"] = list(duties)
    return section | ({"first_week": values["first_week"]} if values["first_week"] else {})


def field_of(problem: Problem, index: int, values: Values) -> str | None:
    """The field a problem of the rota at `index` is about; None when it is about something else."""
    if problem.path[:2] != ("rota", index):
        return None
    key, *rest = problem.path[2:] or ("duties",)
    part = str(rest[0]) if rest else ""
    if key == "duties" and part:
        names = [slug(duty) for duty, _ in values["duties"]]
        return f"duty_{names.index(part)}" if part in names else "duties"
    if key == "weekdays" and part in DAYS:
        return part
    if key == "department":
        return "duties"
    return str(key)


def _duty(text: str) -> str:
    return slug(text) if text else ""


def _rows(form: Any, *names: str) -> list[tuple[str, ...]]:
    columns = [[entry.strip() for entry in form.getlist(name)[:LONGEST_ROWS]] for name in names]
    return [row for row in zip(*columns, strict=False) if any(row)]
