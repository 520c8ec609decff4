"""A simulated front panel at the command line, beside the switchboard."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli import main
from appliance.store.liveness import Alive
from tests.panel.panel_office import PanelOffice


class Console:
    """`freizeichen panel simulate`, and what it has said last."""

    def __init__(self, state: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "appliance.cli", "--state", str(state), "panel", "simulate"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.said.append(line)

    def types(self, *words: str) -> None:
        """Line by line."""
        assert self._process.stdin
        for word in words:
            self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def shows(self, what: str) -> bool:
        """Whether the last line has this in it."""
        return bool(self.said) and what in self.said[-1]

    def ends(self) -> int:
        """The status it ends with."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        status = self._process.wait(20)
        self._reader.join()
        self._process.stdout.close()
        return status


@pytest.fixture
def office(tmp_path: Path) -> Iterator[PanelOffice]:
    with Alive(tmp_path):
        made = PanelOffice(tmp_path)
        yield made
        made.stops()


def test_words_in_and_what_the_lamps_do_out(office: PanelOffice, tmp_path: Path) -> None:
    console = Console(tmp_path)
    try:
        office.until(lambda: console.shows("supervisor ●"), "it is alive")
        console.types("night")
        office.until_mode("night")
        office.until(lambda: console.shows("night ●"), "the lamp shows what is committed")
        console.types("stick night", "day", "address")
        office.until(lambda: office.rung == ["PJSIP/desk_1"], "the address is told")
        assert office.mode() == "night", "both contacts are closed, which cannot be"
        console.types("loose night")
        office.until_mode("day")
        office.until(lambda: console.shows("night ○"), "its lamp is dark")
        console.types("gone")
        office.until(lambda: console.shows("supervisor ○ message ○ callback ○ night ○"), "all lamps are dark")
        console.types("auto", "back")
        office.until_mode("auto")
        console.types("jump")
        office.until(lambda: any("loose address" in line for line in console.said), "it says what it knows")
    finally:
        assert console.ends() == 0


def test_where_a_real_one_is_none_is_simulated(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_text("front_panel = true\n")
    done = CliRunner(env={"LANG": "en", "LC_ALL": "en"}).invoke(
        main, ["--state", str(tmp_path), "panel", "simulate"]
    )
    assert done.exit_code == 1
    assert "There cannot be two" in done.output
