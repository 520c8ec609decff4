"""The caller's ear: what a caller would go through now, told by the dialog itself with nobody on the line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from appliance.hotline.departments import Department
from appliance.hotline.lamps import Pattern
from appliance.hotline.matching import WaitingCaller, match
from appliance.hotline.on_call import OnCall
from appliance.hotline.presence import Agent, PhoneState
from appliance.hotline.ringing import Chance, Ring
from appliance.hotline.standing import reserved, standing
from appliance.hotline.transfers import Colleague, Target
from appliance.settings import Settings
from appliance.store import callbacks, own_prompts, people, times
from appliance.store.history import department_history
from appliance.store.office import department
from appliance.store.on_call import on_call
from appliance.store.waiting import WAITS_NOW
from appliance.telephony.dialog import take_call
from appliance.telephony.fastagi import CallerLeg
from appliance.telephony.lines.outward import calls_pattern, channel_beginnings
from webui.box import Heard

_CALL = "nobody"
_MESSAGE_SECONDS = 5.0

# What a lamp at an agent's button says of the phone; an agent whose lamp says something else is not free.
_PHONES = {
    Pattern.GREEN: PhoneState.IDLE,
    Pattern.AMBER: PhoneState.IDLE,
    Pattern.OFF: PhoneState.IDLE,
    Pattern.BLUE_BLINKING: PhoneState.IDLE,
    Pattern.RED: PhoneState.IN_CALL,
    Pattern.GREEN_BLINKING: PhoneState.RINGING,
}


class _EndOfStory(Exception):
    """From here on nothing happens that is not a matter of time."""


def caller_hears(db: Database, settings: Settings, name: str) -> list[Heard]:
    """Run the dialog for somebody who calls this department at this moment and presses nothing.

    Nothing rings, and nothing is written: whatever it does is noted instead.
    """
    leg = _Leg(name)
    try:
        take_call(leg, _House(db, settings, leg))
    except _EndOfStory:
        return leg.heard
    return [*leg.heard, Heard("ends")]


class _Leg(CallerLeg):
    """A line on which nobody is: what is said is noted, no key is ever pressed, whoever is rung answers."""

    def __init__(self, name: str) -> None:
        self.heard: list[Heard] = []
        self.hung_up = False
        self.env = {"agi_channel": _CALL, "agi_arg_1": _CALL, "agi_arg_2": ""}
        self.rings = ""
        self._variables = {"DEPARTMENT": name, "STEP": "arrived"}
        self._has_music = False

    def set(self, variable: str, value: str) -> None:
        self._variables[variable] = value

    def get(self, variable: str) -> str:
        return "1" if variable.startswith("TRYLOCK(") else self._variables.get(variable, "")

    def play(self, sound: str, keys: str = "") -> str:
        language, prompt = self.get("CHANNEL(language)"), Path(sound).name
        last = self.heard[-1] if self.heard else Heard("")
        if (last.kind, last.language, last.keys) == ("hears", language, keys):
            self.heard[-1] = replace(last, prompts=(*last.prompts, prompt))
        else:
            self.heard.append(Heard("hears", (prompt,), language, keys))
        return ""

    def music(self, on: bool) -> None:
        self._has_music = on

    def wait_key(self, wait_seconds: float) -> str:  # noqa: ARG002 - nobody presses anything
        if self._has_music:
            self.heard.append(Heard("music"))
            raise _EndOfStory
        return ""

    def run(self, application: str, *arguments: str) -> None:
        if application == "Record":
            self.heard.append(Heard("records", seconds=int(arguments[2])))
            return
        self.heard += [
            Heard("rings", who=self.rings, seconds=int(arguments[1])),
            Heard("talks", who=self.rings),
        ]
        self._variables |= {"DIALSTATUS": "ANSWER", "CONFIRMED": "yes"}


class _House:
    """The house as it is at this moment, for the dialog of a call that is none."""

    def __init__(self, db: Database, settings: Settings, leg: _Leg) -> None:
        self._db = db
        self._settings = settings
        self._leg = leg
        self._now = times.now()
        self._agents = _agents_now(db, leg)
        self.prompts = settings.prompts
        self.recording = settings.recordings / f"{_CALL}.wav"

    def department(self, name: str) -> Department | None:
        return department(self._db, name)

    def enter_department(self, department: Department, *, handed_over: bool = False) -> None:  # noqa: ARG002
        self._leg.set("DEPARTMENT", department.name)

    @contextmanager
    def place_in_line(
        self, department: Department, agent: str = "", *, handed_over: bool = False
    ) -> Iterator[_Place]:
        arrived = self._now
        others_from = arrived + timedelta(seconds=department.language_wait_seconds)
        caller = WaitingCaller(
            _CALL, department.name, department.language, arrived, others_from, agent, handed_over
        )
        yield _Place(self._db, caller, self._agents, self._now)

    def on_call(self, department: Department) -> OnCall:
        found = on_call(self._db, department.name)
        line = self._settings.outward_line
        if line is None:
            return found
        return replace(
            found,
            phones=tuple(
                replace(phone, destination=phone.number) if phone.number else phone for phone in found.phones
            ),
            line_calls=calls_pattern(channel_beginnings([line])[line.name]),
            channels=line.channels,
        )

    def own_words(self, agent: str, language: str) -> str:
        return own_prompts.words_of(self._db, agent, language)

    def waited_seconds(self) -> float:
        return 0.0

    def transfer_target(self, dialled: str, department: Department) -> Target | None:  # noqa: ARG002
        return None

    def transferred_by(self) -> Colleague | None:
        return None

    def is_staffed(self, department: Department) -> bool:
        return any(agent.is_present() and department.name in agent.departments for agent in self._agents)

    def was_left_alone(self) -> bool:
        return False

    def caller_name(self) -> str:
        return ""

    def note(self, step: str, detail: str = "") -> None:
        """Only who is rung is of interest."""
        if step in ("agent rings", "on-call rings"):
            self._leg.rings = detail

    def keep_message(self) -> float | None:
        return _MESSAGE_SECONDS

    def keep_ticket(self, digits: str) -> None:
        """Nobody keys anything in."""

    def number_of_caller(self) -> tuple[str, str]:
        return "", "callback-withheld"

    def number_keyed_in(self, digits: str) -> tuple[str, str]:  # noqa: ARG002
        return "", "callback-no-number"

    def spoken_number(self, number: str) -> str:
        return number

    def promise_callback(self, number: str) -> None:
        """Nobody asks for one."""


class _Place:
    """The place such a caller would have."""

    def __init__(self, db: Database, caller: WaitingCaller, agents: list[Agent], now: datetime) -> None:
        self._db, self._caller, self._agents, self._now = db, caller, agents, now

    def look(self) -> Chance:
        waiting = [*_waiting(self._db, self._now), self._caller]
        for caller, agent in match(waiting, self._agents, self._now):
            if caller is self._caller:
                return reserved(caller, agent)
        found = department(self._db, self._caller.department)
        return standing(
            self._caller,
            waiting,
            self._agents,
            self._now,
            history=department_history(self._db, self._caller.department, self._now),
            is_open=found is not None and found.is_open,
        )

    def report(self, result: Ring) -> None:
        """Nobody was rung."""


def _agents_now(db: Database, leg: _Leg) -> list[Agent]:
    """Everybody, with what the phone does by the lamp the supervisor shows; the leg then knows it, too."""
    lamps = dict(db.execute("SELECT name, pattern FROM lamps").fetchall())
    found = []
    for agent in people.agents(db):
        state = _PHONES.get(lamps.get(f"agent:{agent.name}", ""), PhoneState.UNREACHABLE)
        found.append(replace(agent, phone_state=state))
        if state in (PhoneState.IN_CALL, PhoneState.RINGING):
            leg.set(f"DEVICE_STATE({agent.phone})", "INUSE")
    return found


def _waiting(db: Database, now: datetime) -> list[WaitingCaller]:
    """Who is in line for an agent, on the telephone or to be called back."""
    rows = db.query(
        "SELECT c.call, c.department, coalesce(d.language, 'de') AS language, c.waits_since FROM calls AS c"
        " LEFT JOIN departments AS d ON d.name = c.department"
        f" WHERE {WAITS_NOW}"
    )
    on_the_phone = [
        WaitingCaller(row["call"], row["department"], row["language"], times.from_text(row["waits_since"]))
        for row in rows
    ]
    due = [callback for callback in callbacks.waiting(db) if callback.is_due(now)]
    return on_the_phone + [callback.in_line(f"callback:{callback.id}") for callback in due]
