"""G.711 A-law, the code of European telephone lines: 8000 samples a second of one byte each."""

from __future__ import annotations

from array import array
from collections.abc import Iterable


def encode_sample(sample: int) -> int:
    """The A-law byte of one 16-bit sample."""
    magnitude = (sample if sample >= 0 else -sample - 1) >> 3  # A-law keeps 13 bits
    segment = max(0, magnitude.bit_length() - 5)
    step = (magnitude >> max(1, segment)) & 0x0F
    return (segment << 4 | step) ^ (0xD5 if sample >= 0 else 0x55)


def decode_byte(code: int) -> int:
    """The 16-bit sample in the middle of the range that one A-law byte stands for."""
    code ^= 0x55
    segment, step = (code & 0x70) >> 4, code & 0x0F
    magnitude = step << 4 | 8
    if segment:
        magnitude = (magnitude | 0x100) << segment - 1
    return magnitude if code & 0x80 else -magnitude


_SAMPLES = tuple(decode_byte(code) for code in range(256))


def encode(samples: Iterable[int]) -> bytes:
    """A-law bytes of 16-bit samples. Raises ValueError for a sample outside 16 bits."""
    return bytes(encode_sample(sample) for sample in samples)


def decode(data: bytes) -> array[int]:
    """16-bit samples of A-law bytes."""
    return array("h", (_SAMPLES[code] for code in data))
