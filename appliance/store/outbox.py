"""Mails on their way: what is to be written about, and to whom."""

from __future__ import annotations

import secrets
from typing import Literal

from sqlite_utils import Database

Subject = Literal["message", "callback", "night_reminder", "weekly_report", "line_alarm"]


def put(db: Database, about: Subject, row: int | None, tag: str, recipient: tuple[str, str]) -> None:
    """Put a mail about this row into the outbox, in the transaction that makes the row.

    `tag` begins its Message-ID, which stays the same however often it is tried; `recipient` is a mailbox
    and the language it is written to in.
    """
    db.execute(
        f"INSERT INTO outbox ({about}, message_id, recipient, language) VALUES (?, ?, ?, ?)",
        [row, f"<{tag}.{secrets.token_hex(8)}@freizeichen.local>", *recipient],
    )
