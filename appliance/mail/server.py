"""The office's mail server: how it is reached, and a connection that is ready for mail."""

from __future__ import annotations

import base64
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database

_LOGGED_IN = 235


@dataclass(frozen=True, slots=True)
class MailServer:
    """The row `mail_server`; `security` is tls, starttls or none, an empty user means no login."""

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)
    sender: str


def read_mail_server(db: Database) -> MailServer | None:
    """The configured mail server, None when there is none."""
    for row in db.query("SELECT host, port, security, user, password, sender FROM mail_server"):
        return MailServer(**row)
    return None


class _Announced(smtplib.SMTP):
    """A connection its owner knows, and can break off, while the server still owes the greeting."""

    def __init__(self, announce: Callable[[smtplib.SMTP], None], *place: Any, **options: Any) -> None:
        self._announce = announce
        super().__init__(*place, **options)

    def connect(self, *place: Any, **options: Any) -> tuple[int, bytes]:
        self._announce(self)
        return super().connect(*place, **options)


class _AnnouncedTls(_Announced, smtplib.SMTP_SSL):
    pass


def connect(
    server: MailServer,
    timeout_seconds: float,
    context: ssl.SSLContext,
    announce: Callable[[smtplib.SMTP], None],
) -> None:
    """Open a connection, give it to `announce`, then hear the greeting.

    Raises OSError (which SMTPException is).
    """
    if server.security == "tls":
        _AnnouncedTls(announce, server.host, server.port, timeout=timeout_seconds, context=context)
    else:
        _Announced(announce, server.host, server.port, timeout=timeout_seconds)


def log_in(client: smtplib.SMTP, server: MailServer, context: ssl.SSLContext) -> None:
    """Encrypt if STARTTLS is configured (never go on without), then log in. Raises OSError."""
    if server.security == "starttls":
        client.starttls(context=context)
    if not server.user:
        return
    if (server.user + server.password).isascii():
        client.login(server.user, server.password)
        return
    client.ehlo_or_helo_if_needed()  # smtplib's own login knows ASCII only; RFC 4616 says UTF-8
    secret = base64.b64encode(f"\0{server.user}\0{server.password}".encode()).decode()
    code, answer = client.docmd("AUTH", f"PLAIN {secret}")
    if code != _LOGGED_IN:
        raise smtplib.SMTPAuthenticationError(code, answer)
