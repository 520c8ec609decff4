"""The switchboard: one owner of who waits, who is free and what the lamps show."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.hotline.matching import WaitingCaller
from appliance.hotline.presence import Presence
from appliance.hotline.ringing import Ring
from appliance.store import people
from appliance.store.database import open_store
from appliance.switchboard import Switchboard
from tests.unit.seed import seeded_store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Clock:
    """The tests' own time."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Desk:
    """A switchboard with what it told others."""

    def __init__(self, path: Path) -> None:
        self.db: Database = seeded_store(path)
        self.clock = Clock()
        self.woken: queue.Queue[str] = queue.Queue()
        self.mirrored: queue.Queue[dict[str, Presence]] = queue.Queue()
        self.switchboard = Switchboard(path, wake=self.woken.put, mirror=self.mirrored.put, clock=self.clock)
        self.switchboard.start()

    def lamps(self) -> dict[str, str]:
        return dict(self.db.execute("SELECT name, pattern FROM lamps").fetchall())

    def waits_for_lamp(self, name: str, pattern: str) -> None:
        until(lambda: self.lamps().get(name) == pattern, lambda: f"{name}: {self.lamps()}")

    def caller(self, call: str, seconds: int = 0, department: str = "support") -> WaitingCaller:
        return WaitingCaller(call, department, "de", NOON + timedelta(seconds=seconds))


def until(look: Callable[[], object], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + 5
    while not look():
        assert time.monotonic() < deadline, what()
        time.sleep(0.005)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "store.db")
    yield desk
    desk.switchboard.stop()


def test_nobody_can_be_rung_before_asterisk_told_of_the_phones(desk: Desk) -> None:
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        chance = place.look()
        assert (chance.agent, chance.somebody_present) == ("", False)
    assert desk.lamps()["agent:anna"] == "amber blinking"


def test_the_agent_idle_longest_is_reserved_for_one_caller(desk: Desk) -> None:
    desk.switchboard.phone_changed("desk_1", "NOT_INUSE")
    desk.switchboard.phone_changed("desk_2", "NOT_INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as first:
        assert (first.look().agent, first.look().phone) == ("bert", "desk_2")
        with desk.switchboard.place_in_line(desk.caller("2", 1), "c2") as second:
            assert second.look().agent == "anna"
            with desk.switchboard.place_in_line(desk.caller("3", 2), "c3") as third:
                chance = third.look()
                assert (chance.agent, chance.somebody_present) == ("", True)
    assert desk.switchboard.agents()[0].ringing_for == ""


def test_a_waiting_caller_is_woken_when_an_agent_becomes_free(desk: Desk) -> None:
    desk.switchboard.phone_changed("desk_1", "INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().somebody_present
        desk.switchboard.phone_changed("desk_1", "NOT_INUSE")
        assert desk.woken.get(timeout=5) == "c1"
        assert place.look().agent == "anna"


def test_the_one_who_asks_is_not_woken(desk: Desk) -> None:
    """A wake key sent to him would reach the agent's ear instead."""
    desk.switchboard.phone_changed("desk_1", "NOT_INUSE")
    desk.switchboard.agents()
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "anna"
    assert desk.woken.empty()


def test_no_answer_means_away_and_the_next_is_chosen(desk: Desk) -> None:
    desk.switchboard.phone_changed("desk_1", "NOT_INUSE")
    desk.switchboard.phone_changed("desk_2", "NOT_INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "bert"
        place.report(Ring.NO_ANSWER)
        assert desk.db.execute("SELECT state, reason FROM presence WHERE agent = 'bert'").fetchone() == (
            "away",
            "no answer",
        )
        desk.waits_for_lamp("agent:bert", "amber blinking")
        assert place.look().agent == "anna"


def test_a_refusal_rings_somebody_else_first_and_the_agent_stays_available(desk: Desk) -> None:
    desk.switchboard.phone_changed("desk_1", "NOT_INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "anna"
        place.report(Ring.REFUSED)
        chance = place.look()
        assert (chance.agent, chance.somebody_present) == ("", True)
        desk.clock.now += timedelta(seconds=20)
        assert desk.woken.get(timeout=5) == "c1"
        assert place.look().agent == "anna"


def test_wrap_up_after_a_conversation_survives_a_restart(desk: Desk, tmp_path: Path) -> None:
    desk.switchboard.phone_changed("desk_1", "NOT_INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        place.look()
        place.report(Ring.TALKED)
    desk.waits_for_lamp("agent:anna", "amber")
    again = Switchboard(tmp_path / "store.db", wake=print, mirror=lambda _: None, clock=desk.clock)
    again.start()
    assert again.agents()[0].in_wrap_up(desk.clock.now)
    again.stop()
    desk.clock.now += timedelta(seconds=6)
    desk.waits_for_lamp("agent:anna", "green")


def test_a_caller_who_goes_frees_the_agent(desk: Desk) -> None:
    desk.switchboard.phone_changed("desk_1", "NOT_INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "anna"
    with desk.switchboard.place_in_line(desk.caller("2"), "c2") as place:
        assert place.look().agent == "anna"


def test_a_press_is_committed_before_the_lamp_shows_it(desk: Desk) -> None:
    desk.switchboard.phone_changed("desk_1", "NOT_INUSE")
    desk.waits_for_lamp("agent:anna", "green")
    people.press(desk.db, "agent:anna")
    desk.waits_for_lamp("agent:anna", "off")
    assert desk.db.execute("SELECT state, reason FROM presence WHERE agent = 'anna'").fetchone() == (
        "away",
        "button",
    )
    people.press(desk.db, "agent:anna")
    people.press(desk.db, "agent:anna:home")
    until(
        lambda: desk.db.execute("SELECT state FROM presence WHERE agent = 'anna'").fetchone()[0] == "offline",
        lambda: "two presses at once",
    )


def test_what_another_program_commits_is_seen(desk: Desk, tmp_path: Path) -> None:
    desk.switchboard.phone_changed("desk_2", "NOT_INUSE")
    desk.waits_for_lamp("agent:bert", "green")
    other = open_store(tmp_path / "store.db")
    people.set_presence(other, "bert", Presence.OFFLINE, "command", NOON)
    other.close()
    desk.waits_for_lamp("agent:bert", "off")
    until(
        lambda: desk.mirrored.get(timeout=5)["bert"] is Presence.OFFLINE,
        lambda: "presence is shown to Asterisk",
    )


def test_the_night_switch_lights_its_lamp(desk: Desk) -> None:
    people.press(desk.db, "night:night")
    desk.waits_for_lamp("night", "on")
    assert desk.db.execute("SELECT state FROM opening WHERE department = 'office'").fetchone() == ("closed",)
    assert desk.db.execute("SELECT state FROM opening WHERE department = 'support'").fetchone() == ("open",)


@pytest.mark.parametrize("button", ["agent:nobody", "night:maybe", "night:day:home", "", "agent:", "x:y"])
def test_a_button_there_is_not_changes_nothing(desk: Desk, button: str) -> None:
    with pytest.raises(LookupError):
        people.press(desk.db, button)
    assert desk.db.execute("SELECT count(*) FROM presses").fetchone() == (0,)


def test_fifty_callers_at_once_each_agent_once(desk: Desk) -> None:
    """Threads ask as they like: at no moment is an agent given to two callers."""
    desk.switchboard.phone_changed("desk_1", "NOT_INUSE")
    desk.switchboard.phone_changed("desk_2", "NOT_INUSE")
    holding: dict[str, str] = {}
    doubled: list[str] = []
    served: list[str] = []
    lock = threading.Lock()

    def call(number: int) -> None:
        with desk.switchboard.place_in_line(desk.caller(str(number), number), f"c{number}") as place:
            deadline = time.monotonic() + 20
            while not (chance := place.look()).agent:
                assert time.monotonic() < deadline
                time.sleep(0.002)
            with lock:
                if chance.agent in holding:
                    doubled.append(chance.agent)
                holding[chance.agent] = str(number)
                served.append(str(number))
            with lock:
                del holding[chance.agent]
            place.report(Ring.CALLER_GONE)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not doubled
    assert len(served) == 50
