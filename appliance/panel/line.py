"""One serial line and the boxes on it: who is asked what, and when. No port, no thread, no clock in here.

The boxes speak only when asked, except one that is alone on its line. What is asked is a whole picture,
what is answered a whole state, so that whatever gets lost is simply said again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from appliance.panel import messages
from appliance.panel.bundle import Bundle
from appliance.panel.frames import VERSION, Decoder, Frame, encode
from appliance.panel.messages import EVERYBODY, Hello, Kind, Lamp, Phase, Press

log = logging.getLogger(__name__)

HOLDS_SECONDS = 2.0  # a picture: after that a box knows that the link is lost
LOST_SECONDS = 1.0  # a box that has not answered for so long
_ALONE_SECONDS = 0.25  # between two pictures for a box that speaks by itself
_SHARED_SECONDS = 0.02  # between two pictures for one that must be asked
_ANSWER_SECONDS = 0.1
_UPDATE_SECONDS = 0.5  # the same for a piece of an update, which a box writes before it answers
_UNPACK_SECONDS = 3.0  # and for all of it
_UPDATE_LOST_SECONDS = 10.0
_LOOK_ALONE_SECONDS = 0.5  # between two looks for a box on an empty line
_LOOK_SHARED_SECONDS = 3.0
_LOOK_AGAIN_SECONDS = 0.2  # when somebody answered: others may have been drowned out
_SLOTS = 4  # of 10 ms, in which the boxes of a shared line answer
_SLOTS_SECONDS = 0.06
_MOST_BOXES = 30
_PIECE = 192
_TRIES = 3


class Shown(NamedTuple):
    """What a box is to show."""

    lamp: Lamp
    sound: bool = False


class Desk(Protocol):
    """What the line needs to know of the office."""

    def shown(self, serial: str) -> Shown:
        """What this box is to show now."""

    def take(self, serial: str, boot: int, presses: Iterable[Press]) -> int:
        """Commit presses, each of them once; returns the number up to which this start's are taken."""

    def appeared(self, serial: str, firmware: str) -> None:
        """A box is there."""

    def gone(self, serial: str) -> None:
        """A box is not there any more."""


@dataclass(slots=True)
class _Box:
    serial: str
    address: int
    firmware: str
    version: int
    heard_at: float
    assigned: bool = False
    boot: int = 0
    taken: int = 0
    sent: Shown | None = None
    next_at: float = 0.0
    update: Frame | None = None
    """The next message of the update that is under way; its address and sequence are set when it is sent."""

    @property
    def patience_seconds(self) -> float:
        return _UPDATE_LOST_SECONDS if self.update else LOST_SECONDS


class _Asked(NamedTuple):
    kind: Kind
    sequence: int
    address: int
    until: float


class BoxLine:
    """The conversation on one line. `shared`: it is a bus with several boxes. Without a bundle no box is
    given new firmware."""

    def __init__(self, desk: Desk, bundle: Bundle | None, *, shared: bool) -> None:
        self._desk = desk
        self._bundle = bundle
        self._shared = shared
        self._decoder = Decoder()
        self._boxes: dict[int, _Box] = {}
        self._asked: _Asked | None = None
        self._sequence = 0
        self._look_at = 0.0
        self._everybody_forgets = True
        self._update_tries: dict[str, int] = {}
        self._unusable = set[str]()

    @property
    def serials(self) -> list[str]:
        """The boxes that are there."""
        return [box.serial for box in self._boxes.values() if box.assigned]

    def take(self, data: bytes, now: float) -> None:
        """Take what came over the line. Garbage and what nobody asked for change nothing."""
        if self._shared and self._asked and self._asked.kind is Kind.WHO:
            self._look_at = min(self._look_at, now + _LOOK_AGAIN_SECONDS)
        for frame in self._decoder.feed(data):
            try:
                self._take(frame, now)
            except ValueError as error:
                log.debug("a message that cannot be: %s", error)

    def due(self, now: float) -> bytes:
        """What to send now; empty while an answer is awaited or nothing is to be said."""
        if self._asked and now < self._asked.until:
            return b""
        self._asked = None
        for known in list(self._boxes.values()):
            if now - known.heard_at > known.patience_seconds:
                self._remove(known)
        box = min(self._boxes.values(), key=self._turn_of, default=None)
        if self._may_look() and now >= self._look_at:
            return self._look(now)
        if box is None or self._turn_of(box) > now:
            return b""
        return self._speak_to(box, now)

    def wait_seconds(self, now: float) -> float:
        """How long nothing is due unless something comes."""
        times = [self._turn_of(box) for box in self._boxes.values()]
        if self._may_look():
            times.append(self._look_at)
        due_at = max(min(times, default=now + 1), self._asked.until if self._asked else now)
        return min(max(due_at - now, 0.0), 1.0)

    def end(self) -> None:
        """The line is gone, and with it the boxes."""
        for box in list(self._boxes.values()):
            self._remove(box)

    # --- what comes

    def _take(self, frame: Frame, now: float) -> None:
        asked = self._asked
        if frame.kind == Kind.HELLO:
            if asked and asked.kind is Kind.WHO and frame.sequence == asked.sequence:
                self._hello(messages.read_hello(frame.payload), frame.version, now)
            return
        box = self._boxes.get(frame.address)
        if box is None:
            return
        answers = asked is not None and (asked.address, asked.sequence) == (frame.address, frame.sequence)
        if frame.kind == Kind.STATE:
            self._state(box, frame, now)
        elif frame.kind == Kind.UPDATE_STATE and box.update and answers and self._bundle:
            self._update_state(box, messages.read_update_state(frame.payload), self._bundle)
            box.heard_at = now
        if answers:
            self._asked = None

    def _hello(self, hello: Hello, version: int, now: float) -> None:
        if hello.serial in self._unusable:
            return
        known = next((box for box in self._boxes.values() if box.serial == hello.serial), None)
        if known:
            self._remove(known)
        if not self._shared:
            self._asked = None  # there is only one
            self.end()
        free = next((a for a in range(1, _MOST_BOXES + 1) if a not in self._boxes), None)
        if free is not None:
            self._boxes[free] = _Box(hello.serial, free, hello.firmware, version, now)

    def _state(self, box: _Box, frame: Frame, now: float) -> None:
        if frame.version != VERSION:  # its states have another layout; all it can do is take an update
            self._is_there(box, now)
            return
        state = messages.read_state(frame.payload)
        if state.serial != box.serial:
            return
        self._is_there(box, now)
        if state.boot != box.boot:
            box.boot, box.taken = state.boot, 0
        if state.presses and not box.update:
            box.taken = self._desk.take(box.serial, box.boot, state.presses)
            box.next_at = now

    def _is_there(self, box: _Box, now: float) -> None:
        box.heard_at = now
        if box.assigned:
            return
        box.assigned = True
        self._desk.appeared(box.serial, box.firmware)
        if self._bundle and box.firmware != self._bundle.name:
            self._begin_update(box, self._bundle)

    def _remove(self, box: _Box) -> None:
        del self._boxes[box.address]
        if box.assigned:
            self._desk.gone(box.serial)

    # --- an update

    def _begin_update(self, box: _Box, bundle: Bundle) -> None:
        tries = self._update_tries.get(box.serial, 0)
        if tries < _TRIES:
            self._update_tries[box.serial] = tries + 1
            begin = messages.update_begin(len(bundle.content), bundle.digest)
            box.update = Frame(box.address, Kind.UPDATE_BEGIN, 0, begin)
            box.next_at = 0.0
            log.info("box %s is given new firmware", box.serial)
            return
        box.update = None
        if box.version == VERSION:
            log.warning("box %s keeps its firmware %s: the new one failed", box.serial, box.firmware)
        else:
            log.warning("box %s cannot be used: it speaks version %d", box.serial, box.version)
            self._unusable.add(box.serial)
            self._remove(box)

    def _update_state(self, box: _Box, state: messages.UpdateState, bundle: Bundle) -> None:
        content = bundle.content
        if state.phase is Phase.COMPLETE:
            log.info("box %s has taken its firmware and starts again", box.serial)
            self._remove(box)
        elif state.phase is not Phase.RECEIVING:
            log.warning("box %s refused its firmware, reason %d", box.serial, state.reason)
            self._begin_update(box, bundle)
        elif state.offset < len(content):
            piece = content[state.offset : state.offset + _PIECE]
            box.update = Frame(box.address, Kind.UPDATE_DATA, 0, messages.update_data(state.offset, piece))
        else:
            box.update = Frame(box.address, Kind.UPDATE_END, 0)

    # --- what goes

    def _may_look(self) -> bool:
        return self._shared or not self._boxes

    def _turn_of(self, box: _Box) -> float:
        """When this box is to be spoken to; what has changed goes first, however busy the line is."""
        if box.update or not box.assigned:
            return box.heard_at
        return 0.0 if self._desk.shown(box.serial) != box.sent else box.next_at

    def _look(self, now: float) -> bytes:
        self._look_at = now + (_LOOK_SHARED_SECONDS if self._shared else _LOOK_ALONE_SECONDS)
        who = messages.who(forget=self._everybody_forgets, slots=_SLOTS if self._shared else 1)
        self._everybody_forgets = False
        seconds = _SLOTS_SECONDS if self._shared else _ANSWER_SECONDS
        return self._ask(Frame(EVERYBODY, Kind.WHO, 0, who), now + seconds)

    def _speak_to(self, box: _Box, now: float) -> bytes:
        if not box.assigned:
            whom = messages.assign(box.serial, box.address, alone=not self._shared)
            return self._ask(Frame(EVERYBODY, Kind.ASSIGN, 0, whom), now + _ANSWER_SECONDS, box.address)
        if box.update:
            is_end = box.update.kind == Kind.UPDATE_END
            return self._ask(box.update, now + (_UNPACK_SECONDS if is_end else _UPDATE_SECONDS))
        box.sent = self._desk.shown(box.serial)
        box.next_at = now + (_SHARED_SECONDS if self._shared else _ALONE_SECONDS)
        shown = messages.picture(
            box.sent.lamp,
            sound=box.sent.sound,
            holds_seconds=HOLDS_SECONDS,
            boot=box.boot,
            taken=box.taken,
        )
        return self._ask(Frame(box.address, Kind.PICTURE, 0, shown), now + _ANSWER_SECONDS)

    def _ask(self, frame: Frame, until: float, address: int | None = None) -> bytes:
        self._sequence = self._sequence % 255 + 1
        self._asked = _Asked(
            Kind(frame.kind), self._sequence, frame.address if address is None else address, until
        )
        return encode(Frame(frame.address, frame.kind, self._sequence, frame.payload))
