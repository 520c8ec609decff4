"""One serial port: a thread that opens it, and keeps its conversation until the port is gone."""

from __future__ import annotations

import logging
import sqlite3
import termios
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import serial

from appliance.panel.bundle import Bundle
from appliance.panel.line import BoxLine, Desk

log = logging.getLogger(__name__)

_BAUD = 115_200
_MOST_BYTES = 4096  # in one turn; more than a line carries in that time is a flood, which waits
_BREATH_SECONDS = 0.01
_AFTER_ERROR_SECONDS = 0.5


class Port:
    """The port at `path`; `open_desk` is entered in the port's own thread."""

    def __init__(
        self,
        path: str,
        open_desk: Callable[[str], AbstractContextManager[Desk]],
        bundle: Bundle | None,
        *,
        shared: bool,
    ) -> None:
        self.path = path
        self._open_desk = open_desk
        self._bundle = bundle
        self._shared = shared
        self._stopping = threading.Event()
        self._port: serial.Serial | None = None
        self._thread = threading.Thread(target=self._run, name=f"port {path}")

    def start(self) -> None:
        """Open the port and begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the conversation; the boxes know it when their picture expires."""
        self._stopping.set()
        self.wake()
        self._thread.join()

    @property
    def has_ended(self) -> bool:
        """Whether the port is gone, or could not be opened."""
        return not self._thread.is_alive()

    def wake(self) -> None:
        """There may be something to show."""
        if port := self._port:
            with suppress(OSError, TypeError):  # it is being closed at this moment
                port.cancel_read()

    def _run(self) -> None:
        try:
            with (
                serial.Serial(self.path, _BAUD, exclusive=True, write_timeout=1.0) as port,
                self._open_desk(self.path) as desk,
            ):
                self._port = port
                log.info("port %s is open", self.path)
                self._talk(port, BoxLine(desk, self._bundle, shared=self._shared))
        except (OSError, termios.error, sqlite3.Error) as error:  # serial.SerialException is an OSError
            log.info("port %s is gone: %s", self.path, error)
        except Exception:  # whatever a box does, calls go on
            log.exception("port %s is given up for a while", self.path)
        finally:
            self._port = None

    def _talk(self, port: serial.Serial, line: BoxLine) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._turn(port, line)
                except sqlite3.Error:  # nothing was confirmed, so it will be told again
                    log.exception("port %s goes on after an error", self.path)
                    self._stopping.wait(_AFTER_ERROR_SECONDS)
        finally:
            line.end()

    def _turn(self, port: serial.Serial, line: BoxLine) -> None:
        if out := line.due(time.monotonic()):
            port.write(out)
        port.timeout = line.wait_seconds(time.monotonic())
        data = port.read(1)
        if data:
            data += port.read(min(port.in_waiting, _MOST_BYTES))
            line.take(data, time.monotonic())
        if len(data) > _MOST_BYTES:
            self._stopping.wait(_BREATH_SECONDS)
