"""What depends on the date waits for a clock that can be right: a Pi has none that goes on while it is off.

Until then the schedule that was kept is not touched. It lies ahead of a clock that is too early, so all
departments are open: nobody is told "closed" by a clock that knows nothing. Nothing is deleted or given up
for its age, and the page says what is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from appliance.hotline.clock import is_believable
from appliance.store import times

SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
"""Is there when the clock was set by the network since the start: systemd-timesyncd(8)."""


class ClockWaits(Exception):
    """The work was not done: the clock cannot be right."""


def clock_can_be_right(db: Database) -> bool:
    """Whether it can be as late as the clock says.

    Set by the network it can, also when something was written down while it was ahead, which would else
    hold everything up until then.
    """
    is_set = os.access(SYNCHRONIZED, os.F_OK)
    return is_believable(times.now(), None if is_set else newest_entry(db))


def newest_entry(db: Database) -> datetime | None:
    """The latest moment at which the box has written down that something happened; None for an empty one."""
    row = db.execute(
        "SELECT max(at) FROM (SELECT max(at) AS at FROM steps WHERE id > (SELECT max(id) FROM steps) - 100"
        " UNION ALL SELECT max(at) FROM changes UNION ALL SELECT max(since) FROM presence)"
    ).fetchone()
    return times.from_text(row[0]) if row[0] else None


def by_the_clock(work: Callable[[Database], object]) -> Callable[[Database], None]:
    """The work, which raises ClockWaits instead of doing anything by a wrong clock."""

    def done(db: Database) -> None:
        if not clock_can_be_right(db):
            raise ClockWaits
        work(db)

    return done
