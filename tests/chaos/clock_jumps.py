"""The clock jumps while people call: summer time begins and ends, and the network sets it by an hour.

libfaketime tells Asterisk and the supervisor of each office another time than ours, which is moved while they
run. Before the jump a mail waits for a server that is away; after it the server is back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import make_msgid
from pathlib import Path

from appliance.simulator.exchange import NotHappened
from appliance.store import ledger
from appliance.store.database import exclusive
from appliance.telephony.debian_archive import PreparationError
from tests.bench.comparing import Figure
from tests.bench.offices import Product, running
from tests.chaos.chaos import Chaos
from tests.chaos.weeks import Weeks

TITLE = "Clock jumps"
_BEFORE_SECONDS, _AFTER_SECONDS = 12.0, 15.0
_HOUR = 3600.0
_MAIL_SECONDS = 90.0  # the outbox looks once a minute
_SUMMER = datetime(2027, 3, 28, 1, 0, tzinfo=UTC).timestamp()  # Europe/Berlin
_WINTER = datetime(2027, 10, 31, 1, 0, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Jump:
    """What is added to our own clock before and after; `until` is an instant that passes, 0 for none."""

    name: str
    before: float = 0.0
    after: float = 0.0
    until: float = 0.0


_JUMPS = (
    Jump("summer time begins", until=_SUMMER),
    Jump("summer time ends", until=_WINTER),
    Jump("an hour forth", after=_HOUR),
    Jump("an hour back", before=_HOUR),
)


class Clock:
    """Another time for everything that is started meanwhile."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def set(self, offset_seconds: float) -> None:
        """So much later than it is."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{offset_seconds:+f}\n")
        beside.rename(self._file)


@contextmanager
def another_clock(file: Path, offset_seconds: float) -> Iterator[Clock]:
    """Programs that are started meanwhile see this clock. Raises PreparationError without libfaketime."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        raise PreparationError(
            "This needs libfaketime (package libfaketime).", "Das braucht libfaketime (Paket libfaketime)."
        )
    clock = Clock(file)
    clock.set(offset_seconds)
    ours = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    os.environ.update(ours)
    try:
        yield clock
    finally:
        for name in ours:
            del os.environ[name]


def measured(chaos: Chaos) -> list[Figure]:
    """Each jump in an office of its own."""
    figures = []
    for number, jump in enumerate(_JUMPS):
        chaos.progress(f"{TITLE}: {jump.name}", 100 * number // len(_JUMPS))
        faults, seen = _tried(chaos, jump)
        figures.append(Figure(f"{jump.name}: faults", len(faults), "", at_most=0,
                              seen=f"{seen}. {'; '.join(faults[:3])}".strip()))  # fmt: skip
    return figures


def _tried(chaos: Chaos, jump: Jump) -> tuple[list[str], str]:
    """What was wrong, and how much there was."""
    folder = chaos.folder / jump.name.replace(" ", "-")
    folder.mkdir()
    product = Product(folder / "product", chaos.program(), agents=2)
    office = product.office
    with another_clock(folder / "clock", _offset(jump)) as clock, running(product) as telephones:
        telephones.answering = True
        weeks = Weeks(chaos, product, telephones)
        product.everybody()
        clock.set(_offset(jump))
        _a_mail_waits(product)
        weeks.calls_go_on(_BEFORE_SECONDS)
        before_it = ledger.outcomes(office.db).get("talked", 0)
        if not jump.until:
            clock.set(jump.after)
        office.mail_server.start()
        weeks.calls_go_on(_AFTER_SECONDS)
        weeks.quiet()
        faults = weeks.faults + [str(fault) for fault in ledger.check(office.db, alive=frozenset())]
        try:
            office.mail_arrives(timeout_seconds=_MAIL_SECONDS)
            office.wait_for("the mail counts as sent", lambda: not _waiting_mails(product))
        except NotHappened as error:
            faults.append(str(error).splitlines()[0])
        office.mail_server.stop()
        if len(office.mail_server.mails) > 1:
            faults.append(f"{len(office.mail_server.mails)} mails for one")
        talked = ledger.outcomes(office.db).get("talked", 0)
        if talked == before_it:
            faults.append("nobody talked after it")
    log = (product.settings.state / "supervisor.log").read_text(errors="replace")
    if "Traceback" in log:
        faults.append(f"{log.count('Traceback')} errors in the supervisor's log")
    return faults, f"{weeks.calls} calls, {talked} conversations, {talked - before_it} of them after it"


def _offset(jump: Jump) -> float:
    """Of a clock that comes to the jump soon."""
    return jump.until - _BEFORE_SECONDS - time.time() if jump.until else jump.before


def _waiting_mails(product: Product) -> int:
    row = product.office.db.execute("SELECT count(*) FROM outbox WHERE delivered_at = ''").fetchone()
    return int(row[0])


def _a_mail_waits(product: Product) -> None:
    db = product.office.db
    with exclusive(db):
        reminder = db.execute(
            "INSERT INTO night_reminders (mode, since, missed_at, noticed_at) VALUES ('night', ?1, ?1, ?1)",
            ["2026-11-24T07:05:00.000Z"],
        ).lastrowid
        db.execute(
            "INSERT INTO outbox (night_reminder, message_id, recipient, language) VALUES (?, ?, ?, 'de')",
            [reminder, make_msgid(domain="chaos.example"), "technik@musterbuero.example"],
        )
