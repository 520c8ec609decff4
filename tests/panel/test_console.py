"""A simulated box at the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.panel.conftest import ANNAS, Desks


def test_words_in_and_what_the_lamp_shows_out(desks: Desks, tmp_path: Path) -> None:
    port = tmp_path / "port-5"
    console = subprocess.Popen(
        [sys.executable, "-m", "appliance.cli", "boxes", "simulate", str(port), "--serial", ANNAS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert console.stdin
    assert console.stdout

    def types(word: str) -> None:
        assert console.stdin
        console.stdin.write(f"{word}\n")
        console.stdin.flush()

    def reads(line: str) -> None:
        assert console.stdout
        while (told := console.stdout.readline().strip()) != line:
            assert told, "the console has ended"

    reads("violet pulse")
    desks.db.execute("UPDATE boxes SET agent = 'anna'")
    reads("off")
    types("press")
    reads("green")
    types("jump")
    reads("press hold down up hang break unplug plug off on flood garble calm quit")
    types("unplug")
    reads("white pulse")
    types("plug")
    reads("green")
    types("hold")
    reads("off")
    types("quit")
    assert console.wait(10) == 0
    console.stdin.close()
    console.stdout.close()
    assert not port.is_symlink()
