"""ONE_CALL.md names what there is: every file, every function, every context of the dialplan."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "appliance" / "ONE_CALL.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/.-]+/[\w.-]+)(?::([\w.-]+))?`", TEXT)))
TABLES = set(re.findall(r"CREATE (?:TABLE|VIEW) (\w+)", (ROOT / "appliance/store/migrations.py").read_text()))


def names_in(file: Path) -> set[str]:
    """What a file defines: functions and classes with their methods, or the contexts of a dialplan."""
    text = file.read_text()
    if file.suffix == ".conf":
        return set(re.findall(r"^\[([\w-]+)\]", text, re.MULTILINE))
    names = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
    return names


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_what_is_named_is_there(file: str, name: str) -> None:
    assert (ROOT / file).is_file()
    assert not name or name in names_in(ROOT / file)


def test_what_is_stored_is_in_the_store() -> None:
    stored = [row.rsplit("|", 2)[1] for row in TEXT.splitlines() if row.startswith("|")]
    named = {name.split(".")[0] for cell in stored for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)`", cell)}
    assert len(named) > 5
    assert named <= TABLES


def test_it_walks_the_whole_dialog() -> None:
    """Whatever `take_call` itself calls is in the story."""
    source = ast.parse((ROOT / "appliance/telephony/dialog.py").read_text())
    own = {node.name: node for node in source.body if isinstance(node, ast.FunctionDef)}
    called = {
        node.func.id
        for node in ast.walk(own["take_call"])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    told = {name for file, name in NAMED if file == "appliance/telephony/dialog.py"}
    assert called & set(own) <= told
