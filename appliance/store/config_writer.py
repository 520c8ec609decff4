"""Writing a config as a TOML file that a person can read and change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from appliance.hotline.numbers import readable, to_e164
from appliance.store.config_hours import ALWAYS, write_hours
from appliance.store.config_menu import write_menu
from appliance.store.config_rota import write_rota
from appliance.store.config_tickets import write_ticket_digits
from appliance.store.config_values import CHOICES, Config, Department, Office

# The comment above each kind of section: (German, English).
_COMMENTS: Mapping[str, tuple[str, str]] = {
    "office": (
        "Das Büro. Gespräche und Nachrichten werden nach retention_days Tagen gelöscht.",
        "The office. Calls and messages are deleted after retention_days days.",
    ),
    "mail": (
        "Der Mailserver, der die Sprachnachrichten annimmt. security: tls, starttls oder none.",
        "The mail server that takes the voice messages. security: tls, starttls or none.",
    ),
    "transfer": (
        "Was ein Agent im Gespräch tastet, um weiterzugeben: sofort, oder nach Rückfrage.",
        "What an agent keys in while talking to transfer a caller: at once, or after asking a colleague.",
    ),
    "department": (
        "Die Abteilungen. hours: \"always\" oder Zeiten je Tag; 22:00-02:00 endet am nächsten Tag;\n"
        "# Ausnahmen: \"2026-12-24\" = \"closed\", \"2026-12-27..2027-01-03\" = \"10:00-12:00\".\n"
        "# ignores_night_switch = true: nur die Zeiten zählen, wo auch immer der Nachtschalter steht.\n"
        "# Ab choices: wenn niemand frei ist. promise_minutes = 0: keine Zusage; ticket_from = 0: nie.",
        "The departments. hours: \"always\" or times per day; 22:00-02:00 ends on the next day;\n"
        "# exceptions: \"2026-12-24\" = \"closed\", \"2026-12-27..2027-01-03\" = \"10:00-12:00\".\n"
        "# ignores_night_switch = true: only the hours count, wherever the night switch stands.\n"
        "# From choices on: when nobody is free. promise_minutes = 0: no promise; ticket_from = 0: never.",
    ),
    "block": (
        "Nummern, hinter denen sich die Nebenstellen direkt wählen lassen; alles andere kommt zur Abteilung.",
        "Numbers behind which extensions can be dialled directly; all else comes to the department.",
    ),
    "phone": (
        "Die Telefone im Haus. secret ist das Kennwort, mit dem sich das Gerät anmeldet.",
        "The phones in the house. secret is what the device registers with.",
    ),
    "agent": (
        "Die Menschen, die abnehmen: jeder mit eigenem Telefon.",
        "The people who answer, each with a phone of their own.",
    ),
    "rota": (
        "Die Rufbereitschaft: wer angerufen wird, wenn eine Abteilung geschlossen ist.\n"
        "# duties: wen, in dieser Reihenfolge. weeks: reihum, der erste in der Woche von first_week.\n"
        "# weekdays, dates: feste Tage und Ausnahmen, jeweils von hand_over bis zum nächsten Tag.",
        "On call: who is rung while a department is closed.\n"
        "# duties: whom, in this order. weeks: in turn, the first in the week of first_week.\n"
        "# weekdays, dates: fixed days and exceptions, each from hand_over to the next day.",
    ),
}  # fmt: skip


def write_config(config: Config) -> str:
    """The config as TOML text; `read_config` makes the same config of it."""
    which = 0 if config.office.language == "de" else 1
    office, mail = config.office, config.mail
    parts = [
        f"# {_COMMENTS['office'][which]}\n[office]\n",
        _settings(
            name=_text(office.name),
            language=_text(office.language),
            country=_text(office.country),
            state=_text(office.state),
            area_code=_text(office.area_code),
            time_zone=_text(office.time_zone),
            retention_days=str(office.retention_days),
            callback_countries=_texts(office.callback_countries),
            callback_confirmation=_flag(office.callback_confirmation),
            mailbox=_text(office.mailbox),
            address_phone=_text(office.address_phone),
        ),
        f"\n# {_COMMENTS['mail'][which]}\n[mail]\n",
        _settings(
            host=_text(mail.host),
            port=str(mail.port),
            security=_text(mail.security),
            user=_text(mail.user),
            password=_text(mail.password),
            sender=_text(mail.sender),
        ),
        f"\n# {_COMMENTS['transfer'][which]}\n[transfer]\n",
        _settings(blind_key=_text(config.transfer.blind), attended_key=_text(config.transfer.attended)),
    ]
    sections = {
        "department": [_department(department, office) for department in config.departments],
        "block": [
            _settings(number=_text(_written(block.number, office)), department=_text(block.department))
            for block in config.blocks
        ],
        "phone": [
            _settings(name=_text(phone.name), extension=_text(phone.extension), secret=_text(phone.secret))
            for phone in config.phones
        ],
        "agent": [
            _settings(
                name=_text(agent.name),
                title=_text(agent.title),
                phone=_text(agent.phone),
                departments=_texts(agent.departments),
                languages=_texts(agent.languages),
            )
            for agent in config.agents
        ],
    }
    if config.rotas:
        sections["rota"] = [
            _settings(
                **{
                    key: _value(value)
                    for key, value in write_rota(rota, lambda number: _written(number, office)).items()
                }
            )
            for rota in config.rotas
        ]
    for kind, tables in sections.items():
        if not tables:
            continue
        parts.append(f"\n# {_COMMENTS[kind][which]}\n")
        parts.append("\n".join(f"[[{kind}]]\n{table}" for table in tables))
    return "".join(parts)


def _department(department: Department, office: Office) -> str:
    offered = (department.offers_wait, department.offers_callback, department.offers_message)
    extension = {"extension": _text(department.extension)} if department.extension else {}
    return _settings(
        name=_text(department.name),
        title=_text(department.title),
        language=_text(department.language),
        mailbox=_text(department.mailbox),
        greeting=_text(department.greeting),
        menu=write_menu(department.menu),
        menu_prompt=_text(department.menu_prompt),
        numbers=_texts(_written(number, office) for number in department.numbers),
        hours=_text(ALWAYS) if department.always_open else _hours(department),
        closed_on_holidays=_flag(department.closed_on_holidays),
        ignores_night_switch=_flag(department.ignores_night_switch),
        ring_seconds=str(department.ring_seconds),
        wrap_up_seconds=str(department.wrap_up_seconds),
        message_seconds=str(department.message_seconds),
        choices=_texts(choice for choice, offers in zip(CHOICES, offered, strict=True) if offers),
        announce_position=_flag(department.announce_position),
        announce_ticket=_flag(department.announce_ticket),
        extra_prompts=_texts(department.extra_prompts),
        promise_minutes=str(department.promise_minutes),
        language_wait_seconds=str(department.language_wait_seconds),
        ticket_from=str(department.ticket_from),
        ticket_digits=_text(write_ticket_digits(department.ticket_rule)),
        ticket_prefixes=_texts(department.ticket_rule.prefixes),
        callback_attempts=str(department.callback_attempts),
        **extension,
    )


def _hours(department: Department) -> str:
    return write_hours(department.spans, department.special_days)


def _written(number: str, office: Office) -> str:
    """The number as people write it, where that is read back as the same number."""
    text = readable(number, office.country)
    return text if to_e164(text, office.country, office.area_code) == number else number


def _settings(**values: str) -> str:
    return "".join(f"{key} = {value}\n" for key, value in values.items())


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # TOML's escapes include all that JSON writes


def _value(value: object) -> str:
    """A text, a number, a list or an inline table of these."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_text(key)} = {_value(part)}" for key, part in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(part) for part in value) + "]"
    return _text(value) if isinstance(value, str) else str(value)


def _texts(values: Iterable[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"
