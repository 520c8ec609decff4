"""Runs in the machine: the front panel on the kernel's simulated GPIOs, through the library of the card.

``python3 -m tests.lines.panel_inside CHECK``; each check begins with a chip nobody has touched.
"""

from __future__ import annotations

import logging
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from appliance.panel.front_panel import PRESS_STILL_MS
from appliance.panel.gpio import real_gpio
from tests.panel.panel_office import PINS, PanelOffice

_CONFIG = Path("/sys/kernel/config/gpio-sim/panel")
_GPIOS = 54  # of a Pi
_PRESSES = 1000
_TURNS = 20
_PATIENCE_SECONDS = 60.0  # an emulated processor may have to wait for a real one
_BOUNCE_SECONDS = PRESS_STILL_MS / 2000
_LAMPS = (*PINS.lines, *PINS.lamps.values())


class Chip:
    """A GPIO chip of the kernel's, its contacts moved and its lamps looked at from outside."""

    def __init__(self) -> None:
        bank = _CONFIG / "bank0"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text(f"{_GPIOS}\n")
        (_CONFIG / "live").write_text("1\n")
        self.name = (bank / "chip_name").read_text().strip()
        device = (_CONFIG / "dev_name").read_text().strip()
        self._lines = Path("/sys/devices/platform") / device / self.name
        os.environ["RPI_LGPIO_CHIP"] = self.name.removeprefix("gpiochip")
        os.environ["RPI_LGPIO_REVISION"] = "c03111"  # a Pi 4

    def moves(self, pin: int, *, closed: bool) -> None:
        """A contact closes to ground, or opens."""
        (self._lines / f"sim_gpio{pin}" / "pull").write_text("pull-down" if closed else "pull-up")

    def bounces(self, pin: int, *, closed: bool, chance: random.Random) -> bool:
        """The same, after a few bounces of up to a millisecond.

        False when a bounce lasted longer, because an emulated processor stood still: it may count.
        """
        longest, began = 0.0, time.monotonic()
        for level in (*((True, False) * chance.randrange(1, 6)), closed):
            self.moves(pin, closed=level)
            longest = max(longest, time.monotonic() - began)
            began = time.monotonic()
            time.sleep(chance.uniform(0, 0.001))
        return longest < _BOUNCE_SECONDS

    def is_lit(self, pin: int) -> bool:
        """Whether there is voltage for a lamp."""
        return (self._lines / f"sim_gpio{pin}" / "value").read_text().strip() == "1"


def switch(chip: Chip, office: PanelOffice) -> None:
    """The night switch moves, night mode is committed, its lamp follows."""
    chance, pin, lamp = random.Random(1), PINS.contacts["night"], PINS.lamps["night"]
    committed, lit = [], []
    for _ in range(_TURNS):
        for closed, mode in ((True, "night"), (False, "auto")):
            chip.bounces(pin, closed=closed, chance=chance)
            began = time.monotonic()
            until(lambda mode=mode: office.mode() == mode, f"{mode} is committed")
            committed.append(time.monotonic() - began)
            until(lambda closed=closed: chip.is_lit(lamp) == closed, f"the lamp says {mode}")
            lit.append(time.monotonic() - began)
    assert presses_so_far(office) == 2 * _TURNS
    print(f"{2 * _TURNS} turns of the switch: committed {spread(committed)}, on the lamp {spread(lit)}")


def presses(chip: Chip, office: PanelOffice) -> None:
    """A thousand presses of a bouncing button are a thousand committed presses."""
    chance, pin = random.Random(2), PINS.contacts["address"]
    office.switchboard.stop()  # nobody takes them
    well_bounced = others = 0
    began = time.monotonic()
    while well_bounced < _PRESSES:
        before = presses_so_far(office)
        is_bouncing = chip.bounces(pin, closed=True, chance=chance)
        until(lambda: is_known(office, pressed=True), f"press {well_bounced} is seen")
        is_bouncing &= chip.bounces(pin, closed=False, chance=chance)
        until(lambda: is_known(office, pressed=False), f"the end of press {well_bounced} is seen")
        if is_bouncing:
            assert presses_so_far(office) == before + 1
            well_bounced += 1
            if well_bounced % 100 == 0:
                print(f"{time.monotonic() - began:.0f} s: {well_bounced}", flush=True)
        else:
            others += 1
    print(
        f"{well_bounced} bouncing presses were committed as {well_bounced} ({others} by a slow hand besides)"
    )


def busy(chip: Chip, office: PanelOffice) -> None:
    """A pin that another program has: the panel waits for it, and then works."""
    alive, night = PINS.lamps["supervisor"], PINS.contacts["night"]
    until(lambda: chip.is_lit(alive), "the panel is there")
    office.stops()
    program = (
        "import lgpio, sys;"
        f" chip = lgpio.gpiochip_open({chip.name.removeprefix('gpiochip')});"
        f" lgpio.gpio_claim_input(chip, {night}); print('mine', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout
    assert other.stdout.readline() == "mine\n"
    office.starts()
    until(lambda: "busy" in complaints.text.lower(), "the panel says what is wrong")
    assert office.mode() == "auto"
    other.communicate("")
    until(lambda: chip.is_lit(alive), "the panel is there again")
    chip.moves(night, closed=True)
    until(lambda: office.mode() == "night", "the switch counts")
    print("a pin another program had is taken when it is free")


def command(chip: Chip) -> None:
    """`freizeichen panel check`, with a person who sees one lamp at a time and does as he is told."""
    with tempfile.TemporaryDirectory() as state:
        walk = subprocess.Popen(
            [sys.executable, "-m", "appliance.cli", "--state", state, "panel", "check"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"},
        )
        assert walk.stdin
        said = Reader(walk)
        for pin in _LAMPS:
            said.goes_on_until(": ")
            assert [lamp for lamp in _LAMPS if chip.is_lit(lamp)] == [pin]
            walk.stdin.write(b"\n")
            walk.stdin.flush()
        for closed in (("night",), ("day",), (), ("address",), ()):
            said.goes_on_until(" …")
            for name, pin in PINS.contacts.items():
                chip.moves(pin, closed=name in closed)
        said.goes_on_until("The front panel is all right.\n")
        assert walk.wait() == 0
    print(f"panel check saw {len(_LAMPS)} lamps and {len(PINS.contacts)} contacts")


class Reader:
    """What a program says, as it comes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        self._pipe = process.stdout.fileno()
        self._text = b""

    def goes_on_until(self, end: str) -> None:
        """Wait for words that were not there before; AssertionError when the program ends without them."""
        self._text = b""
        while not self._text.endswith(end.encode()):
            data = os.read(self._pipe, 4096)
            assert data, self._text.decode()
            self._text += data


class Complaints(logging.Handler):
    """What was logged."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.text += self.format(record)


complaints = Complaints()


def presses_so_far(office: PanelOffice) -> int:
    """How many presses have been committed since the office began."""
    row = office.db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'presses'").fetchone()
    return int(row[0]) if row else 0


def is_known(office: PanelOffice, *, pressed: bool) -> bool:
    """Whether the panel knows how the address button is, and has committed what that means."""
    assert office.panel
    button = office.panel._address
    return button is not None and button.value == pressed and not button.is_moving


def until(look: Callable[[], object], what: str) -> None:
    """Wait for something."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < deadline, f"{what}; {complaints.text[-2000:]}"
        time.sleep(0.002)


def spread(seconds: list[float]) -> str:
    """The middle and the longest."""
    return f"after {1000 * statistics.median(seconds):.0f} ms (longest {1000 * max(seconds):.0f})"


def main(check: str) -> None:
    """Do one check; what it found is printed."""
    logging.getLogger().addHandler(complaints)
    chip = Chip()
    try:
        if check == "command":
            command(chip)
            return
        with tempfile.TemporaryDirectory() as folder:
            office = PanelOffice(Path(folder), real_gpio())
            try:
                until(lambda: chip.is_lit(PINS.lamps["supervisor"]), "the panel is there")
                {"switch": switch, "presses": presses, "busy": busy}[check](chip, office)
            finally:
                office.stops()
        assert not any(map(chip.is_lit, _LAMPS)), "after the end all lamps are dark"
    finally:
        (_CONFIG / "live").write_text("0\n")
        (_CONFIG / "bank0").rmdir()
        _CONFIG.rmdir()


if __name__ == "__main__":
    main(*sys.argv[1:])
