"""Ports that come, go, and cannot be used."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.panel import finder as finder_module
from appliance.panel.finder import Finder, bus_ports, pico_ports


class FakePort:
    """A port that is there until it is told to have ended."""

    def __init__(self, path: str, shared: bool) -> None:
        self.path = path
        self.shared = shared
        self.has_ended = False
        self.stopped = False

    def start(self) -> None:
        pass

    def wake(self) -> None:
        pass

    def stop(self) -> None:
        self.stopped = True


class Looking:
    """A finder whose time is the test's."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[FakePort] = []
        self.now = 1000.0
        monkeypatch.setattr(finder_module, "time", self)
        monkeypatch.setattr(finder_module, "pico_ports", lambda: [])
        self.finder = Finder(
            self.make,  # type: ignore[arg-type]
            single=[f"{folder}/one-*"],
            shared=[f"{folder}/bus"],
        )

    def monotonic(self) -> float:
        return self.now

    def make(self, path: str, shared: bool) -> FakePort:
        self.made.append(FakePort(path, shared))
        return self.made[-1]

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.now += 1.0
            self.finder._look()


@pytest.fixture
def looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Looking:
    return Looking(tmp_path, monkeypatch)


def test_ports_are_taken_when_they_come_and_let_go_when_they_go(looking: Looking, tmp_path: Path) -> None:
    looking.passes(1)
    assert looking.made == []
    (tmp_path / "one-1").touch()
    (tmp_path / "bus").touch()
    looking.passes(3)
    assert [(Path(port.path).name, port.shared) for port in looking.made] == [("one-1", False), ("bus", True)]
    (tmp_path / "one-1").unlink()
    looking.passes(1)
    assert [port.stopped for port in looking.made] == [True, False]


def test_one_that_ended_is_opened_again_at_once(looking: Looking, tmp_path: Path) -> None:
    (tmp_path / "one-1").touch()
    looking.passes(10)
    looking.made[0].has_ended = True
    looking.passes(1)
    assert len(looking.made) == 2


def test_one_that_cannot_be_used_is_tried_less_and_less(looking: Looking, tmp_path: Path) -> None:
    (tmp_path / "one-1").touch()
    for _ in range(600):
        looking.passes(1)
        looking.made[-1].has_ended = True
    assert 10 < len(looking.made) < 25
    (tmp_path / "one-1").unlink()
    looking.passes(1)
    (tmp_path / "one-1").touch()
    tried = len(looking.made)
    looking.passes(1)
    assert len(looking.made) == tried + 1, "plugged in anew"


def test_only_picos_are_taken_on_usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel says of each port goes by its name, in whichever folder its node is."""
    known = {"ttyACM0": (0x2E8A, 0x0005), "ttyACM1": (0x2341, 0x0043), "ttyACM2": (0x2E8A, 0x000C)}

    class Found:
        def __init__(self, device: str) -> None:
            self.device = device
            self.vid, self.pid = known[Path(device).name]

    monkeypatch.setattr(finder_module, "SysFS", Found)
    of_the_service, of_everybody = tmp_path / "desk-boxes", tmp_path
    for name in (*known, "ttyS0"):
        (of_everybody / name).touch()
    folders = (of_the_service, of_everybody)
    assert pico_ports(folders) == [f"{of_everybody}/ttyACM0"]
    of_the_service.mkdir()
    assert pico_ports(folders) == []
    (of_the_service / "ttyACM0").touch()
    assert pico_ports(folders) == [f"{of_the_service}/ttyACM0"], "each port once"


def test_adapters_on_the_installed_box_are_shared_lines(
    looking: Looking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ttyUSB0", "ttyUSB1", "ttyACM0"):
        (tmp_path / name).touch()
    found = bus_ports(tmp_path)
    assert found == [f"{tmp_path}/ttyUSB0", f"{tmp_path}/ttyUSB1"]
    assert bus_ports(tmp_path / "none") == []
    monkeypatch.setattr(finder_module, "bus_ports", lambda: found)
    looking.passes(1)
    assert [(port.path, port.shared) for port in looking.made] == [(path, True) for path in found]


def test_looking_goes_on_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def fails() -> list[str]:
        seen.append("looked")
        raise OSError("no /sys today")

    monkeypatch.setattr(finder_module, "pico_ports", fails)
    monkeypatch.setattr(finder_module, "_LOOK_SECONDS", 0.001)
    finder = Finder(lambda *_: None, single=[f"{tmp_path}/*"])  # type: ignore[arg-type, return-value]
    finder.start()
    until(lambda: len(seen) > 2)
    finder.stop()


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)
