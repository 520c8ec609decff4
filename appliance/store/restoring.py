"""A backup's store taken over into the store in use, in one transaction that a power cut cannot halve.

What the admin sets is replaced. What callers left is added: nothing that is here now is lost, and what is
here already is as it is here. So taking the same backup over twice is the same as once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlite_utils import Database

from appliance.hotline.callbacks import State
from appliance.store import callbacks, times
from appliance.store.changes import Author, Difference, note
from appliance.store.config import export_config, import_config
from appliance.store.database import exclusive
from appliance.store.office import office_facts
from appliance.store.times import from_text, to_text

# Of this box and this moment: never in a backup.
EPHEMERAL: Final = (
    *("sessions", "links", "failed_sign_ins", "page", "presses", "pairing", "lamps", "attention"),
    *("line_states", "cursors", "wishes"),
)


@dataclass(frozen=True, slots=True)
class Added:
    """How much was added of what callers left."""

    calls: int
    messages: int
    callbacks: int


def leave_out_the_ephemeral(db: Database) -> None:
    """Make a copy of the store one that may leave the box: without sessions, links and calls going on."""
    with exclusive(db):
        for table in EPHEMERAL:
            db.execute(f"DELETE FROM {table}")
        db.execute("DELETE FROM steps WHERE call IN (SELECT call FROM calls WHERE ended_at = '')")
        db.execute("DELETE FROM calls WHERE ended_at = ''")
        db.execute("UPDATE boxes SET port = ''")


def take_over(db: Database, other: Database, by: Author, sounds: Mapping[str, str]) -> Added:
    """Take over everything of the store `other`, which must have been checked, in one commit.

    `sounds` says under which name each message's sound of the backup lies here.
    """
    with exclusive(db):
        if other.execute("SELECT 1 FROM office").fetchone():
            import_config(db, export_config(other), by)
        _users(db, other)
        _prompts(db, other)
        _boxes(db, other)
        _changes(db, other)
        added = _what_callers_left(db, other, sounds)
        callbacks.settle_calls(db, times.now())
        callbacks.give_up_old(db, times.now())
        note(db, by, "restore", [Difference(("restore",), None, added.calls)])
    return added


def _users(db: Database, other: Database) -> None:
    if not other.execute("SELECT 1 FROM users WHERE role = 'admin'").fetchone():
        return  # somebody has to administer the box
    rows = _rows(other, "SELECT * FROM users")
    names = [row["name"].casefold() for row in rows]
    for (name,) in db.execute("SELECT name FROM users").fetchall():
        if name.casefold() not in names:
            db.execute("DELETE FROM users WHERE name = ?", [name])
    for row in rows:
        changed = db.execute(
            "UPDATE users SET role = ?, agent = ?, password = ? WHERE name = ?",
            [row["role"], row["agent"], row["password"], row["name"]],
        ).rowcount
        if not changed:
            _insert(db, "users", row)


def _prompts(db: Database, other: Database) -> None:
    """Every recording, to be brought into force again; one that is not in the backup goes."""
    before = set(db.execute("SELECT prompt, language FROM own_prompts").fetchall())
    db.execute("DELETE FROM own_prompts")
    for row in _rows(other, "SELECT * FROM own_prompts ORDER BY id"):
        before.discard((row["prompt"], row["language"]))
        _insert(db, "own_prompts", row | {"in_force_at": ""})
    for prompt, language in sorted(before):
        db.execute(
            "INSERT INTO own_prompts (prompt, language, set_by, set_at)"
            " VALUES (?, ?, '', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
            [prompt, language],
        )


def _boxes(db: Database, other: Database) -> None:
    """Whose each desk box is; where it is plugged in is known here only."""
    for row in _rows(other, "SELECT * FROM boxes"):
        changed = db.execute(
            "UPDATE boxes SET agent = ?, sound = ? WHERE serial = ?",
            [row["agent"], row["sound"], row["serial"]],
        ).rowcount
        if not changed:
            _insert(db, "boxes", row | {"port": ""})


def _changes(db: Database, other: Database) -> None:
    """The histories of both boxes as one, in the order of time."""
    seen, rows = set(), list[tuple[bool, dict[str, Any]]]()
    for store in (other, db):
        for row in _rows(store, "SELECT * FROM changes ORDER BY id"):
            what = (row["at"], row["who"], row["subject"], row["differences"])
            if what not in seen:
                seen.add(what)
                rows.append((store is db, row))
    rows.sort(key=lambda entry: str(entry[1]["at"]))
    db.execute("DELETE FROM changes")
    ids: dict[tuple[bool, int], int] = {}
    for ours, row in rows:
        number = row.pop("id")
        row["undoes"] = ids.get((ours, row["undoes"])) if row["undoes"] else None
        # The recordings are those of the backup: what was recorded here is undone no more.
        ids[ours, number] = _insert(db, "changes", row | ({"reference": 0} if ours else {}))


def _what_callers_left(db: Database, other: Database, sounds: Mapping[str, str]) -> Added:
    before = _counts(db)
    requests = _callbacks(db, other)
    new_calls = _calls(db, other, requests)
    messages = _mapped(
        db,
        _rows(other, "SELECT * FROM messages ORDER BY id"),
        "messages",
        ("call", "recorded_at"),
        lambda row: row | {"sound": sounds.get(row["sound"], row["sound"])},
    )
    reminders = _mapped(db, _rows(other, "SELECT * FROM night_reminders"), "night_reminders", ("since",))
    reports = _mapped(db, _rows(other, "SELECT * FROM weekly_reports"), "weekly_reports", ("last_day",))
    alarms = _mapped(db, _rows(other, "SELECT * FROM line_alarms"), "line_alarms", ("line", "since"))
    references = {
        **{"message": messages, "callback": requests},
        **{"night_reminder": reminders, "weekly_report": reports, "line_alarm": alarms},
    }
    unwritten = {key for (key,) in db.execute("SELECT id FROM callbacks WHERE closed_at = ''").fetchall()}
    for row in _rows(other, "SELECT * FROM outbox ORDER BY id"):
        row.pop("id")
        for name, mapped in references.items():
            row[name] = mapped.get(row[name]) if row[name] else None
        taken = any(
            row[name] and db.execute(f"SELECT 1 FROM outbox WHERE {name} = ?", [row[name]]).fetchone()
            for name in references
        )
        known = db.execute("SELECT 1 FROM outbox WHERE message_id = ?", [row["message_id"]]).fetchone()
        if taken or known or row["callback"] in unwritten:  # who is still to be called has no mail yet
            continue
        if not row["delivered_at"] and _was_sent_here(db, row["created_at"]):
            row["delivered_at"] = row["created_at"]
        _insert(db, "outbox", row)
    _inbox(db, other, {"message": messages, "callback": requests}, new_calls)
    after = _counts(db)
    return Added(*(now - then for now, then in zip(after, before, strict=True)))


def _was_sent_here(db: Database, created_at: str) -> bool:
    """Of a mail that nobody knows here: whether it is so old that this box has sent and forgotten it."""
    forgotten = to_text(times.now() - timedelta(days=office_facts(db).retention_days))
    made = db.execute(
        "SELECT datetime(min(applied_at)) < datetime(?) FROM _sqlite_migrations", [created_at]
    ).fetchone()
    return created_at < forgotten and bool(made[0])


def _callbacks(db: Database, other: Database) -> dict[int, int]:
    """Their numbers here by those there.

    Who is owed a call here is not called twice, nor is who was reached after the backup was made. What was
    settled there is settled here, unless he has asked again since.
    """
    rows = _rows(other, "SELECT * FROM callbacks ORDER BY id")
    ids = _known_callbacks(db, rows)
    for row in rows:
        number = row.pop("id")
        if number not in ids and not row["closed_at"]:
            owed = db.execute(
                "SELECT id FROM callbacks WHERE closed_at = '' AND number = ? AND department = ?",
                [row["number"], row["department"]],
            ).fetchone()
            ids |= {number: owed[0]} if owed else {}
        if number not in ids:
            if row["state"] == "calling":  # nobody is being called by this box
                row |= {"state": "waiting", "attempt": "", "result": ""}
            ids[number] = _insert(db, "callbacks", row)
        elif row["closed_at"]:
            talk = other.execute(
                "SELECT agent, connected_at FROM calls WHERE callback = ? AND connected_at <> ''", [number]
            ).fetchone()
            _settle_here(db, ids[number], row, talk or ("", ""))
    return ids


def _known_callbacks(db: Database, rows: Sequence[dict[str, Any]]) -> dict[int, int]:
    """Which of these requests are here already: as they were, or as he has asked for them again since.

    Asked for again, a request keeps its place in line, and the first call its request.
    """
    here = _rows(db, "SELECT * FROM callbacks ORDER BY id")
    asked_in = dict(db.execute("SELECT call, callback FROM calls WHERE callback NOT NULL").fetchall())
    as_they_were = {(row["call"], row["number"], row["created_at"]): row["id"] for row in here}
    of_number: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in here:
        of_number.setdefault((row["number"], row["department"]), []).append(row)
    ids = {}
    for row in rows:
        if known := as_they_were.get((row["call"], row["number"], row["created_at"])):
            ids[row["id"]] = known
    taken = set(ids.values())
    for row in rows:
        for mine in of_number.get((row["number"], row["department"]), ()) if row["id"] not in ids else ():
            same = mine["arrived"] == row["arrived"] or mine["id"] == asked_in.get(row["call"])
            settled_before = (
                row["closed_at"] and not mine["closed_at"] and row["closed_at"] <= mine["created_at"]
            )
            if same and not settled_before and mine["id"] not in taken:
                ids[row["id"]] = mine["id"]
                taken.add(mine["id"])
                break
    return ids


def _settle_here(db: Database, callback: int, row: Mapping[str, Any], talk: tuple[str, str]) -> None:
    """Close a request as it was closed there, after this talk; one that is being called settles itself."""
    waits = db.execute(
        "UPDATE callbacks SET attempts = ?, result = ? WHERE id = ? AND state = 'waiting'",
        [row["attempts"], row["result"], callback],
    ).rowcount
    if waits:
        db.execute(
            "UPDATE calls SET agent = ?, connected_at = ? WHERE callback = ? AND connected_at = ''",
            [*talk, callback],
        )
        callbacks.close(db, callback, State(row["state"]), from_text(row["closed_at"]))


def _calls(db: Database, other: Database, requests: Mapping[int, int]) -> set[str]:
    known = {call for (call,) in db.execute("SELECT call FROM calls").fetchall()}
    new = set()
    for row in _rows(other, "SELECT * FROM calls ORDER BY started_at, call"):
        if row["call"] in known:
            continue
        new.add(row["call"])
        _insert(db, "calls", row | {"callback": requests.get(row["callback"]) if row["callback"] else None})
    steps = other.execute("SELECT call, at, step, detail FROM steps ORDER BY id")
    db.conn.executemany(  # a dozen of each call: one by one, everybody else would wait for seconds
        "INSERT INTO steps (call, at, step, detail) VALUES (?, ?, ?, ?)",
        (step for step in steps if step[0] in new),
    )
    return new


def _mapped(
    db: Database,
    rows: Iterable[dict[str, Any]],
    table: str,
    key: tuple[str, ...],
    change: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: row,
) -> dict[int, int]:
    """Add what is not here by `key`; the numbers here by those there."""
    ids, where = {}, " AND ".join(f"{name} = ?" for name in key)
    for row in rows:
        number = row.pop("id")
        known = db.execute(f"SELECT id FROM {table} WHERE {where}", [row[name] for name in key]).fetchone()
        ids[number] = known[0] if known else _insert(db, table, change(row))
    return ids


def _inbox(db: Database, other: Database, ids: Mapping[str, Mapping[int, int]], new_calls: set[str]) -> None:
    def subject_here(subject: str) -> str:
        kind, _, key = subject.partition(":")
        if kind in ids:
            number = ids[kind].get(int(key)) if key.isdigit() else None
            return f"{kind}:{number}" if number else ""
        return subject if key in new_calls else ""

    added = set()
    for row in _rows(other, "SELECT * FROM inbox"):
        subject = subject_here(row["subject"])
        if subject and not db.execute("SELECT 1 FROM inbox WHERE subject = ?", [subject]).fetchone():
            added.add(row["subject"])
            _insert(db, "inbox", row | {"subject": subject})
    for row in _rows(other, "SELECT * FROM acts ORDER BY id"):
        if row["subject"] in added:
            row.pop("id")
            _insert(db, "acts", row | {"subject": subject_here(row["subject"])})


def _counts(db: Database) -> tuple[int, int, int]:
    counted: tuple[int, int, int] = db.execute(
        "SELECT (SELECT count(*) FROM calls), (SELECT count(*) FROM messages),"
        " (SELECT count(*) FROM callbacks)"
    ).fetchone()
    return counted


def _rows(db: Database, question: str) -> list[dict[str, Any]]:
    return list(db.query(question))


def _insert(db: Database, table: str, row: Mapping[str, Any]) -> int:
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    number = db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values())).lastrowid
    assert number is not None
    return number
