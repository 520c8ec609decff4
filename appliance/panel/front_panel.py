"""The front panel: one thread looks at the contacts and draws all lamps, many times a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sqlite_utils import Database

from appliance.hotline.lamps import Pattern
from appliance.panel.gpio import Gpio
from appliance.panel.pins import PanelPins
from appliance.panel.rhythm import is_lit, rhythms
from appliance.panel.steady import Steady, sample
from appliance.store import ledger, people
from appliance.store.database import exclusive, open_store

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.02
_MOVING_SECONDS = 0.002  # while a contact bounces
SWITCH_STILL_MS = 200  # from day to night the switch passes its middle, which is not meant then
PRESS_STILL_MS = 30
_AFTER_ERROR_SECONDS = 1.0
_SEEN = "night switch"  # the cursor: where the switch stood when we last looked


def switch_position(night: bool, day: bool) -> str:
    """Where the night switch stands, from its two contacts; '' for both closed, which it cannot be."""
    if night and day:
        return ""
    return "night" if night else "day" if day else "auto"


class FrontPanel:
    """Lamps and switch at the Pi's header.

    `lamps` gives the committed picture or None, `lines` are the names of the lines, and `on_press` is told
    that something was committed; neither may block. Nothing that the hardware does ends the supervisor: a
    panel that cannot be reached is tried again every second.
    """

    def __init__(
        self,
        gpio: Gpio,
        pins: PanelPins,
        store: Path,
        *,
        lamps: Callable[[], Mapping[str, Pattern] | None],
        lines: Sequence[str],
        on_press: Callable[[], None],
    ) -> None:
        self._gpio = gpio
        self._pins = pins
        self._store = store
        self._lines = lines
        self._on_press = on_press
        self._lamps = lamps
        self._began_at = time.monotonic()
        self._drawn: dict[int, bool] = {}
        self._switch: Steady[str] | None = None
        self._address: Steady[bool] | None = None
        self._committed = ""
        self._moved = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="front panel")

    def start(self) -> None:
        """Take the pins and begin."""
        self._thread.start()

    def stop(self) -> None:
        """Let go of the pins; the lamps are dark then."""
        self._stopping = True
        self._moved.set()
        self._thread.join()

    def _run(self) -> None:
        db = open_store(self._store)
        self._committed = ledger.cursor(db, _SEEN)
        told = ""
        while not self._stopping:
            try:
                self._take_pins()
                told = ""
                self._look_and_draw(db)
            except Exception as error:
                # The libraries raise what they like: RuntimeError, OSError, errors of their own.
                if str(error) != told:
                    log.exception("the front panel cannot be reached; it is tried again every second")
                told = str(error)
                self._moved.wait(_AFTER_ERROR_SECONDS)
            finally:
                self._let_go()
        db.close()

    def _take_pins(self) -> None:
        gpio = self._gpio
        gpio.setwarnings(False)
        gpio.setmode(gpio.BCM)
        for pin in (*self._pins.lines, *self._pins.lamps.values()):
            gpio.setup(pin, gpio.OUT, initial=gpio.LOW)
        for pin in self._pins.contacts.values():
            gpio.setup(pin, gpio.IN, pull_up_down=gpio.PUD_UP)
            gpio.add_event_detect(pin, gpio.BOTH, callback=self._edge)
        self._drawn = {}
        self._switch = self._address = None

    def _let_go(self) -> None:
        try:
            self._gpio.cleanup([*self._pins.lines, *self._pins.lamps.values(), *self._pins.contacts.values()])
        except Exception as error:
            log.info("the front panel's pins cannot be let go: %s", error)

    def _edge(self, _pin: int) -> None:
        """Only a hint to look at once: the library's thread may die, and edges may get lost."""
        self._moved.set()

    def _look_and_draw(self, db: Database) -> None:
        while not self._stopping:
            self._look_at_switch(db)
            self._look_at_address_button(db)
            self._draw()
            moving = any(contact and contact.is_moving for contact in (self._switch, self._address))
            self._moved.wait(_MOVING_SECONDS if moving else _LOOK_SECONDS)
            self._moved.clear()

    def _look_at_switch(self, db: Database) -> None:
        seen = switch_position(self._is_closed("night"), self._is_closed("day"))
        now_ms = self._now_ms()
        if self._switch is None:
            self._switch = Steady("", seen, now_ms)
        self._switch = sample(self._switch, seen, now_ms, SWITCH_STILL_MS)
        position = self._switch.value
        if position and position != self._committed:
            self._commit(db, position)
            self._committed = position

    def _look_at_address_button(self, db: Database) -> None:
        """A press counts when it begins; one that is held when we begin to look has begun before."""
        closed, now_ms = self._is_closed("address"), self._now_ms()
        before = self._address or Steady(closed, closed, now_ms)
        self._address = sample(before, closed, now_ms, PRESS_STILL_MS)
        if self._address.value and not before.value:
            with exclusive(db):
                people.press(db, people.ADDRESS_BUTTON)
            self._on_press()

    def _commit(self, db: Database, position: str) -> None:
        """A switch that was moved, also while nobody looked; the middle, seen first, says nothing."""
        with exclusive(db):
            if self._committed or position != "auto":
                people.press(db, f"night:{position}")
            ledger.move_cursor(db, _SEEN, position)
        self._on_press()

    def _is_closed(self, contact: str) -> bool:
        return self._gpio.input(self._pins.contacts[contact]) == self._gpio.LOW

    def _draw(self) -> None:
        now_ms = self._now_ms()
        for pin, rhythm in rhythms(self._pins, self._lamps(), self._lines).items():
            self._light(pin, is_lit(rhythm, now_ms))

    def _light(self, pin: int, lit: bool) -> None:
        if self._drawn.get(pin) != lit:
            self._gpio.output(pin, self._gpio.HIGH if lit else self._gpio.LOW)
            self._drawn[pin] = lit

    def _now_ms(self) -> int:
        return int((time.monotonic() - self._began_at) * 1000)
