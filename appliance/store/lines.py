"""The lines' states as the supervisor saw them last, for the page, the lamps and the command."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlite_utils import Database

from appliance.hotline.line_states import LineState, Trouble
from appliance.store import times
from appliance.store.database import exclusive


def line_states(db: Database) -> list[LineState]:
    """Every line, in the order of the settings."""
    return [
        LineState(
            line=row["line"],
            kind=row["kind"],
            channels=row["channels"],
            busy=row["busy"],
            free=row["free"],
            trouble=Trouble(row["trouble"]),
            since=times.from_text(row["since"]),
        )
        for row in db.query("SELECT * FROM line_states ORDER BY rowid")
    ]


def keep_line_states(db: Database, seen: Iterable[LineState], now: datetime) -> list[LineState]:
    """Keep what was seen; a line whose trouble has not changed keeps since when it has it.

    Writes only what differs. Returns the states with `since`.
    """
    known = {state.line: state for state in line_states(db)}
    states = []
    for state in seen:
        before = known.get(state.line)
        unchanged = before is not None and before.trouble is state.trouble
        states.append(replace(state, since=before.since if before and unchanged else now))
    if states != list(known.values()):
        with exclusive(db):
            db.execute("DELETE FROM line_states")
            db.table("line_states").insert_all(
                {
                    "line": state.line,
                    "kind": state.kind,
                    "channels": state.channels,
                    "busy": state.busy,
                    "free": state.free,
                    "trouble": str(state.trouble),
                    "since": times.to_text(state.since or now),
                }
                for state in states
            )
    return states
