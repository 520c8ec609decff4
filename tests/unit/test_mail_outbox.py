"""Mails reach the mailbox exactly once, however long the mail server is away and whatever it does."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from appliance.mail import outbox as outbox_module
from appliance.mail import sound, troubles
from appliance.mail.outbox import DeliveryState, Outbox, delivery_state, pause_after
from appliance.mail.spool import MessageFacts, accept_recording
from appliance.store.database import exclusive, open_store
from appliance.store.times import from_text, now, to_text
from tests.unit.fake_smtp import CUT, HANG, FakeSmtp, ReceivedMail, make_certificate
from tests.unit.seed import NEW_DEPARTMENT, NEW_OFFICE

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

WORDS = array("h", [6000, -5000] * 8000)
FACTS = MessageFacts(
    call="1764000000.1",
    department="sales",
    caller="+49931123456",
    caller_name="Jörg Weiß",
    recorded_at=datetime(2026, 11, 24, 7, 5, tzinfo=UTC),
)
SHORT = 0.02  # first pause of a test that waits for another attempt
LONG = 600.0  # first pause of a test in which no second attempt may come by itself


class Office:
    """A store with departments and a mail server, and outboxes that are stopped in the end."""

    def __init__(self, folder: Path) -> None:
        self.store_path, self.spool = folder / "store.db", folder / "spool"
        (self.spool / "recordings").mkdir(parents=True)
        self.db: Database = open_store(self.store_path)
        self.delivered: list[str] = []
        self._outboxes: list[Outbox] = []
        self.change(f"{NEW_OFFICE} (1, 'Müller & Söhne', 'de', 'DE', '0931', 'Europe/Berlin', 90)")
        for name in ("sales", "service"):
            self.change(
                f"{NEW_DEPARTMENT} (?, 'Verkauf', 'de', ?, 'welcome', 0, 20, 10, 180)",
                name,
                f"{name}@office.example",
            )

    def change(self, sql: str, *values: Any) -> None:
        with exclusive(self.db):
            self.db.execute(sql, values)

    def uses(
        self,
        port: int,
        *,
        security: str = "none",
        user: str = "",
        password: str = "",
        host: str = "127.0.0.1",
    ) -> None:
        """Set the mail server."""
        self.change("DELETE FROM mail_server")
        self.change(
            "INSERT INTO mail_server VALUES (1, ?, ?, ?, ?, ?, 'phone@office.example')",
            *(host, port, security, user, password),
        )

    def leaves_message(self, number: int = 1, department: str = "sales") -> str:
        """A caller's message gets into the outbox; returns its call."""
        call = f"1764000000.{number}"
        recording = self.spool / "recordings" / f"{call}.wav"
        recording.write_bytes(sound.write_wav(WORDS))
        accept_recording(self.db, self.spool, recording, replace(FACTS, call=call, department=department))
        return call

    def delivers(
        self, first_pause: float = LONG, *, timeout: float = 10.0, context: ssl.SSLContext | None = None
    ) -> Outbox:
        """Start an outbox."""
        outbox = Outbox(
            self.store_path,
            self.spool,
            first_pause_seconds=first_pause,
            timeout_seconds=timeout,
            ssl_context=context,
            on_change=self.delivered.append,
        )
        outbox.start()
        self._outboxes.append(outbox)
        return outbox

    def mail(self, call: str) -> dict[str, Any]:
        """The row of the outbox."""
        (row,) = self.db.query(
            "SELECT o.* FROM outbox AS o JOIN messages AS m ON m.id = o.message WHERE m.call = ?", [call]
        )
        return dict(row)

    def waits_until(self, condition: Callable[[], object], seconds: float = 10.0) -> None:
        """Another thread commits: look at the store until it shows."""
        deadline = time.monotonic() + seconds
        tick = threading.Event()
        while not condition():
            assert time.monotonic() < deadline, list(self.db.query("SELECT * FROM outbox"))
            tick.wait(0.005)

    def waits_for_delivery(self, *calls: str) -> None:
        self.waits_until(lambda: all(self.mail(call)["delivered_at"] for call in calls))
        self.waits_until(lambda: len(self.delivered) >= len(calls))

    def close(self) -> None:
        for outbox in self._outboxes:
            outbox.stop()
            assert not outbox._thread.is_alive()
        self.db.close()


@pytest.fixture(name="office")
def open_office(tmp_path: Path, server: FakeSmtp) -> Iterator[Office]:  # noqa: ARG001
    office = Office(tmp_path)  # closed before the server, which it may be talking to
    yield office
    office.close()


@pytest.fixture(name="server")
def start_server() -> Iterator[FakeSmtp]:
    with FakeSmtp() as server:
        yield server


@pytest.fixture(scope="module", name="certificate")
def make_one_certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def recipients(mails: list[ReceivedMail]) -> list[str]:
    return [mail.recipients[0] for mail in mails]


def test_a_message_arrives_with_sound(office: Office, server: FakeSmtp) -> None:
    office.uses(server.port)
    call = office.leaves_message()
    office.delivers()
    office.waits_for_delivery(call)
    (mail,) = server.taken
    assert mail.sender == "phone@office.example"
    assert mail.recipients == ("sales@office.example",)
    assert mail.letter["Subject"] == "Neue Nachricht von 0931 123456 (Jörg Weiß) für Verkauf"
    assert str(mail.letter["From"]) == "Müller & Söhne <phone@office.example>"
    assert mail.letter["Message-ID"] == office.mail(call)["message_id"]
    (attachment,) = mail.letter.iter_attachments()
    assert attachment.get_content() == (office.spool / "messages" / f"{call}.mp3").read_bytes()
    assert attachment.get_content()[:2] == b"\xff\xe3"  # a frame of MPEG 2.5 layer III
    assert office.delivered == [call]
    assert delivery_state(office.db) == DeliveryState(0, None, "", None)


def test_waking_delivers_at_once_what_came_later(office: Office, server: FakeSmtp) -> None:
    office.uses(server.port)
    outbox = office.delivers()
    for number in range(3):
        call = office.leaves_message(number)
        outbox.wake()
        office.waits_until(lambda call=call: office.mail(call)["delivered_at"])  # type: ignore[misc]
    assert len(server.taken) == 3


def test_one_connection_carries_all_that_waits(office: Office, server: FakeSmtp) -> None:
    office.uses(server.port)
    calls = [office.leaves_message(number) for number in range(5)]
    office.delivers()
    office.waits_for_delivery(*calls)
    assert server.connections == 1
    assert len(server.taken) == 5


def test_a_server_that_was_away_gets_it_later_once(office: Office, server: FakeSmtp) -> None:
    server.stop()
    office.uses(server.port)
    calls = [office.leaves_message(1), office.leaves_message(2)]
    office.delivers(SHORT)
    office.waits_until(lambda: all(office.mail(call)["attempts"] >= 3 for call in calls))
    state = delivery_state(office.db)
    assert state.waiting == 2
    assert state.oldest == from_text(office.mail(calls[0])["created_at"])
    assert state.last_error == "unreachable: Connection refused"
    assert (
        troubles.in_words(state.last_error, "de") == "Der Mailserver ist nicht erreichbar: Connection refused"
    )
    server.start()
    office.waits_for_delivery(*calls)
    assert len(server.seen) == len(server.taken) == 2
    assert delivery_state(office.db).waiting == 0


def test_the_pause_after_each_failure_is_longer(office: Office, server: FakeSmtp) -> None:
    assert [pause_after(n) / 60 for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert pause_after(10_000) == 3600
    server.faults["MAIL"] = "451 later"
    office.uses(server.port)
    call = office.leaves_message()
    outbox = office.delivers(60.0)
    for attempt in range(1, 4):
        office.waits_until(lambda n=attempt: office.mail(call)["attempts"] == n)  # type: ignore[misc]
        due = from_text(office.mail(call)["next_attempt_at"])
        assert due - now() == pytest.approx(timedelta(minutes=2 ** (attempt - 1)), abs=timedelta(seconds=9))
        office.change("UPDATE outbox SET next_attempt_at = ?", to_text(now()))
        outbox.wake()


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_not_now_is_tried_again(office: Office, server: FakeSmtp, command: str) -> None:
    server.faults[command] = "451 4.7.1 greylisted"
    office.uses(server.port)
    call = office.leaves_message()
    office.delivers(SHORT)
    office.waits_until(lambda: office.mail(call)["attempts"] >= 2)
    assert office.mail(call)["last_error"] == "not now: 451 4.7.1 greylisted"
    del server.faults[command]
    office.waits_for_delivery(call)
    assert len(server.taken) == 1
    assert office.mail(call)["last_error"] == ""


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_a_refusal_is_kept_shown_and_tried_slowly(office: Office, server: FakeSmtp, command: str) -> None:
    server.faults[command] = "550 5.1.1 no such\tuser"
    office.uses(server.port)
    call = office.leaves_message()
    office.delivers(60.0)
    office.waits_until(lambda: office.mail(call)["attempts"])
    state = delivery_state(office.db)
    assert (state.waiting, state.last_error) == (1, "refused: 550 5.1.1 no such user")
    assert state.next_attempt_at is not None
    assert state.next_attempt_at - now() > timedelta(minutes=59)


def test_a_refusal_does_not_hold_up_the_others(office: Office, server: FakeSmtp) -> None:
    server.faults["RCPT"] = "550 no"
    server.only_for = "sales@office.example"
    office.uses(server.port)
    bad = office.leaves_message(1)
    good = office.leaves_message(2, "service")
    office.delivers()
    office.waits_for_delivery(good)
    assert office.mail(bad)["attempts"] == 1
    assert server.connections == 1


def test_a_mail_that_costs_the_connection_does_not_hold_up_the_others(
    office: Office, server: FakeSmtp
) -> None:
    server.faults["DATA"] = CUT
    server.only_for = "sales@office.example"
    office.uses(server.port)
    bad = office.leaves_message(1)
    good = office.leaves_message(2, "service")
    office.delivers()
    office.waits_for_delivery(good)
    assert office.mail(bad)["last_error"] == "disconnected"
    assert server.connections == 2


def test_a_closing_service_is_tried_again(office: Office, server: FakeSmtp) -> None:
    server.faults["MAIL"] = "421 shutting down"
    office.uses(server.port)
    calls = [office.leaves_message(1), office.leaves_message(2)]
    office.delivers(SHORT)
    office.waits_until(lambda: all(office.mail(call)["attempts"] for call in calls))
    del server.faults["MAIL"]
    office.waits_for_delivery(*calls)
    assert len(server.taken) == 2


def test_a_cut_after_the_dot_brings_the_same_message_again(office: Office, server: FakeSmtp) -> None:
    server.faults["DATA"] = CUT
    office.uses(server.port)
    call = office.leaves_message()
    office.delivers(SHORT)
    server.wait_until(lambda server: len(server.seen) >= 2)
    del server.faults["DATA"]
    office.waits_for_delivery(call)
    assert len(server.taken) == 1
    assert len({str(mail.letter["Message-ID"]) for mail in server.seen}) == 1
    assert len({str(mail.letter["Date"]) for mail in server.seen}) == 1


@pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_a_server_that_hangs_is_left_and_tried_again(office: Office, server: FakeSmtp, command: str) -> None:
    server.faults[command] = HANG
    office.uses(server.port)
    call = office.leaves_message()
    office.delivers(SHORT, timeout=0.1)
    office.waits_until(lambda: office.mail(call)["attempts"])
    assert office.mail(call)["last_error"] == "timeout"
    assert not office.mail(call)["delivered_at"]
    del server.faults[command]
    office.waits_for_delivery(call)
    assert len(server.taken) == 1


def test_stopping_does_not_wait_for_a_server_that_hangs(
    office: Office, server: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "_STOP_SECONDS", 0.2)
    server.faults["DATA"] = HANG
    office.uses(server.port)
    call = office.leaves_message()
    outbox = office.delivers(timeout=60)
    server.wait_until(lambda server: bool(server.seen))
    began = time.monotonic()
    outbox.stop()
    assert time.monotonic() - began < 5
    assert not outbox._thread.is_alive()
    assert (office.mail(call)["attempts"], office.mail(call)["delivered_at"]) == (0, "")
    del server.faults["DATA"]
    office.delivers()
    office.waits_for_delivery(call)


def test_stopping_does_not_wait_for_a_greeting(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "_STOP_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        office.uses(silent.getsockname()[1])
        office.leaves_message()
        outbox = office.delivers(timeout=60)
        caller, _ = silent.accept()
        with caller:
            outbox.stop()
        assert not outbox._thread.is_alive()


def test_without_a_mail_server_it_waits_and_says_so(office: Office, server: FakeSmtp) -> None:
    call = office.leaves_message()
    outbox = office.delivers()
    state = delivery_state(office.db)
    assert (state.waiting, state.last_error) == (1, troubles.NO_SERVER)
    assert troubles.in_words(state.last_error, "en") == "No mail server is configured."
    office.uses(server.port)
    outbox.wake()
    office.waits_for_delivery(call)
    assert office.mail(call)["attempts"] == 1


def test_new_settings_are_tried_at_once(office: Office, server: FakeSmtp) -> None:
    office.uses(1)
    call = office.leaves_message()
    outbox = office.delivers()
    office.waits_until(lambda: office.mail(call)["attempts"] == 1)
    outbox.wake()  # nothing new: the pause holds
    office.uses(server.port)
    outbox.wake()
    office.waits_for_delivery(call)


def test_a_corrected_mailbox_is_tried_at_once(office: Office, server: FakeSmtp) -> None:
    server.faults["RCPT"] = "550 no such user"
    server.only_for = "sales@office.example"
    office.uses(server.port)
    call = office.leaves_message()
    outbox = office.delivers()
    office.waits_until(lambda: office.mail(call)["attempts"] == 1)
    office.change("UPDATE departments SET mailbox = 'right@office.example' WHERE name = 'sales'")
    outbox.wake()
    office.waits_for_delivery(call)
    assert recipients(server.taken) == ["right@office.example"]


def test_the_pause_holds_when_nothing_has_changed(office: Office, server: FakeSmtp) -> None:
    server.faults["RCPT"] = "451 later"
    server.only_for = "sales@office.example"
    office.uses(server.port)
    bad = office.leaves_message(1)
    outbox = office.delivers()
    office.waits_until(lambda: office.mail(bad)["attempts"] == 1)
    good = office.leaves_message(2, "service")
    outbox.wake()
    office.waits_for_delivery(good)
    assert office.mail(bad)["attempts"] == 1


def test_a_clock_set_back_does_not_stop_the_mail(office: Office, server: FakeSmtp) -> None:
    office.uses(server.port)
    call = office.leaves_message()
    office.change("UPDATE outbox SET next_attempt_at = ?", to_text(now() + timedelta(days=400)))
    office.delivers(60.0)
    office.waits_for_delivery(call)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        ("UPDATE departments SET mailbox = ''", troubles.NO_MAILBOX),
        ("UPDATE departments SET mailbox = 'no address'", "letter: not an e-mail address: 'no address'"),
        ("UPDATE messages SET sound = 'messages/gone.mp3' WHERE id = 1", troubles.NO_SOUND),
    ],
)
def test_a_mail_that_cannot_be_written_is_shown_and_the_others_go(
    office: Office, server: FakeSmtp, spoil: str, error: str
) -> None:
    office.uses(server.port)
    bad = office.leaves_message(1)
    office.change("UPDATE outbox SET recipient = ''")
    good = office.leaves_message(2, "service")
    office.change(spoil + (" WHERE name = 'sales'" if "departments" in spoil else ""))
    office.delivers()
    office.waits_for_delivery(good)
    assert office.mail(bad)["last_error"] == error
    assert delivery_state(office.db).last_error == error


def test_a_full_disk_after_delivery_does_not_deliver_again(office: Office, server: FakeSmtp) -> None:
    office.uses(server.port)
    call = office.leaves_message()
    office.change(
        "CREATE TRIGGER full BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
    )
    outbox = office.delivers(SHORT)
    server.wait_until(lambda server: bool(server.taken))
    another = office.leaves_message(2)
    outbox.wake()
    assert office.mail(call)["delivered_at"] == ""
    office.change("DROP TRIGGER full")
    office.waits_for_delivery(call, another)
    assert len(server.taken) == 2
    assert office.delivered == [call, another]


def test_any_exception_is_logged_and_survived(
    office: Office, server: FakeSmtp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[Path] = []

    def fails_twice(path: Path) -> Database:
        calls.append(path)
        if len(calls) < 3:
            raise RuntimeError("the roof is on fire")
        return open_store(path)

    monkeypatch.setattr(outbox_module, "open_store", fails_twice)
    office.uses(server.port)
    call = office.leaves_message()
    with caplog.at_level(logging.ERROR):
        office.delivers(SHORT)
        office.waits_for_delivery(call)
    assert caplog.text.count("the roof is on fire") >= 2


def test_a_listener_that_fails_costs_nothing(office: Office, server: FakeSmtp) -> None:
    office.uses(server.port)
    calls = [office.leaves_message(1), office.leaves_message(2)]

    def fail(call: str) -> None:
        office.delivered.append(call)
        raise RuntimeError(call)

    outbox = Outbox(office.store_path, office.spool, on_change=fail)
    outbox.start()
    office.waits_for_delivery(*calls)
    outbox.stop()
    assert office.delivered == calls


class TestEncryptionAndLogin:
    @pytest.mark.parametrize("security", ["tls", "starttls"])
    def test_encrypted_with_login(
        self, office: Office, certificate: tuple[ssl.SSLContext, ssl.SSLContext], security: str
    ) -> None:
        ours, trusting = certificate
        options = {"implicit_tls": ours} if security == "tls" else {"starttls": ours}
        with FakeSmtp(login=("office", "s3cret pass"), **options) as server:
            office.uses(
                server.port, host="localhost", security=security, user="office", password="s3cret pass"
            )
            call = office.leaves_message()
            office.delivers(context=trusting)
            office.waits_for_delivery(call)
            assert "AUTH" in server.commands

    @pytest.mark.parametrize("security", ["tls", "starttls"])
    def test_a_certificate_nobody_vouches_for_gets_no_mail_and_no_password(
        self, office: Office, certificate: tuple[ssl.SSLContext, ssl.SSLContext], security: str
    ) -> None:
        options = {"implicit_tls": certificate[0]} if security == "tls" else {"starttls": certificate[0]}
        with FakeSmtp(login=("office", "s3cret"), **options) as server:
            office.uses(server.port, host="localhost", security=security, user="office", password="s3cret")
            call = office.leaves_message()
            office.delivers()
            office.waits_until(lambda: office.mail(call)["attempts"])
            assert office.mail(call)["last_error"].startswith("certificate: self")
            assert set(server.commands) <= {"EHLO"}

    def test_a_server_without_starttls_gets_nothing(self, office: Office, server: FakeSmtp) -> None:
        office.uses(server.port, security="starttls", user="office", password="s3cret")
        call = office.leaves_message()
        office.delivers()
        office.waits_until(lambda: office.mail(call)["attempts"])
        assert office.mail(call)["last_error"].startswith("unsupported: STARTTLS")
        assert set(server.commands) == {"EHLO"}

    @pytest.mark.parametrize("password", ["s3cret", "Käsespätzle€"])
    def test_login_without_encryption(self, office: Office, password: str) -> None:
        with FakeSmtp(login=("büro" if not password.isascii() else "office", password)) as server:
            user = "büro" if not password.isascii() else "office"
            office.uses(server.port, user=user, password=password)
            call = office.leaves_message()
            office.delivers()
            office.waits_for_delivery(call)

    @pytest.mark.parametrize("password", ["wr0ng-pass", "fälsch-pass"])
    def test_a_wrong_password_is_shown_but_never_stored(
        self, office: Office, password: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with FakeSmtp(login=("office", "s3cret")) as server, caplog.at_level(logging.INFO, "appliance"):
            office.uses(server.port, user="office", password=password)
            calls = [office.leaves_message(1), office.leaves_message(2)]
            office.delivers()
            office.waits_until(lambda: all(office.mail(call)["attempts"] == 1 for call in calls))
            error = office.mail(calls[0])["last_error"]
            assert error.startswith("login refused: 535")
            assert password not in error + caplog.text
            assert troubles.in_words(error, "de").startswith(
                "Der Mailserver lehnt Benutzer oder Kennwort ab: 535"
            )


def test_a_password_the_server_repeats_is_not_stored(office: Office, server: FakeSmtp) -> None:
    server.faults["MAIL"] = "550 you said pa55word"
    office.uses(server.port, password="pa55word")
    call = office.leaves_message()
    office.delivers()
    office.waits_until(lambda: office.mail(call)["attempts"])
    assert office.mail(call)["last_error"] == "refused: 550 you said ..."


def test_every_trouble_has_words_in_both_languages() -> None:
    for kind, sentences in troubles._SENTENCES.items():
        german, english = (troubles.in_words(f"{kind}: why", language) for language in ("de", "en"))
        assert (german, english) == (f"{sentences[0]}: why", f"{sentences[1]}: why")
        assert german != english
    assert troubles.in_words("something old", "de") == "something old"


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (UnicodeError("label empty or too long"), "unreachable: label empty or too long"),
        (ConnectionResetError(104, "reset"), "disconnected"),
        (OSError(113, "No route to host"), "unreachable: No route to host"),
        (TimeoutError(), "timeout"),
        (UnicodeError(), "unreachable"),
        (ssl.SSLError(1, "wrong version"), "encryption: wrong version"),
        (KeyError("Europe/Nowhere"), "letter: 'Europe/Nowhere'"),
        (ValueError("a\r\nb" + "x" * 900), "letter: a b" + "x" * 197),
    ],
)
def test_troubles_are_short_and_on_one_line(error: Exception, trouble: str) -> None:
    assert troubles.trouble_of(error) == trouble
