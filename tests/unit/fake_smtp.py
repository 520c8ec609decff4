"""A mail server of our own for tests, with a table of faults: what it does wrong at which command."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

CUT = "cut"
HANG = "hang"


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """What came in up to the final dot: the envelope, the raw bytes, and the letter in them."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    letter: EmailMessage


class _Controller(Controller):
    """Remembers its sessions, so that none is left without an answer when the server stops."""

    def __init__(self, handler: object, **options: Any) -> None:
        self.sessions: list[SMTP] = []
        super().__init__(handler, **options)

    def factory(self) -> SMTP:
        session: SMTP = super().factory()  # type: ignore[no-untyped-call]
        self.sessions.append(session)
        return session

    def abort_sessions(self) -> None:
        for session in self.sessions:
            if isinstance(session.transport, asyncio.WriteTransport):
                session.transport.abort()


class FakeSmtp:
    """Listens on 127.0.0.1:`port` while it is started; can be stopped and started again there.

    `faults` maps EHLO, MAIL, RCPT or DATA (after the final dot) to CUT, HANG or a reply like
    "451 later"; the fault stays until it is taken out. `only_for` limits RCPT and DATA faults to
    one recipient. `seen` is every mail that came to its dot, `taken` those that got their 250.
    """

    def __init__(
        self,
        *,
        implicit_tls: ssl.SSLContext | None = None,
        starttls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.faults: dict[str, str] = {}
        self.only_for = ""
        self.seen: list[ReceivedMail] = []
        self.taken: list[ReceivedMail] = []
        self.connections = 0
        self.commands: list[str] = []
        self._changed = threading.Condition()
        self._implicit_tls = implicit_tls
        self._starttls = starttls
        self._login = login
        self._controller: _Controller | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to listen."""
        options: dict[str, Any] = {"ssl_context": self._implicit_tls}
        if self._starttls is not None:
            options |= {"tls_context": self._starttls, "require_starttls": True}
        if self._login is not None:
            options |= {
                "authenticator": self._authenticate,
                "auth_required": True,
                "auth_require_tls": self._starttls is not None,
            }
        self._controller = _Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()
        self.connections, self.commands = 0, []  # the controller has tried its own door

    def stop(self) -> None:
        """Close the door; a hanging session ends."""
        if self._controller is not None:
            controller, self._controller = self._controller, None
            controller.loop.call_soon_threadsafe(controller.abort_sessions)
            controller.stop()

    def wait_until(self, condition: Callable[[Self], bool], seconds: float = 10.0) -> None:
        """Wait until `condition(self)` holds; an AssertionError when it takes too long."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), seconds), (self.commands, self.seen)

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self._note("EHLO", connection=True)
        session.host_name = hostname
        fault = await self._fault("EHLO", server, "")
        return [fault] if fault else responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._note("MAIL")
        fault = await self._fault("MAIL", server, "")
        if fault:
            return fault
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self._note("RCPT")
        fault = await self._fault("RCPT", server, address)
        if fault:
            return fault
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        mail = ReceivedMail(
            sender=str(envelope.mail_from),
            recipients=tuple(envelope.rcpt_tos),
            content=content,
            letter=email.message_from_bytes(content, policy=email.policy.default),
        )
        with self._changed:
            self.commands.append("DATA")
            self.seen.append(mail)
            self._changed.notify_all()
        fault = await self._fault("DATA", server, mail.recipients[0])
        if fault:
            return fault
        with self._changed:
            self.taken.append(mail)
            self._changed.notify_all()
        return "250 OK"

    async def _fault(self, command: str, server: SMTP, recipient: str) -> str:
        """The wrong reply to give; "" to go on. May not return, or close the connection."""
        fault = self.faults.get(command, "")
        if self.only_for and recipient and recipient != self.only_for:
            return ""
        if fault == HANG:
            while self._controller is not None and self.faults.get(command) == HANG:
                await asyncio.sleep(0.01)
            fault = CUT
        if fault == CUT:
            transport = server.transport
            assert isinstance(transport, asyncio.WriteTransport)
            transport.abort()
            return "421 gone"
        return fault

    def _note(self, command: str, *, connection: bool = False) -> None:
        with self._changed:
            self.commands.append(command)
            self.connections += connection
            self._changed.notify_all()

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object
    ) -> AuthResult:
        self._note("AUTH")
        assert isinstance(given, LoginPassword)
        right = self._login == (given.login.decode(), given.password.decode())
        return AuthResult(success=right, handled=False)


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A self-made certificate for localhost: the server's context, and one of a client that trusts it."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))
