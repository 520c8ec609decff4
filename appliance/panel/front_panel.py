"""The front panel at the Pi: one thread that draws the whole picture and reads the night switch.

Levels are read again and again; edges and their callbacks are not used, so none can be missed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlite_utils import Database

from appliance.hotline.lamps import Pattern
from appliance.panel.blinking import rhythm
from appliance.panel.contacts import Steady, night_position
from appliance.panel.gpio import Gpio
from appliance.panel.pins import Pins
from appliance.store import ledger, people
from appliance.store.database import exclusive, open_store

log = logging.getLogger(__name__)

_TURN_SECONDS = 0.01
_STILL_MS = 50  # turning from day to night passes the middle
_AFTER_ERROR_SECONDS = 5.0
_SWITCH = "night switch"  # the cursor that remembers where the switch stood


class FrontPanel:
    """`lamps` gives the committed picture or None, `on_press` is told that a press was committed."""

    def __init__(
        self,
        store: Path,
        pins: Pins,
        gpio: Gpio,
        *,
        lamps: Callable[[], Mapping[str, Pattern] | None],
        on_press: Callable[[], None],
    ) -> None:
        self._store = store
        self._pins = pins
        self._gpio = gpio
        self._lamps = lamps
        self._on_press = on_press
        self._lit: dict[str, bool] = {}
        self._switch: Steady[str] = Steady(_STILL_MS)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="front panel")

    def start(self) -> None:
        """Begin to draw and to read."""
        self._thread.start()

    def stop(self) -> None:
        """The lamps go dark."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        db = open_store(self._store)
        try:
            while not self._stopping.is_set():
                try:
                    self._turn(db, int(time.monotonic() * 1000))
                    self._stopping.wait(_TURN_SECONDS)
                except Exception:
                    log.exception("the front panel goes on after an error")
                    self._lit.clear()
                    self._stopping.wait(_AFTER_ERROR_SECONDS)
        finally:
            db.close()
            self._gpio.close()

    def _turn(self, db: Database, milliseconds: int) -> None:
        self._read_switch(db, milliseconds)
        lamps = self._lamps()
        for name, pin in self._pins.lamps.items():
            lit = rhythm(name, lamps).is_lit(milliseconds)
            if self._lit.get(name) != lit:
                self._gpio.light(pin, on=lit)
                self._lit[name] = lit

    def _read_switch(self, db: Database, milliseconds: int) -> None:
        closed = {name: self._gpio.is_closed(pin) for name, pin in self._pins.contacts.items()}
        position = night_position(day=closed["day"], night=closed["night"])
        if position is None:
            return
        if moved_to := self._switch.sample(position, milliseconds):
            self._commit(db, moved_to)

    def _commit(self, db: Database, position: str) -> None:
        """Only moving the switch counts, also while we were away: the page may have set the mode since."""
        with exclusive(db):
            if ledger.cursor(db, _SWITCH) == position:
                return
            people.press(db, f"night:{position}")
            ledger.move_cursor(db, _SWITCH, position)
        self._on_press()
