"""The link to the appliance as the box sees it: answers, presses not yet taken, and whether it is lost."""

from deskbox import frames, messages
from deskbox.clock import later, since
from deskbox.lamp import UNKNOWN

PRESS_LIVES_MS = 10_000  # after this a press nobody took means nothing any more
MOST_PRESSES = 8
REPEAT_MS = 40
SLOT_MS = 10
_ASSIGNED_TENTHS = 20  # an address holds until the first picture
_UPDATE_TENTHS = 100  # and between two messages of an update, which may get lost


class Link:
    """Frames go in, answers come out. `random_byte` draws the slot on a bus, `update` takes new firmware."""

    def __init__(self, serial, boot, firmware, random_byte, update) -> None:
        self.serial = serial
        self.boot = boot
        self.firmware = firmware
        self.lamp = UNKNOWN
        self.lamp_since = 0
        self.sound = False
        self.down = False
        self.was_shown_a_picture = False
        self._random_byte = random_byte
        self._update = update
        self._address = messages.EVERYBODY
        self._alone = False
        self._picture = 0
        self._holds_until = 0
        self._first = 1  # the number of the oldest press in the list
        self._presses = []  # kind, lamp shown when it began, when it was told
        self._told_at = 0
        self._answer = b""
        self._answer_at = 0

    def press(self, kind: int, shown: int, now: int) -> None:
        """A press, to be told until it is taken; with too many, the newest is not noted."""
        if self._address != messages.EVERYBODY and len(self._presses) < MOST_PRESSES:
            self._presses.append((kind, shown, now))
            self._told_at = later(now, -REPEAT_MS)

    def take(self, frame, now: int) -> None:
        """Take a frame from the cable. What is not for us, or is not as it should be, changes nothing."""
        version, address, kind, sequence, payload = frame
        try:
            if kind == messages.WHO and address == messages.EVERYBODY:
                self._who(sequence, payload, now)
            elif kind == messages.ASSIGN and address == messages.EVERYBODY:
                self._assign(sequence, payload, now)
            elif address != self._address or address == messages.EVERYBODY:
                return
            elif kind == messages.PICTURE and version == frames.VERSION:
                self._take_picture(sequence, payload, now)
            elif kind in (messages.UPDATE_BEGIN, messages.UPDATE_DATA, messages.UPDATE_END):
                self._hold(now, _UPDATE_TENTHS)
                self._reply(messages.UPDATE_STATE, sequence, self._take_update(kind, payload), now)
        except ValueError:  # the payload is not as long as it should be
            return

    def due(self, now: int) -> bytes:
        """The frame to send now, or b"" for none. To be asked every few milliseconds."""
        if self._answer and since(now, self._answer_at) >= 0:
            answer = self._answer
            self._answer = b""
            return answer
        if self._alone and self._presses and since(now, self._told_at) >= REPEAT_MS:
            self._told_at = now
            return self._state(0, now)
        return b""

    def follow_time(self, now: int) -> None:
        """Drop what is too old: the picture, and with it the address; presses nobody took."""
        if self._address != messages.EVERYBODY and since(now, self._holds_until) >= 0:
            self._light(UNKNOWN, now)
            self.sound = False
            self._address = messages.EVERYBODY
            self._alone = False
        while self._presses and since(now, self._presses[0][2]) >= PRESS_LIVES_MS:
            self._presses.pop(0)
            self._first += 1

    def _who(self, sequence: int, payload: bytes, now: int) -> None:
        flags, slots = messages.who(payload)
        if flags & messages.FORGET:
            self._address = messages.EVERYBODY
            self._alone = False
        if self._address == messages.EVERYBODY:
            self._reply(messages.HELLO, sequence, messages.hello(self.serial, self.boot, self.firmware), now)
            self._answer_at = later(now, SLOT_MS * (self._random_byte() % slots) if slots > 1 else 0)

    def _assign(self, sequence: int, payload: bytes, now: int) -> None:
        serial, address, flags = messages.assign(payload)
        if serial == self.serial and address != messages.EVERYBODY:
            self._address = address
            self._alone = bool(flags & messages.ALONE)
            self._hold(now, _ASSIGNED_TENTHS)
            self._answer = self._state(sequence, now)
            self._answer_at = now
        elif address == self._address:  # somebody else has it now
            self._address = messages.EVERYBODY

    def _take_picture(self, sequence: int, payload: bytes, now: int) -> None:
        lamp, flags, tenths, boot, taken = messages.picture(payload)
        self._light(lamp, now)
        self.sound = bool(flags & messages.SOUND)
        self._picture = sequence
        self.was_shown_a_picture = True
        self._hold(now, tenths)
        if boot == self.boot:
            while self._presses and self._first <= taken:
                self._presses.pop(0)
                self._first += 1
        self._answer = self._state(sequence, now)
        self._answer_at = now

    def _take_update(self, kind: int, payload: bytes) -> bytes:
        update = self._update
        if kind == messages.UPDATE_BEGIN:
            size, digest = messages.update_begin(payload)
            update.begin(size, digest)
        elif kind == messages.UPDATE_DATA:
            offset, data = messages.update_data(payload)
            update.data(offset, data)
        else:
            update.end()
        return messages.update_state(update.phase, update.offset, update.reason)

    def _light(self, lamp: int, now: int) -> None:
        if lamp != self.lamp:
            self.lamp = lamp
            self.lamp_since = now

    def _hold(self, now: int, tenths: int) -> None:
        self._holds_until = later(now, 100 * tenths)

    def _state(self, sequence: int, now: int) -> bytes:
        presses = [(p[0], p[1], min(since(now, p[2]) // 100, 255)) for p in self._presses]
        self._told_at = now
        return frames.encode(
            self._address,
            messages.STATE,
            sequence,
            messages.state(self.serial, self.boot, self.lamp, self._picture, self.down, self._first, presses),
        )

    def _reply(self, kind: int, sequence: int, payload: bytes, now: int) -> None:
        self._answer = frames.encode(self._address, kind, sequence, payload)
        self._answer_at = now
