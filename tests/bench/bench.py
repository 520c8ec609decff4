"""What every row of the bench is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.telephony.sandbox import AsteriskProgram
from tests.bench.comparing import Figure


@dataclass(frozen=True)
class Bench:
    """How to measure, and where."""

    program: AsteriskProgram
    folder: Path
    pairs: int
    seed: int
    full: bool
    """Longer steps and more samples."""
    progress: Callable[[str, int], None]

    def rounds(self, title: str) -> range:
        """The rounds of alternating measurement; the progress of each is shown."""
        self.progress(title, 0)
        return range(self.pairs)

    def done(self, title: str, number: int) -> None:
        """A round is over."""
        self.progress(title, 100 * (number + 1) // self.pairs)


Row = Callable[[Bench], list[Figure]]
