"""An office with desk boxes: store, switchboard and panel are real, the firmware runs on MicroPython."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from appliance.panel.committed import CommittedLamps
from appliance.panel.desk_boxes import DeskBoxes
from appliance.simulator.desk_box import Cable, SimulatedBox
from appliance.store import boxes, people, times
from appliance.switchboard import Switchboard
from tests.unit.seed import seeded_store

ANNAS = "0000000000000a0a"
BERTS = "0000000000000b0b"


class Desks:
    """Two agents, whose boxes stand on desks of their own, or share a bus."""

    def __init__(self, folder: Path, micropython: tuple[str, ...], stack: ExitStack) -> None:
        self._folder = folder
        self._micropython = micropython
        self._stack = stack
        self.store = folder / "store.db"
        self.db = seeded_store(self.store)
        self.db.execute("UPDATE presence SET state = 'offline'")
        self.stopped: list[str] = []
        self.boxes: dict[str, SimulatedBox] = {}
        self.starts_appliance()
        stack.callback(self.stops_appliance)

    def starts_appliance(self) -> None:
        """The supervisor's part of it."""
        lamps = CommittedLamps()
        self.panel = DeskBoxes(
            self.store,
            lamps=lamps,
            on_press=lambda: self.switchboard.look_now(),
            single=[f"{self._folder}/port-*[0-9]"],
            shared=[f"{self._folder}/bus-*[0-9]"],
        )
        self.switchboard = Switchboard(
            self.store,
            wake=lambda _: None,
            call_back=lambda *_: None,
            stop_ringing=self.stopped.append,
            mirror=lambda _: None,
            show=lamps.show,
        )
        self.switchboard.start()
        self.panel.start()
        for phone in ("PJSIP/desk_1", "PJSIP/desk_2"):
            self.switchboard.phone_changed(phone, "NOT_INUSE")

    def stops_appliance(self) -> None:
        """Without a word to the boxes."""
        self.panel.stop()
        self.switchboard.stop()

    def cable(self, name: str) -> Cable:
        """A cable that is plugged in; `bus-…` may have several boxes."""
        cable = Cable(self._folder / name)
        cable.plug()
        self._stack.callback(cable.unplug)
        return cable

    def box(self, serial: str, cable: Cable, *, agent: str = "") -> SimulatedBox:
        """A box at a cable, paired to the agent."""
        if agent:
            boxes.note_there(self.db, serial, "", "", times.now())
            boxes.pair(self.db, serial, agent)
        box = SimulatedBox(serial, self._folder / serial, self._micropython)
        box.power_on(cable)
        self._stack.callback(box.power_off)
        self.boxes[serial] = box
        return box

    def presence(self, agent: str) -> str:
        """As it is committed."""
        return str(self.db.execute("SELECT state FROM presence WHERE agent = ?", [agent]).fetchone()[0])

    def sets(self, agent: str, state: str) -> None:
        """By command."""
        people.set_presence(self.db, agent, people.Presence(state), "command", times.now())

    def until(self, look: Callable[[], object], what: str, timeout_seconds: float = 20) -> None:
        """Wait for something."""
        deadline = time.monotonic() + timeout_seconds
        while not look():
            assert time.monotonic() < deadline, what
            time.sleep(0.01)


@pytest.fixture
def desks(tmp_path: Path, micropython: tuple[str, ...]) -> Iterator[Desks]:
    with ExitStack() as stack:
        made = Desks(tmp_path, micropython, stack)
        yield made
        stack.close()
        for box in made.boxes.values():
            assert not box.complaints, box.complaints


@pytest.fixture
def annas_box(desks: Desks) -> SimulatedBox:
    """Anna's box on her desk, by USB."""
    return desks.box(ANNAS, desks.cable("port-1"), agent="anna")
