"""What lines are like in a country: tones, caller id, prefixes. The data is countries.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DATA = Path(__file__).parent / "countries.toml"
_COMPLETE = "DE"


@dataclass(frozen=True, slots=True)
class Country:
    """How lines of a country behave. Patterns are lengths of tone and silence in milliseconds."""

    zone: str
    switch: str
    caller_id: str
    caller_id_start: str
    busy_pattern: tuple[int, ...]
    busy_count: int
    national_prefix: str
    international_prefix: str
    law: str


@cache
def country(code: str) -> Country:
    """The lines of this country (two letters); those of Germany where nothing else is known."""
    known = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    values = known[_COMPLETE] | known.get(code, {})
    return Country(**values | {"busy_pattern": tuple(values["busy_pattern"])})
