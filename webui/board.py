"""What the board shows, read from the store in one go."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlite_utils import Database

from appliance.hotline.callbacks import Result
from appliance.hotline.estimate import expected_wait_seconds
from appliance.hotline.hours import Hours, NightMode, opening
from appliance.hotline.night import Forgotten, NightSwitch
from appliance.hotline.numbers import readable
from appliance.store import times
from appliance.store.attention import attention
from appliance.store.boxes import all_boxes
from appliance.store.history import department_history
from appliance.store.night import forgotten, night_switch
from appliance.store.office import office_facts
from appliance.store.on_call import duties_now
from appliance.store.schedule import department_hours
from appliance.store.waiting import WAITS_NOW
from webui.callbacks import Callback, Missed, missed_callers, open_callbacks

SUPERVISOR_SILENT_SECONDS: Final = 5
"""The supervisor refreshes its lamp about once a second; after this silence it counts as gone."""

UNKNOWN: Final = "white pulse"
LIVE_CALLS: Final = 30
ENDED_CALLS: Final = 10
MESSAGES: Final = 10
CALLBACKS: Final = 20
MISSED: Final = 10
STEPS: Final = 12


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lamp of the front panel: its `kind`, and for a line its `name`."""

    kind: str
    name: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened in a call."""

    at: str
    step: str
    detail: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call with the last `STEPS` steps of its story; `earlier` counts those before.

    `waits_since` is '' unless the caller waits for an agent now; an earlier call in which he got his
    place counts. `queue` is the name of the department; `expected_wait_minutes` (rounded up) is how long he
    will wait from now on, None when nobody can know.
    """

    call: str
    dialled: str
    department: str
    caller: str
    caller_name: str
    started_at: str
    ended_at: str
    outcome: str
    ticket: str
    waits_since: str
    promise_minutes: int
    steps: tuple[Step, ...]
    earlier: int
    queue: str = ""
    expected_wait_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent, the lamp on the desk, and the call that rings or is talked to (`doing`)."""

    name: str
    title: str
    phone: str
    pattern: str
    state: str
    reason: str
    since: str
    wrap_up_until: str
    doing: str
    caller: str


@dataclass(frozen=True, slots=True)
class Department:
    """A department; `next_change` is when the schedule turns it over, empty when it will not.

    `by_switch` is where the night switch stands if that decides, else empty.
    `why` is what decides that it is open or closed, '' when the schedule says otherwise than the hours.
    `waiting` counts who waits for an agent, on the telephone.
    """

    name: str
    title: str
    state: str
    always_open: bool
    by_switch: str
    next_change: str
    available: int
    why: str
    waiting: int


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who is on duty for a department that has a rota: the duty and whom it rings, '' and none for nobody.

    `next_at` is when it is handed over to `next_duty`, '' when that is not known.
    """

    title: str
    duty: str
    rings: tuple[str, ...]
    next_at: str
    next_duty: str


@dataclass(frozen=True, slots=True)
class DeskBox:
    """A desk box of an agent (his title), and whether it is plugged in and answers."""

    serial: str
    title: str
    present: bool


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the office, as people write it, and the title of the department it belongs to."""

    number: str
    readable: str
    title: str


@dataclass(frozen=True, slots=True)
class Message:
    """A voice message and how far its mail has come (`recipient` is empty while there is none)."""

    id: int
    department: str
    caller: str
    caller_name: str
    recorded_at: str
    seconds: float
    recipient: str
    attempts: int
    next_attempt_at: str
    last_error: str
    delivered_at: str


@dataclass(frozen=True, slots=True)
class Board:
    """The whole picture at one instant. `asterisk_silent`: it did not answer when last it was looked at.

    `attention`: what somebody should look at, each as kind, German and English sentence.
    """

    office: str
    country: str
    time_zone: str
    now: datetime
    supervisor_runs: bool
    asterisk_silent: bool
    night_switch: NightSwitch
    night_forgotten: Forgotten | None
    lamps: tuple[Lamp, ...]
    agents: tuple[Agent, ...]
    departments: tuple[Department, ...]
    numbers: tuple[Number, ...]
    live_calls: tuple[Call, ...]
    live_calls_left_out: int
    ended_calls: tuple[Call, ...]
    callbacks: tuple[Callback, ...]
    callbacks_left_out: int
    missed: tuple[Missed, ...]
    missed_left_out: int
    messages: tuple[Message, ...]
    attention: tuple[tuple[str, str, str], ...]
    on_duty: tuple[OnDuty, ...] = ()
    desk_boxes: tuple[DeskBox, ...] = ()

    @property
    def calls_known(self) -> bool:
        """Whether somebody watches the calls: else those that seem to go on may be over."""
        return self.supervisor_runs and not self.asterisk_silent


@contextmanager
def _one_instant(db: Database) -> Iterator[None]:
    """Everything read inside belongs together, whatever others write meanwhile."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.conn.rollback()


def _rows(db: Database, sql: str, *values: object) -> list[dict[str, Any]]:
    cursor = db.execute(sql, list(values))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def read_board(db: Database, now: datetime, *, supervisor_holds_lock: bool) -> Board:
    """Read the picture as it is at `now` (zone-aware).

    Whether the supervisor runs is told by the lamp it refreshes; where it keeps no such lamp, by its lock.
    """
    with _one_instant(db):
        office = office_facts(db)
        switch = night_switch(db)
        lamps = {row["name"]: row for row in _rows(db, "SELECT name, pattern, changed_at FROM lamps")}
        beat = lamps.get("supervisor")
        runs = supervisor_holds_lock if beat is None else _is_fresh(beat["changed_at"], now)
        patterns = {name: row["pattern"] if runs else UNKNOWN for name, row in lamps.items()}
        asterisk_silent = "asterisk" in lamps and lamps["asterisk"]["pattern"] == "red"
        live = _with_expected_waits(
            db, _calls(db, "ended_at = '' ORDER BY started_at, call", LIVE_CALLS), now
        )
        live_count: int = _rows(db, "SELECT count(*) AS n FROM calls WHERE ended_at = ''")[0]["n"]
        owed = open_callbacks(db)
        missed, missed_count = missed_callers(db, MISSED)
        return Board(
            office=office.name,
            country=office.country,
            time_zone=office.time_zone,
            now=now,
            supervisor_runs=runs,
            asterisk_silent=asterisk_silent,
            night_switch=switch,
            night_forgotten=forgotten(db, now),
            lamps=_front_lamps(patterns, runs),
            agents=_agents(db, patterns, _doing(live, owed) if runs and not asterisk_silent else {}),
            departments=_departments(db, switch.mode, now, live),
            numbers=_numbers(db, office.country),
            live_calls=live,
            live_calls_left_out=live_count - len(live),
            ended_calls=_calls(
                db, "ended_at <> '' ORDER BY max(ended_at, started_at) DESC, call DESC", ENDED_CALLS
            ),
            callbacks=owed[:CALLBACKS],
            callbacks_left_out=len(owed[CALLBACKS:]),
            missed=missed,
            missed_left_out=missed_count - len(missed),
            messages=_messages(db),
            attention=tuple(each for each in attention(db) if each[0] != "night") if runs else (),
            on_duty=_on_duty(db, office.country, now),
            desk_boxes=_desk_boxes(db) if runs else (),
        )


def is_our_number(db: Database, number: str) -> bool:
    """Whether this is one of the office's numbers (E.164)."""
    return bool(_rows(db, "SELECT 1 FROM numbers WHERE number = ?", number))


def _is_fresh(changed_at: str, now: datetime) -> bool:
    try:
        age = now - times.from_text(changed_at)
    except ValueError:
        return False
    # A stamp from the future (the clock was set back) proves as little as an old one.
    return abs(age) <= timedelta(seconds=SUPERVISOR_SILENT_SECONDS)


def _front_lamps(patterns: dict[str, str], runs: bool) -> tuple[Lamp, ...]:
    supervisor = Lamp("supervisor", "", patterns.get("supervisor", "green" if runs else UNKNOWN))
    kinds = ("asterisk", "night", "message", "callback")
    fixed = [Lamp(kind, "", patterns.get(kind, UNKNOWN)) for kind in kinds]
    lines = [
        Lamp("line", name.removeprefix("line:"), pattern)
        for name, pattern in sorted(patterns.items())
        if name.startswith("line:")
    ]
    return (supervisor, *fixed, *lines)


def _numbers(db: Database, country: str) -> tuple[Number, ...]:
    rows = _rows(
        db,
        "SELECT n.number, d.title FROM numbers AS n JOIN departments AS d ON d.name = n.department"
        " WHERE n.agent IS NULL AND coalesce(n.block, n.number) = n.number"
        " ORDER BY d.title, n.number",
    )
    return tuple(Number(row["number"], readable(row["number"], country), row["title"]) for row in rows)


def _on_duty(db: Database, country: str, now: datetime) -> tuple[OnDuty, ...]:
    titles = dict(db.execute("SELECT name, title FROM agents").fetchall())
    return tuple(
        OnDuty(
            title=each.title,
            duty=each.duty,
            rings=tuple(titles.get(phone.name) or readable(phone.name, country) for phone in each.phones),
            next_at=times.to_text(each.next_at) if each.next_at else "",
            next_duty=each.next_duty,
        )
        for each in duties_now(db, now)
    )


def _desk_boxes(db: Database) -> tuple[DeskBox, ...]:
    """Those that are somebody's, and those that are there and nobody's."""
    titles = dict(db.execute("SELECT name, title FROM agents").fetchall())
    return tuple(
        DeskBox(box.serial, titles.get(box.agent, ""), bool(box.port))
        for box in all_boxes(db)
        if box.agent or box.port
    )


def _doing(live: tuple[Call, ...], owed: tuple[Callback, ...]) -> dict[str, tuple[str, str]]:
    """The agents who are rung, call back or talk: the step that says so, and with whom."""
    doing = {
        call.steps[-1].detail: (call.steps[-1].step, call.caller_name or call.caller)
        for call in live
        if call.steps and call.steps[-1].step in ("agent rings", "talks")
    }
    for callback in owed:
        if callback.agent:
            step = "talks" if callback.result == Result.TALKED else "calls back"
            doing[callback.agent] = (step, callback.caller_name or callback.caller)
    return doing


def _agents(db: Database, patterns: dict[str, str], doing: dict[str, tuple[str, str]]) -> tuple[Agent, ...]:
    rows = _rows(
        db,
        "SELECT a.name, a.title, a.phone,"
        " coalesce(p.state, 'unknown') AS state, coalesce(p.reason, '') AS reason,"
        " coalesce(p.since, '') AS since, coalesce(p.wrap_up_until, '') AS wrap_up_until"
        " FROM agents AS a LEFT JOIN presence AS p ON p.agent = a.name ORDER BY a.title, a.name",
    )
    agents = []
    for row in rows:
        step, caller = doing.get(row["name"], ("", ""))
        pattern = patterns.get(f"agent:{row['name']}", UNKNOWN)
        agents.append(Agent(**row, pattern=pattern, doing=step, caller=caller))
    return tuple(agents)


def _departments(db: Database, mode: str, now: datetime, live: tuple[Call, ...]) -> tuple[Department, ...]:
    rows = _rows(
        db,
        "SELECT d.name, d.title, o.state, d.always_open, d.ignores_night_switch,"
        " (SELECT s.at FROM schedule AS s WHERE s.department = d.name AND s.at > ? AND s.state <> o.state"
        "  ORDER BY s.at LIMIT 1) AS next_change,"
        " (SELECT count(*) FROM queue_members AS m WHERE m.queue_name = d.name) AS available"
        " FROM departments AS d JOIN opening AS o ON o.department = d.name ORDER BY d.title, d.name",
        times.to_text(now),
    )
    hours = department_hours(db)
    departments = []
    for row in rows:
        by_switch = "" if mode == "auto" or row["ignores_night_switch"] else mode
        departments.append(
            Department(
                name=row["name"],
                title=row["title"],
                state=row["state"],
                always_open=bool(row["always_open"]),
                by_switch=by_switch,
                next_change="" if by_switch or row["always_open"] else row["next_change"] or "",
                available=row["available"],
                why=_why(hours.get(row["name"]), by_switch or "auto", now, row["state"]),
                waiting=sum(bool(call.waits_since) and call.queue == row["name"] for call in live),
            )
        )
    return tuple(departments)


def _why(hours: Hours | None, mode: str, now: datetime, state: str) -> str:
    decided = opening(hours, cast(NightMode, mode), now)
    return decided.why if decided.state == state else ""


def _with_expected_waits(db: Database, live: tuple[Call, ...], now: datetime) -> tuple[Call, ...]:
    """The calls, those in line with the wait that callers in their place are told."""
    waiting = sorted(
        (call for call in live if call.waits_since), key=lambda call: (call.waits_since, call.call)
    )
    if not waiting:
        return live
    due = _rows(
        db,
        "SELECT c.department, c.arrived FROM callbacks AS c JOIN opening AS o ON o.department = c.department"
        " WHERE c.state = 'waiting' AND o.state = 'open' AND c.next_attempt_at <= ?",
        times.to_text(now),
    )
    minutes: dict[str, int | None] = {}
    for queue in {call.queue for call in waiting}:
        count: int = _rows(db, "SELECT count(*) AS n FROM queue_members WHERE queue_name = ?", queue)[0]["n"]
        history = department_history(db, queue, now)
        for place, call in enumerate(call for call in waiting if call.queue == queue):
            ahead = place + sum(d["department"] == queue and d["arrived"] < call.waits_since for d in due)
            seconds = expected_wait_seconds(ahead, count, history)
            minutes[call.call] = None if seconds is None else math.ceil(seconds / 60)
    return tuple(replace(call, expected_wait_minutes=minutes.get(call.call)) for call in live)


def _calls(db: Database, which: str, limit: int) -> tuple[Call, ...]:
    rows = _rows(
        db,
        "SELECT c.call, c.dialled, coalesce(d.title, c.department) AS department, c.department AS queue,"
        " c.caller, c.caller_name, c.started_at, c.ended_at, c.outcome, c.ticket,"
        " coalesce(d.promise_minutes, 0) AS promise_minutes,"
        f" CASE WHEN NOT {WAITS_NOW} THEN ''"
        "  ELSE min(c.waits_since, coalesce((SELECT arrived FROM callbacks AS b WHERE b.closed_at = ''"
        "   AND b.number = c.caller AND b.department = c.department), c.waits_since)) END AS waits_since"
        " FROM calls AS c LEFT JOIN departments AS d ON d.name = c.department"
        f" WHERE {which} LIMIT {limit}",
    )
    calls = []
    for row in rows:
        steps = _rows(
            db,
            f"SELECT at, step, detail FROM steps WHERE call = ? ORDER BY at DESC, id DESC LIMIT {STEPS}",
            row["call"],
        )
        count: int = _rows(db, "SELECT count(*) AS n FROM steps WHERE call = ?", row["call"])[0]["n"]
        story = tuple(Step(**step) for step in reversed(steps))
        calls.append(Call(**row, steps=story, earlier=count - len(story)))
    return tuple(calls)


def _messages(db: Database) -> tuple[Message, ...]:
    """The newest messages; what has not been delivered comes first, so that it is never out of sight."""
    rows = _rows(
        db,
        "SELECT m.id,"
        " coalesce((SELECT title FROM departments WHERE name = m.department), m.department) AS department,"
        " m.caller, m.caller_name, m.recorded_at, m.seconds, coalesce(o.recipient, '') AS recipient,"
        " coalesce(o.attempts, 0) AS attempts, coalesce(o.next_attempt_at, '') AS next_attempt_at,"
        " coalesce(o.last_error, '') AS last_error, coalesce(o.delivered_at, '') AS delivered_at"
        " FROM messages AS m LEFT JOIN outbox AS o ON o.message = m.id"
        f" ORDER BY coalesce(o.delivered_at, '') = '' DESC, m.recorded_at DESC, m.id DESC LIMIT {MESSAGES}",
    )
    return tuple(Message(**row) for row in rows)
