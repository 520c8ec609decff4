"""A department as one call finds it."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.hotline.tickets import TicketRule


@dataclass(frozen=True, slots=True)
class MenuChoice:
    """One choice of a menu: the key, the department it leads to, and how that one is announced.

    `prompt` is "for technical support"; it is said in the department's own language.
    """

    key: str
    department: str
    prompt: str
    language: str


@dataclass(frozen=True, slots=True)
class Department:
    """What a call needs to know of the department that was dialled, true at this instant.

    A department with a `menu` is a main number: whoever chooses nothing stays with it, and every agent
    serves it. `reopening` are the prompts that say when a closed one opens again, none when nobody knows.
    `promise_seconds` 0: no promise is made. `ticket_from` says from the how-manieth waiting caller on a
    ticket number is asked for, 0: never; with `announce_ticket` it is said to the agent, too. After
    `language_wait_seconds` agents of another language take over.
    """

    name: str
    title: str
    language: str
    greeting: str
    menu: tuple[MenuChoice, ...]
    is_open: bool
    reopening: tuple[str, ...]
    ring_seconds: int
    message_seconds: int
    offers_wait: bool
    offers_callback: bool
    offers_message: bool
    announce_position: bool
    extra_prompts: tuple[str, ...]
    promise_seconds: int
    language_wait_seconds: int
    ticket_from: int
    ticket_rule: TicketRule
    announce_ticket: bool
    callback_attempts: int
