"""Grants what the page wished for and only the supervisor may do, in a thread of its own."""

from __future__ import annotations

import logging
import secrets
import sqlite3
import ssl
import threading
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

from sqlite_utils import Database

from appliance.backup import BackupError, restore
from appliance.forgetting import RESTORE_FOLDER, factory_reset, forget_number
from appliance.mail.letter import mail_address, new_letter
from appliance.mail.server import connect, log_in, read_mail_server
from appliance.mail.troubles import NO_SERVER, in_words, trouble_of
from appliance.settings import Settings
from appliance.store import times, wishes
from appliance.store.database import open_store
from appliance.store.forgetting import CannotForget, leave_no_trace
from appliance.store.office import office_facts
from appliance.store.wishes import Wish

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.3
_AGAIN_SECONDS: Final = 10.0
_MAIL_SECONDS: Final = 20.0  # for each answer of the mail server: somebody watches
_TEST_WORDS: Final = {
    "de": (
        "Test der Telefonanlage",
        "Diese Mail wurde auf der Seite der Telefonanlage bestellt. Nachrichten von Anrufern kommen so an.",
    ),
    "en": (
        "Test of the telephone system",
        "Somebody ordered this mail on the telephone system's page. Callers' messages arrive like this.",
    ),
}
Answer = tuple[str, dict[str, Any]]


class Granting:
    """Takes the wishes one after the other. `restart` begins the restart of supervisor or asterisk."""

    def __init__(
        self,
        settings: Settings,
        restart: Mapping[str, Callable[[], None]],
        *,
        on_change: Callable[[], None] = lambda: None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._restart = restart
        self._on_change = on_change
        self._context = ssl_context
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wishes", daemon=True)

    def start(self) -> None:
        """Begin to grant."""
        self._thread.start()

    def stop(self) -> None:
        """End after the wish that is being granted; one that takes long is left for the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _run(self) -> None:
        db = open_store(self._settings.store)
        pause = _LOOK_SECONDS
        while not self._stopping.wait(pause):
            pause = _LOOK_SECONDS
            try:
                wish = wishes.waiting(db)
                if wish is not None:
                    grant(db, self._settings, wish, self._restart, self._context)
                    self._on_change()
            except (OSError, sqlite3.Error):  # a full disk, a locked store: calls go on, the wish waits
                log.exception("a wish could not be answered; it is taken up again")
                pause = _AGAIN_SECONDS
        db.close()


def grant(
    db: Database,
    settings: Settings,
    wish: Wish,
    restart: Mapping[str, Callable[[], None]],
    context: ssl.SSLContext | None = None,
) -> None:
    """Do what is wished for and commit the answer; whatever goes wrong is the answer."""
    try:
        word, values = _done(db, settings, wish, context)
    except BackupError as error:
        word, values = "refused", {"de": error.german, "en": error.english}
    except CannotForget as error:
        word, values = error.reason, {}
    except Exception as error:  # unanswered it would be tried, and fail, at every start
        log.exception("wish %d (%s) failed", wish.id, wish.kind)
        word, values = "failed", {"detail": str(error)}
    wishes.answer(db, wish.id, word, **values)
    if wish.kind == "restart" and wish.values.get("part") in restart:
        restart[wish.values["part"]]()  # behind the answer: it may end us
    if wish.kind == "factory reset" and word == "done" and "supervisor" in restart:
        restart["supervisor"]()


def _done(db: Database, settings: Settings, wish: Wish, context: ssl.SSLContext | None) -> Answer:
    match wish.kind:
        case "test mail":
            return _send_test_mail(db, str(wish.values.get("recipient", "")), context)
        case "restore":
            file = _uploaded(settings, str(wish.values.get("file", "")))
            if file is None:
                return "failed", {"detail": "the file is gone"}
            done = restore(settings, file, wish.by)
            file.unlink(missing_ok=True)
            added = done.added
            return "done", {
                **{"calls": added.calls, "messages": added.messages, "callbacks": added.callbacks},
                "lines": done.lines,
            }
        case "forget number":
            if "number" not in wish.values:  # a power cut came when it was nearly done
                leave_no_trace(db)
                return "done", {"calls": 0, "messages": 0, "callbacks": 0}
            found = forget_number(db, settings, str(wish.values["number"]))
            return "done", {
                **{"calls": len(found.calls), "messages": found.messages, "callbacks": found.callbacks}
            }
        case "factory reset":
            factory_reset(db, settings)
    return "done", {}


def _uploaded(settings: Settings, name: str) -> Path | None:
    """The uploaded file of this name, in the one folder where the page puts them."""
    folder = (settings.state / RESTORE_FOLDER).resolve()
    file = folder / name
    return file if name and file.resolve().parent == folder and file.is_file() else None


def _send_test_mail(db: Database, recipient: str, context: ssl.SSLContext | None) -> Answer:
    server, facts = read_mail_server(db), office_facts(db)
    if server is None:
        return _trouble(NO_SERVER)
    client: Any = None

    def announce(connecting: Any) -> None:
        nonlocal client
        client = connecting

    context = context or ssl.create_default_context()
    try:
        connect(server, _MAIL_SECONDS, context, announce)
        log_in(client, server, context)
        client.send_message(
            _test_letter(server.sender, recipient, facts.name, facts.language),
            from_addr=mail_address(server.sender),
            to_addrs=[mail_address(recipient)],
        )
    except Exception as error:  # whatever it is, somebody waits for the answer
        trouble = trouble_of(error)
        return _trouble(trouble.replace(server.password, "...") if server.password else trouble)
    finally:
        if client is not None:
            client.close()
    return "done", {"recipient": recipient}


def _trouble(trouble: str) -> Answer:
    return "trouble", {
        "trouble": trouble,
        **{language: in_words(trouble, language) for language in ("de", "en")},
    }


def _test_letter(sender: str, recipient: str, office: str, language: str) -> EmailMessage:
    class Facts:
        message_id = f"<test.{secrets.token_hex(8)}@freizeichen.local>"

    facts: Any = Facts()
    facts.sender, facts.recipient, facts.office = sender, recipient, office
    subject, text = _TEST_WORDS[language]
    letter = new_letter(facts, subject, times.now())
    letter.set_content(text + "\n", cte="quoted-printable")
    return letter
