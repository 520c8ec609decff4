"""The night switch: where it stands, and whether it stands there because it was forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice, pairwise
from typing import Final

from appliance.hotline.hours import Hours, NightMode, State, changes_after

NIGHT_MODES: Final[tuple[NightMode, ...]] = ("auto", "day", "night")

# For how long the hours must have said otherwise. Opening late is soon noticed by callers; day mode is there
# for staying on after hours, and a lunch break is no closing.
_AGAINST: Mapping[NightMode, tuple[State, timedelta]] = {
    "night": ("open", timedelta(minutes=30)),
    "day": ("closed", timedelta(hours=3)),
}


@dataclass(frozen=True, slots=True)
class NightSwitch:
    """Where the switch stands, since when, and who moved it: panel, page, command or "phone NAME"."""

    mode: NightMode
    since: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A switch nobody has put back: the opening (day mode: closing) that did not happen at `missed_at`."""

    switch: NightSwitch
    missed_at: datetime


def forgotten(switch: NightSwitch, follow: Iterable[Hours], now: datetime) -> Forgotten | None:
    """Whether the switch was forgotten, judged by the hours of the departments that follow it.

    It was when, after it was moved, one of them would have opened and stayed open for half an hour (in day
    mode: closed, for three hours). What the hours said when it was moved does not count: that was meant.
    """
    if switch.mode == "auto":
        return None
    against, patience = _AGAINST[switch.mode]
    missed: list[datetime] = []
    for hours in follow:
        turns = pairwise(chain(changes_after(hours, switch.since, now), [(now, against)]))
        # The first is enough: it may stand there for years, and somebody looks every few seconds.
        missed += islice((at for (at, is_), (end, _) in turns if is_ == against and end - at >= patience), 1)
    return Forgotten(switch, min(missed)) if missed else None
