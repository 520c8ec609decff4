"""What the store knows of the office and of the number that was dialled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlite_utils import Database

from appliance.hotline.callback_numbers import Refusal, refusal
from appliance.hotline.departments import Department, MenuChoice
from appliance.hotline.directory import Entry, directory
from appliance.hotline.tickets import TicketRule
from appliance.store.database import exclusive

_DEPARTMENT = """
SELECT d.*, o.state AS opening, o.reopening
FROM departments AS d JOIN opening AS o ON o.department = d.name WHERE d.name = ?"""


@dataclass(frozen=True, slots=True)
class OfficeFacts:
    """The office as everybody needs it; sensible values before anything was imported."""

    name: str = ""
    language: str = "de"
    country: str = "DE"
    area_code: str = ""
    time_zone: str = "Europe/Berlin"
    retention_days: int = 90


@dataclass(frozen=True, slots=True)
class CallbackRules:
    """Whom the office may call back: never its `own_numbers` (E.164), abroad only `foreign_allowed`.

    With `confirmation` the customer is connected only after pressing 1: a mailbox never does.
    """

    country: str
    area_code: str
    own_numbers: frozenset[str]
    foreign_allowed: frozenset[str]
    confirmation: bool


def office_facts(db: Database) -> OfficeFacts:
    """The office row, or the defaults when no configuration was imported yet."""
    row = next(
        db.query("SELECT name, language, country, area_code, time_zone, retention_days FROM office"), None
    )
    return OfficeFacts(**row) if row else OfficeFacts()


def address_phone(db: Database) -> str:
    """The phone on which the page's address is said, the first one where none is chosen; '' without any."""
    row = db.execute(
        "SELECT device FROM devices WHERE phone = "
        "coalesce((SELECT address_phone FROM office WHERE address_phone != ''),"
        "         (SELECT name FROM phones ORDER BY rowid LIMIT 1))"
    ).fetchone()
    return str(row[0]) if row else ""


def devices(db: Database) -> dict[str, str]:
    """Every desk phone, and what Asterisk calls it."""
    return dict(db.execute("SELECT phone, device FROM devices ORDER BY phone").fetchall())


def device_of(db: Database, phone: str) -> str:
    """What Asterisk calls the phone of this name; '' when there is none."""
    row = db.execute("SELECT device FROM devices WHERE phone = ?", [phone]).fetchone()
    return str(row[0]) if row else ""


def callback_rules(db: Database) -> CallbackRules:
    """Whom the office may call back; only its own country when no configuration was imported yet."""
    facts = office_facts(db)
    row = next(db.query("SELECT callback_countries, callback_confirmation FROM office"), None)
    return CallbackRules(
        country=facts.country,
        area_code=facts.area_code,
        own_numbers=frozenset(row["number"] for row in db.query("SELECT number FROM numbers")),
        foreign_allowed=frozenset(row["callback_countries"].split() if row else ()),
        confirmation=bool(row["callback_confirmation"]) if row else True,
    )


def callback_refusal(db: Database, number: str) -> Refusal | None:
    """Why the office does not call this number back; None when it does."""
    return refusal_by(callback_rules(db), number)


def refusal_by(rules: CallbackRules, number: str) -> Refusal | None:
    """Why the office does not call this number back by its rules; None when it does."""
    return refusal(
        number,
        country=rules.country,
        own_numbers=rules.own_numbers,
        foreign_allowed=rules.foreign_allowed,
    )


def is_open(db: Database, department: str) -> bool:
    """Whether a department is open now, exactly as the floor sees it."""
    row = db.execute("SELECT state FROM opening WHERE department = ?", [department]).fetchone()
    return row is not None and row[0] == "open"


def opened(db: Database) -> dict[str, bool]:
    """Whether each department is open now, exactly as the floor sees it."""
    return {row["department"]: row["state"] == "open" for row in db.query("SELECT * FROM opening")}


def department(db: Database, name: str) -> Department | None:
    """The department of this name as it is now; None when there is none (any more)."""
    row = next(db.query(_DEPARTMENT, [name]), None)
    if row is None:
        return None
    return Department(
        name=row["name"],
        title=row["title"],
        language=row["language"],
        greeting=row["greeting"],
        menu=menu_choices(db, name),
        is_open=row["opening"] == "open",
        reopening=tuple(row["reopening"].split("&")) if row["reopening"] else (),
        ring_seconds=row["ring_seconds"],
        message_seconds=row["message_seconds"],
        offers_wait=bool(row["offers_wait"]),
        offers_callback=bool(row["offers_callback"]),
        offers_message=bool(row["offers_message"]),
        announce_position=bool(row["announce_position"]),
        announce_ticket=bool(row["announce_ticket"]),
        extra_prompts=tuple(row["extra_prompts"].split()),
        promise_seconds=row["promise_minutes"] * 60,
        language_wait_seconds=row["language_wait_seconds"],
        ticket_from=row["ticket_from"],
        ticket_rule=TicketRule(
            row["ticket_shortest"], row["ticket_longest"], tuple(row["ticket_prefixes"].split())
        ),
        callback_attempts=row["callback_attempts"],
    )


def menu_choices(db: Database, department: str) -> tuple[MenuChoice, ...]:
    """What the menu of a department offers, in the order of the keys; empty for one without a menu."""
    return tuple(
        MenuChoice(row["key"], row["department"], row["menu_prompt"], row["language"])
        for row in db.query(
            "SELECT m.key, c.department, c.menu_prompt, c.language "
            "FROM menu AS m JOIN menu_choices AS c ON c.choice = m.department || '/' || m.key "
            "WHERE m.department = ? ORDER BY m.key",
            [department],
        )
    )


def phones(db: Database) -> list[dict[str, str]]:
    """Every desk phone: name, extension, secret."""
    return list(db.query("SELECT name, extension, secret FROM phones ORDER BY name"))


def short_numbers(db: Database) -> list[str]:
    """The extensions of phones and departments."""
    return [row[0] for row in db.execute("SELECT extension FROM extensions ORDER BY 1").fetchall()]


def watchable(db: Database) -> list[Entry]:
    """What the lamps of desk phones can watch."""
    devices = db.query(
        "SELECT d.phone, d.device, t.extension FROM devices AS d JOIN phones AS t ON t.name = d.phone "
        "ORDER BY d.phone"
    )
    return directory(
        agents=dict(db.execute("SELECT name, phone FROM agents ORDER BY name").fetchall()),
        phones={row["phone"]: (row["extension"], row["device"]) for row in devices},
        departments=[row[0] for row in db.execute("SELECT name FROM departments ORDER BY name").fetchall()],
    )


def put_on_cards(db: Database, devices: Mapping[str, str]) -> None:
    """Commit which phones are on ports of a card, each with what Asterisk calls it; the others speak SIP."""
    with exclusive(db):
        db.execute("DELETE FROM card_phones")
        for phone, device in devices.items():
            db.execute("INSERT INTO card_phones (phone, device) VALUES (?, ?)", [phone, device])


def card_devices(db: Database) -> list[str]:
    """The phones on ports of a card, as Asterisk calls them."""
    return [row[0] for row in db.execute("SELECT device FROM card_phones ORDER BY device").fetchall()]


def numbers(db: Database) -> list[str]:
    """The office's numbers (E.164)."""
    return [row[0] for row in db.execute("SELECT number FROM numbers ORDER BY rowid").fetchall()]


def dialled_forms(db: Database) -> list[str]:
    """Every form in which a line may deliver one of the office's numbers."""
    return [row[0] for row in db.execute("SELECT dialled FROM dialled_forms ORDER BY dialled").fetchall()]


def number_of(db: Database, department: str) -> str:
    """The number (E.164) a department is called at; one of the office where it has none, '' without any."""
    row = db.execute(
        "SELECT number FROM numbers WHERE agent IS NULL"
        " ORDER BY department <> ?, block IS NOT NULL, number LIMIT 1",
        [department],
    ).fetchone()
    return str(row[0]) if row else ""


def agent_at(db: Database, channel: str) -> str:
    """Whose phone a channel such as ``PJSIP/desk_1-0000002a`` or ``DAHDI/13-1`` is of, '' for nobody's."""
    device = channel.rpartition("-")[0]
    row = db.execute("SELECT agent FROM phone_owners WHERE device = ?", [device]).fetchone()
    return str(row[0]) if row else ""


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


def office_mailbox(db: Database) -> tuple[str, str]:
    """The mailbox for what concerns the whole office, and its language; else the first department's."""
    mailbox, language = mailbox_of(db, "")
    row = db.execute("SELECT mailbox, language FROM office").fetchone()
    return (row[0] or mailbox, row[1]) if row else (mailbox, language)
