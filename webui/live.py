"""The live view: one stream of server-sent events per open page, fed by the store's own changes."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from appliance.store import times
from appliance.store.database import data_version, open_store

CONNECTIONS: Final = 8
POLL_SECONDS: Final = 0.05
# What only time changes (a supervisor that fell silent, an opening hour) is seen after this long.
LOOK_SECONDS: Final = 1.0
BEAT_SECONDS: Final = 5.0
LIFE_SECONDS: Final = 600.0

_LINE_END: Final = re.compile("\r\n|\r|\n")

Render = Callable[[Database, datetime], "str | None"]


class LiveStreams:
    """Hands out a bounded number of streams and ends them all when the server stops."""

    def __init__(self, store_path: Path) -> None:
        self._store_path = store_path
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        self._stopped = threading.Event()

    def take_place(self) -> bool:
        """Reserve a stream; False when all are taken. Whoever gets True calls `give_back` once."""
        return self._places.acquire(blocking=False)

    def give_back(self) -> None:
        """Free a reserved stream."""
        self._places.release()

    def stop(self) -> None:
        """End every stream within a blink; for good."""
        self._stopped.set()

    def events(self, render: Render, gone: Callable[[], bool]) -> Iterator[str]:
        """The events of one page: the board at once, then whenever it looks different, and a beat.

        Ends when the page has `gone`, when the server stops, when `render` gives None (whoever watches may
        not any more), or after `LIFE_SECONDS` (the page then comes back).
        """
        db = open_store(self._store_path)
        try:
            yield "retry: 1000\n\n"
            born = looked = beat = time.monotonic()
            version, shown = -1, ""
            while not self._stopped.is_set() and not gone() and time.monotonic() - born < LIFE_SECONDS:
                moment = time.monotonic()
                newest = data_version(db)
                if newest != version or moment - looked >= LOOK_SECONDS:
                    version, looked = newest, moment
                    now = times.now()
                    fragment = render(db, now)
                    if fragment is None:
                        return
                    if fragment != shown:
                        shown, beat = fragment, moment
                        yield _event("board", now, fragment)
                if moment - beat >= BEAT_SECONDS:
                    beat = moment
                    yield _event("beat", times.now(), "")
                self._stopped.wait(POLL_SECONDS)
        finally:
            db.close()


def _event(kind: str, now: datetime, text: str) -> str:
    """One event; its id is the box's clock in milliseconds, by which the page counts seconds."""
    # Every line end the format knows must become its own data line: a caller's name cannot forge an event.
    data = "".join(f"data: {line}\n" for line in _LINE_END.split(text))
    return f"event: {kind}\nid: {int(now.timestamp() * 1000)}\n{data}\n"
