"""A decoder of GSM 06.10 full rate, the form of Debian's Asterisk recordings, exact to the bit."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

FRAME_BYTES = 33
SAMPLES_PER_FRAME = 160
_MAGIC = 0xD

_LAR_BITS = (6, 6, 5, 5, 4, 4, 3, 3)
_LAR_OFFSET = (0, 0, 2048, -2560, 94, -1792, -341, -1144)  # B of the standard's table 4.1
_LAR_MINIMUM = (-32, -32, -16, -16, -8, -8, -4, -4)
_LAR_FACTOR = (13107, 13107, 13107, 13107, 19223, 17476, 31454, 29708)  # 1/A
_LTP_GAIN = (3277, 11469, 21299, 32767)
_APCM_FACTOR = (18431, 20479, 22527, 24575, 26623, 28671, 30719, 32767)
_DEEMPHASIS = 28180


def _clamp(value: int) -> int:
    return -32768 if value < -32768 else min(value, 32767)


def _times(a: int, b: int) -> int:
    """The rounded product of two fractions of 2^15."""
    return min(a * b + 16384 >> 15, 32767)


def is_gsm(data: bytes) -> bool:
    """Whether the data is a whole number of frames that begin with GSM's signature."""
    starts = data[::FRAME_BYTES]
    return bool(data) and len(data) % FRAME_BYTES == 0 and all(byte >> 4 == _MAGIC for byte in starts)


def decode(data: bytes) -> array[int]:
    """16-bit samples at 8000 a second. Raises ValueError when the data is not GSM."""
    if not is_gsm(data):
        raise ValueError("not a GSM 06.10 recording")
    decoder = _Decoder()
    samples = array("h")
    for start in range(0, len(data), FRAME_BYTES):
        samples.extend(decoder.frame(data[start : start + FRAME_BYTES]))
    return samples


class _Decoder:
    """What one frame leaves for the next."""

    def __init__(self) -> None:
        self._excitation = [0] * 120  # the long-term predictor looks back up to 120 samples
        self._lag = 40
        self._ratios = [0] * 8  # log area ratios of the frame before
        self._lattice = [0] * 9
        self._deemphasis = 0

    def frame(self, data: bytes) -> Iterator[int]:
        bits = _Bits(data)
        bits.take(4)
        ratios = [_log_area_ratio(i, bits.take(width)) for i, width in enumerate(_LAR_BITS)]
        excitation: list[int] = []
        for _ in range(4):
            excitation += self._subframe(bits)
        for sample in self._synthesis(ratios, excitation):
            self._deemphasis = _clamp(sample + _times(self._deemphasis, _DEEMPHASIS))
            yield _clamp(2 * self._deemphasis) & ~7

    def _subframe(self, bits: _Bits) -> list[int]:
        lag, gain, grid, peak = bits.take(7), _LTP_GAIN[bits.take(2)], bits.take(2), bits.take(6)
        if 40 <= lag <= 120:
            self._lag = lag
        pulses = [0] * 40
        pulses[grid : grid + 39 : 3] = _pulses(peak, [bits.take(3) for _ in range(13)])
        past = self._excitation
        for k in range(40):
            past.append(_clamp(pulses[k] + _times(gain, past[120 + k - self._lag])))
        self._excitation = past[-120:]
        return past[-40:]

    def _synthesis(self, ratios: list[int], excitation: list[int]) -> Iterator[int]:
        lattice = self._lattice
        for begin, end, old_quarters in ((0, 13, 3), (13, 27, 2), (27, 40, 1), (40, 160, 0)):
            between = [_mix(o, n, old_quarters) for o, n in zip(self._ratios, ratios, strict=True)]
            reflections = [_reflection(ratio) for ratio in between]
            for sample in excitation[begin:end]:
                for i in range(7, -1, -1):
                    sample = _clamp(sample - _times(reflections[i], lattice[i]))
                    lattice[i + 1] = _clamp(lattice[i] + _times(reflections[i], sample))
                lattice[0] = sample
                yield sample
        self._ratios = ratios


class _Bits:
    """The numbers packed in a frame, most significant bit first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, width: int) -> int:
        self._left -= width
        return self._value >> self._left & (1 << width) - 1


def _log_area_ratio(i: int, code: int) -> int:
    value = _clamp((code + _LAR_MINIMUM[i] << 10) - 2 * _LAR_OFFSET[i])
    return _clamp(2 * _times(_LAR_FACTOR[i], value))


def _mix(old: int, new: int, old_quarters: int) -> int:
    """The ratio on the way from one frame to the next, in quarters."""
    if old_quarters == 3:
        return _clamp(_clamp((old >> 2) + (new >> 2)) + (old >> 1))
    if old_quarters == 2:
        return _clamp((old >> 1) + (new >> 1))
    if old_quarters == 1:
        return _clamp(_clamp((old >> 2) + (new >> 2)) + (new >> 1))
    return new


def _reflection(ratio: int) -> int:
    size = min(abs(ratio), 32767)
    if size < 11059:
        size *= 2
    elif size < 20070:
        size += 11059
    else:
        size = _clamp((size >> 2) + 26112)
    return size if ratio >= 0 else -size


def _pulses(peak: int, codes: list[int]) -> list[int]:
    """The thirteen pulses of a subframe from its coded peak and their 3-bit codes."""
    exponent = (peak >> 3) - 1 if peak > 15 else 0
    mantissa = peak - (exponent << 3)
    if mantissa == 0:
        exponent, mantissa = -4, 7
    else:
        while mantissa <= 7:
            mantissa = mantissa << 1 | 1
            exponent -= 1
        mantissa -= 8
    shift = 6 - exponent
    rounding = 1 << shift - 1 if shift > 0 else 0
    factor = _APCM_FACTOR[mantissa]
    return [_clamp(_times(factor, 2 * code - 7 << 12) + rounding) >> shift for code in codes]
