"""The rules of the house: linters, types, who may import whom, what may lie where."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"firmware", "appliance", "webui", "hardware", "image-build", "tests"}
PACKAGES = {"appliance", "hardware", "webui"}
MODULES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))

# What a package may import of ours, besides itself. Not named here are the modules directly in
# `appliance` and the simulator: they wire, so they may import everything.
DOMAIN = {"appliance.hotline"}
OUTER = {"appliance.hotline", "appliance.store", "appliance.settings"}
MAY_IMPORT = {
    "appliance.hotline": set[str](),
    "appliance.store": DOMAIN,
    "appliance.switchboard": {"appliance.hotline", "appliance.store"},
    "appliance.settings": set[str](),
    "appliance.files": set[str](),
    "appliance.telephony": OUTER,
    "appliance.mail": OUTER | {"appliance.files"},
    "appliance.panel": OUTER,
    "hardware": set[str](),
    "webui": {"appliance.hotline", "appliance.store"},
}

# The domain computes with values: no file, no socket, no thread, no clock.
DOMAIN_LIBRARIES = {
    *("__future__", "bisect", "collections", "dataclasses", "datetime", "enum", "functools", "heapq"),
    *("itertools", "math", "operator", "re", "statistics", "string", "typing", "unicodedata", "zoneinfo"),
    *("holidays", "phonenumbers"),
}
IMPURE_CALLS = {"now", "today", "utcnow", "open", "print", "input"}


def run(*words: str) -> None:
    """Run a tool of our Python over the repository; its findings are the failure."""
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(f"{' '.join(words)}\n{done.stdout}{done.stderr}", pytrace=False)


def test_the_linter_finds_nothing() -> None:
    run("ruff", "check", "--output-format=concise", ".")


def test_everything_is_formatted() -> None:
    run("ruff", "format", "--check", "--output-format=concise", ".")


def test_the_types_are_right() -> None:
    run("mypy")


# Who may import whom


def name_of(file: Path) -> str:
    """``appliance/store/times.py`` -> ``appliance.store.times``."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(name: str, is_package: bool, source: str) -> Iterator[str]:
    """The full names a module imports, wherever in it and however written."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = name.split(".")[
                    : None if is_package and node.level == 1 else -node.level + is_package
                ]
                base = ".".join([*above, *filter(None, [base])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def within(name: str, packages: set[str]) -> bool:
    """Whether a full name is one of `packages` or lies in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def forbidden_imports(name: str, imported: Iterator[str]) -> list[str]:
    """What this module imports and may not."""
    home = next((package for package in MAY_IMPORT if within(name, {package})), None)
    wrong = []
    for other in imported:
        if within(other, {"tests"}):
            wrong.append(other)
        elif home is None:
            continue
        elif within(other, PACKAGES):
            if not within(other, MAY_IMPORT[home] | {home}):
                wrong.append(other)
        elif home == "appliance.hotline" and other.split(".")[0] not in DOMAIN_LIBRARIES:
            wrong.append(other)
    return wrong


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_imports_point_inwards(file: Path) -> None:
    name = name_of(file)
    wrong = forbidden_imports(name, imported_by(name, file.stem == "__init__", file.read_text()))
    assert not wrong, f"{name} may not import {', '.join(wrong)}"


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("appliance.hotline.hours", "import sqlite3"),
        ("appliance.hotline.hours", "from appliance.store import times"),
        ("appliance.hotline.hours", "from ..store.times import as_text"),
        ("appliance.hotline.hours", "def f():\n    from appliance import store"),
        ("appliance.mail.outbox", "import appliance.telephony.manager"),
        ("appliance.telephony.box", "from appliance import supervisor"),
        ("appliance.store.office", "from appliance.panel import lamps"),
        ("appliance.supervisor", "from tests.unit import fake_smtp"),
        ("webui.app", "from appliance.settings import Settings"),
        ("webui.app", "from appliance import switchboard"),
        ("hardware.design", "from appliance.panel import pins"),
        ("appliance.panel.pins", "from hardware.design import read_design"),
    ],
)
def test_a_wrong_import_is_seen(name: str, source: str) -> None:
    assert forbidden_imports(name, imported_by(name, False, source))


@pytest.mark.parametrize("file", [file for file in MODULES if within(name_of(file), DOMAIN)], ids=name_of)
def test_the_domain_asks_no_clock_and_touches_no_file(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in IMPURE_CALLS, f"{name_of(file)}:{node.lineno} calls {called}()"


# What lies where


def test_there_are_no_other_folders() -> None:
    found = {entry.name for entry in ROOT.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
    assert {name for name in found if name != "__pycache__" and not name.endswith(".egg-info")} == FOLDERS


def test_every_make_target_is_one_line_that_says_what_it_does() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    assert not [line for line in lines if line.startswith("\t") or line.endswith("\\")]
    targets = dict(re.findall(r"^([a-z-]+):[^;]*; @.+?  ## (\S.*)$", "\n".join(lines), re.MULTILINE))
    assert set(targets) == {
        "help",
        "demo",
        "test",
        "estimate",
        "bench",
        "soak",
        "image",
        "test-image",
        "lint",
        "setup",
        "lock",
        "audit",
        "clean",
    }
    assert next(line for line in lines if re.match("[a-z]", line)).startswith("help:")


def test_the_lock_file_names_packages_and_digests_only() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    for line in text.replace("\\\n", " ").splitlines():
        assert line.startswith("#") or re.fullmatch(
            r"[\w.-]+==\S+( ; [^#]+?)?( +--hash=sha256:[0-9a-f]{64})+", line
        )


def test_the_lock_file_holds_what_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    locked = {canonicalize_name(name): version for name, version in found}
    for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        needed = Requirement(line)
        assert needed.specifier.contains(locked.get(canonicalize_name(needed.name), "0")), (
            f"{line}: run make lock"
        )


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text
