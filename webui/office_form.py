"""The form of the office: who it is, whom it calls back, its blocks of numbers, the keys to transfer."""

from __future__ import annotations

from typing import Any, Final

from appliance.store.config_change import Document
from appliance.store.config_errors import Problem
from webui.settings_form import Values, words

OFFICE: Final = ("name", "country", "state", "area_code", "time_zone", "language")
TRANSFER: Final = ("blind_key", "attended_key")
NAMES: Final = (
    *(f"office_{key}" for key in OFFICE),
    *("callback_countries", "callback_confirmation", "address_phone", *TRANSFER),
)
SPARE_ROWS: Final = 2
LONGEST_ROWS: Final = 40


def values_of(document: Document) -> Values:
    """The settings as the fields of the form."""
    office = document["office"]
    return {
        **{f"office_{key}": office[key] for key in OFFICE},
        "callback_countries": ", ".join(office["callback_countries"]),
        "callback_confirmation": "on" if office["callback_confirmation"] else "",
        "address_phone": office["address_phone"],
        **{key: document["transfer"][key] for key in TRANSFER},
        "blocks": [(block["number"], block["department"]) for block in document.get("block", [])],
    }


def block_rows(form: Any) -> list[tuple[str, str]]:
    """The rows of blocks as they were entered; one without a number is none."""
    numbers, departments = (
        form.getlist(name)[:LONGEST_ROWS] for name in ("block_number", "block_department")
    )
    rows = [
        (number.strip(), department.strip()) for number, department in zip(numbers, departments, strict=False)
    ]
    return [row for row in rows if row[0]]


def sections(document: Document) -> tuple[object, object, object]:
    """What the form changes."""
    return document.get("office"), document.get("transfer"), document.get("block", [])


def write(document: Document, values: Values) -> None:
    """Write what was entered into the document."""
    document["office"] |= {
        **{key: values[f"office_{key}"] for key in OFFICE},
        "callback_countries": [word.upper() for word in words(values["callback_countries"])],
        "callback_confirmation": bool(values["callback_confirmation"]),
        "address_phone": values["address_phone"],
    }
    document["transfer"] |= {key: values[key] for key in TRANSFER}
    document["block"] = [
        {"number": number, "department": department} for number, department in values["blocks"]
    ]


def field_of(problem: Problem) -> str | None:
    """The field a problem is about; None for something else."""
    kind, *rest = problem.path or ("",)
    if kind == "office" and rest:
        return f"office_{rest[0]}" if rest[0] in OFFICE else str(rest[0])
    if kind == "transfer" and rest:
        return str(rest[0])
    return f"block_{rest[0]}" if kind == "block" and rest else None
