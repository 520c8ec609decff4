"""A simulated desk box for people at a terminal: words in, what the lamp shows out."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import click

from appliance.simulator.desk_box import LOOKS, WATCHDOG_SECONDS, Cable, Colour, SimulatedBox
from appliance.simulator.micropython import ensure_micropython
from appliance.telephony.sandbox import shown_progress

_LOOK_SECONDS = 0.1
_NOISE = bytes(range(256))
_BROKEN_BYTES = 7  # less than a frame


def run_console(port: Path, serial: str, *, on_python: bool) -> None:
    """Until `quit`, the end of the input, or Ctrl-C."""
    if on_python:
        interpreter: tuple[str, ...] = (sys.executable,)
    else:
        with shown_progress("MicroPython") as progress:
            interpreter = ensure_micropython(progress)
    with tempfile.TemporaryDirectory(prefix="freizeichen-box-") as folder:
        cable = Cable(port)
        box = SimulatedBox(serial, Path(folder) / "disk", interpreter)
        box.watchdog_seconds = WATCHDOG_SECONDS
        over = threading.Event()
        watcher = threading.Thread(target=_tell, args=(box, over), name="lamp")
        cable.plug()
        box.power_on(cable)
        watcher.start()
        try:
            _obey(box, cable)
        except KeyboardInterrupt:
            pass
        finally:
            over.set()
            watcher.join()
            box.power_off()
            cable.unplug()


def _obey(box: SimulatedBox, cable: Cable) -> None:
    words: dict[str, Callable[[], object]] = {
        "press": box.presses,
        "hold": box.holds,
        "down": lambda: box.moves(down=True),
        "up": lambda: box.moves(down=False),
        "hang": box.hangs,
        "break": lambda: cable.breaks_after(_BROKEN_BYTES),
        "unplug": cable.unplug,
        "plug": cable.plug,
        "off": box.power_off,
        "on": lambda: box.power_on(cable),
        "flood": lambda: cable.floods(_NOISE),
        "garble": lambda: cable.garbles(0.01),
        "calm": cable.calms_down,
    }
    for line in sys.stdin:
        word = line.strip()
        if word == "quit":
            return
        if word in words:
            words[word]()
        elif word:
            click.echo(" ".join([*words, "quit"]))


def _tell(box: SimulatedBox, over: threading.Event) -> None:
    """Print what the lamp shows whenever it shows something else."""
    told = ""
    while not over.wait(_LOOK_SECONDS):
        since = time.monotonic() - 1.5
        colours = {colour for at, colour in list(box.seen) if at >= since} | {box.colour}
        if (look := _look({colour for colour in colours if colour})) and look != told:
            told = look
            click.echo(look)


def _look(colours: set[Colour]) -> str:
    """The name of what moves through these colours; empty while it is just changing."""
    lit = [colour for colour in colours if max(colour)]
    moves = len(colours) > 1
    if not lit:
        return "off"
    for name, (colour, moving) in LOOKS.items():
        if moving == moves and all(_part(c) == _part(colour) for c in lit):
            return name
    return ""


def _part(colour: Colour) -> tuple[bool, bool, bool]:
    red, green, blue = colour
    return red > 0, green > 0, blue > 0
