"""Callbacks in the store: asked for, called, settled. Each step is one commit, made before it is acted on."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from appliance.hotline.callbacks import KEPT, Callback, Result, State, after_attempt, give_up_at
from appliance.hotline.outcomes import Outcome
from appliance.store import ledger, outbox
from appliance.store.database import exclusive
from appliance.store.night import ignore_night_switch, night_mode
from appliance.store.office import agent_at, mailbox_of
from appliance.store.schedule import department_hours
from appliance.store.times import from_text, to_text

PROMISED = "callback promised"
ORDERED = "callback ordered"

# Of a request `c`: the person is on the telephone with us, from the number he has asked to be called at or
# from the one he had asked from, or is being called for another department.
ON_THE_TELEPHONE = (
    "EXISTS (SELECT 1 FROM calls AS t WHERE t.ended_at = '' AND (t.caller = c.number OR t.call = c.call "
    "OR t.caller <> '' AND t.caller = (SELECT caller FROM calls WHERE call = c.call)))"
)
_IS_CALLED = "EXISTS (SELECT 1 FROM callbacks AS b WHERE b.number = c.number AND b.state = 'calling')"
ATTEMPT = "callback-"  # begins the call number of an attempt, which we give Asterisk ourselves

_OUTCOMES = {
    State.REACHED: Outcome.CALLED_BACK,
    State.NOT_REACHED: Outcome.NOT_REACHED,
    State.CALLED_AGAIN: Outcome.CALLED_AGAIN,
    State.CANCELLED: Outcome.CALLBACK_CANCELLED,
}


def request(
    db: Database, call: str, number: str, *, arrived: datetime, now: datetime, step: str = PROMISED
) -> int:
    """Commit that the caller of `call` is to be called back at `number` (E.164), in his place in line.

    A department calls a number back once: asked for again, the request there is gets the older place
    of the two, and all its attempts anew. While somebody at this number talks to us, called back, that
    request is settled, and this is another person's. Returns its id. Raises LookupError for an unknown call.
    """
    with exclusive(db):
        row = next(db.query("SELECT * FROM calls WHERE call = ?", [call]), None)
        if row is None:
            raise LookupError(call)
        talks = db.execute(
            "SELECT id FROM callbacks WHERE number = ? AND department = ? AND state = 'calling' "
            "AND result = 'talked'",
            [number, row["department"]],
        ).fetchone()
        if talks:
            close(db, talks[0], State.REACHED, now)
        db.execute(
            """
            INSERT INTO callbacks (call, department, language, number, name, ticket, arrived, created_at,
              next_attempt_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)
            ON CONFLICT (number, department) WHERE closed_at = '' DO UPDATE SET call = ?1, language = ?3,
              name = ?5, ticket = CASE ?6 WHEN '' THEN ticket ELSE ?6 END, arrived = min(arrived, ?7),
              created_at = ?8, attempts = 0, next_attempt_at = ?8""",
            [
                call,
                row["department"],
                row["language"],
                number,
                row["caller_name"],
                row["ticket"],
                to_text(arrived),
                to_text(now),
            ],
        )
        callback: int = db.execute(
            "SELECT id FROM callbacks WHERE number = ? AND department = ? AND closed_at = ''",
            [number, row["department"]],
        ).fetchone()[0]
        db.execute("UPDATE calls SET callback = ? WHERE call = ?", [callback, call])
        ledger.add_step(db, call, step, number, now)
    return callback


def waiting(db: Database) -> list[Callback]:
    """The requests that stand in line once they are due: open ones of departments that are open.

    Whoever is on the telephone with us at this moment is not called.
    """
    return [
        _callback(row)
        for row in db.query(f"""
            SELECT c.*, d.language_wait_seconds FROM callbacks AS c
            JOIN opening AS o ON o.department = c.department JOIN departments AS d ON d.name = c.department
            WHERE c.state = 'waiting' AND o.state = 'open' AND NOT {ON_THE_TELEPHONE} AND NOT {_IS_CALLED}
            ORDER BY c.arrived, c.id""")
    ]


def count_open(db: Database) -> int:
    """How many people we owe a callback."""
    return int(db.execute("SELECT count(*) FROM callbacks WHERE closed_at = ''").fetchone()[0])


def of_attempt(db: Database, attempt: str) -> Callback | None:
    """The request that is being called in this attempt."""
    row = next(
        db.query(
            "SELECT c.*, coalesce(d.language_wait_seconds, 0) AS language_wait_seconds FROM callbacks AS c "
            "LEFT JOIN departments AS d ON d.name = c.department WHERE c.attempt = ? AND c.state = 'calling'",
            [attempt],
        ),
        None,
    )
    return _callback(row) if row else None


def place_kept(db: Database, number: str, department: str) -> datetime | None:
    """Since when this person, who is calling in again, has his place in the department's line.

    Also when he had asked to be called at another number than the one he calls from.
    """
    row = db.execute(
        "SELECT min(c.arrived) FROM callbacks AS c LEFT JOIN calls AS a ON a.call = c.call "
        "WHERE (c.number = ?1 OR a.caller = ?1) AND c.department = ?2 AND c.closed_at = ''",
        [number, department],
    ).fetchone()
    return from_text(row[0]) if row[0] else None


def was_ordered(db: Database, call: str) -> bool:
    """Whether it was the office that wants to call back, and not the caller who had asked for it."""
    row = db.execute(
        "SELECT step FROM steps WHERE call = ? AND step IN (?, ?) ORDER BY id DESC LIMIT 1",
        [call, PROMISED, ORDERED],
    ).fetchone()
    return row is not None and row[0] == ORDERED


def begin_attempt(db: Database, callback: int) -> str | None:
    """Commit that an agent is about to be rung for it; the attempt's call number, None if too late.

    It is too late when the person has called in, or is being called for another department since.
    """
    attempt = f"{ATTEMPT}{callback}-{secrets.token_hex(6)}"
    changed = db.execute(
        "UPDATE callbacks AS c SET state = 'calling', attempt = ?, result = '' "
        f"WHERE id = ? AND state = 'waiting' AND NOT {ON_THE_TELEPHONE} AND NOT {_IS_CALLED}",
        [attempt, callback],
    ).rowcount
    return attempt if changed else None


def dial(db: Database, attempt: str, agent: str, now: datetime) -> bool:
    """Commit that the customer is dialled in this attempt, once; False when it may not go on.

    So it is when the request is settled, or when he has called in while the agent was rung.
    """
    with exclusive(db):
        callback = of_attempt(db, attempt)
        if callback is None:
            return False
        changed = db.execute(
            "UPDATE callbacks AS c SET attempts = attempts + 1, result = ? "
            f"WHERE id = ? AND result = '' AND NOT {ON_THE_TELEPHONE}",
            [str(Result.NO_ANSWER), callback.id],
        ).rowcount
        if changed:
            ledger.add_step(db, callback.call, "calls back", agent, now)
    return bool(changed)


def note_result(db: Database, attempt: str, result: Result) -> None:
    """Commit how dialling the customer ended; who talked is told by Asterisk's records alone."""
    db.execute(
        "UPDATE callbacks SET result = ? WHERE attempt = ? AND state = 'calling' AND result <> 'talked'",
        [str(result), attempt],
    )


def connect(db: Database, attempt: str, channel: str, at: datetime) -> tuple[str, str]:
    """Enter that an agent and the customer talk, by Asterisk's records; the first time counts.

    Returns the agent and the department it is for, both '' for a channel that is no agent's.
    """
    callback, agent = of_attempt(db, attempt), agent_at(db, channel)
    if callback is None or not agent:
        return "", ""
    note_result(db, attempt, Result.TALKED)
    db.execute(
        "UPDATE calls SET agent = ?, connected_at = ? WHERE callback = ? AND connected_at = ''",
        [agent, to_text(at), callback.id],
    )
    return ledger.connect_call(db, callback.call, channel, at)


def settle_attempt(db: Database, attempt: str, now: datetime) -> None:
    """Enter that an attempt is over: the customer was reached, is tried again later, or is given up.

    Asking again changes nothing. Who is given up is told to the department's mailbox.
    """
    with exclusive(db):
        row = next(
            db.query("SELECT * FROM callbacks WHERE attempt = ? AND state = 'calling'", [attempt]), None
        )
        if row is None:
            return
        result = Result(row["result"] or Result.NOT_DIALLED)
        most = _most_attempts(db, row["department"])
        then = after_attempt(result, row["attempts"], most, now)
        if then.state is State.WAITING and not most:
            _give_up(db, row, now)
            return
        if then.state is State.WAITING:
            db.execute(
                "UPDATE callbacks SET state = 'waiting', attempt = '', next_attempt_at = ? WHERE id = ?",
                [to_text(then.at), row["id"]],
            )
            if result is not Result.NOT_DIALLED:
                ledger.add_step(db, row["call"], "callback failed", str(result), now)
            return
        close(db, row["id"], then.state, now)
        if then.state is State.NOT_REACHED:
            _tell_mailbox(db, row)


def is_last(db: Database, callback: Callback) -> bool:
    """Whether it is given up when the attempt that is to be dialled now fails."""
    return callback.attempts + 1 >= _most_attempts(db, callback.department)


def _most_attempts(db: Database, department: str) -> int:
    """How often a department tries; 0 when there is no such department any more."""
    row = db.execute("SELECT callback_attempts FROM departments WHERE name = ?", [department]).fetchone()
    return int(row[0]) if row else 0


def calling_in(db: Database) -> list[str]:
    """The attempts that have begun and are not settled."""
    return [row[0] for row in db.execute("SELECT attempt FROM callbacks WHERE state = 'calling'").fetchall()]


def calling(db: Database) -> set[int]:
    """The requests that are being called."""
    return {row[0] for row in db.execute("SELECT id FROM callbacks WHERE state = 'calling'").fetchall()}


def id_of(attempt: str) -> int:
    """The request an attempt is for. Raises ValueError for what is no attempt's call number."""
    return int(attempt.removeprefix(ATTEMPT).partition("-")[0])


def close(db: Database, callback: int, state: State, now: datetime) -> None:
    """Close a request for good; every call that asked for it gets its outcome. Once only."""
    with exclusive(db):
        changed = db.execute(
            "UPDATE callbacks SET state = ?, closed_at = ? WHERE id = ? AND closed_at = ''",
            [str(state), to_text(now), callback],
        ).rowcount
        if not changed:
            return
        calls = db.execute(
            "SELECT call FROM calls WHERE callback = ? AND outcome = '' AND ended_at <> ''", [callback]
        ).fetchall()
        for (call,) in calls:
            db.execute("UPDATE calls SET outcome = ? WHERE call = ?", [str(_OUTCOMES[state]), call])
            ledger.add_step(db, call, "ended", str(_OUTCOMES[state]), now)


def cancel(db: Database, callback: int, now: datetime) -> bool:
    """Commit that the office does not call this person back; False when it was settled already.

    Once the customer is dialled it is too late, too: he may be talking to us.
    """
    with exclusive(db):
        row = db.execute(
            "SELECT 1 FROM callbacks WHERE id = ? "
            "AND (state = 'waiting' OR state = 'calling' AND result = '')",
            [callback],
        ).fetchone()
        if row is None:
            return False
        close(db, callback, State.CANCELLED, now)
    return True


def close_after_call(db: Database, call: str, now: datetime) -> None:
    """Close what the caller of an ended call has got by himself: he talked, or left a message.

    What was promised to him after he had talked, transferred to somebody who was not there, is still owed.
    """
    row = next(db.query("SELECT * FROM calls WHERE call = ?", [call]), None)
    if row is None or row["outcome"] not in (Outcome.TALKED, Outcome.MESSAGE):
        return
    owed = db.execute(
        "SELECT id FROM callbacks WHERE closed_at = '' AND (id = ?1 OR (number = ?2 AND department = ?3)) "
        "AND NOT (call = ?4 AND created_at > "
        "  (SELECT coalesce(max(at), '9999') FROM steps WHERE call = ?4 AND step = 'talks'))",
        [row["callback"], row["caller"], row["department"], call],
    ).fetchall()
    for (callback,) in owed:
        close(db, callback, State.CALLED_AGAIN, now)


def give_up_old(db: Database, now: datetime) -> None:
    """Give up what came to nothing within a week of opening, since nobody was there to call; by mail."""
    with exclusive(db):
        old = list(
            db.query(
                "SELECT * FROM callbacks WHERE state = 'waiting' AND created_at < ?", [to_text(now - KEPT)]
            )
        )
        hours = department_hours(db) if old else {}
        for row in old:
            promised = _night_over(db, row["department"], row["created_at"])
            if promised is not None and give_up_at(promised, hours.get(row["department"])) <= now:
                _give_up(db, row, now)


def give_up_without_department(db: Database, now: datetime) -> None:
    """Give up what nobody can call back any more since its department was removed; the office is told."""
    with exclusive(db):
        without = "department NOT IN (SELECT name FROM departments)"
        for row in list(db.query(f"SELECT * FROM callbacks WHERE state = 'waiting' AND {without}")):
            _give_up(db, row, now)


def forget(db: Database, before: datetime) -> None:
    """Delete what was closed before an instant and no call or mail refers to any more."""
    db.execute(
        "DELETE FROM callbacks WHERE closed_at <> '' AND closed_at < ? "
        "AND id NOT IN (SELECT callback FROM calls WHERE callback NOT NULL) "
        "AND id NOT IN (SELECT callback FROM outbox WHERE callback NOT NULL)",
        [to_text(before)],
    )


def _night_over(db: Database, department: str, promised: str) -> datetime | None:
    """The moment of the promise; if it was night by the switch, when that ended, None while it has not."""
    if department in ignore_night_switch(db):
        return from_text(promised)
    moved = db.execute(
        "SELECT at, differences FROM changes WHERE subject = 'night' AND at > ? ORDER BY at LIMIT 1",
        [promised],
    ).fetchone()
    if moved is None:
        return None if night_mode(db) == "night" else from_text(promised)
    stood_at = json.loads(moved[1])[0][1]
    return from_text(moved[0] if stood_at == "night" else promised)


def _give_up(db: Database, row: dict[str, Any], now: datetime) -> None:
    close(db, row["id"], State.NOT_REACHED, now)
    _tell_mailbox(db, row)


def _tell_mailbox(db: Database, row: dict[str, Any]) -> None:
    """A mail to the department that this person could not be reached."""
    outbox.put(db, "callback", row["id"], f"callback-{row['id']}", mailbox_of(db, row["department"]))


def _callback(row: dict[str, Any]) -> Callback:
    return Callback(
        id=row["id"],
        call=row["call"],
        department=row["department"],
        language=row["language"],
        number=row["number"],
        name=row["name"],
        ticket=row["ticket"],
        arrived=from_text(row["arrived"]),
        others_from=from_text(row["arrived"]) + timedelta(seconds=row["language_wait_seconds"]),
        attempts=row["attempts"],
        next_attempt_at=from_text(row["next_attempt_at"]),
        state=State(row["state"]),
        attempt=row["attempt"],
    )
