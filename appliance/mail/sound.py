"""The sound of a voice message: read what Asterisk recorded, trim it, write WAV and MP3.

Mails carry MP3 because it plays everywhere: in Outlook, in browsers, on every mobile phone (Opus
and GSM do not). At 24 kbit/s it is about a fifth of the WAV and speech of a telephone loses nothing.
"""

from __future__ import annotations

import io
import math
import re
import struct
import sys
import wave
from array import array
from operator import mul
from typing import TypeAlias

import lameenc

Samples: TypeAlias = "array[int]"

RATE = 8000
MP3_KBIT = 24

_HEADER_BYTES = 44

_FRAME = 160  # 20 ms
_MARGIN = RATE // 5  # 0.2 s of what was around the sound stays
_LASTING_FRAMES = 3  # shorter is a click
_QUIETEST_SOUND = 40.0  # about -58 dBFS; an idle A-law line has 8
_LOUDEST_NOISE = 150.0  # above this "noise" may be somebody speaking softly without a pause

_TONE_HZ = 425
_TONE_TAIL_FRAMES = 30 * RATE // _FRAME  # hanging up by tone is noticed long before 30 s
_COSINE = [math.cos(2 * math.pi * _TONE_HZ * i / RATE) for i in range(_FRAME)]
_SINE = [math.sin(2 * math.pi * _TONE_HZ * i / RATE) for i in range(_FRAME)]
# Frames as letters: t(one), s(ilence), o(ther). 480 ms are 24 frames, the ones at the edge are mixed.
_BUSY_TAIL = re.compile(r"(?:o?t{21,26}o?s{20,26}){2,}(?:o?t{0,26}o?)?s*$")


class SoundError(Exception):
    """This is not a recording we can read."""


class EmptySoundError(SoundError):
    """A recording without a single sample."""


def read_wav(content: bytes) -> Samples:
    """The samples of a WAV file as Asterisk records it: 8 kHz, mono, 16 bit.

    Asterisk writes the lengths when it closes the file, so after a crash they are zero or wrong;
    then everything that is there counts. Raises EmptySoundError or SoundError.
    """
    if len(content) < _HEADER_BYTES:
        raise EmptySoundError("the recording is empty")
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise SoundError("the recording is not a WAV file")
    at, form = 12, b""
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8
        if name == b"data":
            _check_form(form)
            end = at + size if 0 < size <= len(content) - at else len(content)
            return _samples(content[at:end])
        if name == b"fmt ":
            form = content[at : at + size]
        at += size + size % 2
    raise SoundError("the WAV file has no sound in it")


def write_wav(samples: Samples) -> bytes:
    """A WAV file of 8 kHz, mono, 16 bit."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(_bytes(samples))
    return file.getvalue()


def write_mp3(samples: Samples) -> bytes:
    """An MP3 file of 8 kHz, mono, 24 kbit/s."""
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_channels(1)
    encoder.set_in_sample_rate(RATE)
    encoder.set_out_sample_rate(RATE)
    encoder.set_bit_rate(MP3_KBIT)
    encoder.set_quality(5)
    return bytes(encoder.encode(_bytes(samples)) + encoder.flush())


def seconds(samples: Samples) -> float:
    """How long the sound lasts."""
    return len(samples) / RATE


def trim(samples: Samples) -> Samples:
    """The part in which there is something to hear, with 0.2 s around it; empty if there is nothing.

    A busy tone at the end (what an analogue line gives when the caller has hung up) goes, too.
    In doubt sound stays: a line as noisy as soft speech is not trimmed.
    """
    levels = _levels(samples)
    if not levels:
        return array("h")
    threshold = _threshold(levels)
    end = len(samples)
    busy = _busy_tone_frame(samples, levels, threshold)
    if busy is not None:
        end, levels = busy * _FRAME, levels[:busy]
    loud = [level > threshold for level in levels]
    lasting = [i for i in range(len(loud) - _LASTING_FRAMES + 1) if all(loud[i : i + _LASTING_FRAMES])]
    if not lasting:
        return array("h")
    first = lasting[0] * _FRAME - _MARGIN
    last = (lasting[-1] + _LASTING_FRAMES) * _FRAME + _MARGIN
    return samples[max(0, first) : min(end, last)]


def _threshold(levels: list[float]) -> float:
    """The level above which a frame is sound: well over the noise of this very line."""
    noise = sorted(levels)[len(levels) // 10]
    return min(max(2.5 * noise, _QUIETEST_SOUND), _LOUDEST_NOISE)


def _levels(samples: Samples) -> list[float]:
    """Each whole frame's level (root mean square), without the line's direct current."""
    if len(samples) < _FRAME:
        return []
    offset = sum(samples) / len(samples)
    levels = []
    for at in range(0, len(samples) - _FRAME + 1, _FRAME):
        frame = samples[at : at + _FRAME]
        mean_square = sum(map(mul, frame, frame)) / _FRAME
        mean = sum(frame) / _FRAME
        levels.append(math.sqrt(max(0.0, mean_square - 2 * offset * mean + offset * offset)))
    return levels


def _busy_tone_frame(samples: Samples, levels: list[float], threshold: float) -> int | None:
    """The frame at which a German busy tone (425 Hz, 480 ms on and off) begins that lasts to the end."""
    start = max(0, len(levels) - _TONE_TAIL_FRAMES)
    letters = []
    for number in range(start, len(levels)):
        if levels[number] <= threshold:
            letters.append("s")
        else:
            letters.append("t" if _is_tone(samples[number * _FRAME : (number + 1) * _FRAME]) else "o")
    tail = _BUSY_TAIL.search("".join(letters))
    return start + tail.start() if tail else None


def _is_tone(frame: Samples) -> bool:
    """Whether nearly all of the frame's energy is at 425 Hz."""
    energy = sum(map(mul, frame, frame))
    cosine, sine = sum(map(mul, frame, _COSINE)), sum(map(mul, frame, _SINE))
    return bool(2 * (cosine * cosine + sine * sine) > 0.8 * _FRAME * energy)


def _check_form(form: bytes) -> None:
    if len(form) < 16:
        raise SoundError("the recording does not say how its sound is coded")
    coding, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16])
    if (coding, channels, rate, bits) != (1, 1, RATE, 16):
        raise SoundError(
            "the recording is not plain 8 kHz mono 16 bit sound: "
            f"coding {coding}, {channels} channels, {rate} Hz, {bits} bit"
        )


def _samples(content: bytes) -> Samples:
    samples = array("h", content[: len(content) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    if not samples:
        raise EmptySoundError("the recording is empty")
    return samples


def _bytes(samples: Samples) -> bytes:
    if sys.byteorder == "big":
        samples = array("h", samples)
        samples.byteswap()
    return samples.tobytes()
