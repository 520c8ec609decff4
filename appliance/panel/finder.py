"""The ports on which a box may be: USB by what it says it is, others as configured. They come and go."""

from __future__ import annotations

import glob
import logging
import threading
from collections.abc import Callable, Iterable, Mapping

from serial.tools import list_ports

from appliance.panel.port import Port

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_PICO = (0x2E8A, 0x0005)  # Raspberry Pi, MicroPython's serial port


def pico_ports() -> Iterable[str]:
    """The serial ports of Picos that are plugged in."""
    return [port.device for port in list_ports.comports() if (port.vid, port.pid) == _PICO]


class Finder:
    """Keeps a `Port` on every port there is. `single` and `shared` are patterns of paths (``*``)."""

    def __init__(
        self,
        make_port: Callable[[str, bool], Port],
        *,
        single: Iterable[str] = (),
        shared: Iterable[str] = (),
    ) -> None:
        self._make_port = make_port
        self._patterns = [*((pattern, False) for pattern in single), *((pattern, True) for pattern in shared)]
        self._ports: dict[str, Port] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="port finder")

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Let go of every port."""
        self._stopping.set()
        self._thread.join()
        for port in self._ports.values():
            port.stop()

    def wake_all(self) -> None:
        """There may be something to show."""
        for port in list(self._ports.values()):
            port.wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look()
            except Exception:
                log.exception("looking for ports goes on after an error")
            self._stopping.wait(_LOOK_SECONDS)

    def _look(self) -> None:
        wanted = self._wanted()
        for path, port in list(self._ports.items()):
            if path not in wanted or port.has_ended:
                port.stop()
                del self._ports[path]
        for path, shared in wanted.items():
            if path not in self._ports:
                port = self._make_port(path, shared)
                port.start()
                self._ports[path] = port

    def _wanted(self) -> Mapping[str, bool]:
        """Every port there is, and whether several boxes share it."""
        wanted = dict.fromkeys(pico_ports(), False)
        for pattern, shared in self._patterns:
            wanted.update(dict.fromkeys(glob.glob(pattern), shared))  # noqa: PTH207 - a whole pattern
        return wanted
