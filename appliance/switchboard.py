"""The switchboard: the one thread that owns who waits, who is free, and what the lamps show.

Call threads ask it, the manager link and the panel tell it; nobody else changes its state.
What survives a restart is in the store; the switchboard holds it only as a picture.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from appliance.hotline.callbacks import Callback
from appliance.hotline.directory import device_states
from appliance.hotline.estimate import History
from appliance.hotline.lamps import Pattern, line_lamp, phone_lamp, picture
from appliance.hotline.line_states import PATIENCE, SIP, LineState, lines_lamp
from appliance.hotline.matching import WaitingCaller, match
from appliance.hotline.presence import Agent, PhoneState, Presence, Press, after_press, phone_state
from appliance.hotline.ringing import Chance, Ring
from appliance.hotline.standing import reserved, standing
from appliance.store import callbacks, night, people, times
from appliance.store.changes import BY_PANEL
from appliance.store.database import data_version, not_durable, open_store
from appliance.store.history import department_history
from appliance.store.lines import line_states
from appliance.store.office import address_phone, devices, is_open, opened

log = logging.getLogger(__name__)
T = TypeVar("T")

_LOOK_SECONDS = 0.02  # how often the store is asked whether somebody else committed
_TURN_SECONDS = 0.1  # how often all is looked at where nothing has happened: time alone ends a wrap-up
_REFUSED_PAUSE = timedelta(seconds=15)  # "not now": somebody else first
_INSIST_SECONDS = 0.3  # a ring that was told to stop and goes on is told again
_CALLBACK_LOOK_SECONDS = 1.0  # what only time brings: a request is due, a department opens
_BEGUN_SECONDS = 15.0  # by then an attempt is on disk
_CALLBACK = "callback:"  # begins the key of a person in line who is to be called back
_HOLD_SECONDS = 1.0  # the music ends before the dialog is told that the agent has hung up
_HISTORY_AGE = timedelta(minutes=1)
_OPENING_LOOK_SECONDS = 1.0  # departments open and close by time alone


@dataclass(slots=True)
class _InLine:
    """A person in line: who it is, how to tell him of an agent, the agent chosen, his channel."""

    caller: WaitingCaller
    tell: Callable[[Agent], None]
    agent: str = ""
    chosen_at: float = 0.0
    talks: bool = False
    channel: str = ""


class Switchboard:
    """Owns the live state. `lines` are the lines to the exchange, which have lamps, each with how Asterisk's
    names of the calls on it begin.

    `wake(channel)` ends a waiting caller's wait, `call_back(callback, agent)` begins an attempt whose
    end is reported by `callback_over`, `stop_ringing(phone)` ends a ring nobody has answered yet,
    `mirror` shows Asterisk the states of its custom devices, `show` is told the committed lamps,
    `tell_address(phone)` rings a phone to say where the office's page is, and `on_turn()` is called at
    every turn. None of them may block.
    A line's trouble that lasts longer than `line_patience` is shown as one that somebody must look at.
    """

    def __init__(
        self,
        store_path: Path,
        *,
        wake: Callable[[str], None],
        call_back: Callable[[Callback, Agent], None],
        stop_ringing: Callable[[str], None],
        mirror: Callable[[dict[str, str]], None],
        show: Callable[[dict[str, Pattern]], None],
        lines: Mapping[str, Sequence[str]] | None = None,
        line_patience: timedelta = PATIENCE,
        clock: Callable[[], datetime] = times.now,
        tell_address: Callable[[str], None] = lambda _: None,
        on_turn: Callable[[], None] = lambda: None,
    ) -> None:
        self._line_patience = line_patience
        self._store_path = store_path
        self._wake = wake
        self._call_back = call_back
        self._stop_ringing = stop_ringing
        self._mirror = mirror
        self._tell_lamps = show
        self._tell_address = tell_address
        self._lines = dict(lines or {})
        self._clock = clock
        self._on_turn = on_turn
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="switchboard")
        self._line: dict[str, _InLine] = {}
        self._refused: dict[str, tuple[str, float]] = {}  # agent: the ring he does not want, when last told
        self._callbacks_looked_at = -math.inf
        self._line_has_room = True
        self._histories: dict[str, tuple[datetime, History]] = {}
        self._agents: dict[str, Agent] = {}
        self._phones: dict[str, PhoneState] = {}
        self._phone_told_at: dict[str, float] = {}
        self._music_until: dict[str, float] = {}  # call -> inf while it plays, time.monotonic
        self._talking: dict[str, tuple[str, str]] = {}  # agent -> call and its department
        self._asterisk_answers = False
        self._phones_known = False
        self._lost_at = -math.inf
        self._seen_version = -1
        self._lamps: dict[str, Pattern] = {}
        self._line_states: list[LineState] = []
        self._desks: dict[str, str] = {}  # every desk phone, and what Asterisk calls it
        self._night = False
        self._undelivered = 0
        self._opened: dict[str, bool] = {}
        self._opening_looked_at = -math.inf
        self._turned_at = -math.inf
        self._device_states: dict[str, str] = {}
        self._open_callbacks = 0

    def start(self) -> None:
        """Read the store and begin; returns when the first picture is complete."""
        self._thread.start()
        self._ask(lambda: None)

    def stop(self) -> None:
        """End the thread. Callers in line are served by the floor from then on."""
        self._inbox.put(None)
        self._thread.join()

    # --- asked by the threads of calls

    @contextmanager
    def place_in_line(self, caller: WaitingCaller, channel: str) -> Iterator[SwitchboardPlace]:
        """Stand in line until the context ends, however it ends."""
        self._ask(lambda: self._join(caller, channel))
        try:
            yield SwitchboardPlace(self, caller.call)
        finally:
            self._ask(lambda: self._leave(caller.call))

    def look(self, call: str) -> Chance:
        """Who will take this caller, as of now."""
        return self._ask(lambda: self._chance(call))

    def report(self, call: str, result: Ring) -> None:
        """How ringing the agent chosen for this caller ended."""
        self._ask(lambda: self._rung(call, result))

    def is_staffed(self, department: str) -> bool:
        """Whether an agent of this department is there, be he in a call."""
        return self._ask(
            lambda: any(a.is_present() and department in a.departments for a in self._agents.values())
        )

    def is_on_hold(self, call: str) -> bool:
        """Whether the caller hears music now, or has until the very moment in which it went silent."""
        return self._ask(lambda: time.monotonic() - self._music_until.get(call, -math.inf) < _HOLD_SECONDS)

    def somebody_waits(self) -> bool:
        """Whether anybody is on the telephone and waits for an agent."""
        return self._ask(lambda: any(not key.startswith(_CALLBACK) for key in self._line))

    # --- told by the callback runner

    def callback_over(self, callback: int, result: Ring) -> None:
        """How ringing the agent for a callback ended; the request is in line again if it is still open."""
        self._tell(lambda: self._callback_over(f"{_CALLBACK}{callback}", result))

    def line_room(self, has_room: bool) -> None:
        """Whether the line to the exchange has a channel to spare for a callback."""
        self._tell(lambda: setattr(self, "_line_has_room", has_room))

    # --- told by the manager link, the bookkeeper and the panel

    def hears_music(self, call: str, on: bool) -> None:
        """The caller of this call hears music from now on, or no more."""
        until = math.inf if on else time.monotonic()
        self._tell(lambda: self._note_music(call, until))

    def talks(self, agent: str, call: str, department: str) -> None:
        """This agent talks in this call, which is for this department, by Asterisk's records."""
        self._tell(lambda: self._talks(agent, call, department))

    def phone_changed(self, phone: str, device_state: str, *, asked_at: float = math.inf) -> None:
        """A phone's device state as Asterisk reports it by itself, or when asked (time.monotonic).

        What was asked for before the last report is older than that and does not count.
        """
        self._tell(lambda: self._phone_changed(phone, device_state, asked_at))

    def asterisk_answers(self) -> None:
        """Asterisk is there."""
        self._tell(lambda: setattr(self, "_asterisk_answers", True))

    def asterisk_lost(self) -> None:
        """Asterisk is gone: what the phones do is unknown, and unknown cannot be rung."""
        self._tell(self._forget_asterisk)

    def phones_known(self, *, asked_at: float) -> None:
        """Asterisk, asked then (time.monotonic), has told of every phone; until it has, who is available
        counts as there.
        """
        self._tell(lambda: setattr(self, "_phones_known", asked_at > self._lost_at))

    def device_state_seen(self, device: str, state: str) -> None:
        """What Asterisk, asked, says of a custom device; shown again if that is not what it was shown."""
        self._tell(lambda: self._device_states.update({device: state}))

    def mirror_again(self) -> None:
        """Asterisk is there again and may have forgotten what it was shown."""
        self._tell(self._device_states.clear)

    def look_now(self) -> None:
        """Something was committed to the store that should not wait for the next look."""
        self._tell(_nothing)

    def agents(self) -> list[Agent]:
        """The agents as they are now."""
        return self._ask(lambda: list(self._agents.values()))

    # --- the one thread

    def _tell(self, change: Callable[[], None]) -> None:
        self._inbox.put(change)

    def _ask(self, question: Callable[[], T]) -> T:
        answer: Future[T] = Future()

        def work() -> None:
            try:
                answer.set_result(question())
            except BaseException as error:
                answer.set_exception(error)

        self._inbox.put(work)
        return answer.result(timeout=30)

    def _run(self) -> None:
        self._db = open_store(self._store_path)
        running = True
        while running:
            self._on_turn()
            try:
                running = self._turn()
            except Exception:
                log.exception("the switchboard goes on after an error")
        self._db.close()

    def _turn(self) -> bool:
        """One turn: take what is in the inbox, look at the store, decide, show."""
        try:
            work = self._inbox.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if not self._is_due():
                return True
            work = _nothing
        if work is None:
            return False
        self._turned_at = time.monotonic()
        try:
            self._follow_store()
        finally:
            work()  # also when the store cannot be read: somebody waits for the answer, or has left
        self._follow_callbacks()
        self._follow_opening()
        self._follow_phones()
        self._insist_on_refusals()
        self._decide()
        self._show()
        return True

    def _is_due(self) -> bool:
        """Whether to look although nobody asked anything: somebody has committed, or it is time again."""
        is_time = time.monotonic() - self._turned_at >= _TURN_SECONDS
        return is_time or data_version(self._db) != self._seen_version

    def _follow_store(self) -> None:
        version = data_version(self._db)
        if self._seen_version != version:
            self._read_store()
            if self._take_presses():
                self._read_store()
            self._callbacks_looked_at = self._opening_looked_at = -math.inf
            self._seen_version = version

    def _read_store(self) -> None:
        """Take over what was committed, by us or by others, and keep what only lives here."""
        fresh = {agent.name: agent for agent in people.agents(self._db)}
        for name, agent in fresh.items():
            known = self._agents.get(name)
            if known is not None:
                idle_since = agent.since if agent.since > known.since else known.idle_since
                fresh[name] = replace(
                    agent,
                    idle_since=idle_since,
                    ringing_for=known.ringing_for,
                    phone_state=known.phone_state,
                )
        self._agents = fresh
        self._night = night.night_mode(self._db) == "night"
        self._undelivered = people.undelivered_messages(self._db)
        self._open_callbacks = callbacks.count_open(self._db)
        self._line_states = line_states(self._db)
        self._desks = devices(self._db)
        self._follow_phones()

    def _phone_changed(self, phone: str, device_state: str, asked_at: float) -> None:
        if asked_at == math.inf:
            self._phone_told_at[phone] = time.monotonic()
        elif asked_at <= self._phone_told_at.get(phone, -math.inf):
            return
        self._phones[phone] = phone_state(device_state)

    def _forget_asterisk(self) -> None:
        self._asterisk_answers = self._phones_known = False
        self._lost_at = time.monotonic()
        self._phones.clear()

    def _follow_phones(self) -> None:
        over = []
        for name, agent in self._agents.items():
            state = self._phones.get(agent.phone, PhoneState.UNREACHABLE)
            if state is not agent.phone_state:
                self._agents[name] = replace(agent, phone_state=state)
                if agent.phone_state is PhoneState.IN_CALL and state is PhoneState.IDLE:
                    over.append(name)
        for name in over:
            self._hung_up(name)

    def _note_music(self, call: str, until: float) -> None:
        if call not in self._music_until and (until < math.inf or not self._has_somebody(call)):
            return  # while a phone rings for him; nobody has put him on hold
        self._music_until = {
            known: before
            for known, before in self._music_until.items()
            if time.monotonic() - before < _HOLD_SECONDS
        } | {call: until}

    def _has_somebody(self, call: str) -> bool:
        """Whether this caller has an agent to talk to, who could put him on hold."""
        place = self._line.get(call)
        return bool(place and self._is_talking(place)) or any(
            call == talks_in for talks_in, _ in self._talking.values()
        )

    def _hung_up(self, agent: str) -> None:
        """An agent's phone is in no call any more, though the call may go on with a colleague."""
        call, department = self._talking.pop(agent, ("", ""))
        known = self._agents.get(agent)
        if call and known and known.ringing_for == call:
            self._rung(call, Ring.TALKED)
        elif call:
            self._wrap_up(agent, department)
            self._read_store()

    def _talks(self, agent: str, call: str, department: str) -> None:
        if agent in self._agents:
            self._talking[agent] = (call, department)

    def _take_presses(self) -> bool:
        presses = people.take_presses(self._db)
        for button, press in presses:
            kind, _, name = button.partition(":")
            if button == people.ADDRESS_BUTTON:
                self._tell_address(address_phone(self._db))
            elif kind == "night":
                night.set_night_mode(self._db, name, BY_PANEL, self._clock())
            elif agent := self._agents.get(name):
                presence = after_press(agent.presence, press)
                if presence is not agent.presence:
                    people.set_presence(self._db, name, presence, "button", self._clock())
                    self._agents[name] = replace(agent, presence=presence)
                if agent.ringing_for and (press is Press.NOT_NOW or presence is not Presence.AVAILABLE):
                    self._refused[name] = (agent.ringing_for, -math.inf)
        return bool(presses)

    def _insist_on_refusals(self) -> None:
        """Stop rings that were pressed away, until they have stopped or somebody has picked up."""
        for name, (ring, told_at) in list(self._refused.items()):
            agent = self._agents.get(name)
            if agent is None or agent.ringing_for != ring or agent.phone_state is PhoneState.IN_CALL:
                del self._refused[name]
            elif time.monotonic() - told_at >= _INSIST_SECONDS:
                self._refused[name] = (ring, time.monotonic())
                self._stop_ringing(agent.phone)

    def _follow_callbacks(self) -> None:
        """Who is to be called back stands in the same line, by the same rules, from when it is due."""
        if time.monotonic() - self._callbacks_looked_at < _CALLBACK_LOOK_SECONDS:
            return
        self._callbacks_looked_at = time.monotonic()
        due = {}
        if self._line_has_room:
            now = self._clock()
            due = {f"{_CALLBACK}{c.id}": c for c in callbacks.waiting(self._db) if c.is_due(now)}
        for key, place in list(self._line.items()):
            if not key.startswith(_CALLBACK) or key in due:
                continue
            if not place.agent:
                del self._line[key]
            elif time.monotonic() - place.chosen_at > _BEGUN_SECONDS and not self._is_calling(key):
                log.warning("%s is over, and nobody told", key)
                self._callback_over(key, Ring.CALLER_GONE)
        for key, callback in due.items():
            if key not in self._line or not self._line[key].agent:
                self._line[key] = _InLine(callback.in_line(key), partial(self._call_back, callback))

    def _follow_opening(self) -> None:
        if time.monotonic() - self._opening_looked_at >= _OPENING_LOOK_SECONDS:
            self._opening_looked_at = time.monotonic()
            self._opened = opened(self._db)

    def _is_calling(self, key: str) -> bool:
        return int(key.removeprefix(_CALLBACK)) in callbacks.calling(self._db)

    def _callback_over(self, key: str, result: Ring) -> None:
        self._rung(key, result)
        self._line.pop(key, None)
        self._callbacks_looked_at = -math.inf

    def _join(self, caller: WaitingCaller, channel: str) -> None:
        self._line[caller.call] = _InLine(caller, lambda _agent: self._wake(channel), channel=channel)
        self._decide(asking=caller.call)

    def _chance(self, call: str) -> Chance:
        place = self._line[call]
        place.talks = False
        if place.agent not in self._agents:  # nobody, or somebody who was removed meanwhile
            place.agent = ""
            self._decide(asking=call)
        caller, now = place.caller, self._clock()
        if place.agent:
            return reserved(caller, self._agents[place.agent])
        return standing(
            caller,
            self._unserved(),
            list(self._agents.values()),
            now,
            history=self._history(caller.department),
            is_open=is_open(self._db, caller.department),
            phones_known=self._phones_known,
        )

    def _history(self, department: str) -> History:
        """What the estimate knows of a department; calls that ended within the last minute may be missing."""
        now = self._clock()
        read_at, history = self._histories.get(department, (None, None))
        if read_at is None or history is None or now - read_at > _HISTORY_AGE:
            history = department_history(self._db, department, now)
            self._histories[department] = (now, history)
        return history

    def _unserved(self) -> list[WaitingCaller]:
        waiting = (place for place in self._line.values() if not (place.agent or place.talks))
        return [place.caller for place in waiting]

    def _decide(self, asking: str = "") -> None:
        """Choose agents for people in line and tell these, except the one who is just asking."""
        for caller, agent in match(self._unserved(), list(self._agents.values()), self._clock()):
            place = self._line[caller.call]
            place.agent, place.chosen_at = agent.name, time.monotonic()
            self._agents[agent.name] = replace(agent, ringing_for=caller.call)
            if caller.call != asking:
                place.tell(agent)

    def _release(self, call: str) -> Agent | None:
        """Free the agent chosen for this call, if he still is."""
        place = self._line.get(call)
        if place is None:
            return None
        chosen, place.agent = place.agent, ""
        agent = self._agents.get(chosen)
        if agent is None:  # none was chosen, or he was removed meanwhile
            return None
        agent = replace(agent, ringing_for="", idle_since=self._clock())
        self._agents[agent.name] = agent
        return agent

    def _rung(self, call: str, result: Ring) -> None:
        place, agent = self._line.get(call), self._release(call)
        if place is None:
            return
        # To this agent, even one who was removed meanwhile, or to a colleague who has taken him over.
        place.talks = place.talks or result is Ring.TALKED
        if agent is None:
            return
        now = self._clock()
        pressed_away = self._refused.pop(agent.name, ("", 0.0))[0] == call
        if pressed_away and result in (Ring.NO_ANSWER, Ring.UNREACHABLE):
            result = Ring.REFUSED  # Originate does not say why a phone stopped to ring
        if result is Ring.TALKED:
            self._wrap_up(agent.name, place.caller.department)
        elif result is Ring.REFUSED:
            people.set_wrap_up(self._db, agent.name, now + _REFUSED_PAUSE)
        elif result is not Ring.CALLER_GONE:
            people.set_presence(self._db, agent.name, Presence.AWAY, str(result), now)
        self._read_store()

    def _wrap_up(self, agent: str, department: str) -> None:
        pause = timedelta(seconds=people.wrap_up_seconds(self._db, department))
        with not_durable(self._db):
            people.set_wrap_up(self._db, agent, self._clock() + pause)

    def _leave(self, call: str) -> None:
        self._release(call)
        self._line.pop(call, None)

    def _line_lamps(self) -> dict[str, Pattern]:
        """The lamps of the lines; of one over the network Asterisk tells at once, as it does of a phone."""
        cards = {state.line: state.phone_state for state in self._line_states if state.kind != SIP}
        lamps = {}
        for line, beginnings in self._lines.items():
            state = cards.get(line) or self._phones.get(f"PJSIP/{line}", PhoneState.UNREACHABLE)
            on_it = {
                call: place
                for call, place in self._line.items()
                if place.channel.startswith(tuple(beginnings))
            }
            lamps[line] = line_lamp(
                state,
                caller_waits=not all(self._is_talking(place) for place in on_it.values()),
                on_hold=any(self._music_until.get(call) == math.inf for call in on_it),
            )
        return lamps

    def _is_talking(self, place: _InLine) -> bool:
        agent = self._agents.get(place.agent)
        return agent is not None and agent.phone_state is PhoneState.IN_CALL

    def _show(self) -> None:
        """Lamps and presence follow what is committed, never before it."""
        lamps = picture(
            self._agents.values(),
            asterisk_answers=self._asterisk_answers,
            waited_for={caller.department for caller in self._unserved()},
            night=self._night,
            undelivered_messages=self._undelivered,
            open_callbacks=self._open_callbacks,
            lines=self._line_lamps(),
            now=self._clock(),
        )
        lamps["lines"] = lines_lamp(self._line_states, self._clock(), self._line_patience)
        if self._asterisk_answers:  # else nobody knows
            lamps |= {
                f"phone:{name}": phone_lamp(self._phones.get(device, PhoneState.UNREACHABLE))
                for name, device in self._desks.items()
            }
        if lamps != self._lamps:
            with not_durable(self._db):
                people.show_lamps(self._db, lamps, self._clock())
            self._lamps = lamps
        states = device_states(
            {agent.name: agent.is_present() for agent in self._agents.values()},
            night=self._night,
            is_open=self._opened,
            waiting=self._departments_waited_for(),
        )
        news = {device: state for device, state in states.items() if self._device_states.get(device) != state}
        if news:
            self._mirror(news)
            self._device_states.update(news)
        self._tell_lamps(self._lamps)

    def _departments_waited_for(self) -> set[str]:
        """The departments in which somebody waits on the telephone for whom there is no agent yet."""
        return {caller.department for caller in self._unserved() if not caller.call.startswith(_CALLBACK)}


def _nothing() -> None:
    """Nobody asked anything; time alone may have ended a wrap-up."""


class SwitchboardPlace:
    """One caller's place in line, as the dialog uses it."""

    def __init__(self, switchboard: Switchboard, call: str) -> None:
        self._switchboard = switchboard
        self._call = call

    def look(self) -> Chance:
        """Who will take this caller, as of now."""
        return self._switchboard.look(self._call)

    def report(self, result: Ring) -> None:
        """Tell how ringing the agent of the last chance ended."""
        self._switchboard.report(self._call, result)
