"""A week of calls on the real dialogs, switchboard, books and store: every caller is accounted for.

Everything runs in one thread, on its own time: while somebody waits or talks, others call in.
Asterisk is played by `Telephone`: it writes the records, rings phones and hangs up.
"""

from __future__ import annotations

import queue
import random
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from appliance import bookkeeper as bookkeeper_module
from appliance import switchboard as switchboard_module
from appliance.bookkeeper import Bookkeeper
from appliance.calling_back import CallingBack
from appliance.hotline.callbacks import Callback
from appliance.hotline.presence import Agent, Presence
from appliance.house import House, HouseOfOneCall, keep_message_of_ended_call
from appliance.mail.sound import write_wav
from appliance.settings import Settings, SipLine
from appliance.store import ledger, night, people, times
from appliance.store.changes import by_page
from appliance.store.database import open_store
from appliance.switchboard import Switchboard
from appliance.telephony import call as call_module
from appliance.telephony import dialog
from appliance.telephony.call import WAKE_KEY
from appliance.telephony.fastagi import CallerHungUp
from appliance.telephony.manager import ActionRefused
from tests.unit.seed import seeded_store

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
CALLS = 200
AT_ONCE = 5
PHONES = {"anna": "PJSIP/desk_1", "bert": "PJSIP/desk_2"}
_noise = random.Random(0)
SPOKEN = write_wav(
    array("h", [_noise.randint(-9000, 9000) if n > 4000 else 0 for n in range(16_000)])
)  # half a second of silence, then one and a half of sound


class Week:
    """The office, its telephones, and everybody who calls in a week."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = MONDAY
        self.settings = Settings(folder, lines=(SipLine("line", "127.0.0.1", 5060),))
        self.settings.recordings.mkdir(parents=True)
        self.settings.call_records.parent.mkdir(parents=True)
        self.db = seeded_store(self.settings.store)
        self.db.execute("UPDATE departments SET always_open = 0, ticket_from = 2, callback_attempts = 2")
        self.db.execute("UPDATE departments SET ignores_night_switch = 0")
        self.due: queue.SimpleQueue[tuple[Callback, Agent]] = queue.SimpleQueue()
        self.woken: set[str] = set()
        self.switchboard = Switchboard(
            self.settings.store,
            wake=self.woken.add,
            call_back=lambda callback, agent: self.due.put((callback, agent)),
            stop_ringing=lambda _: None,
            mirror=lambda _: None,
            show=lambda _: None,
            clock=lambda: self.now,
        )
        self.books = Bookkeeper(
            self.settings.store,
            self.settings.call_records,
            take_message=partial(keep_message_of_ended_call, self.settings),
        )
        self.books.catch_up = lambda *_: self.books_are_kept()  # type: ignore[method-assign]
        self.books_db = open_store(self.settings.store, durable=False)
        self.house = House(self.settings, self.switchboard, self.books, on_message=lambda: None)
        self.calling_back = CallingBack(
            self.settings,
            lambda: self.switchboard,
            Orders(self),  # type: ignore[arg-type]
            on_no_call=self.books.settle_attempt,
        )
        self.callers: list[Caller] = []
        self.live: list[Caller] = []
        self.in_use: set[str] = set()  # phones that ring or are talked on
        self.picked_up: list[AgentAtPhone] = []
        self.attempts = 0
        self.left_in_line: list[str] = []

    def monotonic(self) -> float:
        return self.now.timestamp()

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def goes_by(self) -> None:
        """The week, and then some days in which nobody calls and the callbacks come to an end."""
        self.switchboard.start()
        self.all_phones()
        while len(self.callers) < CALLS:
            self.passes(self.random.expovariate(1 / 60))
            self.somebody_calls()
        for _ in range(400):
            if not self.db.execute("SELECT 1 FROM callbacks WHERE closed_at = ''").fetchone():
                break
            night.set_night_mode(self.db, "auto", by_page("ada"), self.now)
            for agent in PHONES:
                people.set_presence(self.db, agent, Presence.AVAILABLE, "button", self.now)
            self.passes(600)
        self.left_in_line = list(self.switchboard._line)
        self.switchboard.stop()
        self.books_are_kept()

    def passes(self, seconds: float) -> None:
        """Time passes: records are read, people come and go, callbacks begin, others call in."""
        self.now += timedelta(seconds=seconds)
        self.books_are_kept()
        if self.chance(0.05):
            agent = self.random.choice(list(PHONES))
            presence = self.random.choice((Presence.AVAILABLE, Presence.AVAILABLE, Presence.AWAY))
            people.set_presence(self.db, agent, presence, "button", self.now)
        if self.chance(0.004):
            night.set_night_mode(
                self.db, self.random.choice(("auto", "night", "auto")), by_page("ada"), self.now
            )
        if self.chance(0.02) and len(self.live) < AT_ONCE and len(self.callers) < CALLS:
            self.somebody_calls()
        self.switchboard.agents()
        while not self.due.empty():
            self.somebody_is_called_back(*self.due.get())

    def books_are_kept(self) -> None:
        self.books._turn(self.books_db)

    def all_phones(self) -> None:
        for phone in PHONES.values():
            self.phone(phone, "NOT_INUSE")

    def phone(self, phone: str, state: str) -> None:
        if state == "NOT_INUSE":
            self.in_use.discard(phone)
        elif state == "RINGING":
            assert phone not in self.in_use, f"{phone} has two calls at once"
            self.in_use.add(phone)
        self.switchboard.phone_changed(phone, state)
        self.switchboard.agents()

    def record(self, event: str, call: str, channel: str, caller: str = "", detail: str = "") -> None:
        """A line as Asterisk writes it."""
        extra = f'{{""extra"":""{detail}""}}' if detail else ""
        with self.settings.call_records.open("a") as stream:
            stream.write(
                f'"{event}","{event}","{self.now.timestamp()}","{call}","{channel}","{caller}","E","{extra}"\n'
            )

    def talk(self, call: str, phone: str) -> None:
        """Two people talk; meanwhile the world goes on."""
        self.phone(phone, "INUSE")
        self.record("BRIDGE_ENTER", call, f"PJSIP/{phone}-1")
        self.record("BRIDGE_ENTER", call, "PJSIP/line-1")
        for _ in range(self.random.randint(1, 12)):
            self.passes(30)

    def somebody_calls(self) -> None:
        caller = Caller(self, f"{len(self.callers) + 1}.0")
        self.callers.append(caller)
        self.live.append(caller)
        self.record("INCOMING", caller.call, caller.channel, caller.number, caller.dialled)
        self.books_are_kept()
        try:
            dialog.take_call(caller, HouseOfOneCall(self.house, caller, self.db))  # type: ignore[arg-type]
        except CallerHungUp:
            assert caller.hung_up
        self.live.remove(caller)
        self.record("LINKEDID_END", caller.call, caller.channel)
        self.books_are_kept()

    def somebody_is_called_back(self, callback: Callback, agent: Agent) -> None:
        self.attempts += 1
        self.calling_back._ring_agent(callback, agent)
        if self.picked_up:
            leg = self.picked_up.pop()
            try:
                self.calling_back.take_leg(leg)  # type: ignore[arg-type]
            except CallerHungUp:
                assert leg.hung_up
            self.phone(leg.phone, "NOT_INUSE")
            self.record("LINKEDID_END", leg.attempt, leg.channel)
        self.books_are_kept()


class Orders:
    """The manager link, as far as calling back needs it."""

    def __init__(self, week: Week) -> None:
        self.week = week

    def send_list(self, _action: str, _headers: object) -> list[object]:
        return []

    def originate(self, channel: str, headers: dict[str, str], *, ring_seconds: float) -> None:
        """Ring an agent's phone; he picks up, or not."""
        phone = channel.removeprefix("PJSIP/")
        self.week.phone(phone, "RINGING")
        self.week.passes(min(4.0, ring_seconds))
        if self.week.chance(0.15):
            self.week.phone(phone, "NOT_INUSE")
            raise ActionRefused(f"Originate {channel}", self.week.random.choice(("no answer", "busy")), {})
        self.week.phone(phone, "INUSE")
        self.week.picked_up.append(AgentAtPhone(self.week, phone, headers["ChannelId"]))


class Telephone:
    """What Asterisk does for a dialog at whose other end somebody presses keys, or hangs up."""

    def __init__(self, week: Week, channel: str, arguments: tuple[str, ...]) -> None:
        self.week = week
        self.channel = channel
        self.arguments = arguments
        self.variables: dict[str, str] = {}
        self.hung_up = False
        self.heard: list[str] = []
        self.keys: list[str] = []

    def argument(self, position: int) -> str:
        return self.arguments[position - 1]

    def set(self, variable: str, value: str) -> None:
        self.variables[variable] = value

    def get(self, variable: str) -> str:
        return self.variables.get(variable, "")

    def music(self, _on: bool) -> None:
        """Nobody minds."""

    def play(self, sound: str, keys: str = "") -> str:
        self.heard.append(Path(sound).name)
        self.moment(2.0)
        self.hears(self.heard[-1])
        if self.keys and self.keys[0] in keys:
            return self.keys.pop(0)
        return self.is_woken() if WAKE_KEY in keys else ""

    def wait_key(self, wait_seconds: float) -> str:
        self.moment(0.5 if self.keys else wait_seconds)
        return self.keys.pop(0) if self.keys else self.is_woken()

    def is_woken(self) -> str:
        if self.channel in self.week.woken:
            self.week.woken.discard(self.channel)
            return WAKE_KEY
        return ""

    def moment(self, seconds: float) -> None:
        if not self.hung_up:
            self.week.passes(seconds)
            self.hung_up = self.has_enough()
        if self.hung_up:
            raise CallerHungUp

    def hears(self, prompt: str) -> None:
        """Decide which keys to press after this prompt."""

    def has_enough(self) -> bool:
        """Whether it is time to hang up."""
        return self.week.chance(0.003)

    def run(self, application: str, *arguments: str) -> None:
        if self.hung_up:
            raise CallerHungUp
        getattr(self, application)(*arguments)
        if self.hung_up:
            raise CallerHungUp


class Caller(Telephone):
    """Somebody who calls in: with a number (several calls of the same come), patience and a taste."""

    def __init__(self, week: Week, call: str) -> None:
        self.call = call
        self.dialled = week.random.choice(("093155510", "093155510", "093155520", "0999"))
        if self.dialled == "0999" and week.chance(0.8):
            self.dialled = "093155510"
        super().__init__(week, f"PJSIP/line-{call}", (call, self.dialled))
        self.number = week.random.choice(("", *(f"0170{1000000 + n}" for n in range(60))))
        self.leaves_at = week.now + timedelta(seconds=week.random.choice((20, 120, 600, 3000)))
        self.taste = week.random.choice(("waits", "callback", "callback", "message", "anything"))
        self.talked = False
        self.spoke = False
        to = week.db.execute(
            "SELECT department FROM destinations WHERE dialled = ?", [self.dialled]
        ).fetchone()
        self.variables["DEPARTMENT"] = to[0] if to else ""

    def caller_id(self) -> tuple[str, str]:
        return self.number, "Erika"

    def has_enough(self) -> bool:
        return self.week.now >= self.leaves_at

    def hears(self, prompt: str) -> None:
        pick = self.week.random.choice
        if prompt.startswith("offer-"):
            wish = {"waits": "", "callback": "2", "message": "3"}.get(self.taste) or pick(("", "1", "2", "3"))
            self.keys = [wish] if wish and self.week.chance(0.5) else []
        elif prompt == "callback-enter":
            self.keys = [*(self.number or "01709999999"), "#"] if self.week.chance(0.8) else list("12*#")
        elif prompt.startswith("callback-confirm"):
            self.keys = [pick("11111112*#7")]
        elif prompt == "ticket":
            self.keys = list(pick(("4711#", "", "2", "99999999999999", "1#4711#")))

    def Dial(self, who: str, *_: str) -> None:  # noqa: N802
        phone = who.removeprefix("PJSIP/")
        self.week.phone(phone, "RINGING")
        self.week.passes(6)
        if self.has_enough():
            self.variables["DIALSTATUS"], self.hung_up = "CANCEL", True
        elif self.week.chance(0.8):
            self.talked = True
            self.week.talk(self.call, phone)
            self.variables["DIALSTATUS"], self.hung_up = "ANSWER", self.week.chance(0.5)
        else:
            self.variables["DIALSTATUS"] = self.week.random.choice(("NOANSWER", "BUSY", "CHANUNAVAIL"))
        self.week.phone(phone, "NOT_INUSE")

    def Record(self, file: str, *_: str) -> None:  # noqa: N802
        self.week.passes(5)
        self.spoke = self.week.chance(0.7)
        if self.spoke:
            Path(file).write_bytes(SPOKEN)
        self.hung_up = self.week.chance(0.4)


class AgentAtPhone(Telephone):
    """An agent who has picked up for a callback."""

    def __init__(self, week: Week, phone: str, attempt: str) -> None:
        super().__init__(week, f"PJSIP/{phone}-00000001", (attempt,))
        self.phone = phone
        self.attempt = attempt

    def hears(self, prompt: str) -> None:
        if prompt == "agent-callback":
            self.keys = [self.week.random.choice("111111#")]

    def Dial(self, who: str, *_: str) -> None:  # noqa: N802
        number = who.removeprefix("PJSIP/line/sip:").partition("@")[0]
        assert number.startswith("+")
        assert not [c for c in self.week.live if c.number and number.endswith(c.number[1:])], "he is here"
        self.week.passes(10)
        status = self.week.random.choice(("ANSWER", "ANSWER", "ANSWER", "BUSY", "NOANSWER", "CONGESTION"))
        self.variables["DIALSTATUS"] = status
        if status == "ANSWER":
            self.variables["ANSWERED"] = "yes"
            if self.week.chance(0.8):
                self.variables["CONFIRMED"] = "yes"
                if self.week.chance(0.9):  # else he has hung up before he was connected
                    self.week.talk(self.attempt, self.phone)
        self.hung_up = self.week.chance(0.3)


@pytest.fixture(params=[1, 2])
def week(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Week]:
    monkeypatch.setattr(bookkeeper_module, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(switchboard_module, "_CALLBACK_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(switchboard_module, "_BEGUN_SECONDS", 1e9)  # of the machine's time, not of ours
    monkeypatch.setattr(switchboard_module, "open_store", partial(open_store, durable=False))
    week = Week(tmp_path, request.param)
    monkeypatch.setattr(times, "now", lambda: week.now)
    monkeypatch.setattr(dialog, "time", week)
    monkeypatch.setattr(call_module, "time", week)
    yield week
    week.db.close()
    week.books_db.close()


def test_a_week_balances(week: Week) -> None:
    week.goes_by()
    assert ledger.check(week.db, alive=frozenset()) == []
    rows = {row["call"]: row for row in week.db.query("SELECT * FROM calls")}
    assert set(rows) == {caller.call for caller in week.callers}
    unexplained = [call for call, row in rows.items() if not row["outcome"]]
    assert unexplained == [], "every callback has come to an end, so every call has its outcome"
    assert sum(ledger.outcomes(week.db).values()) == len(week.callers)

    promised = {"callback-promised", "callback-promised-opening"}
    for caller in week.callers:
        row, heard = rows[caller.call], set(caller.heard)
        assert (row["outcome"] == "talked") == caller.talked, caller.call
        if "message-thanks" in heard:
            assert row["outcome"] == "message", caller.call
        if promised & heard:
            assert row["callback"], caller.call
            assert row["outcome"] in ("called back", "not reached", "called again"), caller.call
        assert row["outcome"] != "told closed" or "closed" in heard
        assert (row["outcome"] == "told unassigned") == ("unassigned-number" in heard)
    assert week.attempts
    assert week.left_in_line == [], "somebody stands in line who is gone"
    happened = {row["outcome"] for row in rows.values()}
    assert happened >= {"talked", "called back", "message", "hung up"}
