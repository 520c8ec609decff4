"""Ratios of medians with bootstrap intervals, and the figures that rows of the bench give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Rounds = Sequence[Sequence[float]]
"""Samples, by the round in which they were measured."""

_RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class Ratio:
    """One quantile of ours to the same of theirs, with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def ratio(
    ours: Rounds, theirs: Rounds, *, quantile: float = 0.5, seed: int = 1, resamples: int = _RESAMPLES
) -> Ratio:
    """Compare a quantile of all samples. Rounds are drawn anew first, then samples within each.

    The same draw of rounds counts for both sides: what disturbed a round has disturbed both. Raises
    ValueError when the sides do not have the same number of rounds, or a round is empty.
    """
    if len(ours) != len(theirs) or not ours or not all(map(len, [*ours, *theirs])):
        raise ValueError("both sides need the same number of rounds, none of them empty")
    dice = np.random.default_rng(seed)
    mine = [np.asarray(samples, dtype=float) for samples in ours]
    others = [np.asarray(samples, dtype=float) for samples in theirs]
    seen = []
    for _ in range(resamples):
        drawn = dice.integers(len(mine), size=len(mine))
        above, below = (
            np.quantile(np.concatenate([dice.choice(side[i], len(side[i])) for i in drawn]), quantile)
            for side in (mine, others)
        )
        seen.append(above / below if below else math.inf)
    value = at(quantile, ours) / at(quantile, theirs)
    low, high = np.quantile(seen, (0.025, 0.975))
    return Ratio(float(value), float(low), float(high))


def at(quantile: float, rounds: Rounds) -> float:
    """A quantile of the samples of all rounds."""
    return float(
        np.quantile(np.concatenate([np.asarray(samples, dtype=float) for samples in rounds]), quantile)
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value, what it is compared with, and its goal."""

    name: str
    value: float
    unit: str = "×"
    low: float | None = None
    high: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    seen: str = ""
    """The absolute values behind a ratio, or how a value was come by."""

    @property
    def is_missed(self) -> bool:
        """Whether there is a goal and the value is beyond it."""
        return (self.at_most is not None and not self.value <= self.at_most) or (
            self.at_least is not None and not self.value >= self.at_least
        )

    @property
    def goal(self) -> str:
        """The goal in words, '' for a value without one."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return f"≥ {self.at_least:g}" if self.at_least is not None else ""


def compared(
    name: str,
    ours: Rounds,
    theirs: Rounds,
    *,
    unit: str,
    quantile: float = 0.5,
    at_most: float | None = None,
    at_least: float | None = None,
    seed: int = 1,
) -> Figure:
    """The figure for a ratio, with the absolute values (in `unit`) it comes from."""
    found = ratio(ours, theirs, quantile=quantile, seed=seed)
    seen = f"{at(quantile, ours):.4g} {unit} to {at(quantile, theirs):.4g} {unit}"
    return Figure(name, found.value, "×", found.low, found.high, at_most, at_least, seen)
