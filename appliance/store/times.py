"""Instants as they are kept in the store: UTC text that sorts and that a person can read."""

from __future__ import annotations

from datetime import UTC, datetime

# The same text the views make with strftime('%Y-%m-%dT%H:%M:%fZ','now'), so both compare.
_FORM = "%Y-%m-%dT%H:%M:%S"


def now() -> datetime:
    """The present instant, zone-aware, in UTC."""
    return datetime.now(UTC)


def to_text(instant: datetime) -> str:
    """Write a zone-aware instant as ``2026-11-24T08:05:00.250Z``.

    Raises ValueError for a naive datetime: nobody could say which instant it means.
    """
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {instant!r}")
    utc = instant.astimezone(UTC)
    return f"{utc.strftime(_FORM)}.{utc.microsecond // 1000:03d}Z"


def from_text(text: str) -> datetime:
    """Read what `to_text` wrote. Raises ValueError for anything else."""
    return datetime.strptime(text, _FORM + ".%f%z")
