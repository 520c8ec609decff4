"""Whether the supervisor runs: a lock it holds, so that the answer is never stale and never written."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

_NAME = "supervisor.lock"
_PATIENCE_SECONDS = 0.5  # whoever only looks holds the lock for an instant, too


class AlreadyRunning(Exception):
    """A second supervisor was started on the same state folder."""


class Alive:
    """Held by the supervisor while it runs; the kernel lets go when it dies, however it dies."""

    def __init__(self, state: Path) -> None:
        self._file = state / _NAME

    def __enter__(self) -> Alive:
        self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if time.monotonic() > deadline:
                    os.close(self._descriptor)
                    raise AlreadyRunning(f"a supervisor already runs on {self._file.parent}") from error
                time.sleep(0.01)
            else:
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def supervisor_runs(state: Path) -> bool:
    """Whether a supervisor holds the lock of this state folder right now."""
    try:
        descriptor = os.open(state / _NAME, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
