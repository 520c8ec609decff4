"""A watchdog that does not count is said, but only on a box of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.hardware_watchdog import counts


def machine(folder: Path, *, ours: bool = True, **files: str) -> bool | None:
    system, devices = folder / "os-release", folder / "watchdog"
    system.write_text("ID=debian\n" + "IMAGE_ID=freizeichen\n" * ours)
    for name, content in files.items():
        device = devices / "watchdog0"
        device.mkdir(parents=True, exist_ok=True)
        (device / name).write_text(content)
    return counts(devices, system)


def test_a_watchdog_that_is_fed_counts(tmp_path: Path) -> None:
    assert machine(tmp_path, state="active\n", timeout="14\n") is True


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"state": "inactive\n", "timeout": "14\n"},
        {"state": "active\n", "timeout": "0\n"},
        {"state": "active\n"},
        {"state": "active\n", "timeout": "soon\n"},
    ],
)
def test_a_watchdog_that_is_off_or_not_there_does_not(tmp_path: Path, files: dict[str, str]) -> None:
    assert machine(tmp_path, **files) is False


def test_another_machine_has_no_watchdog_of_ours(tmp_path: Path) -> None:
    assert machine(tmp_path, ours=False) is None
    assert counts(tmp_path, tmp_path / "missing") is None
