"""The form of a department: its section of the config as fields, and what was entered as a section."""

from __future__ import annotations

from typing import Any, Final

from appliance.store.config_errors import Problem
from appliance.store.config_hours import ALWAYS, CLOSED, DAYS, read_weekdays
from webui.settings_form import Section, Values, whole, words

TEXTS: Final = ("title", "mailbox", "language", "extension", "greeting", "menu_prompt", "ticket_digits")
WHOLES: Final = (
    *("ring_seconds", "wrap_up_seconds", "message_seconds", "promise_minutes", "language_wait_seconds"),
    *("ticket_from", "callback_attempts"),
)
FLAGS: Final = ("closed_on_holidays", "ignores_night_switch", "announce_position", "announce_ticket")
LISTS: Final = ("numbers", "ticket_prefixes")
CHOSEN: Final = ("choices", "extra_prompts")
MENU_KEYS: Final = "123456789"
SPARE_ROWS: Final = 2
LONGEST_ROWS: Final = 60  # so many special days can be entered

NAMES: Final = (
    *TEXTS, *WHOLES, *FLAGS, *LISTS, *DAYS, "always_open", *(f"menu_{key}" for key in MENU_KEYS),
)  # fmt: skip

NEW: Final[Section] = {
    "name": "",
    "title": "",
    "mailbox": "",
    "numbers": [],
    "language": "de",
    "greeting": "greeting",
    "menu": {},
    "menu_prompt": "",
    "hours": {"mon-fri": "08:00-12:00, 13:00-17:00"},
    "closed_on_holidays": True,
    "ignores_night_switch": False,
    "ring_seconds": 20,
    "wrap_up_seconds": 15,
    "message_seconds": 180,
    "choices": ["wait", "callback", "message"],
    "announce_position": True,
    "announce_ticket": False,
    "extra_prompts": [],
    "promise_minutes": 5,
    "language_wait_seconds": 60,
    "ticket_from": 3,
    "ticket_digits": "3-12",
    "ticket_prefixes": [],
    "callback_attempts": 3,
}
"""What a department is that nobody has set up yet."""


def values_of(section: Section) -> Values:
    """A department's section as the fields of its form."""
    values: Values = {name: section.get(name, "") for name in TEXTS}
    values |= {name: str(section[name]) for name in WHOLES}
    values |= {name: "on" if section[name] else "" for name in FLAGS}
    values |= {name: ", ".join(section[name]) for name in LISTS}
    values |= {name: list(section[name]) for name in CHOSEN}
    hours = section["hours"]
    values["always_open"] = "on" if hours == ALWAYS else ""
    values |= dict.fromkeys(DAYS, "")
    values["special"] = []
    for key, times in () if hours == ALWAYS else hours.items():
        weekdays = read_weekdays(key)
        for weekday in weekdays or ():
            values[DAYS[weekday]] = times
        if weekdays is None:
            first, _, last = key.partition("..")
            values["special"].append((first, last, "" if times == CLOSED else times))
    return values | {f"menu_{key}": section["menu"].get(key, "") for key in MENU_KEYS}


def special_rows(form: Any) -> list[tuple[str, str, str]]:
    """The rows of special days as they were entered; an empty one is none."""
    columns = [form.getlist(f"special_{name}")[:LONGEST_ROWS] for name in ("first", "last", "times")]
    rows = [
        (first.strip(), last.strip(), times.strip()) for first, last, times in zip(*columns, strict=False)
    ]
    return [row for row in rows if any(row)]


def section_from(values: Values, before: Section) -> Section:
    """The section that was entered; what the form does not have stays as it was `before`."""
    section = dict(before)
    section |= {name: values[name] for name in TEXTS}
    section |= {name: whole(values[name]) for name in WHOLES}
    section |= {name: bool(values[name]) for name in FLAGS}
    section |= {name: words(values[name]) for name in LISTS}
    section |= {name: values[name] for name in CHOSEN}
    section["menu"] = {key: values[f"menu_{key}"] for key in MENU_KEYS if values[f"menu_{key}"]}
    section["hours"] = ALWAYS if values["always_open"] else _hours(values)
    if not section["extension"]:
        del section["extension"]
    return section


def with_special_days(section: Section, values: Values) -> Section:
    """Another department's section with the special days entered here; one that is always open stays that."""
    if section["hours"] == ALWAYS:
        return section
    return section | {"hours": section["hours"] | _special(values)}


def field_of(problem: Problem, index: int, values: Values) -> str | None:
    """The field a problem of the department at `index` is about; None when it is about something else."""
    if problem.path[:2] != ("department", index):
        return None
    key, *rest = problem.path[2:] or ("title",)
    part = str(rest[0]) if rest else ""
    if key == "hours" and part:
        if part in DAYS:
            return part
        rows = [_dates(first, last) for first, last, _ in values["special"]]
        place = next((n for n, dates in enumerate(rows) if part in (dates, f"{dates}..{dates}")), 0)
        return f"special_{place}"
    if key == "menu" and part:
        return f"menu_{part}"
    return "title" if key == "name" else str(key)


def _hours(values: Values) -> dict[str, str]:
    return {day: values[day] for day in DAYS if values[day]} | _special(values)


def _special(values: Values) -> dict[str, str]:
    hours: dict[str, str] = {}
    for first, last, times in values["special"]:
        key = _dates(first, last)
        # A date that is there twice must not vanish: written differently, it is found to be the same.
        hours[f"{key}..{key}" if key in hours else key] = times or CLOSED
    return hours


def _dates(first: str, last: str) -> str:
    return f"{first}..{last}" if last and last != first else first
