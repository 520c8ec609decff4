"""New firmware over the cable, to a running box: cut off, broken, mute; the box always runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from appliance.panel import desk_boxes
from appliance.panel.bundle import SOURCES, Bundle, make_bundle
from appliance.simulator.desk_box import SimulatedBox
from appliance.store import boxes
from tests.panel.conftest import ANNAS, Desks


def bundle_with(tmp_path: Path, module: str, text: str) -> Bundle:
    """Our firmware with one module replaced."""
    sources = tmp_path / "other-firmware"
    shutil.copytree(SOURCES / "deskbox", sources / "deskbox")
    (sources / "deskbox" / module).write_text(text)
    return make_bundle(sources)


def is_offered(desks: Desks, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The appliance starts again after an upgrade that brought this firmware."""
    desks.stops_appliance()
    monkeypatch.setattr(desk_boxes, "make_bundle", lambda: bundle)
    desks.starts_appliance()


def test_other_firmware_is_taken_and_runs(
    desks: Desks, annas_box: SimulatedBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annas_box.shows("off")
    lamp = (
        (SOURCES / "deskbox" / "lamp.py").read_text().replace("(0, 200, 0, 1000, 1000)", "(0, 100, 0, 1, 1)")
    )
    is_offered(desks, bundle_with(tmp_path, "lamp.py", lamp), monkeypatch)
    desks.until(lambda: annas_box.starts == 2, "it starts again")
    desks.sets("anna", "available")
    annas_box.wait_for("the other green", lambda: annas_box.colour == (0, 100, 0))


@pytest.mark.parametrize(
    ("module", "text"),
    [("loop.py", "raise RuntimeError('broken')\n"), ("frames.py", "def encode(:\n")],
    ids=["raises", "no Python"],
)
def test_firmware_that_does_not_run_leaves_the_old_one(
    desks: Desks,
    annas_box: SimulatedBox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    text: str,
) -> None:
    annas_box.shows("off")
    is_offered(desks, bundle_with(tmp_path, module, text), monkeypatch)
    desks.until(lambda: annas_box.starts == 7, "three times tried, three times the old one again")
    annas_box.shows("off")
    annas_box.presses()
    annas_box.shows("green")
    assert annas_box.starts == 7
    assert boxes.all_boxes(desks.db)[0].firmware == make_bundle().name
    assert "Error" in annas_box.complaints
    annas_box.complaints = ""


def test_power_that_fails_in_the_middle_of_an_update(
    desks: Desks, annas_box: SimulatedBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annas_box.shows("off")
    padding = "# " + "x" * 150_000
    lamp = (SOURCES / "deskbox" / "lamp.py").read_text() + padding
    bundle = bundle_with(tmp_path, "lamp.py", lamp)
    is_offered(desks, bundle, monkeypatch)
    taken = annas_box.disk / "bundle"
    desks.until(lambda: taken.exists() and taken.stat().st_size > 10_000, "the update is under way")
    annas_box.power_off()
    assert taken.exists(), "in the middle of it"
    annas_box.power_on(annas_box.cable)
    desks.until(lambda: (annas_box.disk / "slot").exists(), "it is taken in the end")
    annas_box.shows("off")
    assert boxes.all_boxes(desks.db)[0].firmware == bundle.name


def test_a_garbled_line_garbles_no_firmware(
    desks: Desks, annas_box: SimulatedBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annas_box.shows("off")
    bundle = bundle_with(tmp_path, "extra.py", "NEW = True\n")
    annas_box.cable.garbles(0.0003)
    is_offered(desks, bundle, monkeypatch)
    desks.until(lambda: (annas_box.disk / "slot").exists(), "it is taken in the end", timeout_seconds=60)
    assert (annas_box.disk / "b" / "deskbox" / "extra.py").read_text() == "NEW = True\n"
    assert (annas_box.disk / "b" / "digest").read_text() == bundle.digest.hex()


def test_a_version_nobody_speaks_is_left_alone_when_it_takes_no_update(
    desks: Desks, tmp_path: Path, micropython: tuple[str, ...]
) -> None:
    """It is called by its number, never shown a picture, and disturbs nobody."""
    disk = tmp_path / ANNAS
    SimulatedBox(ANNAS, disk, micropython)
    code = disk / "a" / "deskbox"
    (code / "frames.py").write_text((code / "frames.py").read_text().replace("VERSION = 1", "VERSION = 9"))
    (code / "update.py").write_text(
        (code / "update.py").read_text().replace("if not 0 < size <= LARGEST:", "if True:")
    )
    (disk / "a" / "digest").write_text("00" * 32)
    box = desks.box(ANNAS, desks.cable("port-1"), agent="anna")
    other = desks.box("00000000000000cc", desks.cable("port-2"), agent="bert")

    def annas() -> boxes.Box:
        return next(box for box in boxes.all_boxes(desks.db) if box.serial == ANNAS)

    desks.until(lambda: annas().firmware == "00" * 8, "it was there")
    desks.until(lambda: not annas().port, "it is given up")
    box.shows("white pulse")
    other.shows("off")
    other.presses()
    other.shows("green")
