"""Whether the box's clock can be right: a Pi has none of its own that goes on while it is off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EARLIEST = datetime(2026, 11, 1, tzinfo=UTC)
"""Before this program was written."""
LATEST = datetime(2060, 1, 1, tzinfo=UTC)
_JITTER = timedelta(minutes=5)


def is_believable(now: datetime, newest_entry: datetime | None) -> bool:
    """Whether it can be `now`: not before the program, nor before the newest entry the box has made itself.

    A minute or so backwards is what setting the clock by the network does.
    """
    return EARLIEST <= now < LATEST and (newest_entry is None or now >= newest_entry - _JITTER)
