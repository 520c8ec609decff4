"""Measures how loud what we say comes back on a line."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from pathlib import Path

RATE = 8000
"""Samples a second, as telephone lines carry them."""
_WINDOW = 12_000  # samples compared: a sentence's loudest one and a half seconds
_LONGEST = 3200  # samples: 0.4 s, more than an exchange, a gateway and the driver's buffers need
_EVERY = 3  # of the samples are compared; at its true delay an echo is alike in any part of them
_FRAME = 800
_QUIET = 100.0  # root mean square of samples: nothing was said
_RECOGNISED = 0.5  # likeness (0 to 1); speech that is something else stays below


@dataclass(frozen=True, slots=True)
class Echo:
    """What comes back: by how many decibels it is quieter than what was said, and how much later."""

    loss_decibels: float
    delay_seconds: float


class NothingSaid(ValueError):
    """There is too little sound to look for an echo of it."""


def echo_in(said: Sequence[int], heard: Sequence[int]) -> Echo | None:
    """Look for what was said in what was heard meanwhile; None when it is not in there.

    Both are samples from the same moment on. Raises NothingSaid.
    """
    start = _loudest(said[: max(len(heard) - _LONGEST, 0)])
    ours = said[start : start + _WINDOW : _EVERY]
    energy = sum(map(mul, ours, ours))
    best, delay, likeness = 0.0, 0, 0.0
    for shift in range(_LONGEST):
        theirs = heard[start + shift : start + shift + _WINDOW : _EVERY]
        alike = abs(sum(map(mul, ours, theirs)))
        if alike > best:
            best, delay = alike, shift
            likeness = alike / math.sqrt(energy * sum(map(mul, theirs, theirs)))
    if likeness < _RECOGNISED:
        return None
    return Echo(20 * math.log10(energy / best), delay / RATE)


def samples_in(file: Path) -> array[int]:
    """The samples of a recording as Asterisk writes ``.sln``; those it has by now, none without a file."""
    try:
        data = file.read_bytes()
    except OSError:
        return array("h")
    return array("h", data[: len(data) // 2 * 2])


def _loudest(said: Sequence[int]) -> int:
    """Where the loudest window begins."""
    frames = [
        sum(map(mul, part, part)) for part in (said[i : i + _FRAME] for i in range(0, len(said), _FRAME))
    ]
    count = _WINDOW // _FRAME
    windows = {sum(frames[i : i + count]): i for i in range(len(said) // _FRAME - count + 1)}
    loudest = max(windows, default=0)
    if loudest < _QUIET * _QUIET * _WINDOW:
        raise NothingSaid("nothing was said, or not long enough")
    return windows[loudest] * _FRAME
