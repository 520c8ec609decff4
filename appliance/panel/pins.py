"""Which pin does what: reads `hardware/pins.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "hardware" / "pins.toml"

_LAMPS = ("supervisor", "message", "callback", "night")
_CONTACTS = ("night", "day", "address")


@dataclass(frozen=True, slots=True)
class PanelPins:
    """The front panel's GPIO numbers: `lines` in the order of the lines, `lamps` and `contacts` by name."""

    lines: tuple[int, ...]
    lamps: Mapping[str, int]
    contacts: Mapping[str, int]


def read_panel_pins(file: Path = FILE) -> PanelPins:
    """Read the file. Raises OSError when it is not there, ValueError when it is not what it should be."""
    try:
        panel = tomllib.loads(file.read_text(encoding="utf-8"))["panel"]
        lines = tuple(_pin(f"lines {place}", pin) for place, pin in enumerate(panel["lines"], 1))
        return PanelPins(lines, _pins(panel["lamps"], _LAMPS), _pins(panel["contacts"], _CONTACTS))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from error


def _pins(values: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, int]:
    return {name: _pin(name, values[name]) for name in names}


def _pin(name: str, value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} must be the number of a GPIO, not {value!r}")
    return value
