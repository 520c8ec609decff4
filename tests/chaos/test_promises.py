"""A small part of the chaos, sure to be the same each time; the rest is `make soak`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.settings import Settings
from appliance.store import callbacks, times
from appliance.store.database import open_store
from appliance.telephony.debian_archive import PreparationError
from tests.chaos import acts
from tests.chaos.disk import crash_states
from tests.chaos.mail_faults import Lane, faults_of, run_lane
from tests.chaos.recovery import broken_promises
from tests.chaos.trace import record


def do(folder: Path, name: str, times_done: int = 1) -> acts.Act:
    acts.prepare(folder)
    act = acts.Act(folder)
    for place in range(times_done):
        acts.ACTS[name](act, place)
    return act


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("message", "kept"),
        ("floor", "kept"),
        ("callback", "promised"),
        ("settings", "saved"),
        ("forget", "forgot"),
        ("backup", "backed up"),
    ],
)
def test_what_is_told_holds_after_a_kill(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, word: str
) -> None:
    """The recovery of a box that was killed after this act, and once more, leaves every promise whole."""
    act = do(tmp_path / "box", name, 3)
    act.db.close()
    told = capfd.readouterr().out.splitlines()
    assert sum(text.startswith(word) for text in told) == 3
    assert broken_promises(tmp_path / "box", told, twice=True) == []


def lose_the_row(settings: Settings) -> None:
    db = open_store(settings.store)
    db.execute("DELETE FROM outbox")
    db.execute("DELETE FROM messages")


def lose_the_end(settings: Settings) -> None:
    (file,) = (settings.spool / "messages").glob("*.mp3")
    file.write_bytes(file.read_bytes()[:-100])


def lose_the_file(settings: Settings) -> None:
    (file,) = (settings.spool / "messages").glob("*.wav")
    file.unlink()


def forget_the_promise(settings: Settings) -> None:
    db = open_store(settings.store)
    (number,) = db.execute("SELECT id FROM callbacks").fetchone()
    assert callbacks.cancel(db, number, times.now())


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("message", lose_the_row),
        ("message", lose_the_end),
        ("message", lose_the_file),
        ("callback", forget_the_promise),
    ],
)
def test_a_broken_promise_is_seen(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, harm: Callable[[Settings], None]
) -> None:
    act = do(tmp_path / "box", name)
    told = capfd.readouterr().out.splitlines()
    harm(act.settings)
    act.db.close()
    assert broken_promises(tmp_path / "box", told)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_no_crash_state_of_a_message_loses_it(tmp_path: Path) -> None:
    """A handful of the states that `make soak` goes through: the last of the floor's message, all of them."""
    folder = tmp_path / "box"
    acts.prepare(folder)
    try:
        recording = record(
            folder, [sys.executable, "-m", "tests.chaos.acts", "floor", str(folder), "1"], ignored=("-shm",)
        )
    except PreparationError as error:
        pytest.skip(f"nothing may be traced here: {error.english[-300:]}")
    kept = [
        state for state in crash_states(recording, 1) if any(text.startswith("kept") for text in state.told)
    ]
    assert kept
    for number, state in enumerate(kept):
        state.put(tmp_path / f"state-{number}")
        assert broken_promises(tmp_path / f"state-{number}", state.told) == []


def test_every_mail_arrives_whatever_the_server_does() -> None:
    """Real SMTP. The sequences in which a server stalls are left to `make soak`: they cost patience."""
    tried = range(300, 324)
    assert not [fault for sequence in tried for fault in faults_of(sequence, 1) if fault.kind == "silent"]
    faults, seen = run_lane(Lane(tried.start, len(tried), 1, timeout_seconds=60))
    assert not faults
    assert seen["sequences"] == len(tried)
    assert seen["faults met"] >= len(tried)
