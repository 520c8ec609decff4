"""Changing a part of the config: checked whole by the rules of the config file, saved, later in force."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from appliance.store import times
from appliance.store.changes import Author
from appliance.store.config import export_config, import_config
from appliance.store.config_errors import ConfigError
from appliance.store.config_reader import read_values
from appliance.store.config_values import Config
from appliance.store.config_writer import write_config
from appliance.store.database import exclusive

Document = dict[str, Any]
"""A config file's content: sections by name, as the TOML reader gives them."""


class ChangedMeanwhile(Exception):
    """Somebody else has changed the same part since it was looked at; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the last change of the settings has come.

    `in_force_at` is None until the supervisor and Asterisk work by it; `refused` is what Asterisk did not
    take then ('' for nothing): the settings before are still in force.
    """

    saved_at: datetime | None
    in_force_at: datetime | None
    refused: str


def read_document(db: Database) -> Document:
    """The config as the content of a file; empty when nothing was set up yet."""
    try:
        return tomllib.loads(write_config(export_config(db)))
    except ConfigError:
        return {}


def write_numbers_whole(db: Database, document: Document) -> None:
    """Write the telephone numbers of the document with their country, as they are in the store.

    They mean the same then in whatever country and area code the office is.
    """
    config = export_config(db)
    for section, department in zip(document["department"], config.departments, strict=True):
        section["numbers"] = list(department.numbers)
    for section, block in zip(document.get("block", []), config.blocks, strict=True):
        section["number"] = block.number
    for section, rota in zip(document.get("rota", []), config.rotas, strict=True):
        section["duties"] = {duty: list(contacts) for duty, contacts in rota.duties}


def digest(part: object) -> str:
    """A short text that is another one whenever this part of a document is."""
    return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:16]


def check(document: Document) -> Config:
    """The config this document means. Raises ConfigError with everything that is wrong."""
    return read_values(document)


def change(db: Database, edit: Callable[[Document], None], by: Author) -> Config:
    """Commit what `edit` makes of the document, if all of it is right then; it is noted who did it.

    Raises ConfigError, or whatever `edit` raises; nothing is changed then.
    """
    with exclusive(db):
        document = read_document(db)
        edit(document)
        config = check(document)
        import_config(db, config, by)
    return config


def standing(db: Database) -> Standing:
    """How far the last change has come."""
    row = db.execute("SELECT saved_at, in_force_at, refused FROM config_state").fetchone()
    saved, in_force = (times.from_text(at) if at else None for at in row[:2])
    return Standing(saved, in_force, row[2])


def not_in_force(db: Database) -> int:
    """The number of the change that waits to come into force; 0 when none does, or when it was refused."""
    row = db.execute("SELECT saved FROM config_state WHERE in_force_at = '' AND refused = ''").fetchone()
    return int(row[0]) if row else 0


def note_in_force(db: Database, saved: int, now: datetime) -> None:
    """Commit that everything works by this change, unless there is a newer one."""
    db.execute("UPDATE config_state SET in_force_at = ? WHERE saved = ?", [times.to_text(now), saved])


def note_refused(db: Database, saved: int, why: str) -> None:
    """Commit that Asterisk did not take this change, unless there is a newer one."""
    db.execute("UPDATE config_state SET refused = ? WHERE saved = ?", [why, saved])
