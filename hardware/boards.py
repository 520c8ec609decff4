"""The two boards: where a GPIO is in the header, which ones are taken, and what a pin may carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Board:
    """A board with GPIOs of 3.3 V.

    `header` names every position of the header; GPIOs are written as their numbers. `reserved` says what
    a GPIO is needed for. `pulled_up` are those which the board holds at 3.3 V until somebody sets them up.
    `pin_milliamperes` is what a pin gives while its level holds, `most_milliamperes` what it may ever give.
    """

    name: str
    header: tuple[int | str, ...]
    reserved: Mapping[int, str]
    pulled_up: frozenset[int]
    pin_milliamperes: float
    most_milliamperes: float
    sum_milliamperes: float
    least_pull_ohms: float
    low_below_volts: float
    volts: float = 3.3

    def position(self, pin: int) -> int:
        """The place of a GPIO in the header, counted from 1. Raises ValueError when it is not there."""
        return self.header.index(pin) + 1

    @property
    def gpios(self) -> frozenset[int]:
        """Every GPIO that has a place in the header."""
        return frozenset(name for name in self.header if isinstance(name, int))


# Positions: the 40-pin header since the Raspberry Pi 1 B+. Reserved: GPIO 0 and 1 belong to the memory by
# which an add-on board says what it is (HAT specification), the others to buses that cards, clocks and
# displays use; 14 and 15 are the serial port, here also that of desk boxes. Pulls at the start: BCM2835 ARM
# Peripherals, page 102: 0 to 8 up, 9 to 27 down. Drive 8 mA unless set otherwise, at most 16 mA; 50 mA in
# sum is the rule of thumb of the first boards, kept because nobody guarantees more for all of them. Pulls
# from 40 kOhm and low below 0.8 V: Raspberry Pi documentation, "Voltage specifications" (Compute Module
# datasheet), its strictest row.
PI = Board(
    "Raspberry Pi",
    (
        *("3V3", "5V", 2, "5V", 3, "GND", 4, 14, "GND", 15, 17, 18, 27, "GND", 22, 23, "3V3", 24, 10, "GND"),
        *(9, 25, 11, 8, "GND", 7, 0, 1, 5, "GND", 6, 12, 13, "GND", 19, 16, 26, 20, "GND", 21),
    ),
    {
        0: "ID memory of add-on boards",
        1: "ID memory of add-on boards",
        2: "I2C",
        3: "I2C",
        **dict.fromkeys(range(7, 12), "SPI"),
        14: "serial port",
        15: "serial port",
    },
    frozenset(range(9)),
    pin_milliamperes=8.0,
    most_milliamperes=16.0,
    sum_milliamperes=50.0,
    least_pull_ohms=40_000.0,
    low_below_volts=0.8,
)

# RP2040 datasheet, "Pin specifications": drive 4 mA unless set otherwise (MicroPython leaves it), at most
# 12 mA, 50 mA in sum, pulls 50 to 80 kOhm, low below 0.8 V. All GPIOs are pulled down at the start. Pico
# datasheet: 23, 24, 25 and 29 are used on the board and not in the header. Serial port 0 may be on 0 and 1.
PICO = Board(
    "Raspberry Pi Pico",
    (
        *(0, 1, "GND", 2, 3, 4, 5, "GND", 6, 7, 8, 9, "GND", 10, 11, 12, 13, "GND", 14, 15),
        *(16, 17, "GND", 18, 19, 20, 21, "GND", 22, "RUN", 26, 27, "AGND", 28, "ADC_VREF", "3V3", "3V3_EN"),
        *("GND", "VSYS", "VBUS"),
    ),
    {},
    frozenset(),
    pin_milliamperes=4.0,
    most_milliamperes=12.0,
    sum_milliamperes=50.0,
    least_pull_ohms=50_000.0,
    low_below_volts=0.8,
)

BOARDS: Mapping[str, Board] = {"pi": PI, "pico": PICO}
