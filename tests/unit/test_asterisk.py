"""One Asterisk in its folder: its control socket has a short and private place, whatever the folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.telephony import asterisk
from appliance.telephony.asterisk import AsteriskInstance, make_private_folder, run_folder
from appliance.telephony.debian_archive import PreparationError
from appliance.telephony.sandbox import AsteriskProgram

NOTHING = Path("/nowhere")
PROGRAM = AsteriskProgram(("false",), NOTHING, NOTHING, NOTHING, NOTHING, "22")


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What tests make in the place of temporary files is gone after them."""
    assert tmp_path.is_dir()  # made first: pytest keeps its own folder for as long as it likes
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def folder_whose_socket_has(length: int) -> Path:
    """A folder whose ``run/asterisk.ctl`` is a path of so many bytes, umlauts among them."""
    start, end = "/srv/bürö", "/run/asterisk.ctl"
    return Path(start + "x" * (length - len(os.fsencode(start + end))))


def test_a_socket_that_fits_lies_in_the_folder() -> None:
    folder = folder_whose_socket_has(107)
    assert run_folder(folder) == folder / "run"


def test_a_socket_that_does_not_fit_lies_in_a_short_place_of_its_own(temporary_folder: Path) -> None:
    folder = folder_whose_socket_has(108)
    short = run_folder(folder)
    assert short.parent == temporary_folder
    assert run_folder(folder) == short, "found again by the next start"
    assert run_folder(folder.with_name(folder.name + "y")) != short


def test_the_short_place_is_private(tmp_path: Path) -> None:
    instance = AsteriskInstance(PROGRAM, tmp_path / ("x" * 100))
    assert instance.run_folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("what", ["open", "foreign", "link", "file"])
def test_a_place_that_is_not_ours_alone_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    place = tmp_path / "run"
    if what == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to("elsewhere")
    elif what == "file":
        place.touch(mode=0o600)
    else:
        place.mkdir(mode=0o755 if what == "open" else 0o700)
    if what == "foreign":
        monkeypatch.setattr(asterisk.os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PreparationError, match="not ours alone") as refused:
        make_private_folder(place)
    assert "gehört nicht uns allein" in refused.value.german


def test_without_any_short_place_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("y" * 100)))
    with pytest.raises(PreparationError, match="TMPDIR"):
        AsteriskInstance(PROGRAM, tmp_path / ("x" * 100))
