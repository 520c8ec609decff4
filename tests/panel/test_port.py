"""One port: whatever happens on it, it ends by itself and nothing else does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.panel.line import Desk
from appliance.panel.port import Port
from appliance.simulator.desk_box import Cable, SimulatedBox
from appliance.store import boxes
from tests.panel.conftest import ANNAS, Desks
from tests.panel.test_finder import until
from tests.panel.test_line import BUNDLE, FakeDesk


@contextmanager
def the_desk(desk: Desk) -> Iterator[Desk]:
    yield desk


def test_a_port_that_is_not_there_or_is_none_ends(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "nothing", tmp_path / "file", tmp_path):
        port = Port(str(path), lambda _: the_desk(FakeDesk()), BUNDLE, shared=False)
        port.start()
        until(lambda port=port: port.has_ended)  # type: ignore[misc]
        port.stop()


def test_an_error_nobody_thought_of_ends_the_port_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(FakeDesk):
        def shown(self, serial: str) -> object:  # type: ignore[override]
            raise ZeroDivisionError(serial)

    cable = Cable(tmp_path / "port-1")
    cable.plug()
    box = SimulatedBox(ANNAS, tmp_path / "disk", ["/usr/bin/env", "python3"])
    box.power_on(cable)
    port = Port(str(cable.path), lambda _: the_desk(Broken()), None, shared=False)  # type: ignore[arg-type]
    port.start()
    until(lambda: port.has_ended)
    box.power_off()
    cable.unplug()
    assert "is given up for a while" in caplog.text


def test_a_store_that_fails_for_a_moment_costs_no_press(
    desks: Desks, annas_box: SimulatedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    annas_box.shows("off")
    take, failures = boxes.take_presses, []

    def fails(*words: object, **more: object) -> int:
        if len(failures) < 2:
            failures.append(1)
            raise sqlite3.OperationalError("disk I/O error")
        return take(*words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(boxes, "take_presses", fails)
    annas_box.presses()
    annas_box.shows("green")
    assert len(failures) == 2
    assert desks.presence("anna") == "available"
