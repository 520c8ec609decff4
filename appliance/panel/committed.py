"""The lamps as the switchboard has committed them; a picture nobody confirms any more is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from appliance.hotline.lamps import Pattern

STALE_SECONDS = 2.0


class CommittedLamps:
    """Told by the switchboard at every turn, asked by whatever has lamps."""

    def __init__(self) -> None:
        self._lamps: Mapping[str, Pattern] = {}
        self._confirmed_at = float("-inf")
        self._on_change: list[Callable[[], None]] = []

    def show(self, lamps: Mapping[str, Pattern]) -> None:
        """This picture is committed; a changed one is another object."""
        changed = lamps is not self._lamps
        self._lamps, self._confirmed_at = lamps, time.monotonic()
        if changed:
            for tell in self._on_change:
                tell()

    def current(self) -> Mapping[str, Pattern] | None:
        """The picture; None when nobody has confirmed it lately."""
        return self._lamps if time.monotonic() - self._confirmed_at <= STALE_SECONDS else None

    def call_on_change(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when the picture changes; it may not block."""
        self._on_change.append(tell)
