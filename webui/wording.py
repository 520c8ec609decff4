"""Turns what the board holds into words of one language and the office's time zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from appliance.hotline.callbacks import Result, State
from appliance.hotline.night import Forgotten, NightSwitch
from appliance.hotline.numbers import readable
from appliance.store import times
from webui.board import UNKNOWN, Agent, Board, Call, Department, Lamp, Message, Step
from webui.callbacks import Callback, Missed
from webui.texts import Texts

_COLOURS: Final = ("off", "on", "green", "amber", "red", "blue", "white")
_RHYTHMS: Final = ("", "blinking", "pulse")
_LONGEST_DETAIL: Final = 200
_AGENT_STEPS: Final = (
    "agent rings",
    "agent not free",
    "agent did not answer",
    "agent refused",
    "phone unreachable",
    "hung up while ringing",
    "talks",
    "conversation over",
    "calls back",
    "on-call rings",
    "on-call takes the call",
    "on-call did not answer",
    "on-call refused",
    "on-call did not press 1",
    "on-call unreachable",
    "on-call already talks",
    "no line for on-call",
    "taken over",
    "chooses while it rings",
)
_NUMBER_STEPS: Final = (
    *("callback promised", "callback ordered", "calls again"),
    *("outside rings", "outside not reached", "conversation outside over"),
)
_SPECIAL: Final = ("public holiday", "special day")
_DOING: Final = {"talks": "agent.talking", "agent rings": "agent.ringing", "calls back": "agent.calling_back"}


@dataclass(frozen=True, slots=True)
class Glow:
    """How a lamp is drawn (`css`) and what it says in words (`words`)."""

    css: str
    words: str


class _HasCaller(Protocol):
    @property
    def caller(self) -> str: ...
    @property
    def caller_name(self) -> str: ...


class Words:
    """Words of one language for one moment in the office's country and its zone.

    `titles` are those of the agents, `departments` those of the departments; unless `calls_known` nobody
    watches the calls.
    """

    def __init__(
        self,
        t: Texts,
        now: datetime,
        country: str,
        time_zone: str,
        *,
        titles: Mapping[str, str] | None = None,
        departments: Mapping[str, str] | None = None,
        calls_known: bool = True,
    ) -> None:
        self.t = t
        self._now = now
        self._country = country
        self._zone: tzinfo = ZoneInfo(time_zone)
        self._titles = titles or {}  # of the agents
        self._calls_known = calls_known
        self._departments = departments or {}

    def clock(self, instant: str, *, seconds: bool = False) -> str:
        """The office's time of day, with the date when it is not today's."""
        local = self._local(instant)
        if local is None:
            return instant
        clock = local.strftime("%H:%M:%S" if seconds else "%H:%M")
        if local.date() == self._now.astimezone(self._zone).date():
            return clock
        weekday = self.t("time.weekdays").split()[local.weekday()]
        month = self.t("time.months").split()[local.month - 1]
        return self.t("time.date", weekday=weekday, day=local.day, month=month, clock=clock)

    @property
    def now_text(self) -> str:
        """The moment itself, as the store writes it."""
        return times.to_text(self._now)

    def caller(self, call: _HasCaller) -> str:
        """Who calls: name, else number, else that it is withheld."""
        return call.caller_name or self.number(call.caller) or self.t("calls.withheld")

    def number(self, number: str) -> str:
        """A telephone number as people of the office's country write it."""
        return readable(number, self._country)

    def refusal(self, missed: Missed) -> str:
        """Why a missed caller cannot be called back."""
        return self.t.or_as_is("refusal", missed.refusal)

    def waited(self, missed: Missed) -> str:
        """How long a missed caller had waited."""
        minutes, seconds = divmod(round(missed.waited_seconds), 60)
        return self.t("missed.waited", time=f"{minutes}:{seconds:02}")

    def length(self, seconds: str | float) -> str:
        """A message's length in seconds, to a tenth; text that is no number stays as it is."""
        try:
            number = f"{float(seconds):.1f}".removesuffix(".0")
        except ValueError:
            return str(seconds)
        return self.t("messages.length", seconds=number.replace(".", self.t("time.point")))

    def mail(self, message: Message) -> str:
        """How far a message's mail has come."""
        if not message.recipient:
            return self.t("messages.no_mail")
        if message.delivered_at:
            time = self.clock(message.delivered_at)
            return self.t("messages.delivered", recipient=message.recipient, time=time)
        if not message.attempts:
            return self.t("messages.sending", recipient=message.recipient)
        return self.t(
            "messages.retry",
            recipient=message.recipient,
            attempts=message.attempts,
            time=self.clock(message.next_attempt_at, seconds=True),
        )

    def callback(self, callback: Callback) -> str:
        """What keeps a callback, or how far it is."""
        if not callback.opening:
            return self.t("callbacks.no_department")
        if not self._calls_known:
            return self.t("callbacks.paused")
        if callback.customer_called:
            agent = self._titles.get(callback.agent, callback.agent)
            talks = callback.result == Result.TALKED
            return self.t("callbacks.talks" if talks else "callbacks.calls", agent=agent)
        if callback.state == State.CALLING:
            return self.t("callbacks.rings")
        if callback.on_the_phone:
            return self.t("callbacks.on_the_phone")
        if callback.attempts and callback.next_attempt_at > times.to_text(self._now):
            return self.t(
                "callbacks.failed",
                attempt=callback.attempts,
                result=self.t.or_as_is("result", callback.result),
                time=self.clock(callback.next_attempt_at),
            )
        return self.t("callbacks.waits" if callback.opening == "open" else "callbacks.closed")

    def _local(self, instant: str) -> datetime | None:
        try:
            return times.from_text(instant).astimezone(self._zone)
        except ValueError:
            return None


class Wording(Words):
    """The words for one board in one language."""

    def __init__(self, t: Texts, board: Board) -> None:
        super().__init__(
            t,
            board.now,
            board.country,
            board.time_zone,
            titles={agent.name: agent.title for agent in board.agents},
            departments={department.name: department.title for department in board.departments},
            calls_known=board.calls_known,
        )
        self._phones = {agent.phone: agent.title for agent in board.agents}
        self._supervisor_runs = board.supervisor_runs
        self._asterisk_silent = board.asterisk_silent

    def glow(self, pattern: str) -> Glow:
        """A lamp's pattern; one nobody knows is drawn as unknown and told as it is written."""
        if pattern == UNKNOWN:
            return Glow("white pulse unknown", self.t("colour.unknown"))
        name, _, rhythm = pattern.partition(" ")
        if name not in _COLOURS or rhythm not in _RHYTHMS:
            return Glow("white pulse unknown", f"{self.t('colour.unknown')} ({pattern})")
        colour = self.t(f"colour.{name}")
        return Glow(pattern, self.t(f"lamp.{rhythm}", colour=colour) if rhythm else colour)

    def front(self, lamp: Lamp) -> Glow:
        """A front-panel lamp; that the supervisor or Asterisk is gone is known, not unknown."""
        if lamp.kind == "supervisor" and not self._supervisor_runs:
            return Glow("red", self.t("lamp.not_running"))
        if lamp.kind == "asterisk" and lamp.pattern == "red":
            return Glow("red", self.t("lamp.not_answering"))
        return self.glow(lamp.pattern)

    def switched(self, switch: NightSwitch) -> str:
        """Since when the night switch stands where it does, and who moved it; empty when nobody has."""
        if not switch.changed_by:
            return ""
        time = self.clock(times.to_text(switch.since))
        how, _, phone = switch.changed_by.partition(" ")
        return self.t(f"night.by_{how}", time=time, phone=self._phones.get(phone, phone or "?"))

    def forgotten(self, forgotten: Forgotten) -> str:
        """That the night switch seems to be forgotten."""
        since, missed = (times.to_text(at) for at in (forgotten.switch.since, forgotten.missed_at))
        key = f"night.forgotten_{forgotten.switch.mode}"
        return self.t(key, since=self.clock(since), missed=self.clock(missed))

    def presence(self, agent: Agent) -> str:
        """What an agent is, or does right now."""
        if agent.doing:
            caller = self.number(agent.caller) or self.t("calls.withheld")
            return self.t(_DOING[agent.doing], caller=caller)
        if agent.state == "available" and agent.wrap_up_until > times.to_text(self._now):
            return self.t("agent.wrap_up", time=self.clock(agent.wrap_up_until, seconds=True))
        return self.t(f"presence.{agent.state}")

    def plain_presence(self, agent: Agent) -> str:
        """What an agent is or does, without saying with whom."""
        return self.t(f"doing.{agent.doing}") if agent.doing else self.presence(agent)

    def since(self, agent: Agent) -> str:
        """Since when the presence holds; named again where what the agent does stands in its place."""
        time = self.clock(agent.since)
        presence = self.t(f"presence.{agent.state}")
        if self.presence(agent) == presence:
            return self.t("agent.since", time=time)
        return self.t("agent.presence_since", presence=presence, time=time)

    def opening(self, department: Department) -> str:
        """Why a department is open or closed and when that changes; empty when nothing is to say."""
        if department.by_switch:
            return self.t(f"departments.by_{department.by_switch}")
        if department.always_open:
            return self.t("departments.always")
        special = self.t(f"departments.{department.why}") if department.why in _SPECIAL else ""
        if not department.next_change:
            return special
        key = "departments.until" if department.state == "open" else "departments.opens"
        until = self.t(key, time=self.clock(department.next_change))
        return f"{special}, {until}" if special else until

    def expected(self, call: Call) -> str:
        """How long a caller will wait from now on."""
        match call.expected_wait_minutes:
            case None:
                return self.t("calls.expected_unknown")
            case 0 | 1:
                return self.t("calls.expected_soon")
            case minutes:
                return self.t("calls.expected", minutes=minutes)

    def attention(self, trouble: tuple[str, str, str]) -> str:
        """What somebody should look at."""
        return trouble[1 if self.t.language == "de" else 2]

    def available(self, department: Department) -> str:
        """How many people a caller could reach."""
        if self._asterisk_silent:
            return self.t("departments.unknown")
        match department.available:
            case 0:
                return self.t("departments.nobody")
            case 1:
                return self.t("departments.one")
            case count:
                return self.t("departments.some", count=count)

    def department(self, call: Call) -> str:
        """Whom the call is for."""
        return call.department or self.t("calls.unassigned", dialled=call.dialled)

    def sentence(self, step: Step) -> str:
        """One step of a call's story; a step nobody has worded is shown as it is."""
        detail = step.detail[:_LONGEST_DETAIL]
        # A step with a place for a detail has a second wording for when there is none.
        key, bare = f"step.{step.step}", f"bare.{step.step}"
        if not detail and bare in self.t.sentences:
            return self.t(bare)
        if key not in self.t.sentences:
            return f"{step.step} {detail}".strip()
        if step.step in _AGENT_STEPS:
            detail = self._titles.get(detail) or self.number(detail)  # a number, of somebody on duty
        elif step.step == "department":
            detail = self._departments.get(detail, detail)
        elif step.step == "message kept":
            detail = self.length(detail)
        elif step.step == "ended":
            detail = self.outcome(detail)
        elif step.step == "told":
            detail = ", ".join(self._prompt(prompt) for prompt in detail.split())
        elif step.step == "callback failed":
            detail = self.t.or_as_is("result", detail)
        elif step.step in _NUMBER_STEPS:
            detail = self.number(detail)
        return self.t(key, detail=detail)

    def outcome(self, outcome: str) -> str:
        """How a call ended; one that is over without an outcome is owed a callback."""
        return self.t.or_as_is("outcome", outcome or "owed")

    def waits(self, call: Call) -> str:
        """Since when a caller waits for an agent."""
        return self.t("calls.waits", time=self.clock(call.waits_since, seconds=True))

    def late(self, call: Call) -> str:
        """That a caller has waited longer than his department promises; empty when he has not."""
        waits_since = self._local(call.waits_since)
        if waits_since is None or not call.promise_minutes:
            return ""
        if self._now - waits_since <= timedelta(minutes=call.promise_minutes):
            return ""
        return self.t("calls.late", minutes=call.promise_minutes)

    def reason(self, agent: Agent) -> str:
        """Why an agent's presence is what it is; empty when nobody said."""
        return self.t.or_as_is("reason", agent.reason) if agent.reason else ""

    def _prompt(self, prompt: str) -> str:
        """What a waiting caller was told by one prompt, such as ``position-2`` or ``wait-over-10``."""
        kind, _, number = prompt.rpartition("-")
        for key in (f"told.{prompt}", f"told.{kind}"):
            if key in self.t.sentences:
                return self.t(key, number=number)
        return prompt
