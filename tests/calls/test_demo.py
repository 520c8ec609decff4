"""The demo as a program: what dies in it is started again, and however it ends, nothing stays behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
# The story has its own tests in the other files here; without it this takes seconds.
WITHOUT_STORY = """
import sys
from pathlib import Path
from appliance.simulator import demo
demo.Narrator.tell = lambda narrator: narrator._office.start()
sys.exit(demo.run_demo(Path(sys.argv[1]), once=False, port=0))
"""
PARTS = 3  # the supervisor, the box's Asterisk and the exchange


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: a killed demo cannot remove the place it makes for the sockets of a long one."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made) / "demo"


@contextmanager
def running_demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo that has just said where its page is."""
    demo = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_STORY, str(folder)],
        cwd=ROOT,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    try:
        says(demo, "The box stays up")
        yield demo
    finally:
        demo.kill()
        demo.communicate()


def says(demo: subprocess.Popen[str], words: str) -> None:
    """Read what the demo prints up to the line with these words."""
    assert demo.stdout
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if words in line:
            return
    pytest.fail(f"the demo ended without {words!r}:\n{''.join(lines)}")


def children(demo: subprocess.Popen[str]) -> list[int]:
    """Process ids of the demo's parts."""
    return [int(word) for word in Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()]


def test_what_is_killed_is_started_again(folder: Path) -> None:
    with running_demo(folder) as demo:
        for mark, name in (
            (b"appliance.cli", "The supervisor"),
            (b"/box/asterisk/", "The box's Asterisk"),
            (b"/exchange/", "The exchange"),
        ):
            part = next(p for p in children(demo) if mark in Path(f"/proc/{p}/cmdline").read_bytes())
            os.kill(part, signal.SIGKILL)
            says(demo, f"{name} is gone")
            says(demo, f"{name} runs again")
            assert part not in children(demo)
            assert len(children(demo)) == PARTS


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_nothing_outlives_the_demo(folder: Path, number: signal.Signals, status: int) -> None:
    """Also when its whole process group is told to end, as a terminal does: it stops its parts itself."""
    with running_demo(folder) as demo:
        parts = [os.pidfd_open(part) for part in children(demo)]
        assert len(parts) == PARTS
        os.killpg(demo.pid, number)
        assert demo.stdout
        assert "no connection" not in demo.stdout.read()
        assert demo.wait(30) == status
        for part in parts:
            assert select.select([part], [], [], 10)[0], "it still runs"
            os.close(part)
