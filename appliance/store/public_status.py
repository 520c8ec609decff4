"""The public status, read from the store in one go: counts and times only."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta

from sqlite_utils import Database

from appliance.hotline.estimate import expected_wait_seconds
from appliance.hotline.public_status import UNKNOWN, DepartmentNow, Status, status_of
from appliance.store.history import department_history
from appliance.store.times import from_text, to_text
from appliance.store.waiting import WAITS_NOW

SUPERVISOR_SILENT = timedelta(seconds=5)


def is_public(db: Database) -> bool:
    """Whether the office has switched it on."""
    return db.execute("SELECT 1 FROM office WHERE public_status = 1").fetchone() is not None


def public_status(db: Database, now: datetime, *, supervisor_holds_lock: bool) -> Status:
    """What a caller would find at `now`; unknown while supervisor or Asterisk is silent."""
    lamps = {row["name"]: row for row in db.query("SELECT * FROM lamps")}
    beat = lamps.get("supervisor")
    runs = supervisor_holds_lock and (
        beat is None or abs(now - from_text(beat["changed_at"])) <= SUPERVISOR_SILENT
    )
    if not runs or lamps.get("asterisk", {}).get("pattern") == "red":
        return UNKNOWN
    green = [
        name.removeprefix("agent:")
        for name, row in lamps.items()
        if name.startswith("agent:") and row["pattern"] == "green"
    ]
    mode = db.execute("SELECT mode FROM night_switch").fetchone()[0]
    rows = db.query(
        "SELECT d.name, o.state, d.always_open, d.ignores_night_switch,"
        " (SELECT min(at) FROM schedule AS s WHERE s.department = d.name AND s.at > ?1 AND s.state = 'open')"
        "  AS opens_at,"
        " (SELECT count(*) FROM queue_members AS m WHERE m.queue_name = d.name) AS present,"
        " (SELECT count(*) FROM queue_members AS m WHERE m.queue_name = d.name"
        "  AND m.membername IN (SELECT value FROM json_each(?2))) AS free,"
        f" (SELECT count(*) FROM calls AS c WHERE c.department = d.name AND {WAITS_NOW}) AS waiting,"
        " (SELECT count(*) FROM callbacks AS c WHERE c.department = d.name AND c.state = 'waiting'"
        "  AND c.next_attempt_at <= ?1) AS due"
        " FROM departments AS d JOIN opening AS o ON o.department = d.name"
        " WHERE NOT EXISTS (SELECT 1 FROM menu AS m WHERE m.department = d.name)",
        [to_text(now), json.dumps(green)],
    )
    departments = []
    for row in list(rows):
        ahead, seconds = row["waiting"] + row["due"], None
        if row["state"] == "open" and row["present"]:
            seconds = expected_wait_seconds(ahead, row["present"], department_history(db, row["name"], now))
        by_switch = mode == "night" and not row["ignores_night_switch"]
        opens = "" if by_switch or row["always_open"] else row["opens_at"] or ""
        departments.append(
            DepartmentNow(
                is_open=row["state"] == "open",
                present=row["present"],
                free=row["free"],
                waiting=ahead,
                wait_minutes=None if seconds is None else math.ceil(seconds / 60),
                opens_at=from_text(opens) if opens else None,
            )
        )
    return status_of(departments)
