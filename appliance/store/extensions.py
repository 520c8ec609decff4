"""Who is meant by a short internal number."""

from __future__ import annotations

from sqlite_utils import Database

from appliance.hotline.departments import Department
from appliance.hotline.transfers import Colleague
from appliance.store.office import department


def at(db: Database, extension: str) -> Department | Colleague | None:
    """The department or the agent an extension belongs to, as the floor sees it; None for nobody."""
    row = next(db.query("SELECT agent, department FROM extensions WHERE extension = ?", [extension]), None)
    if row is None:
        return None
    if row["department"]:
        return department(db, row["department"])
    return Colleague(row["agent"]) if row["agent"] else None
