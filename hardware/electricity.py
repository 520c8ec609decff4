"""Resistors and currents, computed from what the LED's maker says."""

from __future__ import annotations

import math

_E12 = (10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82)


def e12_at_least(ohms: float) -> int:
    """The smallest resistor of the series E12 (IEC 60063) that has at least so many ohms, from 10 on.

    Raises ValueError for nothing or less.
    """
    if not ohms > 0 or math.isinf(ohms):
        raise ValueError(f"{ohms} ohms")
    decade = 1
    while True:
        for step in _E12:
            if step * decade >= ohms * (1 - 1e-9):  # 470.0000001 is 470
                return step * decade
        decade *= 10


def led_resistor_ohms(supply_volts: float, led_volts: float, wanted_milliamperes: float) -> int:
    """The resistor in series with an LED: Ohm's law over what the LED leaves of the supply, up to E12.

    R = (U_supply - U_F) / I_F, where U_F is the forward voltage the maker says is usual at the current I_F.
    Raises ValueError when the LED needs more than the supply gives.
    """
    left = supply_volts - led_volts
    if left <= 0:
        raise ValueError(f"an LED of {led_volts} V does not light at {supply_volts} V")
    return e12_at_least(left / (wanted_milliamperes / 1000))


def milliamperes(supply_volts: float, led_volts: float, ohms: float) -> float:
    """The current through an LED and its resistor; for 0 V, that of an LED which is a short circuit."""
    return max(0.0, supply_volts - led_volts) / ohms * 1000


def low_level_volts(supply_volts: float, pull_ohms: float, series_ohms: float) -> float:
    """What a pin with a pull-up sees when its contact closes to ground through a resistor."""
    return supply_volts * series_ohms / (pull_ohms + series_ohms)


def resistor_code(ohms: int) -> str:
    """A resistor as it is written on drawings and in order numbers (IEC 60062): 820R, 1K, 1K2, 4M7."""
    for factor, letter in ((1_000_000, "M"), (1000, "K")):
        if ohms >= factor:
            whole, rest = divmod(ohms, factor)
            return f"{whole}{letter}{str(rest).rjust(len(str(factor)) - 1, '0').rstrip('0')}"
    return f"{ohms}R"


_COLOURS = ("black", "brown", "red", "orange", "yellow", "green", "blue", "violet", "grey", "white")


def resistor_bands(ohms: int) -> tuple[str, ...]:
    """The colours of a metal film resistor of 1 %: three digits, the zeros, brown (IEC 60062)."""
    zeros = len(str(ohms)) - 3
    digits = str(ohms)[:3] if zeros >= 0 else str(ohms * 10)[:3]
    power = ("silver", "gold", *_COLOURS)[zeros + 2]
    return (*(_COLOURS[int(digit)] for digit in digits), power, "brown")
