"""The desk box without a board: the same program on MicroPython's unix port, or on any Python.

    micropython simulated.py SERIAL ROOT CABLE

SERIAL is 16 hexadecimal digits, ROOT a folder with the slots, CABLE the number of an open file descriptor
that does not block. Input takes `p` and `l` (a short press, bounces and all, and a long one), `d` (button
down), `u` (up) and `h` (hang). Output tells every change of the lamp as `lamp RRGGBB` and of the buzzer as
`buzz 0` and `buzz 1`, and twice a second, while the watchdog is fed, `fed 1`. It ends with status 75 where
the board would start again.
"""

import os
import select
import sys
import time
from binascii import hexlify, unhexlify

import slots

RESTART = 75
_WAIT_MS = 2
_FED_MS = 500
# What a hand does: down or not, for so many milliseconds and turns of the loop at the least. A process that
# gets no turn for a while must see it all the same.
_PRESS = (
    (True, 0, 1),
    (False, 0, 1),
    (True, 30, 6),
    (False, 0, 1),
    (True, 0, 1),
    (False, 30, 6),
)
_LONG_PRESS = ((True, 1100, 6), (False, 30, 6))
_DOWN = ((True, 30, 6),)
_UP = ((False, 30, 6),)
_MOVES = {b"p": _PRESS, b"l": _LONG_PRESS, b"d": _DOWN, b"u": _UP}


def _milliseconds() -> int:
    return time.ticks_ms() if hasattr(time, "ticks_ms") else int(time.monotonic() * 1000)


class Simulated:
    """The board as `loop.Box` uses it."""

    def __init__(self, serial: str, root: str, cable: int) -> None:
        self.serial = unhexlify(serial)
        self.boot = int.from_bytes(os.urandom(4), "little")
        self.root = root
        self._cable_in = open(cable, "rb", 0)
        self._cable_out = open(cable, "wb", 0)
        self._hands = open(0, "rb", 0)
        self._eyes = open(1, "wb", 0)
        self._down = False
        self._moves = []
        self._turns = 0
        self._since = 0
        self._shown = bytearray(3)
        self._buzzes = False
        self._fed_at = _milliseconds() - _FED_MS
        self._poll = select.poll()
        self._poll.register(self._cable_in, select.POLLIN)
        self._poll.register(self._hands, select.POLLIN)

    def now(self) -> int:
        """Milliseconds, from 0 to 2**30."""
        return _milliseconds() & 0x3FFFFFFF

    def button_is_down(self) -> bool:
        """Whether somebody has it down."""
        if not self._moves:
            move = self._hands.read(1)
            if move == b"":
                sys.exit(0)  # nobody is there any more
            if move == b"h":
                while True:
                    time.sleep(1)
            if move:
                self._moves = list(_MOVES[move])
        if self._moves:
            self._press()
        return self._down

    def _press(self) -> None:
        self._down, milliseconds, turns = self._moves[0]
        if not self._turns:
            self._since = _milliseconds()
        self._turns += 1
        if self._turns >= turns and _milliseconds() - self._since >= milliseconds:
            self._moves.pop(0)
            self._turns = 0

    def show(self, colour: bytearray) -> None:
        """Light the lamp: red, green, blue."""
        if colour != self._shown:
            self._shown[:] = colour
            self._eyes.write(b"lamp " + hexlify(colour) + b"\n")

    def buzz(self, on: bool) -> None:
        """Sound the buzzer, or not."""
        if on != self._buzzes:
            self._buzzes = on
            self._eyes.write(b"buzz 1\n" if on else b"buzz 0\n")

    def read(self) -> bytes:
        """What has come over the cable."""
        return self._cable_in.read(256) or b""

    def write(self, data: bytes) -> None:
        """Send over the cable."""
        self._cable_out.write(data)

    def random_byte(self) -> int:
        """0 to 255."""
        return os.urandom(1)[0]

    def feed_watchdog(self) -> None:
        """Whoever started this process ends it when this is not told any more."""
        if _milliseconds() - self._fed_at >= _FED_MS:
            self._fed_at = _milliseconds()
            self._eyes.write(b"fed 1\n")

    def restart(self) -> None:
        """Start again."""
        sys.exit(RESTART)

    def wait(self) -> None:
        """Until something comes, two milliseconds at the most."""
        self._poll.poll(_WAIT_MS)


def main() -> None:
    """Choose a slot and run it, as `main.py` does on the board."""
    serial, root, cable = sys.argv[1], sys.argv[2], int(sys.argv[3])
    slot = slots.choose(root)
    sys.path.insert(0, root + slot)
    from deskbox.loop import run

    run(Simulated(serial, root, cable), slot, slots.on_trial(root))


main()
