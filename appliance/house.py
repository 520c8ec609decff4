"""The house one call comes into: joins the dialog with switchboard, bookkeeper, spool and store."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from appliance.bookkeeper import Bookkeeper
from appliance.hotline.callback_numbers import Refusal, read_keyed_number
from appliance.hotline.departments import Department
from appliance.hotline.matching import WaitingCaller
from appliance.hotline.numbers import clean_caller_name, spoken, to_e164
from appliance.hotline.on_call import OnCall, line_has_channel
from appliance.hotline.transfers import Colleague, OutsideNumber, Target, left_alone
from appliance.mail.sound import SoundError
from appliance.mail.spool import MessageFacts, accept_recording, call_of
from appliance.settings import Line, Settings
from appliance.store import callbacks, extensions, ledger, own_prompts, times
from appliance.store.database import exclusive, open_store
from appliance.store.office import (
    agent_at,
    callback_refusal,
    callback_rules,
    department,
    number_of,
    office_facts,
)
from appliance.store.on_call import on_call
from appliance.switchboard import Switchboard, SwitchboardPlace
from appliance.telephony.dialog import take_call
from appliance.telephony.fastagi import CallerLeg
from appliance.telephony.lines.outward import calls_pattern, channel_beginnings

log = logging.getLogger(__name__)


class House:
    """Takes every call the FastAGI server hands over."""

    def __init__(
        self,
        settings: Settings,
        switchboard: Switchboard,
        bookkeeper: Bookkeeper,
        *,
        on_message: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.on_message = on_message
        self.switchboard = switchboard
        self.bookkeeper = bookkeeper

    def take_call(self, leg: CallerLeg) -> None:
        """One call, in the thread it has for itself."""
        db = open_store(self.settings.store)
        try:
            take_call(leg, HouseOfOneCall(self, leg, db))
        finally:
            db.close()

    def dial_outside(self, leg: CallerLeg) -> None:
        """A colleague dials somebody outside: tell the dialplan how, or which prompt says why not."""
        db = open_store(self.settings.store)
        try:
            department = leg.get("MASTER_CHANNEL(DEPARTMENT)")
            found = HouseOfOneCall(self, leg, db).outside(leg.argument(1), department)
        finally:
            db.close()
        if isinstance(found, OutsideNumber):
            leg.set("OUTSIDE_SHOWN", found.shown_number)
            leg.set("OUTSIDE_TO", found.destination)
        else:
            leg.set("REFUSED", found)


class HouseOfOneCall:
    """What `dialog.House` asks for, for one call."""

    def __init__(self, house: House, leg: CallerLeg, db: Database) -> None:
        self._house = house
        self._leg = leg
        self._db = db
        self._call = leg.argument(1)
        self._arrived: datetime | None = None
        self.prompts = house.settings.prompts

    def department(self, name: str) -> Department | None:
        """The department of this name, None when there is none."""
        return department(self._db, name)

    def enter_department(self, department: Department, *, handed_over: bool = False) -> None:
        """Commit that the caller is with this department from now on."""
        with exclusive(self._db):
            self._enter_call()
            ledger.move_call(self._db, self._call, department.name, times.now(), handed_over=handed_over)
        self._leg.set("DEPARTMENT", department.name)

    @contextmanager
    def place_in_line(
        self, department: Department, agent: str = "", *, handed_over: bool = False
    ) -> Iterator[SwitchboardPlace]:
        """Stand in line until the context ends; in the old place, for somebody we owe a callback."""
        number = self._caller_number()
        kept = callbacks.place_kept(self._db, number, department.name) if number else None
        if kept and not self._was_called_back():
            self.note("calls again", number)
        self._arrived = kept or _instant(self._leg.get("ARRIVED")) or times.now()
        self._leg.set("ARRIVED", f"{self._arrived.timestamp():.3f}")
        caller = WaitingCaller(
            self._call,
            department.name,
            department.language,
            self._arrived,
            times.now() + timedelta(seconds=department.language_wait_seconds),
            agent,
            handed_over,
        )
        with self._house.switchboard.place_in_line(caller, self._leg.channel) as place:
            yield place

    def on_call(self, department: Department) -> OnCall:
        """Who is rung now while the department is closed, over the first line to the exchange."""
        found = on_call(self._db, department.name)
        line = self._house.settings.outward_line
        beginnings = channel_beginnings([line])[line.name] if line else ()
        if line is None or not beginnings:
            return found
        return replace(
            found,
            phones=tuple(
                replace(phone, destination=self._destination(line, phone.number)) if phone.number else phone
                for phone in found.phones
            ),
            shown_number=self._shown(line, found.shown_number),
            line_calls=calls_pattern(beginnings),
            channels=line.channels,
        )

    def own_words(self, agent: str, language: str) -> str:
        """The prompt with which this agent says himself that he is not free; '' when there is none."""
        return own_prompts.words_of(self._db, agent, language)

    def waited_seconds(self) -> float:
        """How long this person has been waiting for an agent, an earlier call counted; 0 after a talk."""
        if self._leg.get("ASKED_BY") or self._was_called_back():
            return 0.0
        return (times.now() - self._arrived).total_seconds() if self._arrived else 0.0

    def transfer_target(self, dialled: str, department: Department) -> Target | None:
        """Whom an agent means by the number he transfers a caller to; None for one that may not be.

        Outside, that are the numbers which are called back, too: nothing that costs, nothing foreign.
        """
        inside = extensions.at(self._db, dialled)
        if inside or not dialled.startswith(("0", "+")):
            return inside
        found = self.outside(dialled, department.name)
        return found if isinstance(found, OutsideNumber) else None

    def outside(self, dialled: str, department: str) -> OutsideNumber | str:
        """How a number outside is reached for this department, or the prompt that says why it is not."""
        number, refused = self.number_keyed_in(dialled)
        line = self._house.settings.outward_line
        if refused or line is None:
            return refused or "call-failed-internal"
        calls = calls_pattern(channel_beginnings([line])[line.name])
        if not line_has_channel(line.channels, len(self._leg.get(f"CHANNELS({calls})").split())):
            return "internal-no-line"
        shown = self._shown(line, number_of(self._db, department))
        return OutsideNumber(number, self._destination(line, number), shown)

    def transferred_by(self) -> Colleague | None:
        """Who has handed the caller over, or wanted to; None when that is unknown."""
        self._house.bookkeeper.catch_up()
        agent = agent_at(self._db, self._leg.get("ASKED_BY")) or ledger.had_him_before(self._db, self._call)
        return Colleague(agent) if agent else None

    def is_staffed(self, department: Department) -> bool:
        """Whether the department is open and somebody of it is there."""
        return department.is_open and self._house.switchboard.is_staffed(department.name)

    def was_left_alone(self) -> bool:
        """Whether his agents hung up while he was being handed over, or was on hold.

        Only Asterisk's records know that a colleague has taken him over. So the books catch up first, which
        takes half a millisecond (median of 200 on a busy amd64 core) and never more than two seconds.
        """
        now = times.now()
        if self._house.switchboard.is_on_hold(self._leg.get("CHANNEL(linkedid)")):
            return True
        self._house.bookkeeper.catch_up()
        return left_alone(now, put_aside_at=ledger.put_aside_at(self._db, self._call))

    def _was_called_back(self) -> bool:
        """Whether this conversation is an attempt to call back who asked for it in another call."""
        return self._leg.get("CHANNEL(linkedid)") != self._call

    def caller_name(self) -> str:
        """The caller's name as the line has delivered it, '' for none."""
        known = ledger.caller_name(self._db, self._call)
        return clean_caller_name(self._leg.caller_id()[1]) if known is None else known

    def number_of_caller(self) -> tuple[str, str]:
        """The caller's number (E.164) to call back; or '' and the prompt that says why there is none."""
        number = self._caller_number()
        refused = callback_refusal(self._db, number) if number else Refusal.NO_NUMBER
        if refused is Refusal.NO_NUMBER:
            return "", "callback-withheld"
        return ("", f"callback-refused-{refused}") if refused else (number, "")

    def number_keyed_in(self, digits: str) -> tuple[str, str]:
        """The number (E.164) that was keyed in to call back; or '' and the prompt that says why not."""
        rules = callback_rules(self._db)
        read = read_keyed_number(
            digits,
            country=rules.country,
            area_code=rules.area_code,
            own_numbers=rules.own_numbers,
            foreign_allowed=rules.foreign_allowed,
        )
        if read is Refusal.NO_NUMBER:
            return "", "callback-no-number"
        return ("", f"callback-refused-{read}") if isinstance(read, Refusal) else (read, "")

    def _destination(self, line: Line, number: str) -> str:
        return line.destination(number, self.spoken_number(number))

    def _shown(self, line: Line, number: str) -> str:
        return line.shown(number, self.spoken_number(number)) if number else ""

    def spoken_number(self, number: str) -> str:
        """The digits in which a person here would dial this number."""
        return spoken(number, callback_rules(self._db).country)

    def _caller_number(self) -> str:
        facts = office_facts(self._db)
        return to_e164(self._leg.caller_id()[0], facts.country, facts.area_code) or ""

    def promise_callback(self, number: str) -> None:
        """Commit that this person is called back at `number` in his place in line."""
        now = times.now()
        with exclusive(self._db):
            self._enter_call()
            callbacks.request(self._db, self._call, number, arrived=self._arrived or now, now=now)

    def keep_ticket(self, digits: str) -> None:
        """Commit the ticket or customer number the caller keyed in."""
        with exclusive(self._db):
            self._enter_call()
            ledger.set_ticket(self._db, self._call, digits, times.now())

    def _enter_call(self) -> None:
        """The bookkeeper enters every call, but may not have come to it yet."""
        ledger.open_call(
            self._db,
            self._call,
            dialled=self._leg.argument(2),
            department=self._leg.get("DEPARTMENT"),
            caller=self._caller_number(),
            caller_name=clean_caller_name(self._leg.caller_id()[1]),
            started_at=times.now(),
        )

    def note(self, step: str, detail: str = "") -> None:
        """Add a step to the call's story."""
        self._house.bookkeeper.note(self._call, step, detail)

    @property
    def recording(self) -> Path:
        """The file a voice message of this call is recorded to."""
        return self._house.settings.recordings / f"{self._leg.get('RECORDING') or self._call}.wav"

    def keep_message(self) -> float | None:
        """Make the recording durable; its seconds, or None when nothing was said."""
        with exclusive(self._db):
            self._enter_call()
        seconds = keep_message(self._db, self._house.settings, self.recording.stem)
        self._house.on_message()
        return seconds


def _instant(epoch_seconds: str) -> datetime | None:
    """The instant a channel variable holds, None for an empty one."""
    try:
        return datetime.fromtimestamp(float(epoch_seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def keep_message(db: Database, settings: Settings, recorded: str) -> float | None:
    """Make the recording of this name durable; its seconds, or None when there is nothing.

    Asking again is harmless: it becomes one message. Raises OSError, sqlite3.Error or
    SoundError when it cannot be kept; the recording stays where it is then.
    """
    call = call_of(recorded)
    known = db.query("SELECT department, caller, caller_name FROM calls WHERE call = ?", [call])
    row = next(known, {"department": "", "caller": "", "caller_name": ""})
    recording = settings.recordings / f"{recorded}.wav"
    facts = MessageFacts(call=call, recorded_at=_written_at(recording), **row)
    message = accept_recording(db, settings.spool, recording, facts)
    return message.seconds if message else None


def _written_at(recording: Path) -> datetime:
    """When Asterisk wrote the last of a recording; now, for one that is gone already."""
    try:
        return datetime.fromtimestamp(recording.stat().st_mtime, UTC)
    except FileNotFoundError:
        return times.now()


def keep_message_of_ended_call(settings: Settings, recorded: str) -> bool:
    """After a call: keep what was recorded under this name, also when only the floor was there to do it.

    Says whether there is a message, be it one that waits in the spool for a better disk.
    """
    db = open_store(settings.store)
    try:
        return keep_message(db, settings, recorded) is not None
    except (OSError, sqlite3.Error) as error:
        log.warning("the message %s stays in %s for now: %s", recorded, settings.recordings, error)
        return True
    except (SoundError, ValueError) as error:
        recording = settings.recordings / f"{recorded}.wav"
        log.warning("the recording %s is no sound and is put aside: %s", recorded, error)
        with contextlib.suppress(OSError):
            recording.rename(recording.with_suffix(".unreadable"))
        return False
    finally:
        db.close()
