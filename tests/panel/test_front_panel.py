"""The front panel: the whole picture drawn, the night switch read, whatever bounces or fails."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlite_utils import Database

from appliance.hotline.lamps import Pattern
from appliance.hotline.presence import Press
from appliance.panel import front_panel as front_panel_module
from appliance.panel.blinking import Rhythm, rhythm
from appliance.panel.contacts import Steady, night_position
from appliance.panel.front_panel import FrontPanel
from appliance.panel.pins import SOURCE, read_pins
from appliance.panel_command import walk
from appliance.settings import Settings
from appliance.simulator.gpio import SimulatedGpio
from appliance.store import people
from appliance.supervisor import front_panel
from tests.panel.test_finder import until
from tests.unit.seed import seeded_store

PINS = read_pins()
NIGHT = {"night": Pattern.ON, "asterisk": Pattern.GREEN, "message": Pattern.OFF}

# GPIO 0 and 1 read the ID of a HAT at the start; the others are on the 40-pin header of every Pi.
HEADER = range(2, 28)


def test_every_pin_is_on_the_header_and_used_once() -> None:
    found = tomllib.loads(SOURCE.read_text())
    pins = [entry["pin"] for kind in ("lamp", "contact") for entry in found[kind]]
    assert len(set(pins)) == len(pins)
    assert set(pins) <= set(HEADER)
    assert len(PINS.lamps) + len(PINS.contacts) == len(pins), "no name twice"
    assert set(PINS.contacts) == {"day", "night"}


@pytest.mark.parametrize(
    ("lamps", "expected"),
    [
        (NIGHT, ("HEARTBEAT", "STEADY", "STEADY", "DARK")),
        (NIGHT | {"asterisk": Pattern.RED}, ("HEARTBEAT", "DOUBLE", "STEADY", "DARK")),
        ({}, ("HEARTBEAT", "UNKNOWN", "UNKNOWN", "UNKNOWN")),
        (None, ("UNKNOWN", "UNKNOWN", "UNKNOWN", "UNKNOWN")),
    ],
)
def test_the_picture_as_rhythms(lamps: Mapping[str, Pattern] | None, expected: tuple[str, ...]) -> None:
    names = ("supervisor", "asterisk", "night", "message")
    assert tuple(rhythm(name, lamps).name for name in names) == expected


def test_no_two_rhythms_look_alike() -> None:
    seen = [tuple(r.is_lit(ms) for ms in range(0, 6000, 50)) for r in Rhythm]
    assert len(set(seen)) == len(seen)
    assert not any(seen[list(Rhythm).index(Rhythm.DARK)])
    assert all(seen[list(Rhythm).index(Rhythm.STEADY)])


def test_a_thousand_turns_of_a_bouncing_switch_are_a_thousand() -> None:
    noise, steady, now = random.Random(1), Steady[str](50), 0
    wanted, told = [], []
    position = "auto"
    for _ in range(1000):
        position = noise.choice([p for p in ("auto", "day", "night") if p != position])
        wanted.append(position)
        for _ in range(noise.randrange(6)):
            bounce = noise.choice(("auto", "day", "night"))
            now += noise.randrange(1, 9)
            if value := steady.sample(bounce, now):
                told.append(value)
        for _ in range(12):
            now += 10
            if value := steady.sample(position, now):
                told.append(value)
    settled = [p for i, p in enumerate(wanted) if i == 0 or p != wanted[i - 1]]
    assert told == settled


def test_the_positions_of_the_night_switch() -> None:
    assert night_position(day=True, night=False) == "day"
    assert night_position(day=False, night=True) == "night"
    assert night_position(day=False, night=False) == "auto"
    assert night_position(day=True, night=True) is None, "a wire that is where it should not be"


class Panel:
    """A front panel with its board, and the store behind it."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "store.db"
        self.db: Database = seeded_store(self.store)
        self.lamps: Mapping[str, Pattern] | None = NIGHT
        self.told = 0
        self.gpio = SimulatedGpio(PINS.lamps.values(), PINS.contacts.values())
        self.panel = self.made()

    def made(self) -> FrontPanel:
        self.gpio.is_open = True
        panel = FrontPanel(self.store, PINS, self.gpio, lamps=lambda: self.lamps, on_press=self.pressed)
        panel.start()
        return panel

    def pressed(self) -> None:
        self.told += 1

    def turns(self, position: str) -> None:
        for name, pin in PINS.contacts.items():
            self.gpio.closed[pin] = name == position

    def is_lit(self, name: str) -> bool:
        return self.gpio.lit[PINS.lamps[name]]

    def taken(self, count: int) -> list[tuple[str, Press]]:
        until(lambda: self.told == count)
        return people.take_presses(self.db)


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Panel]:
    panel = Panel(tmp_path)
    yield panel
    panel.panel.stop()
    assert not any(panel.gpio.lit.values()), "nobody is there: dark"


def test_lamps_follow_the_picture(front: Panel) -> None:
    until(lambda: front.is_lit("night") and front.is_lit("asterisk") and not front.is_lit("message"))
    front.lamps = NIGHT | {"night": Pattern.OFF, "message": Pattern.ON}
    until(lambda: not front.is_lit("night") and front.is_lit("message"))


def test_turning_the_night_switch_is_committed_once(front: Panel) -> None:
    assert front.taken(1) == [("night:auto", Press.SHORT)], "where it stands at the first start"
    front.turns("night")
    assert front.taken(2) == [("night:night", Press.SHORT)]
    front.panel.stop()
    front.panel = front.made()
    front.turns("day")
    assert front.taken(3) == [("night:day", Press.SHORT)], "nothing for the start: it had not been moved"
    front.panel.stop()
    front.turns("auto")
    front.panel = front.made()
    assert front.taken(4) == [("night:auto", Press.SHORT)], "moved while nobody looked"


def test_a_chip_that_fails_for_a_while(front: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_panel_module, "_AFTER_ERROR_SECONDS", 0.01)
    assert front.taken(1) == [("night:auto", Press.SHORT)]
    until(lambda: front.is_lit("night"))
    front.gpio.fails = True
    front.lamps = NIGHT | {"night": Pattern.OFF}
    front.turns("day")
    front.gpio.fails = False
    until(lambda: not front.is_lit("night"))
    assert front.taken(2) == [("night:day", Press.SHORT)]


def test_a_machine_without_pins_answers_calls_all_the_same(tmp_path: Path) -> None:
    settings = Settings(tmp_path, front_panel=True)
    assert front_panel(settings, lamps=None, on_press=print) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(("answers", "wrong"), [("y\ny\ny\ny\n", []), ("y\nn\ny\ny\n", ["asterisk"])])
def test_the_builder_is_walked_through_everything(
    monkeypatch: pytest.MonkeyPatch, answers: str, wrong: list[str]
) -> None:
    gpio = SimulatedGpio(PINS.lamps.values(), PINS.contacts.values())
    lit: list[int] = []
    switch_on: Callable[..., None] = gpio.light

    def light(pin: int, *, on: bool) -> None:
        switch_on(pin, on=on)
        if on:
            lit.append(pin)

    monkeypatch.setattr(gpio, "light", light)
    gpio.closed[PINS.contacts["day"]] = True
    with CliRunner().isolation(answers):
        found = walk(gpio, PINS, patience_seconds=0.1)
    assert lit == list(PINS.lamps.values())
    assert found == [*wrong, "night", "auto"], "the switch stands at day for ever"
