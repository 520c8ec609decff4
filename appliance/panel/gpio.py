"""The interface of the library RPi.GPIO, as far as the front panel uses it, and the library itself."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, cast

_REVISION = Path("/sys/firmware/devicetree/base/system/linux,revision")


class NoGpio(Exception):
    """There are no GPIOs here, or no library for them."""


class Gpio(Protocol):
    """RPi.GPIO; today's Pis and kernels need rpi-lgpio, which is imported by the same name."""

    BCM: int
    OUT: int
    IN: int
    LOW: int
    HIGH: int
    PUD_UP: int
    BOTH: int

    def setwarnings(self, on: bool, /) -> None:
        """Whether to complain of pins somebody else has set up."""

    def setmode(self, mode: int, /) -> None:
        """What numbers mean; BCM: GPIO numbers."""

    def setup(self, pin: int, direction: int, /, pull_up_down: int = ..., initial: int = ...) -> None:
        """Take a pin. Raises RuntimeError or its library's error when it cannot be had."""

    def input(self, pin: int, /) -> int:
        """The level at a pin."""

    def output(self, pin: int, level: int, /) -> None:
        """Set a level."""

    def add_event_detect(self, pin: int, edge: int, /, callback: Callable[[int], None]) -> None:
        """Call back at edges, in the library's own thread; an exception there ends all its callbacks."""

    def cleanup(self, pins: Iterable[int], /) -> None:
        """Let go of pins; they are inputs then."""


def is_a_pi() -> bool:
    """Whether this machine is a Raspberry Pi, with a header for the front panel."""
    return _REVISION.exists()


def real_gpio() -> Gpio:
    """The library for this machine. Raises NoGpio."""
    # lgpio makes a pipe in its working folder, which the supervisor may not write to.
    os.environ.setdefault("LG_WD", tempfile.gettempdir())
    # It looks for the board's revision in /proc, of which the supervisor sees only processes.
    if is_a_pi():
        os.environ.setdefault("RPI_LGPIO_REVISION", _REVISION.read_bytes().hex())
    try:
        return cast("Gpio", importlib.import_module("RPi.GPIO"))
    except (ImportError, RuntimeError, OSError) as error:
        raise NoGpio(str(error)) from error
