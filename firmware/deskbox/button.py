"""The button: a bouncing contact becomes short and long presses."""

from deskbox.clock import since

SHORT = 1
LONG = 2

STILL_MS = 10  # a contact that has not moved for this long has stopped bouncing
LONG_MS = 1000


class Button:
    """Samples of the contact go in, presses come out. A button held at the start counts only when let go."""

    def __init__(self, down: bool, now: int) -> None:
        self.down = down
        self._raw = down
        self._moved_at = now
        self._down_at = now
        self._told = down

    def sample(self, down: bool, now: int) -> int:
        """0, SHORT when a short press is over, LONG as soon as a press is a long one."""
        if down != self._raw:
            self._raw = down
            self._moved_at = now
        elif down != self.down and since(now, self._moved_at) >= STILL_MS:
            self.down = down
            if down:
                self._down_at = self._moved_at
                self._told = False
            elif not self._told:
                self._told = True
                return SHORT
        elif self.down and not self._told and since(now, self._down_at) >= LONG_MS:
            self._told = True
            return LONG
        return 0
