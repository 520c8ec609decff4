"""What the store knows of the office and of the number that was dialled."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from appliance.hotline.departments import Department


@dataclass(frozen=True, slots=True)
class OfficeFacts:
    """The office as everybody needs it; sensible values before anything was imported."""

    name: str = ""
    language: str = "de"
    country: str = "DE"
    area_code: str = ""
    time_zone: str = "Europe/Berlin"
    retention_days: int = 90


def office_facts(db: Database) -> OfficeFacts:
    """The office row, or the defaults when no configuration was imported yet."""
    row = next(
        db.query("SELECT name, language, country, area_code, time_zone, retention_days FROM office"), None
    )
    return OfficeFacts(**row) if row else OfficeFacts()


def department_dialled(db: Database, dialled: str) -> Department | None:
    """Look up what was dialled, exactly as the floor does; None for a number that is not ours."""
    row = next(
        db.query(
            "SELECT f.department AS name, f.title, f.language, f.greeting, f.opening, f.message_seconds, "
            "d.ring_seconds FROM floor AS f JOIN departments AS d ON d.name = f.department "
            "WHERE f.dialled = ?",
            [dialled],
        ),
        None,
    )
    if row is None:
        return None
    is_open = row.pop("opening") == "open"
    return Department(is_open=is_open, **row)


def phones(db: Database) -> list[dict[str, str]]:
    """Every desk phone: name, extension, secret."""
    return list(db.query("SELECT name, extension, secret FROM phones ORDER BY name"))


def mailbox_of(db: Database, department: str) -> tuple[str, str]:
    """The mailbox and language of a department.

    When nobody knows it any more, somebody in the office shall be told: the first mailbox there is.
    """
    mailbox, language = db.execute(
        "SELECT coalesce((SELECT mailbox FROM departments WHERE name = :department),"
        "          (SELECT mailbox FROM departments WHERE mailbox != '' ORDER BY name), ''),"
        " coalesce((SELECT language FROM departments WHERE name = :department),"
        "          (SELECT language FROM office), 'de')",
        {"department": department},
    ).fetchone()
    return mailbox, language
