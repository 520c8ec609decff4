"""What the admin sets, as values: the office, its mail server, departments, phones and agents."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.hotline.hours import Span, SpecialDays
from appliance.hotline.tickets import TicketRule

CHOICES = ("wait", "callback", "message")


@dataclass(frozen=True, slots=True)
class Office:
    """The office; `area_code` as people write it ("0931"), empty where there are none.

    Public holidays are those of `state` (BY, VD, …), of the whole country where it is empty.

    Callbacks go to its own country and to `callback_countries`; with `callback_confirmation` the
    customer is connected only after pressing 1.
    """

    name: str
    language: str
    country: str
    state: str
    area_code: str
    time_zone: str
    retention_days: int
    callback_countries: tuple[str, ...]
    callback_confirmation: bool


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where voice messages are handed over; `security` is tls, starttls or none, `user` may be empty."""

    host: str
    port: int
    security: str
    user: str
    password: str
    sender: str


@dataclass(frozen=True, slots=True)
class Department:
    """A department with its numbers (E.164) and hours (none of them when it is always open).

    With a `menu`, pairs of a key and a department, it is a main number which every agent serves.
    `menu_prompt` announces it in another's menu, '' the built-in one for its name.
    What it offers while nobody is free always includes a callback or a message. No promise is made with
    `promise_minutes` 0; nobody is asked for a ticket number with `ticket_from` 0.
    """

    name: str
    title: str
    language: str
    mailbox: str
    greeting: str
    menu: tuple[tuple[str, str], ...]
    menu_prompt: str
    numbers: tuple[str, ...]
    always_open: bool
    spans: tuple[Span, ...]
    special_days: tuple[SpecialDays, ...]
    closed_on_holidays: bool
    ring_seconds: int
    wrap_up_seconds: int
    message_seconds: int
    offers_wait: bool
    offers_callback: bool
    offers_message: bool
    announce_position: bool
    announce_ticket: bool
    extra_prompts: tuple[str, ...]
    promise_minutes: int
    language_wait_seconds: int
    ticket_from: int
    ticket_rule: TicketRule
    callback_attempts: int


@dataclass(frozen=True, slots=True)
class Block:
    """A number (E.164) behind which the extensions of the phones can be dialled directly.

    Whoever dials no extension, or one there is not, reaches the department.
    """

    number: str
    department: str


@dataclass(frozen=True, slots=True)
class Phone:
    """A desk phone, its short extension and the secret it registers with."""

    name: str
    extension: str
    secret: str


@dataclass(frozen=True, slots=True)
class Agent:
    """A person, his phone, the departments he serves and the languages he speaks."""

    name: str
    title: str
    phone: str
    departments: tuple[str, ...]
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the admin sets, whole and free of contradictions when `read_config` made it."""

    office: Office
    mail: MailServer
    departments: tuple[Department, ...]
    blocks: tuple[Block, ...]
    phones: tuple[Phone, ...]
    agents: tuple[Agent, ...]
