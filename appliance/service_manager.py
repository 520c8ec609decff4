"""What systemd is told: that calls can be taken, that every thread turns, how it stands in words.

systemd restarts a service that has not been heard of for `WatchdogSec`. It hears of us only while every
thread that a call depends on has turned lately: a process that is merely there would be a silent failure.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping

FEED_SECONDS = 2.0
"""How often systemd is told. The watchdog of the unit must be several times as long."""
MORE_TIME_SECONDS = 30.0


def notify(*lines: str) -> None:
    """Tell systemd, in the words of sd_notify(3). Does nothing where no systemd listens, or no longer."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # a name that is no file
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setblocking(False)  # a systemd that is stuck must not make us stick, too
        try:
            sender.sendto("\n".join(lines).encode(), address)
        except OSError:
            return


def stuck(turned_at: Mapping[str, float], allowed_seconds: Mapping[str, float], now: float) -> list[str]:
    """The names of threads that have not turned for longer than they may, those stuck longest first."""
    late = {name: now - turned_at[name] - allowed for name, allowed in allowed_seconds.items()}
    return sorted((name for name, seconds in late.items() if seconds > 0), key=lambda name: -late[name])


class Turns:
    """Notes when each thread last turned. `allowed_seconds` says for each how long one turn may take."""

    def __init__(
        self, allowed_seconds: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._allowed = dict(allowed_seconds)
        self._clock = clock
        self._turned_at = dict.fromkeys(allowed_seconds, clock())

    def of(self, name: str) -> Callable[[], None]:
        """What this thread calls at every turn. Raises KeyError for a thread that is not watched."""
        if name not in self._allowed:
            raise KeyError(name)
        self._turned_at[name] = self._clock()

        def turn() -> None:
            self._turned_at[name] = self._clock()

        return turn

    def stuck(self) -> list[str]:
        """The names of threads that have not turned for longer than they may."""
        return stuck(dict(self._turned_at), self._allowed, self._clock())


def news(*, is_ready: bool, was_ready: bool, stuck_threads: Iterable[str], words: str) -> list[str]:
    """The lines to tell systemd now.

    The watchdog is fed only while no thread is stuck; before the service is ready, and only then, more
    time to start is asked for in its place.
    """
    lines = [f"STATUS={words}"]
    if not any(stuck_threads):
        lines.append("WATCHDOG=1")
        if is_ready and not was_ready:
            lines.append("READY=1")
        elif not is_ready and not was_ready:
            lines.append(f"EXTEND_TIMEOUT_USEC={MORE_TIME_SECONDS * 1_000_000:.0f}")
    return lines
