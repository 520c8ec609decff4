"""Box and appliance lose power at any moment around a press, in any order, in a time of its own."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable

import pytest

from appliance.panel.line import BoxLine, Shown
from appliance.panel.messages import Lamp, Press
from deskbox.loop import Box
from tests.firmware.fuzz_frames import SERIAL, Board

_STEP_MS = 4
_AROUND_MS = 60
_CALM_MS = 3000

ORDERS = ["bB", "aA"] + [
    "".join(order)
    for order in itertools.permutations("bBaA")
    if order.index("b") < order.index("B") and order.index("a") < order.index("A")
]
"""Box (b) and appliance (a) lose power, and get it again (B, A)."""


class Store:
    """What is on the appliance's disk: presence, and of which start which presses were taken."""

    def __init__(self) -> None:
        self.is_present = False
        self.counted: list[tuple[int, int]] = []
        self._boot, self._taken = 0, 0

    def shown(self, serial: str) -> Shown:
        """The lamp says what is on the disk."""
        assert serial == SERIAL
        return Shown(Lamp.GREEN if self.is_present else Lamp.OFF)

    def take(self, serial: str, boot: int, presses: Iterable[Press]) -> int:
        """Each press once."""
        assert serial == SERIAL
        self._boot, self._taken = boot, self._taken if boot == self._boot else 0
        for press in presses:
            if press.number > self._taken:
                self._taken = press.number
                self.counted.append((boot, press.number))
                self.is_present = not self.is_present
        return self._taken

    def appeared(self, serial: str, firmware: str) -> None:
        """A box is there."""

    def gone(self, serial: str) -> None:
        """It is not."""


class Desk:
    """A box and an appliance, each with or without power."""

    def __init__(self) -> None:
        self.store = Store()
        self.now_ms = 0
        self.down = False
        self.starts = 0
        self.line: BoxLine | None = None
        self.board: Board | None = None
        self.happens("B")
        self.happens("A")

    def happens(self, event: str) -> None:
        """Somebody pulls a plug or puts it in."""
        if event == "b":
            self.board = None
        elif event == "B":
            self.starts += 1
            self.board = Board(random.Random(self.starts))
            self.board.boot = self.starts
            self.board.now_ms, self.board.down = self.now_ms, self.down
            self.box = Box(self.board, "a", False)
        elif event == "a":
            self.line = None
        else:
            self.store.is_present = False  # after a power cut nobody is present
            self.line = BoxLine(self.store, None, shared=False)

    def passes(self, milliseconds: int) -> None:
        """Time goes on."""
        until = self.now_ms + milliseconds
        while self.now_ms < until:
            self.now_ms += _STEP_MS
            now = self.now_ms / 1000
            board, line = self.board, self.line
            out = line.due(now) if line else b""
            if board:
                board.now_ms, board.down = self.now_ms, self.down
                board.coming = out
                self.box.turn()
                sent, board.sent = board.sent, b""
                if line and sent:
                    line.take(sent, now)

    def presses(self) -> None:
        """A short press."""
        for down in (True, False):
            self.down = down
            self.passes(_AROUND_MS)

    @property
    def lamp(self) -> int:
        """What the box shows."""
        return int(self.box._link.lamp)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("apart_ms", [0, 30, 2500])
def test_lamp_and_presence_end_up_equal(order: str, apart_ms: int) -> None:
    """A press ends in the middle of the moments at which the first plug is pulled."""
    outcomes = set()
    for moment_ms in range(0, 2 * _AROUND_MS, 12):
        desk = Desk()
        desk.passes(_CALM_MS)
        desk.down = True
        desk.passes(min(moment_ms, _AROUND_MS))
        if moment_ms > _AROUND_MS:
            desk.down = False
            desk.passes(moment_ms - _AROUND_MS)
        for event in order:
            desk.happens(event)
            desk.passes(apart_ms)
            if apart_ms > 2000 and desk.board and not desk.line:
                assert desk.lamp == Lamp.UNKNOWN, "the box itself says that it is alone"
        desk.down = False
        desk.passes(_CALM_MS)
        assert desk.lamp == desk.store.shown(SERIAL).lamp, moment_ms
        counted = list(desk.store.counted)
        assert len(counted) <= 1, "the press counts once or, if nobody could see what it means, not at all"
        if "a" not in order:
            assert desk.store.is_present == bool(counted)
        outcomes.add(len(counted))
        was = desk.store.is_present
        desk.presses()
        desk.passes(_AROUND_MS)
        assert desk.store.is_present is not was, "afterwards it works"
        assert desk.lamp == desk.store.shown(SERIAL).lamp
    assert 1 in outcomes
