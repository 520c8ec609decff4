"""Random and mutated frames on both sides of the cable: ``python -m tests.firmware.fuzz_frames --help``.

The firmware's whole loop and the appliance's side of a line talk over a cable on which storms pass: noise,
frames that were changed, cut, doubled or came long ago, and right frames that make no sense. A person goes on
pressing the button. After each storm lamp and presses must agree: nothing has crashed, nobody's press was
taken, none twice or as another, the lamp shows what the appliance wants shown. It has a time of its own, in
which an hour of storms takes a minute.
"""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import click

from appliance.panel.bundle import SOURCES
from appliance.panel.frames import Frame, encode
from appliance.panel.line import BoxLine, Shown
from appliance.panel.messages import Kind, Lamp, Press
from appliance.simulator.micropython import ensure_micropython

if str(SOURCES) not in sys.path:
    sys.path.insert(0, str(SOURCES))

from deskbox.loop import Box

SERIAL = "0102030405060708"
_BOOT = 7
_STEP_MS = 4
_STORM_FRAMES = 10_000  # each way
_AT_ONCE = 2
_CALM_MS = 15_000  # by then the worst is over: presses live 10 s, a lost box is looked for every 3 s
_LONGEST_NOISE = 40
_ON_MICROPYTHON = Path(__file__).with_name("on_micropython.py")


class Board:
    """A board whose time, button and cable are ours."""

    serial = bytes.fromhex(SERIAL)
    boot = _BOOT
    root = "/nowhere/"

    def __init__(self, chance: random.Random) -> None:
        self.now_ms = 0
        self.down = False
        self.coming = b""
        self.sent = b""
        self._chance = chance

    def now(self) -> int:
        """Milliseconds."""
        return self.now_ms & 0x3FFFFFFF

    def button_is_down(self) -> bool:
        """As the person has it."""
        return self.down

    def show(self, colour: bytearray) -> None:
        """Nobody looks at the colour here."""

    def buzz(self, on: bool) -> None:
        """Nor listens."""

    def read(self) -> bytes:
        """What has come, at most a frame's length, as on the board."""
        data, self.coming = self.coming[:256], self.coming[256:]
        return data

    def write(self, data: bytes) -> None:
        """Towards the appliance."""
        self.sent += data

    def random_byte(self) -> int:
        """0 to 255."""
        return self._chance.randrange(256)

    def feed_watchdog(self) -> None:
        """There is none."""

    def restart(self) -> None:
        """No firmware was taken, so there is no reason to."""
        raise AssertionError("the box starts again")

    def wait(self) -> None:
        """Time is ours."""


@dataclass
class Desk:
    """An office that takes presses as the store does: each number once. Its lamp changes with every press."""

    taken: list[Press] = field(default_factory=list)
    up_to: int = 0

    def shown(self, serial: str) -> Shown:
        """What the box is to show; a box nobody has is nobody's."""
        if serial != SERIAL:
            return Shown(Lamp.UNPAIRED)
        return Shown(Lamp.GREEN if len(self.taken) % 2 else Lamp.OFF)

    def take(self, serial: str, boot: int, presses: Iterable[Press]) -> int:
        """Commit."""
        assert (serial, boot) == (SERIAL, _BOOT), "a press of a box that is not there"
        for press in presses:
            if press.number > self.up_to:
                self.taken.append(press)
                self.up_to = press.number
        return self.up_to

    def appeared(self, serial: str, firmware: str) -> None:
        """Somebody says that he is a box."""

    def gone(self, serial: str) -> None:
        """And is not there any more."""


class Cable:
    """Both ends, and the storms."""

    def __init__(self, seed: int, *, shared: bool) -> None:
        self.chance = random.Random(seed)
        self.board = Board(self.chance)
        self.desk = Desk()
        self.line = BoxLine(self.desk, None, shared=shared)
        self.box = Box(self.board, "a", False)
        self.link = self.box._link
        self._judged = 0
        self.noted: dict[int, tuple[int, int]] = {}
        self.to_box = self.to_appliance = 0
        self._heard_by_box: list[bytes] = [encode(Frame(1, Kind.PICTURE, 1, bytes(11)))]
        self._heard_by_appliance: list[bytes] = [encode(Frame(1, Kind.STATE, 1, bytes(20)))]
        self._press_at = 0
        self._let_go_at = 0
        self._press_of_firmware = self.link.press
        self.link.press = self._note_press

    def _note_press(self, kind: int, shown: int, now: int) -> None:
        before = len(self.link._presses)
        self._press_of_firmware(kind, shown, now)
        if len(self.link._presses) > before:
            self.noted[self.link._first + before] = kind, shown

    def turn(self, *, storm: bool) -> None:
        """A few milliseconds of it."""
        board = self.board
        board.now_ms += _STEP_MS
        now = board.now_ms / 1000
        if out := self.line.due(now):
            self._heard_by_box = [*self._heard_by_box[-30:], out]
            board.coming += self._weather(out, self._heard_by_box) if storm else out
        if storm:
            self.to_box += _AT_ONCE
            board.coming += b"".join(self._hostile(self._heard_by_box) for _ in range(_AT_ONCE))
        self._finger()
        self.box.turn()
        while len(board.coming) > 256:
            self.box.turn()
        sent, board.sent = board.sent, b""
        if sent:
            self._heard_by_appliance = [*self._heard_by_appliance[-30:], sent]
        if storm:
            sent = self._weather(sent, self._heard_by_appliance)
            self.to_appliance += _AT_ONCE
            sent += b"".join(self._hostile(self._heard_by_appliance) for _ in range(_AT_ONCE))
        if sent:
            self.line.take(sent, now)

    def _finger(self) -> None:
        """Somebody presses now and then."""
        now_ms = self.board.now_ms
        if self.board.down and now_ms >= self._let_go_at:
            self.board.down = False
            self._press_at = now_ms + self.chance.randrange(100, 1500)
        elif not self.board.down and now_ms >= self._press_at:
            self.board.down = True
            self._let_go_at = now_ms + self.chance.choice((60, 200, 1400))

    def _weather(self, frame: bytes, heard: list[bytes]) -> bytes:
        """A frame may arrive as it was sent, or changed, or not at all."""
        luck = self.chance.random()
        if luck < 0.6:
            return frame
        return self._mutated(heard) if luck < 0.8 else b""

    def _hostile(self, heard: list[bytes]) -> bytes:
        chance = self.chance
        way = chance.randrange(4)
        if way == 0:
            return chance.randbytes(chance.randrange(_LONGEST_NOISE)) + b"\0"
        return self._mutated(heard) if way < 3 else self._senseless()

    def _mutated(self, heard: list[bytes]) -> bytes:
        """One that was said here, with bytes changed, taken away, put in or doubled."""
        chance = self.chance
        broken = bytearray(chance.choice(heard))
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(broken))
            way = chance.randrange(4)
            if way == 0:
                broken[at] ^= 1 << chance.randrange(8)
            elif way == 1:
                del broken[at:]
                broken.append(0)
            elif way == 2:
                broken[at:at] = chance.randbytes(chance.randrange(1, 4))
            else:
                broken[at:at] = broken[at : at + chance.randrange(1, 20)]
        return bytes(broken)

    def _senseless(self) -> bytes:
        """A right frame, to or from anybody, of any kind and version, that says nothing right."""
        chance = self.chance
        kind = chance.choice((*Kind, chance.randrange(256)))
        payload = chance.randbytes(chance.choice((0, 1, 2, 10, 11, 16, 20, 21, 23, 40)))
        if kind == Kind.STATE:  # a press on a box that is not here
            payload = struct.pack("<8sIBBBIB3s", chance.randbytes(8), _BOOT, 2, 0, 0, 1, 1, b"\1\2\0")
        version = chance.choice((1, 1, 1, 0, 2, 255))
        return encode(Frame(chance.choice((0, 1, 2, 30)), kind, chance.randrange(256), payload, version))

    def storm(self) -> None:
        """A storm, then calm, then all agree. AssertionError if they do not."""
        until = self.to_box + _STORM_FRAMES
        while self.to_box < until:
            self.turn(storm=True)
        calm_at = self.board.now_ms + _CALM_MS
        while self.board.now_ms < calm_at or self.board.down or self._is_busy():
            self._press_at = self.board.now_ms + 1  # nobody presses
            self.turn(storm=False)
            assert self.board.now_ms < calm_at + _CALM_MS, "they do not find together again"
        assert self.link.lamp == self.desk.shown(SERIAL).lamp, "the lamp is stuck"
        for press in self.desk.taken[self._judged :]:
            assert self.noted.get(press.number) == (press.length, press.shown), (
                f"nobody pressed that: {press}"
            )
        self._judged = len(self.desk.taken)
        self._press_at = 0
        patience = self.board.now_ms + _CALM_MS
        while self.board.down or len(self.desk.taken) == self._judged:
            self.turn(storm=False)
            assert self.board.now_ms < patience, "a press after the storm is not taken"

    def _is_busy(self) -> bool:
        return bool(self.link._presses)


def storms(frames: int, seed: int, *, shared: bool) -> Cable:
    """So many hostile frames each way. Raises AssertionError, with the seed in what is printed."""
    cable = Cable(seed, shared=shared)
    while cable.to_box < frames:
        cable.storm()
    return cable


def on_micropython(frames: int, seed: int) -> None:
    """So many to the firmware as it runs on the board's own Python. Raises CalledProcessError."""
    program = [*ensure_micropython(print), str(_ON_MICROPYTHON), str(SOURCES), "fuzz", str(frames), str(seed)]
    subprocess.run(program, check=True)


@click.command()
@click.option("--frames", default=1_000_000, show_default=True, help="Hostile frames each way.")
@click.option("--seed", default=4, show_default=True, help="Another number brings other storms.")
def main(frames: int, seed: int) -> None:
    """Let storms pass over the cable between a desk box and the appliance."""
    for shared in (False, True):
        began = time.monotonic()
        cable = storms(frames // 2, seed, shared=shared)
        click.echo(
            f"{'a bus' if shared else 'a box alone'}, seed {seed}: {cable.to_box} hostile frames to the box,"
            f" {cable.to_appliance} to the appliance, {cable.board.now_ms / 60_000:.0f} minutes of its time;"
            f" {len(cable.desk.taken)} presses taken, each as it was made; no crash, no stuck lamp"
            f" ({time.monotonic() - began:.0f} s)"
        )
    began = time.monotonic()
    on_micropython(frames, seed)
    click.echo(f"MicroPython, seed {seed}: {frames} frames to the box ({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
