"""The threat model names tests; each must be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "appliance" / "SECURITY.md").read_text("utf-8")
ROWS = [row for row in PAGE.splitlines() if row.startswith("|")][2:]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)


@pytest.mark.parametrize(("file", "beginning"), NAMED)
def test_the_named_test_is_there(file: str, beginning: str) -> None:
    assert re.search(rf"^def {beginning}", (ROOT / file).read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_every_threat_names_what_shows_that_it_is_stopped(row: str) -> None:
    who, wants, stops, shown, *rest = [cell.strip() for cell in row.strip("|").split("|")]
    assert all((who, wants, stops))
    assert not rest
    named = re.findall(r"`tests/[\w/]+\.py::test_\w+`", shown)
    assert named, "no test"
    assert ", ".join(named) == shown
