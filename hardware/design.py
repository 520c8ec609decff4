"""The design in one piece: `pins.toml` joined with the boards; resistors are computed, faults are found."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardware.boards import BOARDS, Board
from hardware.electricity import led_resistor_ohms, low_level_volts, milliamperes

FILE = Path(__file__).parent / "pins.toml"
_LEAST_MILLIAMPERES = 0.5  # a modern LED is clearly seen indoors; less is for the dark


@dataclass(frozen=True, slots=True)
class Led:
    """A kind of LED as its maker specifies it."""

    name: str
    wanted_milliamperes: float
    typical_volts: float
    most_volts: float
    source: str


@dataclass(frozen=True, slots=True)
class Lamp:
    """An LED behind a resistor at a pin; `name` is the lamp's, with a number for the lamps of lines."""

    name: str
    pin: int
    led: Led
    ohms: int


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact that closes a pin to ground through a resistor; the pin pulls itself up."""

    name: str
    pin: int
    ohms: int


@dataclass(frozen=True, slots=True)
class Buzzer:
    """A piezo element to ground behind a resistor."""

    pin: int
    ohms: int


@dataclass(frozen=True, slots=True)
class Unit:
    """Something one builds: a board and what hangs on it."""

    board: Board
    lamps: tuple[Lamp, ...]
    contacts: tuple[Contact, ...]
    buzzer: Buzzer | None
    serial: Mapping[str, int]

    def pins(self) -> Iterator[tuple[str, int]]:
        """Every pin in use and what for."""
        yield from ((f"lamp {lamp.name}", lamp.pin) for lamp in self.lamps)
        yield from ((f"contact {contact.name}", contact.pin) for contact in self.contacts)
        if self.buzzer:
            yield "buzzer", self.buzzer.pin
        yield from ((f"serial {name}", pin) for name, pin in self.serial.items())


@dataclass(frozen=True, slots=True)
class Design:
    """Front panel and desk box."""

    panel: Unit
    desk_box: Unit


def read_design(text: str | None = None) -> Design:
    """Read `pins.toml`, or what is given instead. Raises ValueError or KeyError for what it cannot mean."""
    values = tomllib.loads(FILE.read_text(encoding="utf-8") if text is None else text)
    leds = {name: Led(name, **data) for name, data in values["led"].items()}
    ohms = values["contact"]["resistor_ohms"]
    return Design(_unit(values["panel"], leds, ohms), _unit(values["desk_box"], leds, ohms))


def _unit(values: Mapping[str, Any], leds: Mapping[str, Led], contact_ohms: int) -> Unit:
    board = BOARDS[values["board"]]
    kinds = values["leds"]
    lamps = [(f"line {place}", pin, kinds["lines"]) for place, pin in enumerate(values.get("lines", ()), 1)]
    lamps += [(name, pin, kinds[name]) for name, pin in values["lamps"].items()]
    buzzer = values.get("buzzer")
    return Unit(
        board,
        tuple(Lamp(name, pin, leds[kind], _ohms(board, leds[kind])) for name, pin, kind in lamps),
        tuple(Contact(name, pin, contact_ohms) for name, pin in values["contacts"].items()),
        Buzzer(buzzer["pin"], buzzer["resistor_ohms"]) if buzzer else None,
        values.get("serial", {}),
    )


def _ohms(board: Board, led: Led) -> int:
    return led_resistor_ohms(board.volts, led.typical_volts, led.wanted_milliamperes)


def faults(unit: Unit) -> list[str]:
    """What is wrong with the wiring, one sentence each; nothing for a design that may be built."""
    board = unit.board
    found = []
    used = Counter(pin for _, pin in unit.pins())
    for what, pin in unit.pins():
        if pin not in board.gpios:
            found.append(f"{what}: the {board.name} has no GPIO {pin} in its header")
        elif pin in board.reserved:
            found.append(f"{what}: GPIO {pin} is reserved ({board.reserved[pin]})")
        if used[pin] > 1:
            found.append(f"{what}: GPIO {pin} is used {used[pin]} times")
    found += (fault for lamp in unit.lamps for fault in _lamp_faults(board, lamp))
    for contact in unit.contacts:
        low = low_level_volts(board.volts, board.least_pull_ohms, contact.ohms)
        if low > board.low_below_volts:
            found.append(f"contact {contact.name}: {low:.2f} V is not low")
        if board.volts / contact.ohms * 1000 > board.most_milliamperes:
            found.append(f"contact {contact.name}: {contact.ohms} ohms do not save a pin set up wrongly")
    if unit.buzzer and board.volts / unit.buzzer.ohms * 1000 > board.pin_milliamperes:
        found.append(f"buzzer: a piezo element charges with more than {board.pin_milliamperes} mA")
    if (total := sum_milliamperes(unit)) > board.sum_milliamperes:
        found.append(f"all lamps together: {total:.1f} mA is more than {board.sum_milliamperes} mA")
    return found


def _lamp_faults(board: Board, lamp: Lamp) -> Iterator[str]:
    what = f"lamp {lamp.name}"
    if lamp.pin in board.pulled_up:
        yield f"{what}: GPIO {lamp.pin} is pulled up at the start, the lamp would glow"
    if milliamperes(board.volts, lamp.led.most_volts, lamp.ohms) < _LEAST_MILLIAMPERES:
        yield f"{what}: an LED of {lamp.led.most_volts} V would hardly light"
    if (usual := milliamperes(board.volts, lamp.led.typical_volts, lamp.ohms)) > board.pin_milliamperes:
        yield f"{what}: {usual:.1f} mA is more than {board.pin_milliamperes} mA"
    if (short := milliamperes(board.volts, 0.0, lamp.ohms)) > board.most_milliamperes:
        yield f"{what}: {short:.1f} mA through a broken LED is more than {board.most_milliamperes} mA"


def sum_milliamperes(unit: Unit) -> float:
    """The current of all lamps lit at once and the buzzer charging, one of the LEDs being a short circuit."""
    volts = unit.board.volts
    usual = [milliamperes(volts, lamp.led.typical_volts, lamp.ohms) for lamp in unit.lamps]
    short = [milliamperes(volts, 0.0, lamp.ohms) for lamp in unit.lamps]
    worst = max((more - less for more, less in zip(short, usual, strict=True)), default=0.0)
    return sum(usual) + worst + (volts / unit.buzzer.ohms * 1000 if unit.buzzer else 0.0)
