"""The Pi's pins, through the interface of RPi.GPIO (on today's Pis: rpi-lgpio)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol


class Gpio(Protocol):
    """What the front panel needs of a board. All may raise OSError or RuntimeError."""

    def light(self, pin: int, *, on: bool) -> None:
        """Switch a lamp."""

    def is_closed(self, pin: int) -> bool:
        """Whether the contact at this pin is closed now."""

    def close(self) -> None:
        """Let go of the pins."""


class RaspberryGpio:
    """The pins of this machine. Raises ImportError without the library, RuntimeError or OSError elsewhere."""

    def __init__(self, lamps: Iterable[int], contacts: Iterable[int]) -> None:
        from RPi import GPIO  # only where there is a Pi

        self._gpio: Any = GPIO
        GPIO.setmode(GPIO.BCM)
        for pin in lamps:
            GPIO.setup(pin, GPIO.OUT, initial=GPIO.LOW)
        for pin in contacts:
            GPIO.setup(pin, GPIO.IN, pull_up_down=GPIO.PUD_UP)

    def light(self, pin: int, *, on: bool) -> None:
        """Switch a lamp."""
        self._gpio.output(pin, on)

    def is_closed(self, pin: int) -> bool:
        """A closed contact is at ground."""
        return not self._gpio.input(pin)

    def close(self) -> None:
        """The lamps go dark."""
        self._gpio.cleanup()
