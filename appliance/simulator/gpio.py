"""Simulated GPIOs with the interface of RPi.GPIO. They can bounce, lose edges, stick and be gone."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable

_CLOSED, _OPEN = 0, 1


class SimulatedGpio:
    """A header with lamps and contacts to ground, and the mistakes the real library complains of."""

    BCM = 11
    OUT = 0
    IN = 1
    LOW = 0
    HIGH = 1
    PUD_OFF = 20
    PUD_UP = 22
    BOTH = 33

    def __init__(self) -> None:
        self.is_gone = False
        """Every call fails, as when somebody else has the chip."""
        self.loses_edges = False
        """Nobody is called back, as after an exception in a callback."""
        self.history: list[tuple[float, int, bool]] = []
        """What lamps did: when (time.monotonic), which pin, lit or dark."""
        self._lock = threading.Lock()
        self._mode: int | None = None
        self._directions: dict[int, int] = {}
        self._pulled_up: set[int] = set()
        self._outputs: dict[int, int] = {}
        self._contacts: dict[int, int] = {}
        self._stuck: dict[int, int] = {}
        self._callbacks: dict[int, Callable[[int], None]] = {}

    # --- what RPi.GPIO has

    def setwarnings(self, _on: bool, /) -> None:
        """Nothing to warn of here."""

    def setmode(self, mode: int, /) -> None:
        """Only GPIO numbers are known here. Raises ValueError for other modes."""
        if mode != self.BCM:
            raise ValueError("An invalid mode was passed to setmode()")
        self._mode = mode

    def setup(
        self, pin: int, direction: int, /, pull_up_down: int = PUD_OFF, initial: int | None = None
    ) -> None:
        """Take a pin. Raises RuntimeError."""
        self._must_be_there()
        if self._mode is None:
            raise RuntimeError("Please set pin numbering mode using GPIO.setmode(GPIO.BCM)")
        with self._lock:
            self._directions[pin] = direction
            if direction == self.IN and pull_up_down == self.PUD_UP:
                self._pulled_up.add(pin)
        if direction == self.OUT and initial is not None:
            self.output(pin, initial)

    def input(self, pin: int, /) -> int:
        """The level at a pin; without a pull-up an open contact is whatever is in the air."""
        self._must_be(pin, self.IN)
        level = self._stuck.get(pin, self._contacts.get(pin, _OPEN))
        if level == _OPEN and pin not in self._pulled_up:
            return random.choice((self.LOW, self.HIGH))
        return level

    def output(self, pin: int, level: int, /) -> None:
        """Set a level. Raises RuntimeError for a pin that is no output."""
        self._must_be(pin, self.OUT)
        with self._lock:
            self._outputs[pin] = level
            self.history.append((time.monotonic(), pin, level == self.HIGH))

    def add_event_detect(self, pin: int, edge: int, /, callback: Callable[[int], None]) -> None:
        """Call back at edges, in the thread of who moves the contact. Raises RuntimeError the second time."""
        self._must_be(pin, self.IN)
        if pin in self._callbacks or edge != self.BOTH:
            raise RuntimeError("Conflicting edge detection already enabled for this GPIO channel")
        self._callbacks[pin] = callback

    def cleanup(self, pins: Iterable[int], /) -> None:
        """Let go: lamps are dark, nobody is called back."""
        with self._lock:
            for pin in pins:
                if self._outputs.pop(pin, self.LOW) == self.HIGH:
                    self.history.append((time.monotonic(), pin, False))
                self._directions.pop(pin, None)
                self._callbacks.pop(pin, None)
                self._pulled_up.discard(pin)
        self._must_be_there()

    def _must_be(self, pin: int, direction: int) -> None:
        self._must_be_there()
        if self._directions.get(pin) != direction:
            raise RuntimeError("You must setup() the GPIO channel first")

    def _must_be_there(self) -> None:
        if self.is_gone:
            raise RuntimeError("GPIO busy")

    # --- what a person and the world do

    def closes(self, pin: int) -> None:
        """A contact closes to ground, cleanly."""
        self._moves(pin, _CLOSED)

    def opens(self, pin: int) -> None:
        """A contact opens, cleanly."""
        self._moves(pin, _OPEN)

    def bounces(self, pin: int, *, closed: bool, times: int, chance: random.Random) -> None:
        """A contact closes or opens after `times` bounces, each of up to a millisecond."""
        for _ in range(times):
            self._moves(pin, _CLOSED)
            time.sleep(chance.uniform(0, 0.001))
            self._moves(pin, _OPEN)
            time.sleep(chance.uniform(0, 0.001))
        self._moves(pin, _CLOSED if closed else _OPEN)

    def sticks(self, pin: int, *, closed: bool) -> None:
        """A contact stays as it is, whatever anybody does."""
        self._stuck[pin] = _CLOSED if closed else _OPEN

    def comes_loose(self, pin: int) -> None:
        """It does not stick any more."""
        self._stuck.pop(pin, None)

    def is_lit(self, pin: int) -> bool:
        """Whether the lamp at a pin is lit at this moment."""
        with self._lock:
            return self._outputs.get(pin) == self.HIGH

    def is_taken(self, pin: int) -> bool:
        """Whether somebody has set the pin up."""
        return pin in self._directions

    def _moves(self, pin: int, level: int) -> None:
        moved = self._contacts.get(pin, _OPEN) != level
        self._contacts[pin] = level
        callback = self._callbacks.get(pin)
        if moved and callback and not self.loses_edges:
            callback(pin)
