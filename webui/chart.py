"""A plot of calls as SVG, made here: stacked bars, one per bucket, with a line for the service level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from appliance.hotline.figures import GROUPS, Figures

WIDTH: Final = 960
HEIGHT: Final = 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 12, 30


@dataclass(frozen=True, slots=True)
class Box:
    """A piece of a bar; `kind` is how its calls ended."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One bucket: its pieces from below, and what it says in words."""

    x: float
    middle: float
    width: float
    label: str
    words: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the template draws. `ticks` are (y, number)."""

    width: int
    height: int
    base: float
    left: float
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, int], ...]


def chart(columns: Sequence[tuple[str, str, Figures]]) -> Chart:
    """Draw columns: (label below, '' for none; words; figures)."""
    most = max((figures.calls for _, _, figures in columns), default=0)
    step = _tick(most)
    top = max(step, math.ceil(most / step) * step)
    base, height = HEIGHT - _BOTTOM, HEIGHT - _BOTTOM - _TOP
    wide = (WIDTH - _LEFT - _RIGHT) / max(1, len(columns))
    bars = []
    for number, (label, words, figures) in enumerate(columns):
        x, width = _LEFT + number * wide + wide * 0.14, wide * 0.72
        boxes, y = [], float(base)
        for group in GROUPS:
            if count := figures.groups[group]:
                piece = height * count / top
                y -= piece
                boxes.append(
                    Box(group.replace(" ", "-"), round(x, 1), round(y, 1), round(width, 1), round(piece, 1))
                )
        bars.append(
            Bar(
                round(_LEFT + number * wide, 1),
                round(x + width / 2, 1),
                round(wide, 1),
                label,
                words,
                tuple(boxes),
            )
        )
    ticks = tuple((round(base - height * value / top, 1), value) for value in range(0, top + 1, step))
    return Chart(WIDTH, HEIGHT, base, _LEFT, tuple(bars), ticks)


def _tick(most: int) -> int:
    """A round distance that gives at most five lines."""
    size = 1
    while most > 4 * size:
        size = size * 5 // 2 if str(size)[0] == "2" else size * 2
    return size
