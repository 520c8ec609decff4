"""What the admin sets, as values: the office, its mail server, departments, phones and agents."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.hotline.hours import Span, SpecialDays
from appliance.hotline.on_call import Rota
from appliance.hotline.tickets import TicketRule

CHOICES = ("wait", "callback", "message")


@dataclass(frozen=True, slots=True)
class Office:
    """The office; `area_code` as people write it ("0931"), empty where there are none.

    Public holidays are those of `state` (BY, VD, …), of the whole country where it is empty.

    What concerns the whole office is mailed to `mailbox`, to the first department's where it is empty.
    The front panel's address button rings the phone `address_phone`, the first one where it is empty.

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
    mailbox: str
    address_phone: str


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

    With `ignores_night_switch` only the hours count, whether the switch stands at night or at day.

    With a `menu`, pairs of a key and a department, it is a main number which every agent serves.
    `menu_prompt` announces it in another's menu, '' the built-in one for its name.

    What it offers while nobody is free always includes a callback or a message. No promise is made with
    `promise_minutes` 0; nobody is asked for a ticket number with `ticket_from` 0. Agents dial its `extension`
    to transfer a caller to it; empty: it has none.
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
    ignores_night_switch: bool
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
    extension: str = ""


@dataclass(frozen=True, slots=True)
class TransferKeys:
    """What an agent keys in while he talks, to hand the caller over at once or after asking a colleague."""

    blind: str = "#1"
    attended: str = "*2"


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
class DepartmentRota:
    """Who is rung while a department is closed: `duties` are named lists of whom to ring, in order.

    Each is the name of an agent or a number (E.164). `rota` says which duty is on when.
    """

    department: str
    duties: tuple[tuple[str, tuple[str, ...]], ...]
    rota: Rota
    ring_seconds: int


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the admin sets, whole and free of contradictions when `read_config` made it."""

    office: Office
    mail: MailServer
    departments: tuple[Department, ...]
    blocks: tuple[Block, ...]
    phones: tuple[Phone, ...]
    agents: tuple[Agent, ...]
    rotas: tuple[DepartmentRota, ...] = ()
    transfer: TransferKeys = TransferKeys()
