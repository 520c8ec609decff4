"""The supervisor lives whole or not at all."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import threading
from appliance.supervisor import end_with_any_thread
end_with_any_thread()
threading.Thread(target=lambda: 1 / 0, name="bookkeeper").start()
threading.Event().wait(60)
"""


def test_when_one_thread_dies_the_program_ends_and_says_why() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "thread bookkeeper died; the supervisor ends" in done.stderr
    assert "ZeroDivisionError" in done.stderr
