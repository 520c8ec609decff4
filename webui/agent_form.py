"""The form of a person and the phone on the desk: two sections of the config as one set of fields."""

from __future__ import annotations

import secrets
from typing import Final

from appliance.store.config_change import Document
from appliance.store.config_errors import Problem
from webui.settings_form import Section, Values, index_of, section_of, slug

_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is easily read as something else
_GROUPS, _GROUP = 4, 4


def new_secret() -> str:
    """What a phone registers with: 79 bits of chance, easy to type."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))


def values_of(document: Document, name: str) -> Values:
    """The fields of this person; '' for a new one."""
    agent = section_of(document, "agent", name) if name else None
    if agent is None:
        languages = [document["office"]["language"]] if "office" in document else ["de"]
        departments = [section["name"] for section in document.get("department", [])]
        chosen = departments if len(departments) == 1 else []
        return {"title": "", "extension": "", "departments": chosen, "languages": languages}
    phone = section_of(document, "phone", agent["phone"]) or {"extension": ""}
    return {
        "title": agent["title"],
        "extension": phone["extension"],
        "departments": list(agent["departments"]),
        "languages": list(agent["languages"]),
    }


def sections(document: Document, name: str) -> tuple[Section | None, Section | None]:
    """What the form changes: the person and the phone."""
    agent = section_of(document, "agent", name) if name else None
    return agent, section_of(document, "phone", agent["phone"]) if agent else None


def add(document: Document, values: Values) -> str:
    """Add a person with a phone; a phone that is nobody's and has the extension is taken."""
    name = slug(values["title"], [agent["name"] for agent in document.get("agent", [])])
    phones = document.setdefault("phone", [])
    owned = {agent["phone"] for agent in document.get("agent", [])}
    free = (each for each in phones if each["extension"] == values["extension"])
    phone = next((each["name"] for each in free if each["name"] not in owned), "")
    if not phone:
        phone = slug(f"desk {name}", [each["name"] for each in phones])
        phones.append({"name": phone, "extension": values["extension"], "secret": new_secret()})
    document.setdefault("agent", []).append(
        {
            "name": name,
            "title": values["title"],
            "phone": phone,
            "departments": values["departments"],
            "languages": values["languages"],
        }
    )
    return name


def change(document: Document, name: str, values: Values) -> None:
    """Change a person and the extension of the phone."""
    agent, phone = sections(document, name)
    assert agent is not None  # whoever was seen is there
    assert phone is not None
    agent |= {key: values[key] for key in ("title", "departments", "languages")}
    phone["extension"] = values["extension"]


def field_of(problem: Problem, document: Document, name: str) -> str | None:
    """The field a problem is about, in the document as it was before; None for something else."""
    kind, index, *rest = (*problem.path, None, None)
    agent = index_of(document, "agent", name) if name else len(document.get("agent", []))
    owned = (section_of(document, "agent", name) or {}).get("phone", "") if name else ""
    phone = index_of(document, "phone", owned) if name else len(document.get("phone", []))
    if (kind, index) == ("agent", agent):
        key = str(rest[0])
        return {"name": "title", "phone": "extension"}.get(key, key)
    return "extension" if (kind, index) == ("phone", phone) else None
