"""The ports on which a box may be: USB by what it says it is, others as configured. They come and go."""

from __future__ import annotations

import glob
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from serial.tools.list_ports_linux import SysFS

from appliance.panel.port import Port

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_SHORT_LIFE_SECONDS = 2.0  # a port that ended sooner cannot be used; it is left alone for longer and longer
_LONGEST_PAUSE_SECONDS = 60.0
_PICO = (0x2E8A, 0x0005)  # Raspberry Pi, MicroPython's serial port
_USB_PORTS = "ttyACM*"
_USB_ADAPTERS = "ttyUSB*"
_FOLDERS = (Path("/dev/desk-boxes"), Path("/dev"))  # the installed service sees only what is in the first


def pico_ports(folders: Iterable[Path] = _FOLDERS) -> list[str]:
    """The serial ports of Picos that are plugged in, in the first of these folders there is."""
    folder = next(filter(Path.is_dir, folders))
    ports = map(SysFS, map(str, sorted(folder.glob(_USB_PORTS))))
    return [port.device for port in ports if (port.vid, port.pid) == _PICO]


def bus_ports(folder: Path = _FOLDERS[0]) -> list[str]:
    """Serial adapters on the installed box, to which nothing else is plugged: lines with several boxes."""
    return sorted(map(str, folder.glob(_USB_ADAPTERS)))


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
        self._begun_at: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
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
        for path in [path for path in self._begun_at if path not in wanted]:
            del self._begun_at[path]
            self._pauses.pop(path, None)
        for path, shared in wanted.items():
            if path not in self._ports and self._may_begin(path):
                port = self._make_port(path, shared)
                port.start()
                self._ports[path] = port

    def _may_begin(self, path: str) -> bool:
        """Whether it is time to open this port, for the first time or again."""
        now = time.monotonic()
        lived = now - self._begun_at.get(path, -math.inf)
        pause = self._pauses.get(path, 0.0)
        if lived < pause:
            return False
        fails = lived < pause + _SHORT_LIFE_SECONDS
        self._pauses[path] = min(max(2 * pause, 1.0), _LONGEST_PAUSE_SECONDS) if fails else 0.0
        self._begun_at[path] = now
        return True

    def _wanted(self) -> Mapping[str, bool]:
        """Every port there is, and whether several boxes share it."""
        wanted = dict.fromkeys(pico_ports(), False) | dict.fromkeys(bus_ports(), True)
        for pattern, shared in self._patterns:
            wanted.update(dict.fromkeys(glob.glob(pattern), shared))  # noqa: PTH207 - a whole pattern
        return wanted
