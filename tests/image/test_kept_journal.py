"""The copy of the journal: in batches, no longer than it may be, without telephone numbers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.image.debian_root import TREE

SCRIPT = TREE / "usr/lib/freizeichen/keep-journal"


class Box:
    """A box whose journal says what the test wants."""

    def __init__(self, folder: Path) -> None:
        self.kept = folder / "kept"
        self._said = folder / "said"
        programs = folder / "programs"
        programs.mkdir()
        journal = programs / "journalctl"
        journal.write_text(f"#!/bin/sh\ncat {self._said}\n")
        journal.chmod(0o755)
        self._path = f"{programs}:/usr/bin:/bin"

    def says(self, text: str) -> str:
        """What is in the copy after the journal has said this."""
        self._said.write_text(text)
        subprocess.run(["sh", SCRIPT, self.kept, "once"], check=True, env={"PATH": self._path})
        file = self.kept / "journal"
        return file.read_text() if file.exists() else ""


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_each_batch_is_laid_behind_the_one_before(box: Box) -> None:
    box.says("a lamp is out\n")
    assert box.says("it is lit again\n") == "a lamp is out\nit is lit again\n"


@pytest.mark.parametrize("number", ["+491701234567", "01701234567", "00491701234567"])
def test_a_telephone_number_is_not_copied(box: Box, number: str) -> None:
    kept = box.says(f"2026-11-25T23:10:32+0000 box asterisk[812]: '<sip:{number}@10.0.2.2>' is unknown\n")
    assert number not in kept
    assert "2026-11-25T23:10:32+0000 box asterisk[812]: '<sip:" in kept
    assert "@10.0.2.2>' is unknown" in kept


def test_a_call_is_still_found_by_its_number(box: Box) -> None:
    said = "call 1795735120.17 is over, status 0x0000000012\n"
    assert box.says(said) == said


def test_a_program_that_never_stops_talking_does_not_fill_the_card(box: Box) -> None:
    for turn in range(13):
        assert len(box.says(f"turn {turn}\n" * 50_000)) <= 1_200_000
    assert {file.name for file in box.kept.iterdir()} == {"journal", "journal.before"}
    assert sum(file.stat().st_size for file in box.kept.iterdir()) <= 2_400_000
    assert (box.kept / "journal").read_text().endswith("turn 12\n")
