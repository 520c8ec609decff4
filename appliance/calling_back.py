"""Calling back: when it is somebody's turn, an agent is rung first, then the customer is dialled."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlite_utils import Database

from appliance.hotline.callbacks import Callback, Result, line_has_room
from appliance.hotline.numbers import clean_caller_name, spoken
from appliance.hotline.presence import Agent
from appliance.hotline.ringing import Ring
from appliance.language import say_in
from appliance.settings import Line, Settings, SipLine
from appliance.store import callbacks, times
from appliance.store.database import open_store
from appliance.store.office import agent_at, callback_rules, department, number_of, office_facts
from appliance.switchboard import Switchboard
from appliance.telephony.callback_call import CustomerFacts, call_back
from appliance.telephony.fastagi import CallerLeg
from appliance.telephony.lines.finding import find_cards
from appliance.telephony.lines.states import channel_states, free_channels
from appliance.telephony.lines.wiring import wire
from appliance.telephony.manager import ActionRefused, ManagerError, ManagerLink

log = logging.getLogger(__name__)

# Why an agent's phone that was called did not come to the dialog, in the words of the manager link.
_REFUSALS = {"no answer": Ring.NO_ANSWER, "busy": Ring.REFUSED, "hung up": Ring.REFUSED}


class CallingBack:
    """Begins the attempts the switchboard asks for, and takes the agents who pick up through them."""

    def __init__(
        self,
        settings: Settings,
        switchboard: Callable[[], Switchboard],
        orders: ManagerLink,
        *,
        on_no_call: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._switchboard = switchboard
        self._orders = orders
        self._on_no_call = on_no_call
        self._without_channel: set[str] = set()

    def begin(self, callback: Callback, agent: Agent) -> None:
        """Begin an attempt with this agent, who is reserved for it; returns at once."""
        threading.Thread(
            target=self._ring_agent, args=(callback, agent), name=f"callback-{callback.id}", daemon=True
        ).start()

    def take_leg(self, leg: CallerLeg) -> None:
        """The agent has picked up: the rest is the dialog's."""
        db = open_store(self._settings.store)
        try:
            call_back(leg, RunningAttempt(self._settings, self._switchboard(), db, leg))
        finally:
            db.close()

    def settle_vanished(self, db: Database) -> None:
        """Settle attempts that have begun and of which Asterisk knows nothing, at two looks in a row.

        So it is when the answer to an order to ring was lost: nobody else would ever tell.
        """
        attempts = set(callbacks.calling_in(db))
        try:
            channels = self._orders.send_list("CoreShowChannels", {}) if attempts else []
        except ManagerError:
            return
        without = attempts - {event.headers.get("Linkedid", "") for event in channels}
        for attempt in without & self._without_channel:
            log.warning("attempt %s to call back has vanished", attempt)
            self._on_no_call(attempt)
        self._without_channel = without

    def look_at_line(self) -> bool:
        """Tell the switchboard whether the line has a channel to spare, and return it."""
        line = self._settings.outward_line
        try:
            has_room = line is not None and line_has_room(
                line.channels, self._busy_channels(line), somebody_waits=self._switchboard().somebody_waits()
            )
        except ManagerError:
            has_room = False  # what nobody knows is not free
        self._switchboard().line_room(has_room)
        return has_room

    def _busy_channels(self, line: Line) -> int:
        """How many channels of the line cannot take a call now."""
        if isinstance(line, SipLine):
            channels = self._orders.send_list("CoreShowChannels", {})
            return sum(line.carries(event.headers.get("Channel", "")) for event in channels)
        wired, _ = wire([line], find_cards())
        free = free_channels(channel_states(self._orders), wired[0].carriers) if wired else 0
        return line.channels - free

    def _ring_agent(self, callback: Callback, agent: Agent) -> None:
        """Ring the agent; what comes after he has picked up is told by the dialog."""
        db = open_store(self._settings.store)
        try:
            ring = self._attempt(db, callback, agent)
        except Exception:
            log.exception("callback %d could not be begun", callback.id)
            ring = Ring.CALLER_GONE
        finally:
            db.close()
        if ring is not None:
            self._switchboard().callback_over(callback.id, ring)

    def _attempt(self, db: Database, callback: Callback, agent: Agent) -> Ring | None:
        """How ringing ended; None when the agent has picked up."""
        if not self.look_at_line():
            return Ring.CALLER_GONE
        asked_by = department(db, callback.department)
        attempt = callbacks.begin_attempt(db, callback.id) if asked_by else None
        if asked_by is None or attempt is None:
            return Ring.CALLER_GONE
        words = say_in(office_facts(db).language, "Rückruf", "Callback")
        about = " ".join(filter(None, [words, asked_by.title, callback.ticket]))
        shown = clean_caller_name(f"{about}: {callback.name}" if callback.name else about)
        try:
            self._orders.originate(
                agent.phone,
                {
                    "ChannelId": attempt,
                    "Context": "callback",
                    "Exten": "s",
                    "Priority": "1",
                    "CallerID": f'"{shown}" <{callback.number}>',
                },
                ring_seconds=float(asked_by.ring_seconds),
            )
        except ActionRefused as error:
            self._on_no_call(attempt)
            return _REFUSALS.get(error.message, Ring.UNREACHABLE)
        except ManagerError as error:
            log.warning("callback %d: nobody knows whether the agent was rung: %s", callback.id, error)
            return Ring.CALLER_GONE
        return None


class RunningAttempt:
    """What `callback_call.Attempt` asks for, for one attempt."""

    def __init__(self, settings: Settings, switchboard: Switchboard, db: Database, leg: CallerLeg) -> None:
        self.prompts = settings.prompts
        self._settings = settings
        self._switchboard = switchboard
        self._db = db
        self._agent = agent_at(db, leg.channel)
        self._attempt = leg.argument(1)
        self._callback = callbacks.of_attempt(db, self._attempt)

    def customer(self) -> CustomerFacts | None:
        """Whom this attempt is for; None when the request is settled already."""
        line = self._settings.outward_line
        if self._callback is None or line is None:
            return None
        rules = callback_rules(self._db)
        shown = number_of(self._db, self._callback.department)
        return CustomerFacts(
            number=self._callback.number,
            call=self._callback.call,
            department=self._callback.department,
            arrived=self._callback.arrived,
            spoken_digits=spoken(self._callback.number, rules.country),
            ticket=self._callback.ticket,
            language=self._callback.language,
            shown_number=line.shown(shown, spoken(shown, rules.country) if shown else ""),
            destination=line.destination(self._callback.number, spoken(self._callback.number, rules.country)),
            confirmation=rules.confirmation or line.analogue,
            ordered=callbacks.was_ordered(self._db, self._callback.call),
            last=callbacks.is_last(self._db, self._callback),
        )

    def may_dial(self) -> bool:
        """Commit that the customer is dialled now; False when that must not be."""
        return callbacks.dial(self._db, self._attempt, self._agent, times.now())

    def result(self, result: Result) -> None:
        """Commit how dialling the customer ended; that he talked is for Asterisk's records to prove.

        Who confirms and hangs up before he is connected has not talked: the attempt failed.
        """
        failed = Result.NOT_CONFIRMED if result is Result.TALKED else result
        callbacks.note_result(self._db, self._attempt, failed)

    def over(self, ring: Ring) -> None:
        """Tell how it ended for the agent: he is in wrap-up, refused, or free again."""
        self._switchboard.callback_over(callbacks.id_of(self._attempt), ring)
