"""How a lamp of one colour shows its pattern: functions of the pattern and the time."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from appliance.hotline.lamps import Pattern


class Rhythm(Enum):
    """When a lamp is lit, as (from, to) milliseconds in each period: (period, lit parts)."""

    DARK = (1000, ())
    STEADY = (1000, ((0, 1000),))
    SLOW = (2000, ((0, 1000),))
    FAST = (400, ((0, 200),))
    DOUBLE = (1500, ((0, 150), (300, 450)))
    """A fault."""
    HEARTBEAT = (1000, ((0, 900),))
    """It lives."""
    UNKNOWN = (3000, ((0, 100),))

    def is_lit(self, milliseconds: int) -> bool:
        """Whether the lamp is lit at this moment."""
        period, lit = self.value
        phase = milliseconds % period
        return any(begins <= phase < ends for begins, ends in lit)


_RHYTHMS = {
    Pattern.OFF: Rhythm.DARK,
    Pattern.ON: Rhythm.STEADY,
    Pattern.GREEN: Rhythm.STEADY,
    Pattern.AMBER: Rhythm.SLOW,
    Pattern.RED: Rhythm.DOUBLE,
}
_ALIVE = "supervisor"


def rhythm(lamp: str, lamps: Mapping[str, Pattern] | None) -> Rhythm:
    """The rhythm of a lamp in this picture; without a picture nobody knows what is true."""
    if lamps is None:
        return Rhythm.UNKNOWN
    if lamp == _ALIVE:
        return Rhythm.HEARTBEAT
    if lamp not in lamps:
        return Rhythm.UNKNOWN
    return _RHYTHMS.get(lamps[lamp], Rhythm.FAST)
