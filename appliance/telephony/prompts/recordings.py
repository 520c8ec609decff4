"""An office's own recording, as somebody made it, becomes a prompt: 8 kHz, mono, an even level.

Only PCM in a WAV file is read, by the standard library: a decoder of many formats would be the most
dangerous program on the box.
"""

from __future__ import annotations

import io
import math
import sys
import wave
from array import array
from operator import mul
from typing import TypeAlias

Samples: TypeAlias = "array[int]"

RATE = 8000
RATES = range(8000, 96001)
LARGEST_BYTES = 24_000_000  # two minutes of 48 kHz stereo
LONGEST_SECONDS = 120.0
LONGEST_MUSIC_SECONDS = 300.0
SHORTEST_SECONDS = 0.3

ACTIVE_DBFS = -18.0  # RMS while somebody speaks: the level of all other prompts (see README.md)
PEAK_DBFS = -3.0
_FRAME = RATE // 50  # 20 ms
_MARGIN = RATE // 10  # 0.1 s of silence stays at both ends
_FULL = 32768.0
_SILENT_DBFS = -50.0
_HALF_WIDTH = 16  # of the low-pass filter, in samples of the lower rate
_STEPS = 32  # between two taps the filter is looked up in this many places
_MOST_GAIN = 31.6  # 30 dB: more would be noise


class UnusableRecording(ValueError):
    """The file is no prompt; `reason`: empty, not wav, not pcm, channels, rate, long, short or silent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def to_prompt(content: bytes, longest_seconds: float = LONGEST_SECONDS) -> bytes:
    """The samples of a prompt (8 kHz, 16 bit, little end first) from a WAV file. Raises UnusableRecording."""
    sound, rate = read(content, longest_seconds)
    return _bytes(level(clip(resample(sound, rate))))


def read(content: bytes, longest_seconds: float = LONGEST_SECONDS) -> tuple[Samples, int]:
    """The samples of a WAV file, its channels mixed into one, and their rate. Raises UnusableRecording."""
    if not content:
        raise UnusableRecording("empty")
    try:
        with wave.open(io.BytesIO(content)) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            if not 1 <= channels <= 2:
                raise UnusableRecording("channels")
            if rate not in RATES:
                raise UnusableRecording("rate")
            if file.getnframes() > longest_seconds * rate:  # what the header claims costs nothing to refuse
                raise UnusableRecording("long")
            frames = file.readframes(file.getnframes())
    except wave.Error as error:
        raise UnusableRecording("not pcm" if content[:4] == b"RIFF" else "not wav") from error
    except (EOFError, ValueError, OverflowError, MemoryError, ZeroDivisionError) as error:
        if isinstance(error, UnusableRecording):
            raise
        raise UnusableRecording("not wav") from error
    samples = _to_16_bit(frames[: len(frames) // (width * channels) * width * channels], width)
    if channels == 2:
        samples = array(
            "h", (left + right >> 1 for left, right in zip(samples[::2], samples[1::2], strict=True))
        )
    if len(samples) < SHORTEST_SECONDS * rate:
        raise UnusableRecording("short")
    return samples, rate


def resample(sound: Samples, rate: int) -> Samples:
    """The same sound at 8 kHz: a windowed sinc (Hann) with its edge at 0.9 of 4 kHz; nothing folds back."""
    if rate == RATE:
        return sound
    ratio = rate / RATE
    reach = math.ceil(_HALF_WIDTH * ratio)
    kernels = [_kernel(step / _STEPS, ratio, reach) for step in range(_STEPS + 1)]
    padded = array("h", bytes(2 * reach)) + sound + array("h", bytes(2 * (reach + 2)))
    resampled = array("h")
    for number in range(int(len(sound) / ratio)):
        at, part = divmod(number * ratio, 1.0)
        first = int(at)
        value = sum(map(mul, kernels[round(part * _STEPS)], padded[first : first + 2 * reach + 1]))
        resampled.append(_clamp(value))
    return resampled


def clip(sound: Samples) -> Samples:
    """Without the silence at both ends, but for 0.1 s. Raises UnusableRecording when all is silent."""
    levels = _levels(sound)
    least = max(_FULL * 10 ** (_SILENT_DBFS / 20), max(levels, default=0.0) / 100)
    loud = [number for number, frame in enumerate(levels) if frame >= least]
    if not loud:
        raise UnusableRecording("silent")
    cut = sound[max(0, loud[0] * _FRAME - _MARGIN) : (loud[-1] + 1) * _FRAME + _MARGIN]
    if len(cut) < SHORTEST_SECONDS * RATE:
        raise UnusableRecording("short")
    return cut


def level(sound: Samples) -> Samples:
    """As loud as all other prompts while somebody speaks, with no peak above -3 dBFS."""
    levels = _levels(sound)
    loudest = max(levels)
    active = [frame for frame in levels if frame > loudest / 10]
    rms = math.sqrt(math.fsum(frame * frame for frame in active) / len(active))
    peak = max(max(sound), -min(sound))
    gain = min(_FULL * 10 ** (ACTIVE_DBFS / 20) / rms, _FULL * 10 ** (PEAK_DBFS / 20) / peak, _MOST_GAIN)
    return array("h", (_clamp(sample * gain) for sample in sound))


def as_wav(samples: bytes) -> bytes:
    """A WAV file of a prompt's samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(samples)
    return file.getvalue()


def _kernel(part: float, ratio: float, reach: int) -> list[float]:
    """The filter's taps for a place `part` of a sample behind one; they sum up to 1."""
    cutoff = 0.9 / max(ratio, 1.0)
    taps = []
    for k in range(-reach, reach + 1):
        x = k - part
        window = 0.5 + 0.5 * math.cos(math.pi * x / (reach + 1)) if abs(x) < reach + 1 else 0.0
        taps.append(window * (math.sin(math.pi * cutoff * x) / (math.pi * cutoff * x) if x else 1.0))
    total = math.fsum(taps)
    return [tap / total for tap in taps]


def _levels(sound: Samples) -> list[float]:
    """Root mean square of each whole frame of 20 ms."""
    return [
        math.sqrt(sum(map(mul, frame, frame)) / _FRAME)
        for frame in (sound[at : at + _FRAME] for at in range(0, len(sound) - _FRAME + 1, _FRAME))
    ]


def _to_16_bit(frames: bytes, width: int) -> Samples:
    """WAV samples of 1 to 4 bytes (those of one byte have no sign). Raises UnusableRecording."""
    match width:
        case 1:
            return array("h", ((byte - 128) << 8 for byte in frames))
        case 2:
            pass
        case 3 | 4:
            high = bytearray(len(frames) // width * 2)
            high[::2], high[1::2] = frames[width - 2 :: width], frames[width - 1 :: width]
            frames = bytes(high)
        case _:
            raise UnusableRecording("not pcm")
    samples = array("h", frames)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _bytes(samples: Samples) -> bytes:
    if sys.byteorder == "big":
        samples = array("h", samples)
        samples.byteswap()
    return samples.tobytes()


def _clamp(value: float) -> int:
    return max(-32768, min(32767, round(value)))
