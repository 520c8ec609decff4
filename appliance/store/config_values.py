"""What the admin sets, as values: the office, its mail server, departments, phones and agents."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.hotline.hours import Span


@dataclass(frozen=True, slots=True)
class Office:
    """The office; `area_code` as people write it ("0931"), empty where there are none."""

    name: str
    language: str
    country: str
    area_code: str
    time_zone: str
    retention_days: int


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
    """A department with its numbers (E.164) and hours (`spans` is empty when it is always open)."""

    name: str
    title: str
    language: str
    mailbox: str
    greeting: str
    numbers: tuple[str, ...]
    always_open: bool
    spans: tuple[Span, ...]
    ring_seconds: int
    wrap_up_seconds: int
    message_seconds: int


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
    phones: tuple[Phone, ...]
    agents: tuple[Agent, ...]
