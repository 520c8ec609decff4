"""Whom the office owes a call: open callbacks and missed callers, and what the page orders about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from appliance.hotline.callbacks import State
from appliance.store import callbacks, inbox, missed, times
from appliance.store.callbacks import ON_THE_TELEPHONE
from appliance.store.database import exclusive
from appliance.store.office import callback_refusal, callback_rules, refusal_by

WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Callback:
    """An open request. `arrived` is since when the person has the place, `caller` the number to call.

    `opening` is the department's state, '' when there is no such department any more. `result` is how
    dialling ended or, while it is being called, how far it is ('' while only the agent's phone rings);
    `agent` is who calls or talks then. `on_the_phone`: the person is calling in at this moment.
    """

    id: int
    department: str
    caller: str
    caller_name: str
    ticket: str
    arrived: str
    state: str
    result: str
    attempts: int
    most_attempts: int
    next_attempt_at: str
    opening: str
    on_the_phone: bool
    agent: str

    @property
    def customer_called(self) -> bool:
        """Whether it is not the agent alone who is called: it is too late to strike it off."""
        return _customer_called(self.state, self.result)

    def can_call_now(self, now: str) -> bool:
        """Whether it rests until its next attempt, so that somebody may let it be called before."""
        return self.state == State.WAITING and self.next_attempt_at > now


@dataclass(frozen=True, slots=True)
class Missed:
    """Who hung up while waiting. `refusal` says why nobody calls this number back, '' when one may."""

    call: str
    department: str
    caller: str
    caller_name: str
    ticket: str
    waits_since: str
    waited_seconds: float
    called_back: bool
    refusal: str


def open_callbacks(db: Database) -> tuple[Callback, ...]:
    """The requests that are not settled, in the order of their places."""
    rows = db.query(f"""
        SELECT c.id, coalesce(d.title, c.department) AS department, c.number AS caller,
          c.name AS caller_name, c.ticket, c.arrived, c.state, c.result, c.attempts,
          coalesce(d.callback_attempts, 1) AS most_attempts, c.next_attempt_at,
          coalesce(o.state, '') AS opening,
          {ON_THE_TELEPHONE} AS on_the_phone,
          CASE WHEN c.state = 'calling' AND c.result <> '' THEN coalesce((SELECT detail FROM steps
            WHERE call = c.call AND step = 'calls back' ORDER BY id DESC LIMIT 1), '') ELSE '' END AS agent
        FROM callbacks AS c LEFT JOIN departments AS d ON d.name = c.department
        LEFT JOIN opening AS o ON o.department = c.department
        WHERE c.closed_at = '' ORDER BY c.arrived, c.id""")
    return tuple(Callback(**row | {"on_the_phone": bool(row["on_the_phone"])}) for row in rows)


def missed_callers(db: Database, most: int, *, done: bool = False) -> tuple[tuple[Missed, ...], int]:
    """The newest missed callers, or those done with: at most so many, and how many there are."""
    everybody = missed.missed_callers(db, done=done)
    titles = {row["name"]: row["title"] for row in db.query("SELECT name, title FROM departments")}
    refusal = refusals(db)
    shown = tuple(
        Missed(
            call=caller.call,
            department=titles.get(caller.department, caller.department),
            caller=caller.caller,
            caller_name=caller.caller_name,
            ticket=caller.ticket,
            waits_since=times.to_text(caller.waits_since),
            waited_seconds=caller.waited_seconds,
            called_back=caller.called_back,
            refusal=refusal(caller.caller),
        )
        for caller in everybody[:most]
    )
    return shown, len(everybody)


def order_callback(db: Database, call: str, who: str, now: datetime) -> str:
    """Commit that a missed caller is called back; '' when that is so, else the sentence that refuses it.

    Ordering it again while it is owed changes nothing.
    """
    with exclusive(db):
        caller = next((m for m in missed.missed_callers(db) if m.call == call), None)
        if caller is None:
            return "error.missed_gone"
        if caller.called_back:
            return ""
        if refusal := refusal_of(db, caller.caller):
            return f"refusal.{refusal}"
        missed.call_back(db, call, now)
        inbox.note_act(db, who, "ordered callback", f"missed:{call}")
    return ""


def cancel_callback(db: Database, callback: str, who: str, now: datetime) -> str:
    """Commit that a request is struck off; '' when that is so, else the sentence that refuses it.

    Striking it off again changes nothing. Once the customer is dialled it is too late.
    """
    with exclusive(db):
        row = db.execute("SELECT id, state, result FROM callbacks WHERE id = ?", [callback]).fetchone()
        if row is None:
            return "error.callback_gone"
        number, state, result = row
        if state == State.CANCELLED:
            return ""
        if _customer_called(state, result):
            return "error.callback_running"
        if not callbacks.cancel(db, number, now):
            return "error.callback_gone"
        inbox.note_act(db, who, "cancelled", f"callback:{number}")
    return ""


def _customer_called(state: str, result: str) -> bool:
    return state == State.CALLING and bool(result)


def refusals(db: Database) -> Callable[[str], str]:
    """For many numbers: says why one is not called back, '' when it is."""
    rules = callback_rules(db)
    return lambda number: str(refusal_by(rules, number) or "") if number else WITHHELD


def refusal_of(db: Database, number: str) -> str:
    """Why this number is not called back, '' when it is."""
    return str(callback_refusal(db, number) or "") if number else WITHHELD
