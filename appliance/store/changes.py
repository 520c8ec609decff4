"""Who changed what: one row for every change, made by page, command, phone code or panel.

Whoever changes something in the store calls `note` in the same transaction: `import_config`, the night
switch, users and prompts do so by themselves. A secret is never kept here, only that it changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlite_utils import Database

from appliance.store.database import exclusive
from appliance.store.times import to_text

SECRET: Final = "***"
_SECRETS: Final = ("secret", "password")
_NAMED: Final = ("department", "block", "phone", "agent", "rota")


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change: the user's or phone's `name`, '' when nobody knows; and `how`.

    `how` is page, command, phone, panel or box.
    """

    name: str
    how: str


BY_COMMAND: Final = Author("", "command")
BY_PANEL: Final = Author("", "panel")
BY_BOX: Final = Author("", "box")


@dataclass(frozen=True, slots=True)
class Difference:
    """What was changed and from what to what; None where there was, or is, nothing.

    The `path` leads to a setting, such as ("department", "support", "title"), or to a whole ("user", "ada").
    """

    path: tuple[str, ...]
    before: Any
    after: Any

    @property
    def is_secret(self) -> bool:
        """Whether a secret was changed, which is not kept and cannot come back."""
        return _holds_secret(self.before) or _holds_secret(self.after)


@dataclass(frozen=True, slots=True)
class Change:
    """A change as it was noted. `undone` says whether a later one has undone it."""

    id: int
    at: str
    by: Author
    subject: str
    differences: tuple[Difference, ...]
    reference: int
    undoes: int | None
    undone: bool


def by_page(user: str) -> Author:
    """A user on the page."""
    return Author(user, "page")


def note(
    db: Database,
    by: Author,
    subject: str,
    differences: Sequence[Difference],
    *,
    undoes: int | None = None,
    reference: int = 0,
) -> int:
    """Note a change; call it in the transaction that makes it. Returns its number.

    `subject` is what it is about: "setup", "night", "user:ada", "prompt:de:greeting", "box:SERIAL".
    `reference` is for who undoes it: the row of a recording. `undoes` is the number of a change that this
    one takes back.
    """
    with exclusive(db):
        row = db.execute(
            "INSERT INTO changes (who, how, subject, differences, reference, undoes)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [
                by.name,
                by.how,
                subject,
                json.dumps([[d.path, d.before, d.after] for d in differences], ensure_ascii=False),
                reference,
                undoes,
            ],
        ).lastrowid
    assert row is not None
    return row


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What differs between two configs as `config.values_of` gives them; secrets are masked."""
    found = []
    for kind in dict.fromkeys([*before, *after]):
        old, new = before.get(kind, {}), after.get(kind, {})
        if kind not in _NAMED:
            found += _settings((kind,), old, new)
            continue
        for name in dict.fromkeys([*old, *new]):
            if name in old and name in new:
                found += _settings((kind, name), old[name], new[name])
            else:
                found.append(Difference((kind, name), _masked(old.get(name)), _masked(new.get(name))))
    return found


def newest(db: Database, limit: int, before: int | None = None, subject: str = "") -> list[Change]:
    """The newest changes first: older than the change `before`, and about `subject`, where given."""
    rows = db.query(
        "SELECT c.*, EXISTS (SELECT 1 FROM changes AS u WHERE u.undoes = c.id) AS undone FROM changes AS c"
        " WHERE (?1 IS NULL OR c.id < ?1) AND (?2 = '' OR c.subject = ?2) ORDER BY c.id DESC LIMIT ?3",
        [before, subject, limit],
    )
    return [_change(row) for row in rows]


def change(db: Database, number: int) -> Change | None:
    """The change of this number; None for one there is not (any more)."""
    return next((found for found in newest(db, 1, number + 1) if found.id == number), None)


def forget(db: Database, before: datetime) -> None:
    """Delete what was changed before an instant."""
    with exclusive(db):
        db.execute("DELETE FROM changes WHERE at < ?", [to_text(before)])


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_secret, value.values()))
    return any(map(_holds_secret, value)) if isinstance(value, list) else bool(value == SECRET)


def _settings(path: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    masked_old, masked_new = _masked(old) or {}, _masked(new) or {}
    return [
        Difference((*path, key), masked_old.get(key), masked_new.get(key))
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]


def _masked(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {key: SECRET if key in _SECRETS and value else value for key, value in values.items()}


def _change(row: dict[str, Any]) -> Change:
    return Change(
        id=row["id"],
        at=row["at"],
        by=Author(row["who"], row["how"]),
        subject=row["subject"],
        differences=tuple(
            Difference(tuple(path), *values) for path, *values in json.loads(row["differences"])
        ),
        reference=row["reference"],
        undoes=row["undoes"],
        undone=bool(row["undone"]),
    )
