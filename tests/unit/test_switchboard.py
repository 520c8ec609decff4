"""The switchboard: one owner of who waits, who is free and what the lamps show."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance import switchboard as switchboard_module
from appliance.hotline.callbacks import Callback
from appliance.hotline.matching import WaitingCaller
from appliance.hotline.presence import Presence
from appliance.hotline.ringing import Ring
from appliance.store import callbacks, ledger, night, people
from appliance.store.changes import by_page
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
        self.path = path
        self.db: Database = seeded_store(path)
        self.clock = Clock()
        self.woken: queue.Queue[str] = queue.Queue()
        self.stopped: queue.Queue[str] = queue.Queue()
        self.mirrored: queue.Queue[dict[str, str]] = queue.Queue()
        self.begun: queue.Queue[tuple[Callback, str]] = queue.Queue()
        self.switchboard = self.another()
        self.switchboard.start()
        self.switchboard.phones_known(asked_at=time.monotonic())
        self.switchboard.agents()  # when it answers, it knows

    def another(self) -> Switchboard:
        """A switchboard as it is after a restart."""
        return Switchboard(
            self.path,
            wake=self.woken.put,
            call_back=lambda callback, agent: self.begun.put((callback, agent.name)),
            stop_ringing=self.stopped.put,
            mirror=self.mirrored.put,
            show=lambda _: None,
            clock=self.clock,
        )

    def idle(self, *phones: str) -> None:
        for phone in phones:
            self.switchboard.phone_changed(phone, "NOT_INUSE")
        self.switchboard.agents()  # when it answers, it knows

    def owes(self, call: str, seconds: int = 0, number: str = "+491701234567") -> int:
        """Somebody called at this second and has hung up, to be called back; returns the request's id."""
        at = NOON + timedelta(seconds=seconds)
        ledger.open_call(self.db, call, dialled="093155510", caller=number, caller_name="", started_at=at)
        request = callbacks.request(self.db, call, number, arrived=at, now=at)
        ledger.close_call(self.db, call, at)
        return request

    def begins(self, request: int) -> str:
        """The agent with whom the switchboard begins to call this person back."""
        callback, agent = self.begun.get(timeout=5)
        assert callback.id == request
        return agent

    def reserved(self) -> dict[str, str]:
        return {agent.name: agent.ringing_for for agent in self.switchboard.agents()}

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


def test_who_is_handed_over_to_one_agent_has_only_him_also_in_wrap_up(desk: Desk) -> None:
    def handed_over(call: str) -> WaitingCaller:
        return replace(desk.caller(call), agent="bert", handed_over=True)

    people.set_wrap_up(desk.db, "bert", NOON + timedelta(minutes=5))
    desk.idle("PJSIP/desk_1", "PJSIP/desk_2")
    with desk.switchboard.place_in_line(handed_over("1"), "c1") as place:
        assert place.look().agent == "bert"
        with desk.switchboard.place_in_line(handed_over("2"), "c2") as another:
            assert another.look().agent == "", "one caller at a time"
            assert another.look().somebody_present
    assert desk.reserved() == {"anna": "", "bert": ""}
    people.set_presence(desk.db, "bert", Presence.AWAY, "command", NOON)
    with desk.switchboard.place_in_line(handed_over("1"), "c1") as place:
        assert not place.look().agent
        assert not place.look().somebody_present


def test_an_agent_who_has_left_a_call_is_free_though_it_goes_on(desk: Desk) -> None:
    """A colleague has taken the caller over: one is in wrap-up now, the other when he hangs up."""
    desk.idle("PJSIP/desk_1", "PJSIP/desk_2")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        first = place.look().agent
        other = {"anna": "bert", "bert": "anna"}[first]
        phones = {"anna": "PJSIP/desk_1", "bert": "PJSIP/desk_2"}
        for agent in (first, other):
            desk.switchboard.phone_changed(phones[agent], "INUSE")
            desk.switchboard.agents()
            desk.switchboard.talks(agent, "1", "support")
        desk.switchboard.phone_changed(phones[first], "NOT_INUSE")
        until(lambda: desk.reserved() == {"anna": "", "bert": ""}, lambda: f"{desk.reserved()}")
        desk.waits_for_lamp(f"agent:{first}", "amber")
        desk.clock.now += timedelta(seconds=6)
        desk.waits_for_lamp(f"agent:{first}", "green")
        assert desk.reserved() == {"anna": "", "bert": ""}, "who talks waits for nobody"
        desk.switchboard.phone_changed(phones[other], "NOT_INUSE")
        desk.waits_for_lamp(f"agent:{other}", "amber")


def test_on_hold_is_who_hears_music_at_the_end(desk: Desk) -> None:
    desk.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "anna"
        desk.switchboard.hears_music("1", True)  # while her phone rings
        desk.switchboard.hears_music("1", False)
        desk.switchboard.phone_changed("PJSIP/desk_1", "INUSE")
        assert not desk.switchboard.is_on_hold("1"), "she picks up and hangs up at once"
        desk.switchboard.hears_music("1", True)
        assert desk.switchboard.is_on_hold("1")
        desk.switchboard.hears_music("1", False)
        assert desk.switchboard.is_on_hold("1"), "it has ended this very moment"
        until(lambda: not desk.switchboard.is_on_hold("1"), lambda: "he is on hold for ever")


def test_nobody_can_be_rung_before_asterisk_told_of_the_phones(desk: Desk) -> None:
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        chance = place.look()
        assert (chance.agent, chance.somebody_present) == ("", False)
    assert desk.lamps()["agent:anna"] == "amber blinking"


def test_the_agent_idle_longest_is_reserved_for_one_caller(desk: Desk) -> None:
    desk.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE")
    desk.switchboard.phone_changed("PJSIP/desk_2", "NOT_INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as first:
        assert (first.look().agent, first.look().phone) == ("bert", "PJSIP/desk_2")
        with desk.switchboard.place_in_line(desk.caller("2", 1), "c2") as second:
            assert second.look().agent == "anna"
            with desk.switchboard.place_in_line(desk.caller("3", 2), "c3") as third:
                chance = third.look()
                assert (chance.agent, chance.somebody_present) == ("", True)
    assert desk.switchboard.agents()[0].ringing_for == ""


def test_a_waiting_caller_is_woken_when_an_agent_becomes_free(desk: Desk) -> None:
    desk.switchboard.phone_changed("PJSIP/desk_1", "INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().somebody_present
        desk.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE")
        assert desk.woken.get(timeout=5) == "c1"
        assert place.look().agent == "anna"


def test_the_one_who_asks_is_not_woken(desk: Desk) -> None:
    """A wake key sent to him would reach the agent's ear instead."""
    desk.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE")
    desk.switchboard.agents()
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "anna"
    assert desk.woken.empty()


def test_who_waits_learns_that_the_department_has_closed(desk: Desk) -> None:
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().is_open
        with desk.db.conn:
            desk.db.execute("UPDATE departments SET ignores_night_switch = 0")
            desk.db.execute("UPDATE night_switch SET mode = 'night'")
        assert not place.look().is_open


def test_no_answer_means_away_and_the_next_is_chosen(desk: Desk) -> None:
    desk.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE")
    desk.switchboard.phone_changed("PJSIP/desk_2", "NOT_INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "bert"
        place.report(Ring.NO_ANSWER)
        assert desk.db.execute("SELECT state, reason FROM presence WHERE agent = 'bert'").fetchone() == (
            "away",
            "no answer",
        )
        desk.waits_for_lamp("agent:bert", "amber blinking")
        assert place.look().agent == "anna"


def remove(desk: Desk, agent: str) -> None:
    """The admin removes an agent; when this returns, the switchboard knows."""
    desk.db.execute("DELETE FROM agents WHERE name = ?", [agent])
    until(lambda: agent not in desk.reserved(), lambda: "he is still there")


def test_an_agent_removed_while_his_phone_rings_costs_the_caller_nothing(desk: Desk) -> None:
    desk.idle("PJSIP/desk_1", "PJSIP/desk_2")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "bert"
        remove(desk, "bert")
        place.report(Ring.NO_ANSWER)
        assert place.look().agent == "anna"
        remove(desk, "anna")
        assert place.look().agent == "", "he was not even rung yet"


def test_an_agent_removed_while_he_is_picking_up_talks_to_the_caller(desk: Desk) -> None:
    """The one who is in a conversation does not stand in line for the next agent."""
    desk.idle("PJSIP/desk_1", "PJSIP/desk_2")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "bert"
        remove(desk, "bert")
        place.report(Ring.TALKED)
        desk.idle("PJSIP/desk_1")
        assert desk.reserved() == {"anna": ""}


def test_a_refusal_rings_somebody_else_first_and_the_agent_stays_available(desk: Desk) -> None:
    desk.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "anna"
        place.report(Ring.REFUSED)
        chance = place.look()
        assert (chance.agent, chance.somebody_present) == ("", True)
        desk.clock.now += timedelta(seconds=20)
        assert desk.woken.get(timeout=5) == "c1"
        assert place.look().agent == "anna"


def test_wrap_up_after_a_conversation_survives_a_restart(desk: Desk) -> None:
    desk.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        place.look()
        place.report(Ring.TALKED)
    desk.waits_for_lamp("agent:anna", "amber")
    again = desk.another()
    again.start()
    assert again.agents()[0].in_wrap_up(desk.clock.now)
    again.stop()
    desk.clock.now += timedelta(seconds=6)
    desk.waits_for_lamp("agent:anna", "green")


def test_while_nobody_knows_what_the_phones_do_who_is_available_counts_as_there(desk: Desk) -> None:
    """A moment without events, or the first moment after the start, sends nobody out of the line."""
    desk.idle("PJSIP/desk_1")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        place.look()
        place.report(Ring.REFUSED)
        asked_at = time.monotonic()
        desk.switchboard.asterisk_lost()
        assert place.look().somebody_present
        assert not place.look().agent, "nobody is rung"
        desk.switchboard.phones_known(asked_at=asked_at)
        assert place.look().somebody_present, "what was asked before the loss says nothing"
        desk.switchboard.phones_known(asked_at=time.monotonic())
        assert not place.look().somebody_present, "now it is known that no phone can be rung"


def test_a_caller_who_goes_frees_the_agent(desk: Desk) -> None:
    desk.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "anna"
    with desk.switchboard.place_in_line(desk.caller("2"), "c2") as place:
        assert place.look().agent == "anna"


def test_a_press_is_committed_before_the_lamp_shows_it(desk: Desk) -> None:
    desk.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE")
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


def test_a_press_while_it_rings_stops_the_ring_and_nothing_else(desk: Desk) -> None:
    desk.idle("PJSIP/desk_1")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "anna"
        desk.waits_for_lamp("agent:anna", "green blinking")
        people.press(desk.db, "agent:anna")
        assert desk.stopped.get(timeout=5) == "PJSIP/desk_1"
        assert desk.stopped.get(timeout=5) == "PJSIP/desk_1", "the phone had not begun to ring: told again"
        place.report(Ring.REFUSED)
        desk.waits_for_lamp("agent:anna", "amber")
        told = desk.stopped.qsize()
        place.look()
        assert desk.stopped.qsize() == told, "what has stopped is left alone"
    assert desk.db.execute("SELECT state FROM presence WHERE agent = 'anna'").fetchone() == ("available",)


@pytest.mark.parametrize("told", [Ring.NO_ANSWER, Ring.UNREACHABLE, Ring.REFUSED])
def test_who_pressed_a_ring_away_is_not_set_to_away(desk: Desk, told: Ring) -> None:
    desk.idle("PJSIP/desk_1")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "anna"
        desk.db.execute("INSERT INTO presses (button, press) VALUES ('agent:anna', 'not now')")
        desk.stopped.get(timeout=5)
        place.report(told)
    desk.waits_for_lamp("agent:anna", "amber")
    assert desk.db.execute("SELECT state FROM presence WHERE agent = 'anna'").fetchone() == ("available",)


def test_who_picks_up_while_pressing_has_picked_up(desk: Desk) -> None:
    desk.idle("PJSIP/desk_1")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "anna"
        desk.switchboard.phone_changed("PJSIP/desk_1", "INUSE")
        desk.waits_for_lamp("agent:anna", "red")
        desk.db.execute("INSERT INTO presses (button, press) VALUES ('agent:anna', 'not now')")
        until(lambda: not people.take_presses(desk.db), lambda: "the press is taken")
        desk.switchboard.agents()
        assert desk.stopped.empty()


def test_who_goes_away_while_his_phone_rings_is_not_rung_on(desk: Desk) -> None:
    desk.idle("PJSIP/desk_1")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "anna"
        desk.db.execute("INSERT INTO presses (button, press) VALUES ('agent:anna', 'short')")
        assert desk.stopped.get(timeout=5) == "PJSIP/desk_1"
        assert desk.switchboard.agents()[0].presence is Presence.AWAY


def test_not_now_when_nothing_rings_any_more_means_nothing(desk: Desk) -> None:
    desk.idle("PJSIP/desk_1")
    desk.waits_for_lamp("agent:anna", "green")
    desk.db.execute("INSERT INTO presses (button, press) VALUES ('agent:anna', 'not now')")
    people.press(desk.db, "night:night")
    desk.waits_for_lamp("night", "on")
    assert desk.lamps()["agent:anna"] == "green"
    assert desk.stopped.empty()


def test_what_another_program_commits_is_seen(desk: Desk, tmp_path: Path) -> None:
    desk.switchboard.phone_changed("PJSIP/desk_2", "NOT_INUSE")
    desk.waits_for_lamp("agent:bert", "green")
    other = open_store(tmp_path / "store.db")
    people.set_presence(other, "bert", Presence.OFFLINE, "command", NOON)
    other.close()
    desk.waits_for_lamp("agent:bert", "off")
    until(
        lambda: desk.mirrored.get(timeout=5).get("Custom:presence-bert") == "BUSY",
        lambda: "presence is shown to Asterisk",
    )


def test_the_night_switch_lights_its_lamp(desk: Desk) -> None:
    people.press(desk.db, "night:night")
    desk.waits_for_lamp("night", "on")
    assert desk.db.execute("SELECT state FROM opening WHERE department = 'office'").fetchone() == ("closed",)
    assert desk.db.execute("SELECT state FROM opening WHERE department = 'support'").fetchone() == ("open",)


def told_of(desk: Desk, device: str) -> str:
    """The state of a device that Asterisk is shown next."""
    while True:
        states = desk.mirrored.get(timeout=5)
        if device in states:
            return states[device]


def test_desk_phones_are_shown_night_mode_and_hours(desk: Desk) -> None:
    assert told_of(desk, "Custom:night") == "NOT_INUSE"
    night.set_night_mode(desk.db, "night", by_page("ada"), NOON)
    states: dict[str, str] = {}
    while states.keys() != {"Custom:night", "Custom:hours-office"}:
        states |= desk.mirrored.get(timeout=5)
    assert states == {"Custom:night": "INUSE", "Custom:hours-office": "BUSY"}


def test_desk_phones_are_shown_who_waits_on_the_telephone_without_an_agent(desk: Desk) -> None:
    assert told_of(desk, "Custom:queue-support") == "NOT_INUSE"
    desk.idle("PJSIP/desk_2")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as first:
        assert first.look().agent == "bert"
        desk.owes("2")
        with desk.switchboard.place_in_line(desk.caller("3", 3), "c3"):
            assert told_of(desk, "Custom:queue-support") == "INUSE"
        assert told_of(desk, "Custom:queue-support") == "NOT_INUSE"
    while not desk.mirrored.empty():
        assert "Custom:queue-support" not in desk.mirrored.get()


def test_who_cannot_be_rung_is_shown_as_busy(desk: Desk) -> None:
    assert told_of(desk, "Custom:presence-bert") == "BUSY", "his phone is not known yet"
    desk.idle("PJSIP/desk_2")
    assert told_of(desk, "Custom:presence-bert") == "NOT_INUSE"
    people.set_presence(desk.db, "bert", Presence.AWAY, "button", NOON)
    assert told_of(desk, "Custom:presence-bert") == "BUSY"


def test_what_asterisk_shows_otherwise_or_has_forgotten_is_shown_again(desk: Desk) -> None:
    assert told_of(desk, "Custom:night") == "NOT_INUSE"
    desk.switchboard.device_state_seen("Custom:night", "NOT_INUSE")
    desk.switchboard.device_state_seen("Custom:hours-office", "BUSY")
    assert desk.mirrored.get(timeout=5) == {"Custom:hours-office": "NOT_INUSE"}
    desk.switchboard.mirror_again()
    assert told_of(desk, "Custom:night") == "NOT_INUSE"


@pytest.mark.parametrize("button", ["agent:nobody", "night:maybe", "night:day:home", "", "agent:", "x:y"])
def test_a_button_there_is_not_changes_nothing(desk: Desk, button: str) -> None:
    with pytest.raises(LookupError):
        people.press(desk.db, button)
    assert desk.db.execute("SELECT count(*) FROM presses").fetchone() == (0,)


def test_fifty_callers_at_once_each_agent_once(desk: Desk) -> None:
    """Threads ask as they like: at no moment is an agent given to two callers."""
    desk.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE")
    desk.switchboard.phone_changed("PJSIP/desk_2", "NOT_INUSE")
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


# Callbacks stand in the same line


def test_who_is_due_is_begun_once_with_the_agent_who_is_free(desk: Desk) -> None:
    desk.idle("PJSIP/desk_1", "PJSIP/desk_2")
    request = desk.owes("1.0")
    assert desk.begins(request) == "bert"
    people.set_presence(desk.db, "anna", Presence.AWAY, "button", NOON)  # something changes in the store
    desk.waits_for_lamp("agent:anna", "off")
    assert desk.reserved() == {"anna": "", "bert": f"callback:{request}"}
    assert desk.begun.empty()


def test_nobody_is_called_back_before_it_is_due(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switchboard_module, "_CALLBACK_LOOK_SECONDS", 0.0)
    request = desk.owes("1.0", seconds=60)
    desk.idle("PJSIP/desk_1")
    desk.waits_for_lamp("agent:anna", "green")
    assert desk.begun.empty()
    desk.clock.now += timedelta(seconds=60)
    assert desk.begins(request) == "anna"


def test_who_came_first_is_served_first_on_the_telephone_or_called_back(desk: Desk) -> None:
    desk.switchboard.phone_changed("PJSIP/desk_1", "INUSE")
    older, younger = desk.owes("1.0"), desk.owes("3.0", 2, "+49931777")
    desk.clock.now += timedelta(seconds=10)
    with desk.switchboard.place_in_line(desk.caller("2.0", 1), "c2") as place:
        until(lambda: place.look().position == 2, lambda: "the older callback stands before him")
        desk.idle("PJSIP/desk_1")
        assert desk.begins(older) == "anna"
        assert place.look().position == 1
        desk.idle("PJSIP/desk_2")
        assert desk.woken.get(timeout=5) == "c2"
        assert place.look().agent == "bert"
    assert desk.begins(younger) == "bert"


def test_position_and_expected_wait_count_who_is_to_be_called_back(desk: Desk) -> None:
    desk.switchboard.phone_changed("PJSIP/desk_1", "INUSE")
    with desk.switchboard.place_in_line(desk.caller("9.0", 9), "c9") as place:
        alone = place.look()
        assert (alone.position, alone.agents) == (1, 1)
        desk.owes("1.0", number="+4993171")
        desk.owes("2.0", 1, "+4993172")
        desk.clock.now += timedelta(seconds=30)
        until(lambda: place.look().position == 3, lambda: f"{place.look()}")
        behind = place.look()
        assert alone.wait_seconds is not None
        assert behind.wait_seconds is not None
        assert behind.wait_seconds > 2 * alone.wait_seconds
        desk.owes("3.0", 20, "+4993173")
        with desk.switchboard.place_in_line(desk.caller("8.0", 25), "c8") as last:
            until(lambda: last.look().position == 5, lambda: f"{last.look()}")
            assert place.look().position == 3, "who came after him is behind him"


def test_who_is_settled_is_taken_out_of_the_line(desk: Desk) -> None:
    request = desk.owes("1.0")
    desk.switchboard.phone_changed("PJSIP/desk_1", "INUSE")
    with desk.switchboard.place_in_line(desk.caller("2.0", 1), "c2") as place:
        until(lambda: place.look().position == 2, lambda: f"{place.look()}")
        callbacks.cancel(desk.db, request, NOON)
        until(lambda: place.look().position == 1, lambda: f"{place.look()}")
        desk.idle("PJSIP/desk_1")
        assert desk.woken.get(timeout=5) == "c2"
    assert desk.begun.empty()


def test_what_is_asked_for_anew_is_begun_as_it_is_now(desk: Desk) -> None:
    """A ticket given in a second call is shown to the agent; the older place is taken."""
    desk.switchboard.phone_changed("PJSIP/desk_1", "INUSE")
    request = desk.owes("1.0", 5)
    desk.clock.now += timedelta(seconds=30)
    with desk.switchboard.place_in_line(desk.caller("2.0", 6), "c2") as place:
        until(lambda: place.look().position == 2, lambda: f"{place.look()}")
        ledger.open_call(
            desk.db, "3.0", dialled="093155510", caller="+491701234567", caller_name="", started_at=NOON
        )
        ledger.set_ticket(desk.db, "3.0", "4711", NOON)
        assert callbacks.request(desk.db, "3.0", "+491701234567", arrived=NOON, now=NOON) == request
        ledger.close_call(desk.db, "3.0", NOON)
        until(lambda: place.look().position == 2, lambda: f"{place.look()}")
        desk.idle("PJSIP/desk_1")
        callback, _ = desk.begun.get(timeout=5)
    assert (callback.ticket, callback.arrived) == ("4711", NOON)


@pytest.mark.parametrize(
    ("result", "lamp", "state"),
    [
        (Ring.CALLER_GONE, "green", "available"),
        (Ring.TALKED, "amber", "available"),
        (Ring.REFUSED, "amber", "available"),
        (Ring.NO_ANSWER, "amber blinking", "away"),
        (Ring.UNREACHABLE, "amber blinking", "away"),
    ],
)
def test_how_it_ended_for_the_agent_frees_him_like_a_call(
    desk: Desk, result: Ring, lamp: str, state: str
) -> None:
    request = desk.owes("1.0")
    desk.idle("PJSIP/desk_1")
    assert desk.begins(request) == "anna"
    desk.waits_for_lamp("agent:anna", "green blinking")
    callbacks.cancel(desk.db, request, NOON)
    desk.switchboard.callback_over(request, result)
    assert desk.reserved()["anna"] == ""
    desk.waits_for_lamp("agent:anna", lamp)
    assert desk.db.execute("SELECT state FROM presence WHERE agent = 'anna'").fetchone()[0] == state


def test_who_is_still_owed_a_call_after_a_refusal_is_in_line_again_at_once(desk: Desk) -> None:
    request = desk.owes("1.0")
    desk.idle("PJSIP/desk_1")
    assert desk.begins(request) == "anna"
    desk.switchboard.callback_over(request, Ring.REFUSED)
    desk.idle("PJSIP/desk_2")
    assert desk.begins(request) == "bert"


def test_an_agent_of_an_attempt_nobody_speaks_of_is_freed_in_the_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(switchboard_module, "_CALLBACK_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(switchboard_module, "_BEGUN_SECONDS", 0.0)
    request = desk.owes("1.0")
    desk.idle("PJSIP/desk_1")
    assert desk.begins(request) == "anna"
    assert callbacks.begin_attempt(desk.db, request)
    desk.switchboard.agents()
    assert desk.reserved()["anna"], "he is being called: that may last"
    callbacks.cancel(desk.db, request, NOON)
    until(lambda: not desk.reserved()["anna"], lambda: f"{desk.reserved()}")
    assert f"callback:{request} is over, and nobody told" in caplog.text
    desk.waits_for_lamp("agent:anna", "green")


def test_an_attempt_begun_in_time_keeps_its_agent_until_it_is_old(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the choice and the commit of the attempt the request may look like no longer due."""
    monkeypatch.setattr(switchboard_module, "_CALLBACK_LOOK_SECONDS", 0.0)
    request = desk.owes("1.0")
    desk.idle("PJSIP/desk_1")
    assert desk.begins(request) == "anna"
    callbacks.cancel(desk.db, request, NOON)
    for _ in range(5):
        assert desk.reserved()["anna"]


def test_without_room_on_the_line_nobody_is_called_back(desk: Desk) -> None:
    desk.switchboard.line_room(False)
    desk.idle()
    request = desk.owes("1.0")
    desk.idle("PJSIP/desk_1")
    with desk.switchboard.place_in_line(desk.caller("2.0", 1), "c2") as place:
        assert place.look().agent == "anna", "who is on the telephone does not wait for a callback then"
    assert desk.begun.empty()
    desk.switchboard.line_room(True)
    desk.owes("3.0", number="+49931777")  # looked at again when the store changes, or a second later
    assert desk.begins(request) == "anna"


def test_a_closed_department_calls_nobody_back(desk: Desk) -> None:
    desk.db.execute("UPDATE departments SET ignores_night_switch = 0")
    night.set_night_mode(desk.db, "night", by_page("ada"), NOON)
    request = desk.owes("1.0")
    desk.idle("PJSIP/desk_1")
    desk.waits_for_lamp("night", "on")
    desk.waits_for_lamp("agent:anna", "green")
    assert desk.begun.empty()
    night.set_night_mode(desk.db, "auto", by_page("ada"), NOON)
    assert desk.begins(request) == "anna"


def test_somebody_waits_only_on_the_telephone(desk: Desk) -> None:
    desk.owes("1.0")
    desk.idle("PJSIP/desk_1")
    desk.begun.get(timeout=5)
    assert not desk.switchboard.somebody_waits()
    with desk.switchboard.place_in_line(desk.caller("2.0"), "c2"):
        assert desk.switchboard.somebody_waits()
    assert not desk.switchboard.somebody_waits()


# What is known of the phones, and what is pressed


def test_what_was_asked_before_the_last_report_is_older_than_it(desk: Desk) -> None:
    asked_at = time.monotonic()
    desk.switchboard.phone_changed("PJSIP/desk_1", "INUSE")
    desk.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE", asked_at=asked_at)
    desk.switchboard.phone_changed("PJSIP/desk_2", "NOT_INUSE", asked_at=asked_at)
    states = {agent.name: agent.phone_state for agent in desk.switchboard.agents()}
    assert states == {"anna": "in call", "bert": "idle"}
    desk.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE", asked_at=time.monotonic())
    assert desk.switchboard.agents()[0].phone_state == "idle"


def test_when_asterisk_is_lost_no_phone_can_be_rung_and_the_lamps_say_so(desk: Desk) -> None:
    desk.waits_for_lamp("asterisk", "red")
    desk.switchboard.asterisk_answers()
    desk.idle("PJSIP/desk_1")
    desk.waits_for_lamp("asterisk", "green")
    desk.waits_for_lamp("agent:anna", "green")
    desk.switchboard.asterisk_lost()
    desk.waits_for_lamp("asterisk", "red")
    desk.waits_for_lamp("agent:anna", "amber blinking")
    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == ""


def test_a_press_from_before_the_start_is_not_lost(tmp_path: Path) -> None:
    seeded_store(tmp_path / "store.db").close()
    db = open_store(tmp_path / "store.db")
    people.press(db, "agent:anna")
    db.close()
    switchboard = Switchboard(
        tmp_path / "store.db",
        wake=print,
        call_back=print,
        stop_ringing=print,
        mirror=lambda _: None,
        show=lambda _: None,
        clock=Clock(),
    )
    switchboard.start()
    assert switchboard.agents()[0].presence is Presence.AWAY
    switchboard.stop()


def test_a_store_that_fails_for_a_moment_costs_no_question_and_no_leave(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was not let out of the line would stand in it for ever."""
    desk.idle("PJSIP/desk_1")
    desk.waits_for_lamp("agent:anna", "green")
    read, failures = people.agents, []

    def fails(db: Database) -> object:
        failures.append(db)
        raise sqlite3.OperationalError("disk I/O error")

    with desk.switchboard.place_in_line(desk.caller("1"), "c1") as place:
        assert place.look().agent == "anna"
        monkeypatch.setattr(people, "agents", fails)
        desk.db.execute("UPDATE night_switch SET since = 'x'")
        until(lambda: failures, lambda: "the store was not read")
        assert place.look().agent == "anna"
    monkeypatch.setattr(people, "agents", read)
    assert desk.reserved()["anna"] == ""
    assert not desk.switchboard.somebody_waits()
