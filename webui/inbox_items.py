"""What lies in the inbox: messages, callbacks and missed callers, with who deals with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlite_utils import Database

from appliance.store import inbox
from webui.board import Message
from webui.callbacks import Callback, Missed, missed_callers, open_callbacks, refusals

ON_A_PAGE: Final = 40
MOST: Final = 1000  # of each kind; more are of no use to anybody
KINDS: Final = ("message", "callback", "missed")
SHOWS: Final = ("open", *KINDS, "done")


@dataclass(frozen=True, slots=True)
class Act:
    """One thing somebody did: when, who, and a word for what."""

    at: str
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Handling:
    """Who deals with something, who has done it and when, and a note; '' for nobody and none."""

    taken_by: str = ""
    done_by: str = ""
    done_at: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """A callback that is settled, and how."""

    id: int
    department: str
    caller: str
    caller_name: str
    ticket: str
    state: str
    attempts: int
    closed_at: str


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in the inbox. `owed`: this caller is in line to be called back.

    `refusal` says why his number is not called back, '' when it is.
    """

    kind: str
    subject: str
    at: str
    about: Message | Callback | Missed | Closed
    handling: Handling
    owed: bool = False
    refusal: str = ""
    ticket: str = ""
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class Inbox:
    """What is shown, newest first, which page of how many this is, and how many there are of each kind."""

    items: tuple[Item, ...]
    page: int
    pages: int
    counts: dict[str, int] = field(default_factory=dict)


def newest_of(db: Database) -> str:
    """A text that changes whenever something new lies in the inbox, or somebody did something there."""
    row = db.execute("""
        SELECT (SELECT max(id) FROM messages), (SELECT max(delivered_at) FROM outbox),
          (SELECT max(id) FROM acts),
          (SELECT group_concat(id || state || result || attempts) FROM callbacks WHERE closed_at = ''),
          (SELECT max(ended_at) FROM calls WHERE outcome = 'hung up')""").fetchone()
    return hashlib.sha256(repr(row).encode()).hexdigest()[:16]


def read_inbox(db: Database, show: str, department: str, taken_by: str, page: int = 1) -> Inbox:
    """What to show: 'open' everything that waits for somebody, a kind of it, or what is 'done'.

    `department` (its name) and `taken_by` narrow it down; '' does not.
    """
    if show == "done":
        found = [*_messages(db, done=True), *_closed(db), *_missed(db, done=True)]
    else:
        found = [*_messages(db, done=False), *_callbacks(db), *_missed(db, done=False)]
    titles = {row["name"]: row["title"] for row in db.query("SELECT name, title FROM departments")}
    wanted = [
        item
        for item in found
        if (not department or item.about.department == titles.get(department, department))
        and (
            not taken_by
            or taken_by.casefold() in (item.handling.taken_by.casefold(), item.handling.done_by.casefold())
        )
    ]
    counts = {kind: sum(item.kind == kind for item in wanted) for kind in KINDS}
    if show in KINDS:
        wanted = [item for item in wanted if item.kind == show]
    wanted.sort(key=lambda item: item.at, reverse=True)
    pages = max(1, -(-len(wanted) // ON_A_PAGE))
    page = max(1, min(page, pages))
    shown = wanted[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]
    acts, refusal = inbox.acts(db, [item.subject for item in shown]), refusals(db)
    items = tuple(
        replace(
            item,
            acts=tuple(Act(**act) for act in acts.get(item.subject, ())),
            refusal=refusal(item.about.caller) if item.kind == "message" else item.refusal,
        )
        for item in shown
    )
    return Inbox(items, page, pages, counts)


_HANDLING = ", ".join(
    f"coalesce(h.{name}, '') AS {name}" for name in ("taken_by", "done_by", "done_at", "note")
)


def _messages(db: Database, *, done: bool) -> Iterator[Item]:
    rows = db.query(
        "SELECT m.id, coalesce(d.title, m.department) AS department,"
        " m.caller, m.caller_name, m.recorded_at, m.seconds, coalesce(o.recipient, '') AS recipient,"
        " coalesce(o.attempts, 0) AS attempts, coalesce(o.next_attempt_at, '') AS next_attempt_at,"
        " coalesce(o.last_error, '') AS last_error, coalesce(o.delivered_at, '') AS delivered_at,"
        " coalesce(c.ticket, '') AS ticket, EXISTS (SELECT 1 FROM callbacks AS b WHERE b.closed_at = ''"
        f"   AND b.department = m.department AND b.number = m.caller) AS owed, {_HANDLING}"
        " FROM messages AS m LEFT JOIN outbox AS o ON o.message = m.id"
        " LEFT JOIN calls AS c ON c.call = m.call"
        " LEFT JOIN departments AS d ON d.name = m.department"
        " LEFT JOIN inbox AS h ON h.subject = 'message:' || m.id"
        f" WHERE coalesce(h.done_at, '') {'<>' if done else '='} ''"
        f" ORDER BY m.recorded_at DESC LIMIT {MOST}"
    )
    for row in list(rows):
        handling = _handling(row)
        owed, ticket = bool(row.pop("owed")), row.pop("ticket")
        message = Message(**row)
        yield Item(
            "message",
            f"message:{message.id}",
            message.recorded_at,
            message,
            handling,
            owed,
            ticket=ticket,
        )


def _callbacks(db: Database) -> Iterator[Item]:
    handled = _handled(db, "callback")
    for callback in open_callbacks(db):
        subject = f"callback:{callback.id}"
        handling = handled.get(subject, Handling())
        yield Item("callback", subject, callback.arrived, callback, handling, ticket=callback.ticket)


def _closed(db: Database) -> Iterator[Item]:
    rows = db.query(
        "SELECT c.id, coalesce(d.title, c.department) AS department, c.number AS caller,"
        f" c.name AS caller_name, c.ticket, c.state, c.attempts, c.closed_at, {_HANDLING} FROM callbacks AS c"
        " LEFT JOIN departments AS d ON d.name = c.department"
        " LEFT JOIN inbox AS h ON h.subject = 'callback:' || c.id"
        f" WHERE c.closed_at <> '' ORDER BY c.closed_at DESC LIMIT {MOST}"
    )
    for row in list(rows):
        handling = _handling(row)
        closed = Closed(**row)
        yield Item(
            "closed", f"callback:{closed.id}", closed.closed_at, closed, handling, ticket=closed.ticket
        )


def _missed(db: Database, *, done: bool) -> Iterator[Item]:
    handled = _handled(db, "missed")
    for caller in missed_callers(db, MOST, done=done)[0]:
        subject = f"missed:{caller.call}"
        if not caller.called_back:  # else he stands among the callbacks
            yield Item(
                "missed",
                subject,
                caller.waits_since,
                caller,
                handled.get(subject, Handling()),
                caller.called_back,
                caller.refusal,
                caller.ticket,
            )


def _handled(db: Database, kind: str) -> dict[str, Handling]:
    rows = db.query(
        "SELECT subject, taken_by, done_by, done_at, note FROM inbox WHERE subject >= ? AND subject < ?",
        [f"{kind}:", f"{kind};"],
    )
    return {row.pop("subject"): Handling(**row) for row in rows}


def _handling(row: dict[str, Any]) -> Handling:
    return Handling(*(row.pop(name) for name in ("taken_by", "done_by", "done_at", "note")))
