"""The thread that hands the office's mails to the mail server, for as long as that takes.

A mail counts as delivered when the server has said 250 to its whole text, and not before. When the
connection breaks between the two, nobody can know; the mail goes again with the same Message-ID.
"""

from __future__ import annotations

import contextlib
import logging
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from appliance.hotline.figures import period_of
from appliance.hotline.line_states import Trouble
from appliance.hotline.night import Forgotten, NightSwitch
from appliance.mail.letter import LetterFacts, build_letter, mail_address
from appliance.mail.line_letter import LineLetterFacts, build_line_letter
from appliance.mail.night_letter import NightLetterFacts, build_night_letter
from appliance.mail.report_letter import ReportLetterFacts, build_report_letter
from appliance.mail.server import MailServer, connect, log_in, read_mail_server
from appliance.mail.troubles import (
    NO_MAILBOX,
    NO_SERVER,
    NO_SOUND,
    UndeliverableError,
    is_permanent,
    trouble_of,
)
from appliance.store.database import exclusive, open_store
from appliance.store.figures import read_report
from appliance.store.office import office_facts
from appliance.store.times import from_text, now, to_text

log = logging.getLogger(__name__)

_Facts = LetterFacts | NightLetterFacts | ReportLetterFacts | LineLetterFacts

_LONGEST_PAUSE = 60  # times the first pause: an hour
_IDLE_SECONDS = 60.0  # rows and settings written by other programs are seen within this time
_STOP_SECONDS = 5.0  # a mail that is just being sent may take so long when we stop


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """What still waits: how many mails, since when, what hinders them ("" or for troubles.in_words)."""

    waiting: int
    oldest: datetime | None
    last_error: str
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Due:
    """A row of the outbox to be sent now. `sound` is relative to the spool, '' for a letter without.

    `call` is '' for a mail that is about no call.
    """

    id: int
    call: str
    attempts: int
    sound: str
    facts: _Facts


def pause_after(attempts: int, first_pause_seconds: float = 60.0) -> float:
    """Seconds to wait after the n-th failed attempt: 1 minute, 2, 4 ... 1 hour."""
    return first_pause_seconds * min(1 << min(max(attempts - 1, 0), 16), _LONGEST_PAUSE)


def delivery_state(db: Database) -> DeliveryState:
    """What waits in the outbox, for people to see."""
    waiting, oldest, next_attempt = db.execute(
        "SELECT count(*), coalesce(min(created_at), ''), coalesce(min(next_attempt_at), '')"
        " FROM outbox WHERE delivered_at = ''"
    ).fetchone()
    error = db.execute(
        "SELECT last_error FROM outbox WHERE delivered_at = '' AND last_error != ''"
        " ORDER BY next_attempt_at DESC, id DESC LIMIT 1"
    ).fetchone()
    last_error = error[0] if error else ""
    if waiting and read_mail_server(db) is None:
        last_error = NO_SERVER
    return DeliveryState(
        waiting=waiting,
        oldest=from_text(oldest) if oldest else None,
        last_error=last_error,
        next_attempt_at=from_text(next_attempt) if next_attempt else None,
    )


def _letter(facts: _Facts, mp3: bytes | None) -> EmailMessage:
    match facts:
        case LetterFacts():
            return build_letter(facts, mp3)
        case NightLetterFacts():
            return build_night_letter(facts)
        case ReportLetterFacts():
            return build_report_letter(facts)
        case LineLetterFacts():
            return build_line_letter(facts)


class Outbox:
    """Delivers what is due, in a thread of its own with its own connection to the store.

    `on_change` is called (in that thread) with the call's id when its mail is delivered, if it is about one;
    `on_turn` before every mail and at least once a minute while nothing is to do.
    A mailbox or mail server that was changed is tried at once, whatever pause was left.
    """

    def __init__(
        self,
        store_path: Path,
        spool: Path,
        *,
        first_pause_seconds: float = 60.0,
        timeout_seconds: float = 120.0,
        ssl_context: ssl.SSLContext | None = None,
        on_change: Callable[[str], None] | None = None,
        on_turn: Callable[[], None] = lambda: None,
    ) -> None:
        self._store_path = store_path
        self._spool = spool
        self._first_pause = first_pause_seconds
        self._longest_pause = first_pause_seconds * _LONGEST_PAUSE
        self._timeout = timeout_seconds
        self._context = ssl_context or ssl.create_default_context()
        self._on_change = on_change
        self._on_turn = on_turn
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._client: smtplib.SMTP | None = None
        self._settings: object = None
        # What the server has taken and the store does not know yet (a full disk): never sent again.
        self._taken: dict[int, tuple[str, datetime]] = {}

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def wake(self) -> None:
        """Look at the outbox now: something was put into it."""
        self._woken.set()

    def stop(self) -> None:
        """End the thread and wait for it. A mail that takes long is broken off and goes again later."""
        self._stopping.set()
        self._woken.set()
        if not self._thread.is_alive():
            return
        self._thread.join(_STOP_SECONDS)
        client = self._client
        if self._thread.is_alive() and client is not None and client.sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(client.sock, socket.SHUT_RDWR)  # below TLS, which is busy
            self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            log.warning("outbox: still connecting to the mail server, left behind")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                db = open_store(self._store_path)
                try:
                    self._serve(db)
                finally:
                    db.close()
            except Exception:
                log.exception("outbox: trouble of our own, trying again in %s s", self._first_pause)
                self._stopping.wait(self._first_pause)

    def _serve(self, db: Database) -> None:
        while True:
            self._woken.clear()
            self._on_turn()
            if self._stopping.is_set():
                return
            self._note_taken(db)
            self._deliver_due(db)
            self._woken.wait(self._idle_seconds(db))

    def _idle_seconds(self, db: Database) -> float:
        """Until the next attempt, but never for long."""
        next_attempt = db.execute(
            "SELECT min(next_attempt_at) FROM outbox WHERE delivered_at = ''"
        ).fetchone()[0]
        if next_attempt is None or read_mail_server(db) is None:
            return _IDLE_SECONDS
        return min(max(0.0, (from_text(next_attempt) - now()).total_seconds()), _IDLE_SECONDS)

    def _deliver_due(self, db: Database) -> None:
        server = read_mail_server(db)
        mailboxes = (
            "SELECT name, mailbox FROM departments UNION ALL SELECT '', mailbox || report_mailbox"
            " FROM office ORDER BY 1"
        )
        settings = (server, db.execute(mailboxes).fetchall())
        changed = self._settings is not None and settings != self._settings
        self._settings = settings
        if server is None:
            return  # delivery_state says so
        due = self._due(db, server, everything=changed)
        try:
            self._deliver(db, server, due)
        finally:
            self._hang_up()

    def _due(self, db: Database, server: MailServer, *, everything: bool) -> list[_Due]:
        """What to send now; new mails before those that failed, so that none holds up the others."""
        instant = now()
        longest = timedelta(seconds=self._longest_pause)
        # Further away than any pause: the clock was set back.
        due = "o.next_attempt_at <= :now OR o.next_attempt_at > :latest"
        which = "o.delivered_at = ''" + ("" if everything else f" AND ({due})")
        values = {"now": to_text(instant), "latest": to_text(instant + longest)}
        found = [
            *self._about_callers(db, server, which, values),
            *self._about_the_night_switch(db, server, which, values),
            *self._about_the_week(db, server, which, values),
            *self._about_lines(db, server, which, values),
        ]
        return sorted(found, key=lambda mail: (mail.attempts, mail.id))

    def _about_callers(
        self, db: Database, server: MailServer, which: str, values: dict[str, str]
    ) -> list[_Due]:
        rows = db.query(
            "SELECT o.id, o.message_id, o.attempts, o.language, w.call, w.caller, w.caller_name,"
            " w.recorded_at, w.seconds, w.sound, w.tried, coalesce(c.ticket, '') AS ticket,"
            " w.message NOT NULL AND EXISTS (SELECT 1 FROM steps AS s WHERE s.call = w.call"
            "  AND s.step = 'on-call not reached') AS on_call_missed,"
            " coalesce(d.title, w.department) AS department,"
            " coalesce(nullif(d.mailbox, ''), o.recipient) AS recipient,"
            " coalesce(f.name, 'Freizeichen') AS office, coalesce(f.country, 'DE') AS country,"
            " coalesce(f.time_zone, 'Europe/Berlin') AS time_zone"
            " FROM outbox AS o JOIN"
            " (SELECT id AS message, NULL AS callback, call, department, caller, caller_name, recorded_at,"
            "   seconds, sound, 0 AS tried FROM messages"
            "  UNION ALL SELECT NULL, id, call, department, number, name, created_at, 0, '', attempts"
            "   FROM callbacks) AS w ON w.message = o.message OR w.callback = o.callback"
            " LEFT JOIN calls AS c ON c.call = w.call"
            " LEFT JOIN departments AS d ON d.name = w.department LEFT JOIN office AS f ON f.id = 1"
            f" WHERE {which}",
            values,
        )
        return [
            _Due(
                id=row["id"],
                call=row["call"],
                attempts=row["attempts"],
                sound=row["sound"],
                facts=LetterFacts(
                    message_id=row["message_id"],
                    language=row["language"],
                    sender=server.sender,
                    recipient=row["recipient"],
                    office=row["office"],
                    country=row["country"],
                    time_zone=row["time_zone"],
                    department=row["department"],
                    caller=row["caller"],
                    caller_name=row["caller_name"],
                    recorded_at=from_text(row["recorded_at"]),
                    seconds=row["seconds"],
                    attempts=row["tried"],
                    ticket=row["ticket"],
                    on_call_missed=bool(row["on_call_missed"]),
                ),
            )
            for row in rows
        ]

    def _about_the_night_switch(
        self, db: Database, server: MailServer, which: str, values: dict[str, str]
    ) -> list[_Due]:
        rows = db.query(
            "SELECT o.id, o.message_id, o.attempts, o.language, r.mode, r.since, r.missed_at, r.noticed_at,"
            " coalesce(nullif(f.mailbox, ''), o.recipient) AS recipient,"
            " coalesce(f.name, 'Freizeichen') AS office,"
            " coalesce(f.time_zone, 'Europe/Berlin') AS time_zone"
            " FROM outbox AS o JOIN night_reminders AS r ON r.id = o.night_reminder"
            f" LEFT JOIN office AS f ON f.id = 1 WHERE {which}",
            values,
        )
        return [
            _Due(
                id=row["id"],
                call="",
                attempts=row["attempts"],
                sound="",
                facts=NightLetterFacts(
                    message_id=row["message_id"],
                    language=row["language"],
                    sender=server.sender,
                    recipient=row["recipient"],
                    office=row["office"],
                    time_zone=row["time_zone"],
                    forgotten=Forgotten(
                        NightSwitch(row["mode"], from_text(row["since"]), ""), from_text(row["missed_at"])
                    ),
                    noticed_at=from_text(row["noticed_at"]),
                ),
            )
            for row in rows
        ]

    def _about_lines(
        self, db: Database, server: MailServer, which: str, values: dict[str, str]
    ) -> list[_Due]:
        rows = db.query(
            "SELECT o.id, o.message_id, o.attempts, o.language, a.line, a.trouble, a.since, a.noticed_at,"
            " coalesce(nullif(f.mailbox, ''), o.recipient) AS recipient,"
            " coalesce(f.name, 'Freizeichen') AS office,"
            " coalesce(f.time_zone, 'Europe/Berlin') AS time_zone"
            " FROM outbox AS o JOIN line_alarms AS a ON a.id = o.line_alarm"
            f" LEFT JOIN office AS f ON f.id = 1 WHERE {which}",
            values,
        )
        return [
            _Due(
                id=row["id"],
                call="",
                attempts=row["attempts"],
                sound="",
                facts=LineLetterFacts(
                    message_id=row["message_id"],
                    language=row["language"],
                    sender=server.sender,
                    recipient=row["recipient"],
                    office=row["office"],
                    time_zone=row["time_zone"],
                    line=row["line"],
                    trouble=Trouble(row["trouble"]),
                    since=from_text(row["since"]),
                    noticed_at=from_text(row["noticed_at"]),
                ),
            )
            for row in rows
        ]

    def _about_the_week(
        self, db: Database, server: MailServer, which: str, values: dict[str, str]
    ) -> list[_Due]:
        rows = db.query(
            "SELECT o.id, o.message_id, o.attempts, o.language, r.last_day, r.noticed_at,"
            " coalesce(nullif(f.report_mailbox, ''), o.recipient) AS recipient"
            " FROM outbox AS o JOIN weekly_reports AS r ON r.id = o.weekly_report"
            f" LEFT JOIN office AS f ON f.id = 1 WHERE {which}",
            values,
        )
        facts = office_facts(db)
        titles = dict(db.execute("SELECT name, title FROM departments").fetchall())
        found = []
        for row in list(rows):
            last, zone = date.fromisoformat(row["last_day"]), ZoneInfo(facts.time_zone)
            report, before = (
                read_report(db, period_of("week", day, zone)) for day in (last, last - timedelta(days=7))
            )
            letter = ReportLetterFacts(
                message_id=row["message_id"],
                language=row["language"],
                sender=server.sender,
                recipient=row["recipient"],
                office=facts.name,
                noticed_at=from_text(row["noticed_at"]),
                report=report,
                before=before,
                titles=titles,
            )
            found.append(_Due(row["id"], "", row["attempts"], "", letter))
        return found

    def _deliver(self, db: Database, server: MailServer, due: list[_Due]) -> None:
        """Send over one connection; a new one only where a mail has cost us the last."""
        for number, mail in enumerate(due):
            self._on_turn()
            if self._stopping.is_set():
                return
            if self._client is None:
                try:
                    self._connect(server)
                except Exception as error:  # whatever it is, it concerns all the rest
                    self._note_failed(db, server, due[number:], error)
                    return
            try:
                self._send(mail)
            except Exception as error:  # one bad mail must not hold up the others
                self._note_failed(db, server, [mail], error)
                if self._client is not None and self._client.sock is None:
                    self._client = None
            else:
                self._taken[mail.id] = (mail.call, now())
                self._note_taken(db)

    def _connect(self, server: MailServer) -> None:
        connect(server, self._timeout, self._context, self._announce)
        assert self._client is not None
        log_in(self._client, server, self._context)

    def _announce(self, client: smtplib.SMTP) -> None:
        self._client = client  # stop() breaks it off

    def _send(self, mail: _Due) -> None:
        """Returns when the server has said 250. Raises OSError, ValueError or UndeliverableError."""
        assert self._client is not None
        if not mail.facts.recipient:
            raise UndeliverableError(NO_MAILBOX)
        try:
            mp3 = (self._spool / mail.sound).read_bytes() if mail.sound else None
        except OSError as error:
            raise UndeliverableError(NO_SOUND) from error
        self._client.send_message(
            _letter(mail.facts, mp3),
            from_addr=mail_address(mail.facts.sender),
            to_addrs=[mail_address(mail.facts.recipient)],
        )

    def _hang_up(self) -> None:
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.quit()
            self._client.close()
            self._client = None

    def _note_taken(self, db: Database) -> None:
        """Commit what was delivered. An error leaves it noted here, for the next time."""
        for row, (call, instant) in list(self._taken.items()):
            with exclusive(db):
                db.execute(
                    "UPDATE outbox SET delivered_at = ?, attempts = attempts + 1, last_error = ''"
                    " WHERE id = ? AND delivered_at = ''",
                    [to_text(instant), row],
                )
            del self._taken[row]
            log.info("outbox: mail %d was delivered (call %s)", row, call or "-")
            if call and self._on_change is not None:
                try:
                    self._on_change(call)
                except Exception:
                    log.exception("outbox: telling others about call %s failed", call)

    def _note_failed(self, db: Database, server: MailServer, mails: list[_Due], error: Exception) -> None:
        """Commit what went wrong and when to try again."""
        if self._stopping.is_set():
            return  # we broke it off ourselves
        trouble = trouble_of(error)
        if server.password:
            trouble = trouble.replace(server.password, "...")  # some servers repeat what they were sent
        log.warning("outbox: %d message(s) not delivered: %s", len(mails), trouble)
        instant = now()
        with exclusive(db):
            for mail in mails:
                pause = pause_after(mail.attempts + 1, self._first_pause)
                if is_permanent(trouble):
                    pause = self._longest_pause
                db.execute(
                    "UPDATE outbox SET attempts = attempts + 1, last_error = ?, next_attempt_at = ?"
                    " WHERE id = ?",
                    [trouble, to_text(instant + timedelta(seconds=pause)), mail.id],
                )
