"""The front panel on simulated GPIOs, with the real switchboard and the real store."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import supervisor
from appliance.panel import gpio as gpio_module
from appliance.panel.committed import CommittedLamps
from appliance.panel.front_panel import PRESS_STILL_MS
from appliance.panel.gpio import NoGpio, real_gpio
from appliance.panel.pins import FILE, read_panel_pins
from appliance.settings import Settings
from appliance.simulator.gpio import SimulatedGpio
from appliance.store import people
from appliance.store.database import open_store
from appliance.switchboard import Switchboard
from tests.panel.panel_office import PINS, PanelOffice
from tests.unit.seed import seeded_store

ADDRESS = PINS.contacts["address"]
NIGHT, DAY = PINS.contacts["night"], PINS.contacts["day"]
NIGHT_LAMP, ALIVE, MESSAGE = PINS.lamps["night"], PINS.lamps["supervisor"], PINS.lamps["message"]
LINE = PINS.lines[0]


class Office(PanelOffice):
    """A switchboard and a panel on simulated GPIOs."""

    gpio: SimulatedGpio

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SimulatedGpio())

    def flashes(self, pin: int, since: float) -> int:
        """How often a lamp went on since a moment."""
        return sum(lit and which == pin and at > since for at, which, lit in list(self.gpio.history))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.stops()


def test_the_switch_commits_and_the_lamp_follows_what_is_committed(office: Office) -> None:
    office.gpio.closes(NIGHT)
    office.until_mode("night")
    office.until(lambda: office.gpio.is_lit(NIGHT_LAMP), "the night lamp")
    office.gpio.opens(NIGHT)
    office.until_mode("auto")
    office.until(lambda: not office.gpio.is_lit(NIGHT_LAMP), "the night lamp is dark")
    office.gpio.closes(DAY)
    office.until_mode("day")


def test_the_address_button_rings_the_chosen_phone_once_a_press(office: Office) -> None:
    office.until(lambda: office.gpio.is_lit(ALIVE), "the panel looks: what is held by then is no press")
    office.gpio.bounces(ADDRESS, closed=True, times=5, chance=random.Random(1))
    office.until(lambda: office.rung == ["PJSIP/desk_1"], "the first phone rings")
    office.gpio.bounces(ADDRESS, closed=False, times=5, chance=random.Random(2))
    office.db.execute("UPDATE office SET address_phone = 'desk_2'")
    time.sleep(2 * PRESS_STILL_MS / 1000)  # a shorter time is bouncing, not letting go
    office.gpio.closes(ADDRESS)
    office.until(lambda: office.rung == ["PJSIP/desk_1", "PJSIP/desk_2"], "the chosen phone rings")
    office.stops()
    office.starts()
    office.gpio.closes(NIGHT)
    office.until_mode("night")
    assert len(office.rung) == 2, "it was held before, and is no new press"


def test_the_middle_on_the_way_is_not_meant(office: Office) -> None:
    office.gpio.closes(NIGHT)
    office.until_mode("night")
    presses = office.db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'presses'").fetchone()[0]
    office.gpio.bounces(NIGHT, closed=False, times=5, chance=random.Random(1))
    office.gpio.bounces(DAY, closed=True, times=5, chance=random.Random(2))
    office.until_mode("day")
    after = office.db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'presses'").fetchone()[0]
    assert after == presses + 1


def test_lost_edges_lose_no_press(office: Office) -> None:
    office.gpio.loses_edges = True
    office.gpio.bounces(NIGHT, closed=True, times=10, chance=random.Random(3))
    office.until_mode("night")


def test_a_switch_that_is_wired_wrongly_changes_nothing(office: Office) -> None:
    office.gpio.closes(DAY)
    office.until_mode("day")
    office.gpio.sticks(NIGHT, closed=True)  # both are closed
    since = time.monotonic()
    office.until(lambda: office.flashes(ALIVE, since) >= 2, "the panel has looked again and again")
    assert office.mode() == "day"
    office.gpio.opens(DAY)
    office.until_mode("night")


def test_somebody_else_may_change_the_mode_and_the_switch_does_not_change_it_back(office: Office) -> None:
    office.gpio.closes(NIGHT)
    office.until_mode("night")
    people.press(office.db, "night:auto")  # on the page
    office.until_mode("auto")
    office.until(lambda: not office.gpio.is_lit(NIGHT_LAMP), "the night lamp is dark")
    since = time.monotonic()
    office.until(lambda: office.flashes(ALIVE, since) >= 1, "the panel has looked again and again")
    assert office.mode() == "auto"


def test_a_switch_moved_while_nobody_looked_counts_at_the_next_start(office: Office) -> None:
    office.gpio.closes(DAY)
    office.until_mode("day")
    office.stops()
    office.gpio.opens(DAY)
    office.gpio.closes(NIGHT)
    office.starts()
    office.until_mode("night")


def test_a_restart_alone_changes_nothing(office: Office) -> None:
    office.gpio.closes(NIGHT)
    office.until_mode("night")
    people.press(office.db, "night:day")
    office.until_mode("day")
    office.stops()
    office.starts()
    office.until(lambda: office.gpio.is_lit(ALIVE), "the panel is there")
    since = time.monotonic()
    office.until(lambda: office.flashes(ALIVE, since) >= 1, "the panel has looked again and again")
    assert office.mode() == "day"


def test_a_panel_seen_for_the_first_time_in_its_middle_says_nothing(tmp_path: Path) -> None:
    db = seeded_store(tmp_path / "store.db")
    db.execute("UPDATE night_switch SET mode = 'night'")
    db.close()
    office = Office.__new__(Office)
    office.store, office.gpio, office.rung = tmp_path / "store.db", SimulatedGpio(), []
    office.db = open_store(office.store)
    office.starts()
    try:
        since = time.monotonic()
        office.until(lambda: office.flashes(ALIVE, since) >= 2, "the panel has looked again and again")
        assert office.mode() == "night"
        office.gpio.closes(DAY)
        office.until_mode("day")
    finally:
        office.stops()


def test_lines_messages_and_callbacks_are_seen(office: Office) -> None:
    office.until(lambda: office.gpio.is_lit(ALIVE), "the supervisor's lamp")
    assert not office.gpio.is_lit(MESSAGE)
    office.switchboard.phone_changed("PJSIP/isdn", "RINGING")
    since = time.monotonic()
    office.until(lambda: office.flashes(LINE, since) >= 4, "the line's lamp flashes")
    office.switchboard.phone_changed("PJSIP/isdn", "INUSE")
    office.until(lambda: office.gpio.is_lit(LINE), "the line is in use")
    office.switchboard.phone_changed("PJSIP/isdn", "NOT_INUSE")
    office.until(lambda: not office.gpio.is_lit(LINE), "the line is free")


def test_a_silent_switchboard_is_unknown_and_no_lamp_stays_as_it_was(office: Office) -> None:
    office.gpio.closes(NIGHT)
    office.until(lambda: office.gpio.is_lit(NIGHT_LAMP), "the night lamp")
    office.switchboard.stop()
    since = time.monotonic()
    office.until(lambda: office.flashes(MESSAGE, since) >= 1, "the lamps say that nobody knows")
    since = time.monotonic()
    office.until(lambda: office.flashes(NIGHT_LAMP, since) >= 1, "the night lamp says it, too")
    assert office.flashes(ALIVE, since) == 0
    assert not office.gpio.is_lit(ALIVE)
    office.switchboard = Switchboard(
        office.store,
        wake=lambda _: None,
        call_back=lambda *_: None,
        stop_ringing=lambda _: None,
        mirror=lambda _: None,
        show=office.lamps.show,
    )
    office.switchboard.start()
    office.until(lambda: office.gpio.is_lit(NIGHT_LAMP), "the night lamp again")


def test_gpios_that_are_gone_for_a_while_come_back(office: Office) -> None:
    office.until(lambda: office.gpio.is_lit(ALIVE), "the supervisor's lamp")
    office.gpio.is_gone = True
    office.until(lambda: not office.gpio.is_taken(NIGHT), "the panel lets go")
    office.gpio.closes(NIGHT)
    office.gpio.is_gone = False
    office.until_mode("night")
    office.until(lambda: office.gpio.is_lit(NIGHT_LAMP), "the night lamp")


def test_after_the_end_all_lamps_are_dark_and_the_pins_nobodys(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.until(lambda: office.gpio.is_lit(ALIVE), "the supervisor's lamp")
    office.stops()
    for pin in (*PINS.lines, *PINS.lamps.values(), *PINS.contacts.values()):
        assert not office.gpio.is_lit(pin)
        assert not office.gpio.is_taken(pin)


def test_a_machine_without_the_library_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(gpio_module.importlib, "import_module", missing)
    with pytest.raises(NoGpio, match=r"RPi\.GPIO"):
        real_gpio()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("message = 19", 'message = "19"', "message must be the number of a GPIO, not '19'"),
        ("lines = [17, ", "lines = [true, ", "lines 1 must be the number of a GPIO"),
        ("callback = 16\n", "", "'callback'"),
        ("[panel.contacts]", "[panel.contact]", "'contacts'"),
        ("[panel]", "[panel", "pins.toml"),
    ],
)
def test_a_file_of_pins_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "pins.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=complaint.replace("[", r"\[")):
        read_panel_pins(tmp_path / "pins.toml")


@pytest.mark.parametrize(
    ("wanted", "on_a_pi", "asks"),
    [
        (None, False, False),
        (None, True, True),
        (True, False, True),
        (False, True, False),
    ],
)
def test_a_panel_is_looked_for_where_there_is_a_header_or_box_toml_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool | None, on_a_pi: bool, asks: bool
) -> None:
    asked: list[str] = []

    def nothing_here() -> None:
        asked.append("library")
        raise NoGpio("not here")

    monkeypatch.setattr(supervisor, "is_a_pi", lambda: on_a_pi)
    monkeypatch.setattr(supervisor, "real_gpio", nothing_here)
    settings = Settings(tmp_path, front_panel=wanted)
    assert supervisor.front_panel(settings, CommittedLamps(), on_press=lambda: None) is None
    assert bool(asked) == asks
