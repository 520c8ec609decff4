"""A part of the storms that `python -m tests.firmware.fuzz_frames` lets pass, always the same."""

from __future__ import annotations

import pytest

from tests.firmware.fuzz_frames import storms


@pytest.mark.parametrize("shared", [False, True], ids=["a box alone", "a bus"])
def test_storms_bring_no_crash_no_wrong_press_and_no_stuck_lamp(shared: bool) -> None:
    cable = storms(20_000, 20261125, shared=shared)
    assert len(cable.desk.taken) > 2, "some get through in the storm, too"
