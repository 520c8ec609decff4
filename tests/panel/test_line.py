"""The conversation on a line, between both sides' real code, in a time of its own and on a bad cable."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from appliance.panel.bundle import SOURCES, Bundle
from appliance.panel.frames import Frame, encode
from appliance.panel.line import BoxLine, Shown
from appliance.panel.messages import Kind, Lamp, Length, Press

if str(SOURCES) not in sys.path:
    sys.path.insert(0, str(SOURCES))

from deskbox.frames import Decoder
from deskbox.link import Link

SERIAL = "e66164084319392a"
BUNDLE = Bundle(b"FZB1")
TURN_MS = 5


@dataclass
class FakeDesk:
    """The office, on paper: what is there, what was pressed, what is to be shown."""

    lamps: dict[str, Lamp] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)
    pressed: list[tuple[str, Length, int]] = field(default_factory=list)
    taken: dict[str, tuple[int, int]] = field(default_factory=dict)

    def shown(self, serial: str) -> Shown:
        return Shown(self.lamps.get(serial, Lamp.OFF))

    def take(self, serial: str, boot: int, presses: Iterable[Press]) -> int:
        known, taken = self.taken.get(serial, (0, 0))
        taken = taken if known == boot else 0
        for press in presses:
            if press.number > taken:
                taken = press.number
                self.pressed.append((serial, press.length, press.shown))
        self.taken[serial] = (boot, taken)
        return taken

    def appeared(self, serial: str, firmware: str) -> None:
        assert firmware
        self.there.add(serial)

    def gone(self, serial: str) -> None:
        self.there.discard(serial)


class FakeBox:
    """The firmware's own link, without a board."""

    def __init__(self, serial: str, boot: int, noise: random.Random) -> None:
        self.serial = serial
        self.decoder = Decoder()
        self.link = Link(
            bytes.fromhex(serial), boot, bytes.fromhex(BUNDLE.name), lambda: noise.randrange(256), None
        )

    def turn(self, data: bytes, now: int) -> bytes:
        for frame in self.decoder.feed(data):
            self.link.take(frame, now)
        self.link.follow_time(now)
        return self.link.due(now)


class Office:
    """One line, some boxes, and a cable that loses and changes bytes as long as it is bad."""

    def __init__(self, seed: int, boxes: int = 1) -> None:
        self.noise = random.Random(seed)
        self.desk = FakeDesk()
        self.shared = boxes > 1
        self.boxes = [FakeBox(f"{number:016x}", number, self.noise) for number in range(1, boxes + 1)]
        self.now = self.noise.randrange(2**40)
        self.bad = 0.0
        self.appliance_starts()

    def appliance_starts(self) -> None:
        self.line = BoxLine(self.desk, BUNDLE, shared=self.shared)

    def box_starts(self, index: int) -> None:
        self.boxes[index] = FakeBox(self.boxes[index].serial, self.noise.randrange(2**32), self.noise)

    def carried(self, data: bytes) -> bytes:
        if not data or self.noise.random() >= self.bad:
            return data
        at = self.noise.randrange(len(data))
        return self.noise.choice(
            [b"", data[:at], data[at:], data[:at] + self.noise.randbytes(3) + data[at + 1 :], data + data]
        )

    def passes(self, milliseconds: int) -> None:
        for _ in range(milliseconds // TURN_MS):
            self.now += TURN_MS
            asked = self.carried(self.line.due(self.now / 1000))
            ticks = self.now % 2**30
            answers = [box.turn(asked, ticks) for box in self.boxes]
            answers = [answer for answer in answers if answer]
            if len(answers) > 1:  # two at once destroy each other
                answers = [bytes(a ^ b for a, b in zip(answers[0], answers[1], strict=False))]
            for answer in answers:
                self.line.take(self.carried(answer), self.now / 1000)


@pytest.mark.parametrize("boxes", [1, 3, 8])
@pytest.mark.parametrize("seed", range(12))
def test_after_a_bad_time_lamps_are_right_and_each_press_counted_once(seed: int, boxes: int) -> None:
    office = Office(seed, boxes)
    office.passes(8000 if boxes > 1 else 1500)
    assert office.desk.there == {box.serial for box in office.boxes}
    office.bad = 0.5
    made = []
    for _ in range(6):
        box = office.noise.choice(office.boxes)
        office.desk.lamps[box.serial] = office.noise.choice(list(Lamp))
        if box.link._address:  # else the lamp pulses white, and nothing is noted
            shown = box.link.lamp
            box.link.press(2, shown, office.now % 2**30)
            made.append((box.serial, Length.LONG, shown))
        office.passes(office.noise.randrange(400))
    office.bad = 0.0
    office.passes(9000)
    assert sorted(office.desk.pressed) == sorted(made)
    for box in office.boxes:
        assert box.link.lamp == office.desk.shown(box.serial).lamp


@pytest.mark.parametrize("boxes", [1, 4])
@pytest.mark.parametrize("seed", range(12))
def test_whoever_starts_again_and_when_lamps_are_right_in_the_end(seed: int, boxes: int) -> None:
    office = Office(seed, boxes)
    for _ in range(8):
        what = office.noise.randrange(3)
        if what == 0:
            office.appliance_starts()
        elif what == 1:
            office.box_starts(office.noise.randrange(boxes))
        box = office.noise.choice(office.boxes)
        office.desk.lamps[box.serial] = office.noise.choice(list(Lamp))
        office.passes(office.noise.randrange(3000))
    office.passes(12_000)
    for box in office.boxes:
        assert box.link.lamp == office.desk.shown(box.serial).lamp


def test_a_picture_holds_two_seconds_and_no_longer() -> None:
    office = Office(1)
    office.desk.lamps[office.boxes[0].serial] = Lamp.GREEN
    office.passes(1500)
    link = office.boxes[0].link
    assert link.lamp == Lamp.GREEN
    office.bad = 0
    office.line = BoxLine(FakeDesk(), BUNDLE, shared=False)
    for _ in range(1990 // TURN_MS):  # nobody speaks any more
        office.now += TURN_MS
        office.boxes[0].turn(b"", office.now % 2**30)
    assert link.lamp == Lamp.UNKNOWN


def test_a_press_nobody_takes_means_nothing_after_ten_seconds() -> None:
    office = Office(1)
    office.passes(1500)
    box = office.boxes[0]
    box.link.press(1, Lamp.OFF, office.now % 2**30)
    for _ in range(10_500 // TURN_MS):
        office.now += TURN_MS
        box.turn(b"", office.now % 2**30)
    office.passes(3000)
    assert office.desk.there == {box.serial}
    assert office.desk.pressed == []
    box.link.press(1, Lamp.OFF, office.now % 2**30)
    office.passes(200)
    assert len(office.desk.pressed) == 1


def test_wrong_frames_bring_no_box_and_no_press() -> None:
    noise = random.Random(3)
    desk = FakeDesk()
    line = BoxLine(desk, BUNDLE, shared=True)
    hello = bytes.fromhex(SERIAL) + bytes(12)
    good = [
        encode(Frame(0, Kind.HELLO, 99, hello)),
        encode(Frame(1, Kind.STATE, 1, bytes(20))),
        encode(Frame(1, Kind.UPDATE_STATE, 1, bytes(6))),
        encode(Frame(0, Kind.WHO, 1, b"\1\4")),
    ]
    now = 0.0
    for block in range(50):
        now += 0.05
        line.due(now)
        wrong = []
        for number in range(1000):
            frame = bytearray(good[number % 4])
            if number % 5:
                frame[1 + noise.randrange(len(frame) - 2)] ^= 1 + noise.randrange(255)
            wrong.append(bytes(frame[: noise.randrange(len(frame))] if number % 7 == 0 else frame))
        line.take(b"".join(wrong), now)
        assert not desk.there, block
        assert not desk.pressed
        assert not line.serials


def test_an_answer_to_the_wrong_serial_number_counts_for_nobody() -> None:
    """Two boxes with one address, after a restart in the wrong moment: the other one's state is not taken."""
    office = Office(1)
    office.passes(1500)
    other = FakeBox("00000000000000ff", 9, office.noise)
    other.link._address = 1
    other.link.press(1, Lamp.OFF, 0)
    office.line.take(other.link._state(0, 0), office.now / 1000)
    assert office.desk.pressed == []
