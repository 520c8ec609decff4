"""What Asterisk's app_queue would announce: its rule, written anew from its description."""

from __future__ import annotations


class AppQueue:
    """One queue's hold time: whole seconds, 0 at the start, moved by answered calls only."""

    def __init__(self) -> None:
        self.holdtime = 0

    def answered(self, waited_seconds: float) -> None:
        """A quarter new, three quarters old, cut off to whole seconds."""
        self.holdtime = (3 * self.holdtime + int(waited_seconds)) // 4

    def announced_minutes(self, waited_seconds: float) -> int:
        """What a caller hears, whatever his place and however many agents there are."""
        return abs(self.holdtime + 30 - int(waited_seconds)) // 60
