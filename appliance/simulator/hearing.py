"""Listening: was this prompt, this music, this tone in what reached somebody's ear, and when."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8_000
HEARD_RATE = 48_000  # at this rate Asterisk's file buffer holds back only a third of a second
Sound = NDArray[np.float64]

_DECIMATION = HEARD_RATE // RATE
_ALIKE = 0.78  # what was played is found again with over 0.98, on a starved machine 0.85; others stay lower
_PIECE = RATE // 4
_HOP = 2**14 - _PIECE
_TOLERANCE = RATE * 6 // 100
_GAP = RATE // 100  # half a packet

# At one place words are told apart by shorter pieces: more of them are whole when there are gaps.
_FINE_PIECE = RATE // 10
_FINE_TOLERANCE = RATE * 8 // 100
_LATE = RATE * 4 // 10  # how far off its place the end may lie, an eighth of the length if that is more
_OUT_OF_QUESTION = 0.2  # who begins so much less alike than the best need not be compared to the end
_FIRST_PAUSE = RATE  # the longest before the first digit
_PAUSE = RATE * 4 // 10  # and before the next one: shorter than a digit, so none is passed over
_DIGIT_ALIKE = 0.75  # a digit is found again with more than 0.97, on a starved machine with 0.85
_DIGIT_CLEARLY = 0.1  # so much more than the next best: 0.13 and more between digits, 0.06 in other words


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound that was recognised: from when to when in the recording, and how alike (0 to 1)."""

    start_seconds: float
    end_seconds: float
    likeness: float


@dataclass(frozen=True, slots=True)
class HeardDigits:
    """Digits that were read, from when to when in the recording; `likeness` is that of the worst."""

    digits: str
    start_seconds: float
    end_seconds: float
    likeness: float


class Recording:
    """What the exchange records while it is written: every sample is read once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_bytes = 0
        self._heard: Sound = np.zeros(0)

    def so_far(self) -> Sound:
        """What has been recorded, at 8 kHz; empty while there is nothing."""
        step = 2 * _DECIMATION
        try:
            with self._file.open("rb") as stream:
                stream.seek(self._read_bytes)
                data = stream.read()
        except FileNotFoundError:
            return self._heard
        data = data[: len(data) // step * step]
        self._read_bytes += len(data)
        new = np.frombuffer(data, dtype="<i2").astype(np.float64).reshape(-1, _DECIMATION).mean(axis=1)
        self._heard = np.concatenate([self._heard, new])
        return self._heard


def recording(file: Path) -> Sound:
    """What the exchange has recorded so far, at 8 kHz; empty while there is nothing."""
    return Recording(file).so_far()


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

    Only what comes later than `after_seconds` counts. Positions are in seconds of `heard`.
    """
    return next(places(wanted, heard, after_seconds=after_seconds, at_least=at_least), None)


def places(
    wanted: Sound, heard: Sound, *, after_seconds: float = 0.0, at_least: float = _ALIKE
) -> Iterator[Heard]:
    """Every place where `wanted` is alike, the best first; no two of them overlap by more than half."""
    skipped = int(after_seconds * RATE)
    fits = _Ear(heard[skipped:]).likeness(wanted)
    while len(fits) and fits.max() >= at_least:
        best = int(np.argmax(fits))
        start_seconds = (skipped + best) / RATE
        yield Heard(start_seconds, start_seconds + len(wanted) / RATE, float(fits[best]))
        fits[max(0, best - len(wanted) // 2) : best + len(wanted) // 2] = -1.0


def may_begin(wanted: Sound, previous_end_seconds: float) -> float:
    """From when (seconds) `wanted` may begin, if it follows a sound that seemed to end there.

    Packets lost from that sound let it seem to end later than it did. Less than half of `wanted` is
    given away, so the same sound heard once before is not taken for its own repetition.
    """
    return max(0.0, previous_end_seconds - min(_LATE, len(wanted) * 2 // 5) / RATE)


def find_among(
    wanted: str, candidates: Mapping[str, Sound], heard: Sound, *, after_seconds: float = 0.0
) -> Heard | None:
    """Find one of several sounds much alike, where it is the one that fits best; else as `find`.

    Gaps in a recording are passed over.
    """
    arrived = _arrived(heard)
    for place in places(candidates[wanted], arrived.sound, after_seconds=arrived.since(after_seconds)):
        if which(candidates, arrived.sound, at_seconds=place.start_seconds) == wanted:
            return arrived.in_recording(place)
    return None


@dataclass(frozen=True, slots=True)
class _Arrived:
    """What arrived of a recording, and for each of its samples where it lies in the recording."""

    sound: Sound
    lies_at: NDArray[np.intp]

    def since(self, seconds: float) -> float:
        """Seconds of the recording, counted in what arrived."""
        return float(np.searchsorted(self.lies_at, round(seconds * RATE))) / RATE

    def in_recording(self, found: Heard) -> Heard:
        """The same place, in seconds of the recording."""
        first, last = round(found.start_seconds * RATE), round(found.end_seconds * RATE) - 1
        start, end = int(self.lies_at[first]), int(self.lies_at[last]) + 1
        return Heard(start / RATE, end / RATE, found.likeness)


def _arrived(heard: Sound) -> _Arrived:
    """Leave out what is no sound: late packets make gaps of true zeros, which A-law speech never has.

    Zeros at the end are kept: a prompt whose last packet was short has room to be found there.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], heard == 0.0, [False])).astype(np.int8)))
    keep = np.ones(len(heard), dtype=bool)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        keep[start:end] = end - start < _GAP or end == len(heard)
    return _Arrived(heard[keep], np.flatnonzero(keep))


def which(candidates: Mapping[str, Sound], heard: Sound, *, at_seconds: float) -> str:
    """The candidate most alike what was heard from there on.

    Each is compared as far as was heard: one that has only begun may still be the one.
    """
    first = max(0, int(at_seconds * RATE) - _FINE_TOLERANCE)
    beginnings = _likeness_at(first, {key: sound[:RATE] for key, sound in candidates.items()}, heard)
    enough = max(beginnings.values()) - _OUT_OF_QUESTION
    likeness = _likeness_at(
        first, {key: sound for key, sound in candidates.items() if beginnings[key] >= enough}, heard
    )
    return max(likeness, key=lambda key: likeness[key])


def _likeness_at(first: int, candidates: Mapping[str, Sound], heard: Sound) -> dict[str, float]:
    """How alike each is to what was heard from this sample on, as far as it was heard."""
    so_far = (len(heard) - first) // _FINE_PIECE * _FINE_PIECE
    begun = [sound[:so_far] for sound in candidates.values()]
    late = max(_LATE, max(len(sound) for sound in begun) // 8)
    fits = _fits(begun, heard[first:], late)[:, : 2 * _FINE_TOLERANCE]
    return dict(zip(candidates, fits.max(axis=1).tolist(), strict=True))


def digits(
    heard: Sound, voices: Mapping[str, Sound], *, after_seconds: float = 0.0, expected: str = ""
) -> HeardDigits:
    """Read digits spoken one right after the other, the first within a second of `after_seconds`.

    `voices` has the sound of every digit. Ends at the first pause, or where no digit fits clearly;
    the one that is `expected` need only fit best.
    """
    read, likeness = "", 1.0
    start = end = after_seconds
    while digit := _digit(
        heard, voices, end, _PAUSE if read else _FIRST_PAUSE, expected[len(read) : len(read) + 1]
    ):
        key, place = digit
        start, end = start if read else place.start_seconds, place.end_seconds
        read, likeness = read + key, min(likeness, place.likeness)
    return HeardDigits(read, start, end, likeness)


def _digit(
    heard: Sound, voices: Mapping[str, Sound], after_seconds: float, pause: int, expected: str
) -> tuple[str, Heard] | None:
    """The next digit: the earliest place where one fits, and the one that clearly fits best there."""
    first = max(0, int(after_seconds * RATE) - _FINE_TOLERANCE)
    fits = _fits(list(voices.values()), heard[first:], pause)
    somewhere = np.flatnonzero(fits.max(axis=0) >= _DIGIT_ALIKE)
    if len(somewhere) == 0:
        return None
    near = fits[:, somewhere[0] : somewhere[0] + 2 * _FINE_TOLERANCE]
    best, second = np.argsort(-near.max(axis=1))[:2]
    likeness = float(near[best].max())
    key = list(voices)[best]
    if key != expected and likeness - float(near[second].max()) < _DIGIT_CLEARLY:
        return None
    start_seconds = float(first + somewhere[0] + np.argmax(near[best])) / RATE
    return key, Heard(start_seconds, start_seconds + len(voices[key]) / RATE, likeness)


def _fits(wanted: Sequence[Sound], heard: Sound, reach: int) -> Sound:
    """How alike (-1 to 1) each wanted sound is to what was heard, if it begins 0 to `reach` samples late.

    Like `_Ear.likeness`, for many sounds at one place and with shorter pieces.
    """
    pieces = max(-(-len(sound) // _FINE_PIECE) for sound in wanted)
    parts = np.array([np.pad(sound, (0, pieces * _FINE_PIECE - len(sound))) for sound in wanted])
    parts = parts.reshape(len(wanted), pieces, _FINE_PIECE)
    block = reach + _FINE_PIECE
    heard = heard[: pieces * _FINE_PIECE + block]
    heard = np.pad(heard, (0, pieces * _FINE_PIECE + block - len(heard)))
    energy = np.concatenate(([0.0], np.cumsum(heard**2)))
    size = 2 ** (block - 1).bit_length()
    alike, weight = np.zeros((len(wanted), reach + 1)), np.zeros((len(wanted), 1))
    for start in reversed(range(0, pieces * _FINE_PIECE, _FINE_PIECE)):
        part = parts[:, start // _FINE_PIECE]
        own = np.sum(part**2, axis=1, keepdims=True)
        spectrum = np.fft.rfft(heard[start : start + block], size) * np.conj(np.fft.rfft(part, size))
        product = np.fft.irfft(spectrum, size)[:, : reach + 1]
        ends = start + _FINE_PIECE
        windows = energy[ends : ends + reach + 1] - energy[start : start + reach + 1]
        alike = _widened(alike, _FINE_TOLERANCE)  # what follows this piece, at its best
        alike += product / np.sqrt(np.maximum(windows, 1e-3 * own + 1.0))  # not yet divided by its weight
        weight += np.sqrt(own)
    return np.asarray(alike / np.maximum(weight, 1.0))


class _Ear:
    """Compares sounds with every place of what was heard, block by block: short transforms are quick."""

    def __init__(self, heard: Sound) -> None:
        self._length = len(heard)
        blocks = max(1, -(-len(heard) // _HOP))
        padded = np.zeros(blocks * _HOP + _PIECE)
        padded[: len(heard)] = heard
        windows = np.lib.stride_tricks.sliding_window_view(padded, _HOP + _PIECE)[::_HOP]
        self._spectra = np.fft.rfft(windows)
        self._energy = np.concatenate(([0.0], np.cumsum(heard**2)))

    def likeness(self, wanted: Sound) -> Sound:
        """How alike (-1 to 1) a sound is to every place it can lie at; nothing where it finds no room.

        Normalised cross-correlation piece by piece, each piece free to lie a little off where the one
        before it ended: packets lost or played late move all that follows, and an ear does not mind.
        """
        places = self._length - len(wanted) + 1
        if len(wanted) == 0 or places <= 0:
            return np.zeros(0)
        alike, weight = np.zeros(self._length), 0.0
        for start in reversed(range(0, max(len(wanted) - _PIECE // 2, 1), _PIECE)):
            piece = wanted[start : start + _PIECE]
            energy = float(np.sqrt(np.sum(piece**2)))
            here = energy * self._correlation(piece)
            rest = _widened(alike, _TOLERANCE)[_PIECE:]  # what follows this piece, at its best
            alike = np.zeros(self._length)
            alike[: len(here)] = here
            alike[: len(rest)] += rest
            weight += energy
        return alike[:places] / weight if weight else np.zeros(0)

    def _correlation(self, piece: Sound) -> Sound:
        """Normalised cross-correlation (-1 to 1) of a piece with every place it can lie at."""
        size = _HOP + _PIECE
        blocks = np.fft.irfft(self._spectra * np.conj(np.fft.rfft(piece, size)), size)[:, :_HOP]
        product = blocks.reshape(-1)[: self._length - len(piece) + 1]
        windows = self._energy[len(piece) :] - self._energy[: -len(piece)]
        own = float(np.sum(piece**2))
        return np.asarray(product / np.sqrt(np.maximum(windows, 1e-3 * own + 1.0) * max(own, 1.0)))


def _widened(alike: Sound, reach: int) -> Sound:
    """Each place takes the best likeness among those within reach of it."""
    sides = [(0, 0)] * (alike.ndim - 1) + [(reach, reach)]
    padded = np.pad(alike, sides, constant_values=-1.0)
    best = padded.copy()
    step = 1
    while step <= 2 * reach:  # running maximum by doubling
        take = min(step, 2 * reach + 1 - step)
        best[..., :-take] = np.maximum(best[..., :-take], best[..., take:])
        step *= 2
    return best[..., : alike.shape[-1]]


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
