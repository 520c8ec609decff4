"""Desk boxes as people use them: press, lamp, pairing, cables that come and go."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from appliance.hotline.matching import WaitingCaller
from appliance.hotline.ringing import Ring
from appliance.panel.bundle import make_bundle
from appliance.simulator.desk_box import SimulatedBox
from appliance.store import boxes, people, times
from appliance.store.changes import BY_COMMAND
from tests.panel.conftest import ANNAS, BERTS, Desks

CALLER = WaitingCaller("1.0", "support", "de", datetime(2026, 11, 24, 12, 0, tzinfo=UTC))


def test_a_press_toggles_and_the_lamp_follows_what_is_committed(
    desks: Desks, annas_box: SimulatedBox
) -> None:
    annas_box.shows("off")
    annas_box.presses()
    annas_box.shows("green")
    assert desks.presence("anna") == "available"
    annas_box.presses()
    annas_box.shows("off")
    assert desks.presence("anna") == "away"
    annas_box.presses()
    annas_box.shows("green")
    annas_box.holds()
    annas_box.shows("off")
    assert desks.presence("anna") == "offline"
    assert desks.presence("bert") == "offline"


def test_the_lamp_through_a_call(desks: Desks, annas_box: SimulatedBox) -> None:
    desks.sets("anna", "available")
    annas_box.shows("green")
    with desks.switchboard.place_in_line(CALLER, "c") as place:
        assert place.look().agent == "anna"
        annas_box.shows("green breathing")
        desks.switchboard.phone_changed("PJSIP/desk_1", "RINGING")
        desks.switchboard.phone_changed("PJSIP/desk_1", "INUSE")
        annas_box.shows("red")
        desks.switchboard.phone_changed("PJSIP/desk_1", "NOT_INUSE")
        place.report(Ring.TALKED)
        annas_box.shows("amber")
    assert annas_box.buzzes


def test_a_press_while_it_rings_is_not_now(desks: Desks, annas_box: SimulatedBox) -> None:
    boxes.set_sound(desks.db, ANNAS, on=False)
    desks.sets("anna", "available")
    annas_box.shows("green")
    with desks.switchboard.place_in_line(CALLER, "c") as place:
        assert place.look().agent == "anna"
        annas_box.shows("green breathing")
        annas_box.presses()
        desks.until(lambda: desks.stopped, "the ring is stopped")
        place.report(Ring.REFUSED)
        annas_box.shows("amber")
    assert desks.presence("anna") == "available"
    assert desks.stopped[0] == "PJSIP/desk_1"
    assert not annas_box.buzzes, "its sound is off"


def test_blue_while_callers_wait_and_nobody_takes_them(desks: Desks, annas_box: SimulatedBox) -> None:
    desks.sets("anna", "away")
    annas_box.shows("off")
    with desks.switchboard.place_in_line(CALLER, "c") as place:
        assert not place.look().agent
        annas_box.shows("blue blinking")
        annas_box.presses()
        annas_box.shows("green breathing")


def test_a_new_box_is_paired_by_pressing_its_button(desks: Desks) -> None:
    box = desks.box(ANNAS, desks.cable("port-1"))
    box.shows("violet pulse")
    box.presses()
    desks.until(lambda: boxes.all_boxes(desks.db), "it is known")
    boxes.begin_pairing(desks.db, "anna", times.now())
    box.shows("violet blinking")
    box.presses()
    box.shows("off")
    assert [(b.serial, b.agent, b.port[-6:]) for b in boxes.all_boxes(desks.db)] == [
        (ANNAS, "anna", "port-1")
    ]
    assert desks.presence("anna") == "offline", "the press was for pairing"
    box.presses()
    box.shows("green")
    boxes.unpair(desks.db, ANNAS, BY_COMMAND)
    box.shows("violet pulse")


def test_two_boxes_whose_cables_are_swapped(desks: Desks) -> None:
    one, two = desks.cable("port-1"), desks.cable("port-2")
    anna, bert = desks.box(ANNAS, one, agent="anna"), desks.box(BERTS, two, agent="bert")
    anna.shows("off")
    anna.presses()
    anna.shows("green")
    bert.shows("off")
    anna.power_off()
    bert.power_off()
    anna.power_on(two)
    bert.power_on(one)
    anna.shows("green")
    bert.shows("off")
    bert.presses()
    bert.shows("green")
    anna.presses()
    anna.shows("off")
    assert (desks.presence("anna"), desks.presence("bert")) == ("away", "available")


def test_hot_plug_and_unplug(desks: Desks, annas_box: SimulatedBox) -> None:
    annas_box.shows("off")
    cable = annas_box.cable
    cable.unplug()
    annas_box.shows("white pulse")
    desks.until(lambda: not boxes.all_boxes(desks.db)[0].port, "it is told to be gone")
    annas_box.presses()
    cable.plug()
    annas_box.shows("off")
    assert desks.presence("anna") == "offline", "nobody could see what that press meant"
    annas_box.presses()
    annas_box.shows("green")


def test_unplugged_in_the_middle_of_a_frame(desks: Desks, annas_box: SimulatedBox) -> None:
    annas_box.shows("off")
    for count in (1, 7, 20):
        annas_box.cable.breaks_after(count)
        annas_box.presses()
        annas_box.shows("white pulse")
        annas_box.cable.unplug()
        annas_box.cable.plug()
        annas_box.shows("green" if count != 7 else "off")
    assert desks.presence("anna") == "available", "each press counted once, when the link was back"


def test_when_the_appliance_is_away_the_box_says_so(desks: Desks, annas_box: SimulatedBox) -> None:
    annas_box.shows("off")
    annas_box.presses()
    annas_box.shows("green")
    desks.stops_appliance()
    annas_box.shows("white pulse")
    desks.starts_appliance()
    annas_box.shows("green")
    annas_box.presses()
    annas_box.shows("off")


def test_a_switchboard_that_stands_still_is_no_green_lamp(desks: Desks, annas_box: SimulatedBox) -> None:
    annas_box.shows("off")
    annas_box.presses()
    annas_box.shows("green")
    desks.switchboard.stop()
    annas_box.shows("white pulse")
    desks.panel.stop()
    desks.starts_appliance()
    annas_box.shows("green")


def _orders() -> list[str]:
    """Every order in which box (b) and appliance (a), or one of them, lose power and get it again (B, A)."""
    both = {"".join(order) for order in itertools.permutations("bBaA")}
    return [
        "bB",
        "aA",
        *sorted(o for o in both if o.index("b") < o.index("B") and o.index("a") < o.index("A")),
    ]


@pytest.mark.parametrize("order", _orders())
def test_box_and_appliance_lose_power_in_any_order(desks: Desks, annas_box: SimulatedBox, order: str) -> None:
    annas_box.shows("off")
    annas_box.presses()
    annas_box.shows("green")

    def appliance_gets_power() -> None:
        people.send_everybody_home(desks.db, "power cut", times.now())
        desks.starts_appliance()

    for event in order:
        {
            "b": annas_box.power_off,
            "B": lambda: annas_box.power_on(annas_box.cable),
            "a": desks.stops_appliance,
            "A": appliance_gets_power,
        }[event]()
    annas_box.shows("off" if "a" in order else "green")
    assert desks.presence("anna") == ("offline" if "a" in order else "available")
    annas_box.presses()
    annas_box.shows("green" if "a" in order else "off")
    assert desks.presence("anna") == ("available" if "a" in order else "away")


def test_firmware_that_hangs_is_started_again(desks: Desks, annas_box: SimulatedBox) -> None:
    annas_box.watchdog_seconds = 3
    annas_box.shows("off")
    annas_box.presses()
    annas_box.shows("green")
    starts = annas_box.starts
    annas_box.hangs()
    desks.until(lambda: annas_box.starts > starts, "the watchdog ends it")
    annas_box.watchdog_seconds = None
    annas_box.shows("green")
    annas_box.presses()
    annas_box.shows("off")


def test_many_presses_count_each_once(desks: Desks, annas_box: SimulatedBox) -> None:
    annas_box.shows("off")
    for number in range(21):
        annas_box.presses()
        annas_box.shows("off" if number % 2 else "green")
    assert desks.presence("anna") == "available"
    assert desks.db.execute("SELECT taken FROM boxes").fetchone() == (21,)


def test_a_line_that_garbles_brings_no_wrong_press_and_no_stuck_lamp(
    desks: Desks, annas_box: SimulatedBox
) -> None:
    annas_box.shows("off")
    annas_box.cable.garbles(0.01)
    for number in range(8):
        annas_box.presses()
        annas_box.shows("off" if number % 2 else "green")
    annas_box.cable.garbles(0)
    annas_box.shows("off")
    assert desks.db.execute("SELECT taken FROM boxes").fetchone() == (8,)


def test_a_box_that_floods_disturbs_nobody(desks: Desks, annas_box: SimulatedBox) -> None:
    bert = desks.box(BERTS, desks.cable("port-2"), agent="bert")
    annas_box.shows("off")
    bert.shows("off")
    annas_box.cable.floods(bytes(range(256)) * 8)
    for look in ("green", "off"):
        bert.presses()
        bert.shows(look)
    desks.until(lambda: annas_box.cable.bytes_flooded > 100_000, "it floods")
    annas_box.cable.floods(b"")
    annas_box.presses()
    annas_box.shows("green")


def test_an_empty_or_foreign_port_is_left_alone(desks: Desks) -> None:
    silent = desks.cable("port-7")
    chatty = desks.cable("port-8")
    chatty.floods(b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n")
    box = desks.box(ANNAS, desks.cable("port-1"), agent="anna")
    desks.until(lambda: chatty.bytes_flooded > 10_000, "it talks")
    box.shows("off")
    box.presses()
    box.shows("green")
    silent.unplug()


def test_several_boxes_on_one_bus(desks: Desks) -> None:
    bus = desks.cable("bus-1")
    anna = desks.box(ANNAS, bus, agent="anna")
    bert = desks.box(BERTS, bus, agent="bert")
    third = desks.box("00000000000000cc", bus)
    anna.shows("off")
    bert.shows("off")
    third.shows("violet pulse")
    anna.presses()
    anna.shows("green")
    bert.shows("off")
    bert.presses()
    bert.shows("green")
    anna.power_off()
    bert.presses()
    bert.shows("off")
    anna.power_on(bus)
    anna.shows("green")


def test_old_firmware_is_replaced_over_the_cable(desks: Desks, annas_box: SimulatedBox) -> None:
    annas_box.shows("off")
    assert annas_box.starts == 1, "the right firmware stays"
    annas_box.power_off()
    code = annas_box.disk / "a" / "deskbox"
    (code / "frames.py").write_text((code / "frames.py").read_text().replace("VERSION = 1", "VERSION = 0"))
    (annas_box.disk / "a" / "digest").write_text("00" * 32)
    annas_box.power_on(annas_box.cable)
    desks.until(lambda: annas_box.starts == 3, "it has started again")
    annas_box.shows("off")
    annas_box.presses()
    annas_box.shows("green")
    desks.until(lambda: (annas_box.disk / "slot").exists(), "the new firmware is confirmed")
    assert (annas_box.disk / "slot").read_text() == "b"
    assert boxes.all_boxes(desks.db)[0].firmware == make_bundle().name
