"""The coming openings and closings, written ahead so that the floor opens and closes without us."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from appliance.hotline.hours import Hours, Span, SpecialDays, read_clock
from appliance.hotline.public_holidays import public_holidays
from appliance.hotline.reopening import stretches
from appliance.store.config_hours import read_times
from appliance.store.database import exclusive
from appliance.store.times import to_text

AHEAD_DAYS = 35

_Row = tuple[str, str, str]  # at, state, the prompts that say when it opens again


def department_hours(db: Database) -> dict[str, Hours | None]:
    """The hours of every department; None for one that is always open."""
    office = next(db.query("SELECT time_zone, country, state FROM office"), None)
    zone = ZoneInfo(office["time_zone"] if office else "UTC")
    holidays = public_holidays(office["country"], office["state"]) if office else frozenset[date]()
    spans: dict[str, list[Span]] = {}
    for span in db.query("SELECT department, weekday, opens, closes FROM opening_hours"):
        read = Span(span["weekday"], read_clock(span["opens"]), read_clock(span["closes"]))
        spans.setdefault(span["department"], []).append(read)
    return {
        row["name"]: None
        if row["always_open"]
        else Hours(
            tuple(sorted(spans.get(row["name"], []))),
            zone,
            special_days(db, row["name"]),
            holidays if row["closed_on_holidays"] else frozenset(),
        )
        for row in list(db.query("SELECT * FROM departments ORDER BY name"))
    }


def special_days(db: Database, department: str) -> tuple[SpecialDays, ...]:
    """The special days of a department, in order."""
    rows = db.execute(
        "SELECT first, last, times FROM special_days WHERE department = ? ORDER BY first", [department]
    )
    return tuple(
        SpecialDays(date.fromisoformat(first), date.fromisoformat(last), read_times(times))
        for first, last, times in rows.fetchall()
    )


def refresh_schedule(db: Database, now: datetime) -> bool:
    """Write the changes of the next 35 days for every department with hours, the state now first.

    Writes, in one transaction, only where the schedule kept so far says something else or ends too
    early; returns whether it did.
    """
    if _outdated(db, now):
        with exclusive(db):  # look again: somebody else may have changed the hours just now
            for department, rows in _outdated(db, now).items():
                db.execute("DELETE FROM schedule WHERE department = ?", [department])
                db.table("schedule").insert_all(
                    {"department": department, "at": at, "state": state, "reopening": said}
                    for at, state, said in rows
                )
        return True
    return False


def _outdated(db: Database, now: datetime) -> dict[str, list[_Row]]:
    """The departments whose schedule must be written anew, with the new one."""
    # A whole day more, up to midnight, so that the end moves once a day and not each time.
    end = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end += timedelta(days=AHEAD_DAYS + 1)
    outdated = {}
    for department, hours in department_hours(db).items():
        wanted: list[_Row] = [
            (to_text(at), state, "&".join(said))
            for at, state, said in (() if hours is None else stretches(hours, now, end))
        ]
        if not _says(_kept(db, department), wanted, to_text(now)):
            outdated[department] = wanted
    return outdated


def _kept(db: Database, department: str) -> list[_Row]:
    return db.execute(
        "SELECT at, state, reopening FROM schedule WHERE department = ? ORDER BY at", [department]
    ).fetchall()


def _says(kept: Sequence[_Row], wanted: Sequence[_Row], now: str) -> bool:
    """Whether the kept rows say what is wanted now and the wanted changes after it."""
    past = [row[1:] for row in kept if row[0] <= now]
    coming = [row for row in kept if row[0] > now]
    return past[-1:] == [row[1:] for row in wanted[:1]] and coming == list(wanted[1:])
