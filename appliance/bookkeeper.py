"""The bookkeeper: one thread that writes the story of every call and gives each its outcome.

It hears from two sides: the dialogs, and Asterisk's own records, which also tell what happened
while the supervisor was away. Only the end of a call in the records closes it.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from appliance.hotline.numbers import clean_caller_name, to_e164
from appliance.mail.spool import call_of
from appliance.store import callbacks, ledger, times
from appliance.store.database import exclusive, open_store
from appliance.store.office import office_facts
from appliance.telephony.call_records import CallRecord, CallRecords, transfer_target

log = logging.getLogger(__name__)

CURSOR = "call records"
_LOOK_SECONDS = 0.1
_TOGETHER_SECONDS = 0.03  # what is noted within this time is written in one commit

# Refused for what it is, today and tomorrow: tried again, it would hold up every later outcome.
_NEVER_WRITTEN = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)


@dataclass(frozen=True, slots=True)
class _Note:
    """A step of a call, as a dialog tells it."""

    call: str
    step: str
    detail: str
    at: datetime


class _Notes(list[_Note]):
    """Steps that were told one after the other: work that writes them in one commit."""

    def __call__(self, db: Database) -> None:
        with exclusive(db):
            for note in self:
                try:
                    ledger.add_step(db, note.call, note.step, note.detail, note.at)
                except Exception as error:
                    if _may_be_written_later(error):
                        raise
                    log.exception("the bookkeeper leaves out what it cannot write")


_Work = Callable[[Database], None]


class Bookkeeper:
    """Writes steps and outcomes.

    `take_message(name)` keeps what was recorded in an ended call (the name is the call's, or begins with
    it) and says whether there is a message; it is asked before the outcome is decided. `on_settled()` is
    called when attempts to call back were settled, which may have put a mail into the outbox.
    `on_talks(agent, call, department)` is called when an agent has begun to talk in a call, `on_turn()`
    before every piece of work.
    """

    def __init__(
        self,
        store_path: Path,
        records: Path,
        *,
        take_message: Callable[[str], bool],
        on_settled: Callable[[], None] = lambda: None,
        on_talks: Callable[[str, str, str], None] = lambda _agent, _call, _department: None,
        on_turn: Callable[[], None] = lambda: None,
    ) -> None:
        self._store_path = store_path
        self._records = CallRecords(records)
        self._take_message = take_message
        self._on_settled = on_settled
        self._on_talks = on_talks
        self._on_turn = on_turn
        self._kept: dict[str, bool] = {}
        self._inbox: queue.SimpleQueue[_Note | _Work | None] = queue.SimpleQueue()
        self._work: deque[_Work] = deque()
        self._hurry = threading.Event()
        self._ends = False
        self._thread = threading.Thread(target=self._run, name="bookkeeper")

    def start(self) -> None:
        """Catch up with what Asterisk wrote while we were away, then follow."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is still to be written, then end."""
        self._inbox.put(None)
        self._thread.join()

    def note(self, call: str, step: str, detail: str = "") -> None:
        """Add a step to a call's story; returns at once."""
        self._inbox.put(_Note(call, step, detail, times.now()))

    def reconcile(self, alive: frozenset[str], asked_at: datetime, attempts: Collection[str]) -> None:
        """Close what Asterisk no longer knows: it was restarted, or the power was cut.

        `alive` are its calls as asked at `asked_at`; of `attempts` to call back, which had begun before
        that, those that are not among them are over. Younger calls are not judged.
        """

        def close_dead(db: Database) -> None:
            self._read_records(db)
            for call in ledger.open_calls(db, started_before=asked_at):
                if call not in alive:
                    kept = self._take_message(call)
                    with exclusive(db):
                        ledger.add_step(db, call, "cut off", "", times.now())
                        _close(db, call, times.now(), message_kept=kept)
            for attempt in attempts:
                if attempt not in alive:
                    callbacks.settle_attempt(db, attempt, times.now())
            self._on_settled()

        self._inbox.put(close_dead)

    def settle_attempt(self, attempt: str) -> None:
        """An attempt to call back is over before Asterisk had a channel for it to record."""

        def settle(db: Database) -> None:
            callbacks.settle_attempt(db, attempt, times.now())
            self._on_settled()

        self._inbox.put(settle)

    def take_left_over(self, find_recorded: Callable[[], list[str]]) -> None:
        """Keep what was recorded in ended calls and could not be kept when they ended.

        `find_recorded` gives the names of the recordings. Asked after the records were read:
        only then it is known whose recording it is, and whether the call goes on.
        """

        def take(db: Database) -> None:
            self._read_records(db)
            going_on = set(ledger.open_calls(db))
            for name in find_recorded():
                if call_of(name) not in going_on:
                    self._take_message(name)

        self._inbox.put(take)

    def catch_up(self, timeout_seconds: float = 2.0) -> None:
        """Return when everything Asterisk has recorded until now is in the books, or the time is up."""
        done = threading.Event()

        def read(db: Database) -> None:
            try:
                self._read_records(db)
            finally:
                done.set()

        self._inbox.put(read)
        self._hurry.set()
        done.wait(timeout_seconds)

    def _run(self) -> None:
        db = open_store(self._store_path, durable=False)
        while not self._ends:
            try:
                self._turn(db)
            except Exception:
                log.exception("the bookkeeper goes on after an error")
                time.sleep(_LOOK_SECONDS)
        db.close()

    def _turn(self, db: Database) -> None:
        self._gather()
        self._on_turn()
        while self._work:
            self._on_turn()
            try:
                self._work[0](db)
            except _NEVER_WRITTEN:
                log.exception("the bookkeeper leaves out what it cannot write")
            except (sqlite3.Error, OSError):
                if not self._ends:  # a full disk, a locked store: nothing is left out, it is tried again
                    raise
                log.exception("the bookkeeper ends with something unwritten")
            except Exception:
                log.exception("the bookkeeper leaves out what it cannot write")
            self._work.popleft()
        self._read_records(db)

    def _gather(self) -> None:
        """Wait a moment for work and take all there is."""
        try:
            work = self._inbox.get(timeout=_LOOK_SECONDS)
            self._hurry.wait(_TOGETHER_SECONDS)
            while True:
                if work is None:
                    self._ends = True
                elif not isinstance(work, _Note):
                    self._work.append(work)
                elif self._work and isinstance(self._work[-1], _Notes):
                    self._work[-1].append(work)
                else:
                    self._work.append(_Notes([work]))
                work = self._inbox.get_nowait()
        except queue.Empty:
            pass
        self._hurry.clear()

    def _read_records(self, db: Database) -> None:
        read_to = ledger.cursor(db, CURSOR)
        batch: list[tuple[CallRecord | None, str]] = []
        for record, position in self._records.read(read_to):
            self._on_turn()
            if record is not None and record.event == "LINKEDID_END" and not _is_attempt(record):
                self._write(db, batch)
                batch = []
                # Durable by itself, before the outcome counts on it.
                self._kept[record.call] = self._take_message(record.call)
            batch.append((record, position))
            read_to = position
        self._write(db, batch)
        self._records.rotate(read_to)

    def _write(self, db: Database, batch: list[tuple[CallRecord | None, str]]) -> None:
        if not batch:
            return
        with exclusive(db):
            for record, _ in batch:
                if record is not None:
                    self._enter_or_leave_out(db, record)
            ledger.move_cursor(db, CURSOR, batch[-1][1])
        if any(record and record.event == "LINKEDID_END" and _is_attempt(record) for record, _ in batch):
            self._on_settled()

    def _enter_or_leave_out(self, db: Database, record: CallRecord) -> None:
        """Enter a record as a whole, or nothing of it when it can never be: the next calls wait behind it."""
        db.execute("SAVEPOINT record")
        try:
            self._enter(db, record)
        except Exception as error:
            if _may_be_written_later(error):
                raise
            log.exception("the bookkeeper leaves out %s of call %s", record.event, record.call)
            db.execute("ROLLBACK TO record")
        db.execute("RELEASE record")

    def _enter(self, db: Database, record: CallRecord) -> None:
        if _is_attempt(record):
            self._enter_of_attempt(db, record)
            return
        match record.event:
            case "INCOMING":
                office = office_facts(db)
                dialled, _, department = record.detail.partition(" ")
                ledger.open_call(
                    db,
                    record.call,
                    dialled=dialled,
                    department=department,
                    caller=to_e164(record.caller, office.country, office.area_code) or "",
                    caller_name=clean_caller_name(record.caller_name),
                    started_at=record.at,
                )
                ledger.add_step(db, record.call, "rang in", dialled, record.at)
            case "STEP":
                ledger.add_step(db, record.call, record.detail, "", record.at)
            case "TAKEN":
                ledger.take_on_call(db, record.call, record.detail, record.at)
            case "DEPARTMENT":
                ledger.move_call(db, record.call, record.detail, record.at)
            case "BRIDGE_ENTER":
                for channel in (record.channel, *record.others):
                    self._talks(record.call, *ledger.connect_call(db, record.call, channel, record.at))
            case "TRANSFERRED":
                ledger.add_step(db, record.call, "transferred", record.detail, record.at)
            case "HANDED":
                ledger.move_call(db, record.call, record.detail, record.at, handed_over=True)
            case "ATTENDEDTRANSFER" if target := transfer_target(record):
                ledger.take_over(db, record.call, target, record.at)
                self._talks(record.call, *ledger.connect_call(db, record.call, target, record.at))
            case "ASKED":
                ledger.was_asked(db, record.call, record.detail, record.at)
            case "LINKEDID_END":
                _close(db, record.call, record.at, message_kept=self._kept.pop(record.call, False))

    def _enter_of_attempt(self, db: Database, record: CallRecord) -> None:
        """Of an attempt to call somebody back; what happens until its end belongs to the call that asked."""
        callback = callbacks.of_attempt(db, record.call)
        if record.event == "LINKEDID_END":
            callbacks.settle_attempt(db, record.call, record.at)
        elif record.event == "BRIDGE_ENTER":
            for channel in (record.channel, *record.others):
                self._talks(record.call, *callbacks.connect(db, record.call, channel, record.at))
        elif callback is not None:
            self._enter(db, replace(record, call=callback.call))

    def _talks(self, call: str, agent: str, department: str) -> None:
        if agent:
            self._on_talks(agent, call, department)


def _may_be_written_later(error: Exception) -> bool:
    """Whether the same may succeed when it is tried again: the disk was full, the store locked."""
    return isinstance(error, (sqlite3.Error, OSError)) and not isinstance(error, _NEVER_WRITTEN)


def _is_attempt(record: CallRecord) -> bool:
    """Whether this is about an attempt to call somebody back."""
    return record.call.startswith(callbacks.ATTEMPT)


def _close(db: Database, call: str, at: datetime, *, message_kept: bool) -> None:
    ledger.close_call(db, call, at, message_kept=message_kept)
    callbacks.close_after_call(db, call, at)
