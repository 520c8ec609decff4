"""A department as one call finds it."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.hotline.tickets import TicketRule


@dataclass(frozen=True, slots=True)
class Department:
    """What a call needs to know of the department that was dialled, true at this instant.

    `promise_seconds` 0: no promise is made. `ticket_from` says from the how-manieth waiting caller on a
    ticket number is asked for, 0: never; with `announce_ticket` it is said to the agent, too. After
    `language_wait_seconds` agents of another language take over.
    """

    name: str
    title: str
    language: str
    greeting: str
    is_open: bool
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
