"""A simulated front panel for people at a terminal, beside a supervisor that runs: words in, lamps out."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
from sqlite_utils import Database

from appliance.hotline.lamps import Pattern
from appliance.panel.front_panel import FrontPanel
from appliance.panel.pins import PanelPins
from appliance.simulator.gpio import SimulatedGpio
from appliance.store.database import open_store
from appliance.store.liveness import supervisor_runs

_LOOK_SECONDS = 0.02
_HELD_SECONDS = 0.2
_BOUNCES = 5
_LIT, _DARK = "●", "○"


class StoredLamps:
    """The committed picture, read from the store in the panel's thread; None while no supervisor runs."""

    def __init__(self, store: Path, state: Path) -> None:
        self._store, self._state = store, state
        self._db: Database | None = None

    def current(self) -> Mapping[str, Pattern] | None:
        """As `CommittedLamps.current` gives it inside the supervisor."""
        if not supervisor_runs(self._state):
            return None
        self._db = self._db or open_store(self._store)
        return {
            name: Pattern(pattern) for name, pattern in self._db.execute("SELECT name, pattern FROM lamps")
        }


class Hands:
    """What somebody, or something broken, does to the panel."""

    def __init__(self, gpio: SimulatedGpio, pins: PanelPins) -> None:
        self._gpio, self._contacts = gpio, pins.contacts
        self._chance = random.Random()
        words: dict[str, Callable[[], object]] = {
            "night": lambda: self._turn("night"),
            "auto": lambda: self._turn(""),
            "day": lambda: self._turn("day"),
            "address": self._press,
        }
        for name, pin in self._contacts.items():
            words[f"stick {name}"] = lambda pin=pin: gpio.sticks(pin, closed=True)  # type: ignore[misc]
            words[f"loose {name}"] = lambda pin=pin: gpio.comes_loose(pin)  # type: ignore[misc]
        words["gone"] = lambda: setattr(gpio, "is_gone", True)
        words["back"] = lambda: setattr(gpio, "is_gone", False)
        words["deaf"] = lambda: setattr(gpio, "loses_edges", True)
        words["hears"] = lambda: setattr(gpio, "loses_edges", False)
        self.words: Mapping[str, Callable[[], object]] = words

    def _turn(self, position: str) -> None:
        """The switch, through its middle, with contacts that bounce."""
        for name in ("night", "day"):
            if name != position:
                self._bounce(name, closed=False)
        if position:
            self._bounce(position, closed=True)

    def _press(self) -> None:
        self._bounce("address", closed=True)
        time.sleep(_HELD_SECONDS)
        self._bounce("address", closed=False)

    def _bounce(self, name: str, *, closed: bool) -> None:
        self._gpio.bounces(self._contacts[name], closed=closed, times=_BOUNCES, chance=self._chance)


def run_console(store: Path, state: Path, pins: PanelPins, lines: Sequence[str]) -> None:
    """Until `quit`, the end of the input, or Ctrl-C."""
    gpio = SimulatedGpio()
    panel = FrontPanel(
        gpio,
        pins,
        store,
        lamps=StoredLamps(store, state).current,
        lines=lines,
        on_press=lambda: None,  # the supervisor finds what was committed
    )
    over = threading.Event()
    watcher = threading.Thread(target=_tell, args=(gpio, pins, over), name="lamps")
    panel.start()
    watcher.start()
    hands = Hands(gpio, pins)
    try:
        for line in sys.stdin:
            word = " ".join(line.split())
            if word == "quit":
                break
            if word in hands.words:
                hands.words[word]()
            elif word:
                click.echo(", ".join([*hands.words, "quit"]))
    except KeyboardInterrupt:
        pass
    finally:
        over.set()
        watcher.join()
        panel.stop()


def _tell(gpio: SimulatedGpio, pins: PanelPins, over: threading.Event) -> None:
    """Print all lamps whenever one goes on or off; on a terminal they blink in their place."""
    told = ""
    while not over.wait(_LOOK_SECONDS):
        lines = "".join(_LIT if gpio.is_lit(pin) else _DARK for pin in pins.lines)
        others = " ".join(f"{name} {_LIT if gpio.is_lit(pin) else _DARK}" for name, pin in pins.lamps.items())
        shown = f"lines {lines} {others}"
        if shown != told:
            told = shown
            click.echo(f"\r\033[K{shown} " if sys.stdout.isatty() else shown, nl=not sys.stdout.isatty())
