"""Undoing a change: checked whole like any other, and refused with the reason where it no longer fits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlite_utils import Database

from appliance.store import boxes, night, own_prompts, users
from appliance.store.changes import Author, Change, Difference, change
from appliance.store.config import ConfigError, config_of, export_config, import_config, values_of
from appliance.store.database import exclusive


class CannotUndo(Exception):
    """Why a change is not undone; `reason` is a word for it.

    gone, undone already, changed since, secret, first, does not fit, last admin or yourself.

    `details` are the problems the config would have, as sentences by language.
    """

    def __init__(self, reason: str, error: ConfigError | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.details = {
            language: [f"{each.field}: {each.sentence(language)}" for each in error.problems] if error else []
            for language in ("de", "en")
        }


def can_undo(found: Change) -> bool:
    """Whether undoing is worth offering; whether it fits shows when it is tried."""
    return not (
        found.undone
        or (
            found.subject not in ("setup", "night")
            and not found.subject.startswith(("user:", "prompt:", "box:"))
        )
        or (found.subject.startswith("prompt:") and not found.reference)
        or any(each.is_secret or each.path == ("setup",) for each in found.differences)
    )


def undo(db: Database, number: int, by: Author, now: datetime) -> None:
    """Take the change of this number back. Raises CannotUndo, and has changed nothing then."""
    with exclusive(db):
        found = change(db, number)
        if found is None:
            raise CannotUndo("gone")
        if found.undone:
            raise CannotUndo("undone already")
        if any(each.is_secret for each in found.differences):
            raise CannotUndo("secret")
        kind = found.subject.partition(":")[0]
        if kind == "setup":
            _undo_setup(db, found, by)
        elif kind == "night":
            _undo_night(db, found, by, now)
        elif kind == "user":
            _undo_user(db, found, by)
        elif kind == "prompt":
            _undo_prompt(db, found, by)
        elif kind == "box":
            _undo_box(db, found, by)
        else:
            raise CannotUndo("gone")


def _undo_setup(db: Database, found: Change, by: Author) -> None:
    if found.differences[0].path == ("setup",):
        raise CannotUndo("first")
    values = values_of(export_config(db))
    for each in found.differences:
        _put_back(values, each)
    try:
        config = config_of(values)
    except ConfigError as error:
        raise CannotUndo("does not fit", error) from error
    import_config(db, config, by, undoes=found.id)


def _put_back(values: dict[str, Any], each: Difference) -> None:
    """Set one setting as it was before, if it still is as it was left."""
    kind, *where, key = each.path
    section: Any = values.setdefault(kind, {})  # of blocks, say, there may be none now
    for name in where:
        section = section.get(name)
        if section is None:
            raise CannotUndo("changed since")
    if section.get(key) != each.after:
        raise CannotUndo("changed since")
    if each.before is None:
        section.pop(key, None)
    else:
        section[key] = each.before


def _undo_night(db: Database, found: Change, by: Author, now: datetime) -> None:
    moved = found.differences[0]
    if night.night_mode(db) != moved.after:
        raise CannotUndo("changed since")
    night.set_night_mode(db, moved.before, by, now, undoes=found.id)


def _undo_user(db: Database, found: Change, by: Author) -> None:
    name = found.differences[0].path[1]
    user = users.user(db, name)
    is_now = None if user is None else {"role": user.role, "agent": user.agent}
    before: dict[str, str] | None
    if len(found.differences[0].path) == 2:
        before, after = found.differences[0].before, found.differences[0].after
    else:
        before, after = dict(is_now or {}), dict(is_now or {"": ""})
        for each in found.differences:
            before[each.path[2]], after[each.path[2]] = each.before, each.after
    if is_now != after:
        raise CannotUndo("changed since")
    try:
        if before is None:
            if name.casefold() == by.name.casefold():
                raise CannotUndo("yourself")
            users.remove_user(db, name, by, undoes=found.id)
        else:
            users.set_user(db, name, before["role"], before["agent"], by, undoes=found.id)
    except users.UserError as error:
        raise CannotUndo(error.reason if error.reason == "last admin" else "changed since") from error


def _undo_prompt(db: Database, found: Change, by: Author) -> None:
    _, language, prompt = found.differences[0].path
    if not own_prompts.undo(db, prompt, language, found.reference, by, undoes=found.id):
        raise CannotUndo("changed since")


def _undo_box(db: Database, found: Change, by: Author) -> None:
    """The box is whose it was; a person who is not here any more gets none back."""
    whose = found.differences[0]
    is_now = db.execute("SELECT agent FROM boxes WHERE serial = ?", [whose.path[1]]).fetchone()
    still = db.execute("SELECT 1 FROM agents WHERE name = ?", [whose.before]).fetchone()
    if is_now is None or (is_now[0] or None) != whose.after or not (still or whose.before is None):
        raise CannotUndo("changed since")
    boxes.pair(db, whose.path[1], whose.before or "", by, undoes=found.id)
