"""The desk boxes: their presses go into the store, their lamps show what the switchboard has committed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from appliance.hotline.lamps import Pattern
from appliance.hotline.presence import Press as Meaning
from appliance.panel.bundle import make_bundle
from appliance.panel.committed import CommittedLamps
from appliance.panel.finder import Finder
from appliance.panel.line import Shown
from appliance.panel.messages import Lamp, Length, Press
from appliance.panel.port import Port
from appliance.store import boxes, times
from appliance.store.database import data_version, open_store

log = logging.getLogger(__name__)

_PRESSES_PER_SECOND = 10.0  # more than a person can do; the rest is taken and means nothing
_PRESSES_AT_ONCE = 20.0

LAMPS: Mapping[Pattern, Lamp] = {
    Pattern.OFF: Lamp.OFF,
    Pattern.GREEN: Lamp.GREEN,
    Pattern.GREEN_BLINKING: Lamp.RINGING,
    Pattern.AMBER: Lamp.AMBER,
    Pattern.AMBER_BLINKING: Lamp.AMBER_BLINKING,
    Pattern.RED: Lamp.RED,
    Pattern.BLUE_BLINKING: Lamp.BLUE_BLINKING,
}
_OF_AGENTS = frozenset(LAMPS.values())


def meaning(press: Press) -> Meaning | None:
    """What a press means to whom the lamp showed what it did; None when it did not show an agent's lamp."""
    if press.shown not in _OF_AGENTS:
        return None
    if press.length is Length.LONG:
        return Meaning.LONG
    return Meaning.NOT_NOW if press.shown == Lamp.RINGING else Meaning.SHORT


class DeskBoxes:
    """All boxes of the office.

    `lamps` is what they show; `on_press` is told that a press was committed and may not block.
    """

    def __init__(
        self,
        store: Path,
        *,
        lamps: CommittedLamps,
        on_press: Callable[[], None],
        single: Iterable[str] = (),
        shared: Iterable[str] = (),
    ) -> None:
        self._store = store
        self._on_press = on_press
        self._lamps = lamps
        try:
            bundle = make_bundle()
        except OSError as error:
            log.warning("boxes keep the firmware they have: %s", error)
            bundle = None
        self._finder = Finder(
            lambda path, is_shared: Port(path, self._open_desk, bundle, shared=is_shared),
            single=single,
            shared=shared,
        )
        lamps.call_on_change(self._finder.wake_all)

    def start(self) -> None:
        """Look for boxes."""
        self._finder.start()

    def stop(self) -> None:
        """Let go of them; they show within seconds that nobody is there."""
        self._finder.stop()

    def _pattern(self, agent: str) -> Pattern | None:
        lamps = self._lamps.current()
        return lamps.get(f"agent:{agent}") if lamps else None

    @contextmanager
    def _open_desk(self, path: str) -> Iterator[PortDesk]:
        db = open_store(self._store)
        try:
            yield PortDesk(db, path, self._pattern, self._on_press)
        finally:
            db.close()


class PortDesk:
    """The office as the line of one port sees it; belongs to the port's thread."""

    def __init__(
        self,
        db: Database,
        port: str,
        pattern: Callable[[str], Pattern | None],
        on_press: Callable[[], None],
    ) -> None:
        self._db = db
        self._port = port
        self._pattern = pattern
        self._on_press = on_press
        self._limits: dict[str, _Limit] = {}
        self._seen_version = self._seen_changes = -1
        self._known: Mapping[str, boxes.Box] = {}
        self._pairing: boxes.Pairing | None = None

    def shown(self, serial: str) -> Shown:
        """The lamp of the box's agent; of nobody's box, that it is nobody's."""
        self._follow_store()
        box = self._known.get(serial)
        if box is None or not box.agent:
            return Shown(Lamp.PAIRING if self._is_pairing() else Lamp.UNPAIRED)
        pattern = self._pattern(box.agent)
        return Shown(LAMPS.get(pattern, Lamp.UNKNOWN) if pattern else Lamp.UNKNOWN, box.sound)

    def take(self, serial: str, boot: int, presses: Iterable[Press]) -> int:
        """Commit presses, each of them once; returns the number up to which this start's are taken."""
        limit = self._limits.setdefault(serial, _Limit())
        now = times.now()
        taken = boxes.take_presses(
            self._db,
            serial,
            boot,
            [
                boxes.NumberedPress(
                    press.number, meaning(press), press.age_seconds, press.shown == Lamp.PAIRING
                )
                for press in presses
            ],
            now,
            allows=limit.allows,
        )
        self._on_press()
        return taken

    def appeared(self, serial: str, firmware: str) -> None:
        """A box is there."""
        boxes.note_there(self._db, serial, self._port, firmware, times.now())

    def gone(self, serial: str) -> None:
        """A box is not there any more."""
        boxes.note_gone(self._db, serial, self._port, times.now())

    def _follow_store(self) -> None:
        version = data_version(self._db)
        if version != self._seen_version or self._db.conn.total_changes != self._seen_changes:
            self._known = {box.serial: box for box in boxes.all_boxes(self._db)}
            self._pairing = boxes.open_pairing(self._db)
            self._seen_version, self._seen_changes = version, self._db.conn.total_changes

    def _is_pairing(self) -> bool:
        return self._pairing is not None and times.now() < self._pairing.until


class _Limit:
    """How many presses a box may make: a person's, not a broken contact's."""

    def __init__(self) -> None:
        self._left = _PRESSES_AT_ONCE
        self._at = time.monotonic()

    def allows(self) -> bool:
        """Whether one more press counts."""
        now = time.monotonic()
        self._left = min(_PRESSES_AT_ONCE, self._left + (now - self._at) * _PRESSES_PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
