"""Crash states: what the disk may hold after a power cut at any moment, and whether every promise holds then.

The acts of `acts.py` are traced (strace); from each trace the states of `disk.py` are made, the box's own
recovery runs on each, and what had been told to a person by then must be there, once.
"""

from __future__ import annotations

import functools
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.bench.comparing import Figure
from tests.chaos import acts
from tests.chaos.chaos import Chaos, in_parallel, shown
from tests.chaos.disk import CrashState, crash_states
from tests.chaos.recovery import broken_promises
from tests.chaos.trace import Recording, record
from tests.chaos.voicemail import losses, record_both
from tests.unit.fake_smtp import FakeSmtp

TITLE = "Crash states"
SIZE = 10_000
NOT_ON_DISK = ("-shm",)  # SQLite makes it anew from the WAL
# How often each act is done in one trace, and after how many of its operations the power goes at most.
_ACTS = {"message": (2, 150), "callback": (3, 220), "settings": (2, 120), "mails": (3, 60), "floor": (4, 60),
         "forget": (1, 60), "backup": (1, 30)}  # fmt: skip


def measured(chaos: Chaos) -> list[Figure]:
    """Trace each act, try its states; then Asterisk's own voicemail by the same rules."""
    wanted = chaos.size or SIZE
    figures, all_states, all_broken = [], 0, 0
    for place, (name, (times, most_cuts)) in enumerate(_ACTS.items()):
        chaos.progress(f"{TITLE}: {name}", 100 * place // len(_ACTS))
        recording = record_act(chaos.folder / name, name, times)
        cuts = max(1, most_cuts * wanted // SIZE)
        faults, tried = Counter[str](), 0
        for found in in_parallel(_look, crash_states(recording, chaos.seed, most_cuts=cuts)):
            tried += 1
            faults.update(found)
        all_states, all_broken = all_states + tried, all_broken + faults.total()
        seen = f"of {tried} states, after {min(cuts, len(recording.operations))} of"
        seen += f" {len(recording.operations)} operations. {shown(faults)}"
        figures.append(Figure(f"{name}: broken promises", faults.total(), "", at_most=0, seen=seen.strip()))
    figures.append(Figure("states in all", all_states, "", at_least=SIZE))
    figures.append(Figure("broken promises in all", all_broken, "", at_most=0))
    return figures + _against_voicemail(chaos)


def _against_voicemail(chaos: Chaos) -> list[Figure]:
    chaos.progress(f"{TITLE}: app_voicemail", 0)
    (chaos.folder / "voicemail").mkdir()
    recording = record_both(chaos.program(), chaos.folder / "voicemail")
    found, tried = Counter[str](), 0
    for lost in in_parallel(functools.partial(_look, look=_losses), crash_states(recording, chaos.seed)):
        tried += 1
        found.update(lost)
    seen = f"of {tried} states in which one of the two had been thanked"
    return [
        Figure("Asterisk's app_voicemail: messages lost", found["theirs: the sound"], "", at_least=1,
               seen=seen),
        Figure("our floor, the same Asterisk and trace: messages lost", found["ours: the sound"], "",
               at_most=0, seen=seen),
    ]  # fmt: skip


def _losses(state: Path, told: tuple[str, ...]) -> list[str]:
    return losses(state, told)


def record_act(folder: Path, name: str, times: int) -> Recording:
    """Trace an act in a new office in `folder`. Raises PreparationError."""
    words = [sys.executable, "-m", "tests.chaos.acts", name, str(folder), str(times)]
    if name != "mails":
        acts.prepare(folder)
        return record(folder, words, ignored=NOT_ON_DISK)
    with FakeSmtp() as server:
        acts.prepare(folder, mail_port=server.port)
        act = acts.Act(folder)
        for place in range(times):
            acts.message(act, place)
        act.db.close()
        return record(folder, words, ignored=NOT_ON_DISK)


def _look(
    state: CrashState, look: Callable[[Path, tuple[str, ...]], list[str]] = broken_promises
) -> list[str]:
    """Put a state into a folder of its own, in memory where there is such a place, and look at it."""
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="fz-state-", dir=memory if memory.is_dir() else None))
    try:
        state.put(place / "box")
        return look(place / "box", state.told)
    finally:
        shutil.rmtree(place, ignore_errors=True)
