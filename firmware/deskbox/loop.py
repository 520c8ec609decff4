"""The loop of the box: button, cable, lamp, buzzer, watchdog."""

from binascii import unhexlify

import slots
from deskbox import lamp, messages
from deskbox.button import Button
from deskbox.clock import since
from deskbox.frames import Decoder
from deskbox.link import Link
from deskbox.update import Update

_RESTART_MS = 200  # after an update, so that the answer has left
_TRIAL_MS = 60_000  # a new firmware that hears no appliance for so long gives way to the old one


class Box:
    """The box's parts, and one turn of its loop.

    A board has `serial` (8 bytes), `boot` (a random number of 32 bits), `root` (ends in a slash), and the
    methods `now`, `button_is_down`, `show`, `buzz`, `read`, `write`, `random_byte`, `feed_watchdog`,
    `restart` and `wait`.
    """

    def __init__(self, board, slot: str, on_trial: bool) -> None:
        now = board.now()
        firmware = slots.digest(board.root, slot)[:16]
        self._board = board
        self._update = Update(board.root, slot, board.feed_watchdog)
        self._link = Link(
            board.serial,
            board.boot,
            unhexlify(firmware) if len(firmware) == 16 else bytes(8),
            board.random_byte,
            self._update,
        )
        self._decoder = Decoder()
        self._button = Button(board.button_is_down(), now)
        self._shown_at_press = lamp.UNKNOWN
        self._colour = bytearray(3)
        self._on_trial = on_trial
        self._started_at = now
        self._complete_at = -1

    def turn(self) -> None:
        """Look at everything once. Allocates nothing while nothing happens."""
        board = self._board
        link = self._link
        now = board.now()
        data = board.read()
        if data:
            for frame in self._decoder.feed(data):
                link.take(frame, now)
        link.follow_time(now)
        self._press(now)
        out = link.due(now)
        if out:
            board.write(out)
        shown_ms = since(now, link.lamp_since)
        lamp.colour(link.lamp, shown_ms, self._colour)
        board.show(self._colour)
        board.buzz(link.sound and lamp.sounds(link.lamp, shown_ms))
        board.feed_watchdog()
        if self._on_trial:
            self._prove(now)
        self._restart_when_updated(now)

    def _press(self, now: int) -> None:
        button = self._button
        was_down = button.down
        kind = button.sample(self._board.button_is_down(), now)
        if button.down and not was_down:
            self._shown_at_press = self._link.lamp
        self._link.down = button.down
        if kind:
            self._link.press(kind, self._shown_at_press, now)

    def _prove(self, now: int) -> None:
        """New firmware that has heard the appliance stays; one that has not restarts into the old."""
        if self._link.was_shown_a_picture:
            self._on_trial = False
            slots.confirm(self._board.root)
        elif since(now, self._started_at) >= _TRIAL_MS:
            self._board.restart()

    def _restart_when_updated(self, now: int) -> None:
        if self._update.phase != messages.COMPLETE:
            return
        if self._complete_at < 0:
            self._complete_at = now
        elif since(now, self._complete_at) >= _RESTART_MS:
            self._board.restart()


def run(board, slot: str, on_trial: bool) -> None:
    """Run for ever."""
    box = Box(board, slot, on_trial)
    while True:
        box.turn()
        board.wait()
