"""On-call rotas in the store: the plans, who is on duty now, and the hand-overs prepared for the floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from appliance.hotline.menu import menu_prompt
from appliance.hotline.numbers import spoken
from appliance.hotline.on_call import (
    DutyDates,
    OnCall,
    OnCallPhone,
    Rota,
    first_gap,
    hand_overs,
    next_hand_over,
    on_duty,
)
from appliance.store.config_rota import read_hand_over, write_hand_over
from appliance.store.config_values import Department, DepartmentRota
from appliance.store.database import exclusive
from appliance.store.schedule import AHEAD_DAYS, department_hours
from appliance.store.times import to_text


@dataclass(frozen=True, slots=True)
class DutyNow:
    """A department's rota as people look at it: who is on duty, when that changes, when nobody is.

    `duty` and `next_duty` are '' for nobody; `gap_at` is the first instant within 35 days at which the
    department is closed with nobody on duty.
    """

    department: str
    title: str
    duty: str
    phones: tuple[OnCallPhone, ...]
    next_at: datetime | None
    next_duty: str
    gap_at: datetime | None


def on_call(db: Database, department: str) -> OnCall:
    """Who is rung now for this department, exactly as the floor sees it; the line is not in the store."""
    rows = list(db.query("SELECT * FROM on_call WHERE department = ? ORDER BY place", [department]))
    if not rows:
        return OnCall()
    return OnCall(
        phones=tuple(_phone(row) for row in rows),
        ring_seconds=rows[0]["ring_seconds"],
        department_prompt=rows[0]["department_prompt"],
        shown_number=rows[0]["shown_number"],
    )


def duties_now(db: Database, now: datetime) -> list[DutyNow]:
    """Every department that has a rota, as it is `now`."""
    titles = dict(db.execute("SELECT name, title FROM departments").fetchall())
    hours = department_hours(db)
    found = []
    for department, rota in rotas(db).items():
        following = next_hand_over(rota, now)
        duty = on_duty(rota, now)
        found.append(
            DutyNow(
                department=department,
                title=titles[department],
                duty=duty,
                phones=_phones_of(db, department, duty),
                next_at=following[0] if following else None,
                next_duty=following[1] if following else "",
                gap_at=first_gap(rota, hours[department], now, now + timedelta(days=AHEAD_DAYS)),
            )
        )
    return found


def rotas(db: Database) -> dict[str, Rota]:
    """The plan of every department that has one."""
    office = next(db.query("SELECT time_zone FROM office"), None)
    zone = ZoneInfo(office["time_zone"] if office else "UTC")
    return {
        row["department"]: _rota(db, row, zone)
        for row in list(db.query("SELECT * FROM rotas ORDER BY department"))
    }


def rota_rows(
    rotas: Sequence[DepartmentRota], departments: Sequence[Department], country: str
) -> dict[str, list[dict[str, Any]]]:
    """What the tables hold of these rotas, parents first; `country` is where the office is."""
    prompts = {
        department.name: department.menu_prompt or menu_prompt(department.name) for department in departments
    }
    return {
        "rotas": [
            {
                "department": rota.department,
                "hand_over": write_hand_over(rota.rota.hand_over),
                "weeks": " ".join(rota.rota.weeks),
                "first_week": rota.rota.first_week.isoformat(),
                "ring_seconds": rota.ring_seconds,
                "department_prompt": prompts[rota.department],
            }
            for rota in rotas
        ],
        "duty_phones": [
            {
                "department": rota.department,
                "duty": duty,
                "place": place,
                "agent": None if contact.startswith("+") else contact,
                "number": contact if contact.startswith("+") else None,
                "digits": spoken(contact, country) if contact.startswith("+") else "",
            }
            for rota in rotas
            for duty, contacts in rota.duties
            for place, contact in enumerate(contacts, 1)
        ],
        "duty_weekdays": [
            {"department": rota.department, "weekday": weekday, "duty": duty}
            for rota in rotas
            for weekday, duty in rota.rota.weekdays
        ],
        "duty_dates": [
            {
                "department": rota.department,
                "first": dates.first.isoformat(),
                "last": dates.last.isoformat(),
                "duty": dates.duty,
            }
            for rota in rotas
            for dates in rota.rota.dates
        ],
    }


def export_rotas(db: Database) -> tuple[DepartmentRota, ...]:
    """The rotas as they are in the store, in the order of the file."""
    plans = rotas(db)
    return tuple(
        DepartmentRota(
            department=row["department"],
            duties=_duties(db, row["department"]),
            rota=plans[row["department"]],
            ring_seconds=row["ring_seconds"],
        )
        for row in list(db.query("SELECT * FROM rotas ORDER BY rowid"))
    )


def refresh_duties(db: Database, now: datetime) -> bool:
    """Write the hand-overs of the next 35 days for every rota, who is on duty now first.

    Writes, in one transaction, only where what was kept so far says something else or ends too early;
    returns whether it did.
    """
    if _outdated(db, now):
        with exclusive(db):  # look again: somebody else may have changed the rota just now
            for department, rows in _outdated(db, now).items():
                db.execute("DELETE FROM duty_schedule WHERE department = ?", [department])
                db.table("duty_schedule").insert_all(
                    {"department": department, "at": at, "duty": duty} for at, duty in rows
                )
        return True
    return False


def _outdated(db: Database, now: datetime) -> dict[str, list[tuple[str, str]]]:
    """The departments whose hand-overs must be written anew, with the new ones."""
    # A whole day more, up to midnight, so that the end moves once a day and not each time.
    end = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end += timedelta(days=AHEAD_DAYS + 1)
    outdated = {}
    for department, rota in rotas(db).items():
        wanted = [(to_text(at), duty) for at, duty in hand_overs(rota, now, end)]
        kept = db.execute(
            "SELECT at, duty FROM duty_schedule WHERE department = ? ORDER BY at", [department]
        ).fetchall()
        past = [duty for at, duty in kept if at <= to_text(now)]
        coming = [(at, duty) for at, duty in kept if at > to_text(now)]
        if past[-1:] != [wanted[0][1]] or coming != wanted[1:]:
            outdated[department] = wanted
    return outdated


def _rota(db: Database, row: dict[str, Any], zone: ZoneInfo) -> Rota:
    hand_over = read_hand_over(row["hand_over"])
    if hand_over is None:
        raise ValueError(f"no hand-over: {row['hand_over']!r}")
    weekdays = db.execute(
        "SELECT weekday, duty FROM duty_weekdays WHERE department = ? ORDER BY weekday", [row["department"]]
    )
    dates = db.execute(
        "SELECT first, last, duty FROM duty_dates WHERE department = ? ORDER BY first", [row["department"]]
    )
    return Rota(
        hand_over=hand_over,
        zone=zone,
        weeks=tuple(row["weeks"].split()),
        first_week=date.fromisoformat(row["first_week"]),
        weekdays=tuple(weekdays.fetchall()),
        dates=tuple(
            DutyDates(date.fromisoformat(first), date.fromisoformat(last), duty)
            for first, last, duty in dates.fetchall()
        ),
    )


def _duties(db: Database, department: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    duties: dict[str, tuple[str, ...]] = {}
    for duty, contact in db.execute(
        "SELECT duty, coalesce(agent, number) FROM duty_phones WHERE department = ? ORDER BY rowid",
        [department],
    ).fetchall():
        duties[duty] = (*duties.get(duty, ()), contact)
    return tuple(duties.items())


def _phones_of(db: Database, department: str, duty: str) -> tuple[OnCallPhone, ...]:
    rows = db.query(
        "SELECT coalesce(p.agent, p.number) AS name, coalesce(d.device, '') AS device,"
        " coalesce(p.number, '') AS number FROM duty_phones AS p LEFT JOIN agents AS a ON a.name = p.agent"
        " LEFT JOIN devices AS d ON d.phone = a.phone"
        " WHERE p.department = ? AND p.duty = ? ORDER BY p.place",
        [department, duty],
    )
    return tuple(_phone(row) for row in rows)


def _phone(row: dict[str, Any]) -> OnCallPhone:
    return OnCallPhone("" if row["number"] else row["name"], row["device"], row["number"])
