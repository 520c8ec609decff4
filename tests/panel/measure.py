"""Measure from a desk box's button to lamp and waiting caller's ring: ``python -m tests.panel.measure``.

Runs the firmware on MicroPython, the real panel, switchboard and store, and real Asterisk for the ring. The
time begins when the contact opens after a short press, and includes its 10 ms of debouncing. How long a byte
takes through a pseudo-terminal, which is the cable here, is measured beside: where other programs keep the
processors busy, the kernel lets it wait.
"""

from __future__ import annotations

import os
import pty
import tempfile
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from appliance.panel.desk_boxes import PortDesk
from appliance.simulator.desk_box import SimulatedBox
from appliance.simulator.micropython import ensure_micropython
from appliance.simulator.office import SimulatedOffice
from appliance.telephony.sandbox import ensure_asterisk, shown_progress
from tests.calls.conftest import OFFICE
from tests.panel.conftest import ANNAS, Desks

LAMP_MS, RING_MS = 50, 200  # what is promised, for 99 of 100
_DOWN_SECONDS = 0.15


def spread(what: str, milliseconds: list[float], at_most: float | None = None) -> None:
    """Print how they are distributed."""
    found = sorted(milliseconds)
    parts = ", ".join(f"{share} % {found[(len(found) * share - 1) // 100]:.1f}" for share in (50, 90, 95, 99))
    promise = "" if at_most is None else f"; promised: 99 % within {at_most}"
    click.echo(f"{what} (ms, {len(found)} times): {parts}, longest {found[-1]:.1f}{promise}")


@contextmanager
def cables_own() -> Iterator[None]:
    """Print how long a byte took meanwhile through a cable of its own."""
    took: list[float] = []
    over = threading.Event()

    def send() -> None:
        master, slave = pty.openpty()
        tty.setraw(slave)
        while not over.wait(0.01):
            began = time.monotonic()
            os.write(master, b"?")
            os.read(slave, 1)
            took.append(1000 * (time.monotonic() - began))
        os.close(master)
        os.close(slave)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        spread("  a byte through an idle cable", took)


def released(box: SimulatedBox) -> float:
    """A short press; when the contact opened."""
    box.moves(down=True)
    time.sleep(_DOWN_SECONDS)
    began = time.monotonic()
    box.moves(down=False)
    return began


def to_lamp(desks: Desks, port: str, presses: int) -> tuple[list[float], list[float]]:
    """How long each press took until it was committed, and until the lamp showed it."""
    committed: list[float] = []
    takes = PortDesk.take

    def take(*words: object) -> int:
        taken = takes(*words)  # type: ignore[arg-type]
        committed.append(time.monotonic())
        return taken

    PortDesk.take = take  # type: ignore[method-assign, assignment]
    try:
        box = desks.box(ANNAS, desks.cable(port), agent="anna")
        box.shows("off")
        durable, lit = [], []
        for number in range(presses):
            committed.clear()
            began = released(box)
            box.shows("off" if number % 2 else "green")
            durable.append(1000 * (committed[0] - began))
            lit.append(1000 * (box.seen[-1][0] - began))
        return durable, lit
    finally:
        PortDesk.take = takes  # type: ignore[method-assign]


def to_ring(office: SimulatedOffice, box: SimulatedBox, presses: int) -> list[float]:
    """How long each press took until the phone rang for a caller who waits while all others are in calls."""
    office.db.execute("UPDATE departments SET ring_seconds = 20")
    office.sets("bert", "available")
    first, second = office.caller("+491701111111"), office.caller("+491702222222")
    first.dials("0931 555-10")
    office.desk("bert").answers()
    second.dials("0931 555-10")
    second.hears_music()
    phone = office.desk("anna")
    found = []
    for _ in range(presses):
        box.shows("off")
        began = released(box)
        phone.rings()
        found.append(1000 * (time.monotonic() - began))
        box.shows("green breathing")
        box.holds()
        phone.stops_ringing()
    return found


def on_a_desk(port: str, name: str, presses: int, interpreter: tuple[str, ...]) -> None:
    """Measure at one kind of cable, and print."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack, cables_own():
        durable, lit = to_lamp(Desks(Path(folder), interpreter, stack), port, presses)
        spread(f"{name}: button to committed", durable)
        spread(f"{name}: button to lamp", lit, LAMP_MS)


def in_an_office(presses: int, interpreter: tuple[str, ...]) -> None:
    """Measure with Asterisk, and print."""
    with shown_progress() as progress:
        program = ensure_asterisk(progress)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        office = SimulatedOffice(Path(folder), OFFICE, program)
        stack.callback(office.stop)
        office.start()
        box = office.desk_box("anna", interpreter)
        stack.callback(box.cable.unplug)
        stack.callback(box.power_off)
        with cables_own():
            spread("button to the waiting caller's ring", to_ring(office, box, presses), RING_MS)


@click.command()
@click.option("--presses", default=200, show_default=True, help="For each figure; a quarter for the ring.")
@click.option("--only", type=click.Choice(["lamp", "ring"]), help="One of the two.")
def main(presses: int, only: str | None) -> None:
    """Print how long a press takes."""
    interpreter = ensure_micropython(print)
    figures: list[Callable[[], None]] = []
    if only != "ring":
        figures += [
            lambda: on_a_desk("port-1", "alone on USB", presses, interpreter),
            lambda: on_a_desk("bus-1", "on a bus", presses, interpreter),
        ]
    if only != "lamp":
        figures.append(lambda: in_an_office(max(1, presses // 4), interpreter))
    for figure in figures:
        figure()


if __name__ == "__main__":
    main()
