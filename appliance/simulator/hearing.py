"""Listening: was this prompt, this music, this tone in what reached somebody's ear, and when."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8_000
HEARD_RATE = 48_000  # at this rate Asterisk's file buffer holds back only a third of a second
Sound = NDArray[np.float64]

_DECIMATION = HEARD_RATE // RATE
_ALIKE = 0.78  # what was played comes to 0.98 and more, on a starved machine 0.85; all else stays under 0.73
_PIECE = RATE // 4
_HOP = 2**14 - _PIECE
_TOLERANCE = RATE * 6 // 100


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound that was recognised: from when to when in the recording, and how alike (0 to 1)."""

    start_seconds: float
    end_seconds: float
    likeness: float


def recording(file: Path) -> Sound:
    """What the exchange has recorded so far, at 8 kHz; empty while there is nothing."""
    try:
        raw = np.frombuffer(_whole_samples(file.read_bytes()), dtype="<i2").astype(np.float64)
    except FileNotFoundError:
        return np.zeros(0)
    whole = len(raw) // _DECIMATION * _DECIMATION
    return np.asarray(raw[:whole].reshape(-1, _DECIMATION).mean(axis=1))


def _whole_samples(data: bytes) -> bytes:
    return data[: len(data) // 2 * 2]


def sound(samples: array[int]) -> Sound:
    """Samples of a prompt file as a sound to look for."""
    return np.asarray(samples, dtype=np.float64)


def is_music(heard: Sound, piece: Sound) -> bool:
    """Whether what was heard is a part of this piece of music."""
    return find(heard, piece) is not None


def find(
    wanted: Sound, heard: Sound, *, after_seconds: float = 0.0, at_least: float = _ALIKE
) -> Heard | None:
    """Find `wanted` in `heard`; the best place, if it is alike.

    Normalised cross-correlation piece by piece, each piece free to lie a little off where the one
    before it ended: packets lost or played late move all that follows, and an ear does not mind.
    Only what comes later than `after_seconds` counts. Positions are in seconds of `heard`.
    """
    skipped = int(after_seconds * RATE)
    heard = heard[skipped:]
    places = len(heard) - len(wanted) + 1
    if len(wanted) == 0 or places <= 0:
        return None
    ear = _Ear(heard)
    alike, weight = np.zeros(len(heard)), 0.0
    for start in reversed(range(0, max(len(wanted) - _PIECE // 2, 1), _PIECE)):
        piece = wanted[start : start + _PIECE]
        energy = float(np.sqrt(np.sum(piece**2)))
        here = energy * ear.likeness(piece)
        rest = _widened(alike)[_PIECE:]  # what follows this piece, at its best
        alike = np.zeros(len(heard))
        alike[: len(here)] = here
        alike[: len(rest)] += rest
        weight += energy
    if weight == 0.0:
        return None
    best = int(np.argmax(alike[:places]))
    likeness = float(alike[best] / weight)
    if likeness < at_least:
        return None
    start_seconds = (skipped + best) / RATE
    return Heard(start_seconds, start_seconds + len(wanted) / RATE, likeness)


class _Ear:
    """Compares pieces with every place of what was heard, block by block: short transforms are quick."""

    def __init__(self, heard: Sound) -> None:
        self._length = len(heard)
        blocks = max(1, -(-len(heard) // _HOP))
        padded = np.zeros(blocks * _HOP + _PIECE)
        padded[: len(heard)] = heard
        windows = np.lib.stride_tricks.sliding_window_view(padded, _HOP + _PIECE)[::_HOP]
        self._spectra = np.fft.rfft(windows)
        self._energy = np.concatenate(([0.0], np.cumsum(heard**2)))

    def likeness(self, piece: Sound) -> Sound:
        """Normalised cross-correlation (-1 to 1) of a piece with every place it can lie at."""
        size = _HOP + _PIECE
        blocks = np.fft.irfft(self._spectra * np.conj(np.fft.rfft(piece, size)), size)[:, :_HOP]
        product = blocks.reshape(-1)[: self._length - len(piece) + 1]
        windows = self._energy[len(piece) :] - self._energy[: -len(piece)]
        own = float(np.sum(piece**2))
        return np.asarray(product / np.sqrt(np.maximum(windows, 1e-3 * own + 1.0) * max(own, 1.0)))


def _widened(alike: Sound) -> Sound:
    """Each place takes the best likeness within the tolerance around it."""
    reach = _TOLERANCE
    padded = np.pad(alike, reach, constant_values=-1.0)
    best = padded.copy()
    step = 1
    while step <= 2 * reach:  # running maximum by doubling
        take = min(step, 2 * reach + 1 - step)
        best[: len(best) - take] = np.maximum(best[: len(best) - take], best[take:])
        step *= 2
    return best[: len(alike)]


def tone_share(heard: Sound, hertz: float) -> float:
    """Share (0 to 1) of a sound's energy at one frequency (Goertzel's sum, written directly)."""
    energy = float(np.sum(heard**2))
    if energy == 0.0:
        return 0.0
    turns = np.exp(-2j * np.pi * hertz * np.arange(len(heard)) / RATE)
    return float(2 * abs(np.sum(heard * turns)) ** 2 / (len(heard) * energy))


def loudness(heard: Sound) -> float:
    """Root mean square of a sound; 0 for none."""
    return float(np.sqrt(np.mean(heard**2))) if len(heard) else 0.0
