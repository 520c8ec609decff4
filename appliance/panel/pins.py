"""The front panel's pins, read from their one source, `hardware/pins.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "hardware" / "pins.toml"


@dataclass(frozen=True, slots=True)
class Pins:
    """The GPIO (BCM number) of each lamp and each contact."""

    lamps: Mapping[str, int]
    contacts: Mapping[str, int]


def read_pins(source: Path = SOURCE) -> Pins:
    """Raises OSError, KeyError or tomllib.TOMLDecodeError for a file that is not what it should be."""
    found = tomllib.loads(source.read_text(encoding="utf-8"))
    return Pins(
        {entry["name"]: entry["pin"] for entry in found["lamp"]},
        {entry["name"]: entry["pin"] for entry in found["contact"]},
    )
