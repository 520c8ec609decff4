"""Reading the sound files of prompts and recordings: A-law, WAV and GSM, all at 8000 samples a second."""

from __future__ import annotations

import struct
import wave
from array import array
from pathlib import Path

from appliance.telephony.prompts import g711, gsm

SAMPLES_PER_SECOND = 8000
SUFFIXES = (".wav", ".alaw", ".gsm")
_BYTES_PER_SECOND = {".wav": 16000, ".alaw": 8000, ".gsm": 1650}


class SoundError(ValueError):
    """The file cannot be played; says why in both languages."""

    def __init__(self, path: Path, german: str, english: str) -> None:
        super().__init__(f"{path}: {english}")
        self.path, self.german, self.english = path, german, english


def check_sound(path: Path) -> None:
    """Whether Asterisk can play a sound. Raises SoundError for one it cannot, or OSError."""
    _content(path)


def samples(path: Path, longest_seconds: int | None = None) -> array[int]:
    """The 16-bit samples of a sound, or of its beginning.

    Raises SoundError for one Asterisk could not play, or OSError.
    """
    content = _content(path)
    if longest_seconds is not None:
        content = content[: longest_seconds * _BYTES_PER_SECOND[path.suffix]]
    match path.suffix:
        case ".wav":
            return array("h", struct.unpack(f"<{len(content) // 2}h", content))
        case ".alaw":
            return g711.decode(content)
        case _:
            return gsm.decode(content)


def _content(path: Path) -> bytes:
    """The coded samples of a sound Asterisk can play."""
    match path.suffix:
        case ".wav":
            content = _wav(path)
        case ".alaw" | ".gsm":
            content = path.read_bytes()
        case _:
            endings = ", ".join(SUFFIXES)
            raise SoundError(path, f"ist keine Tondatei ({endings})", f"is not a sound file ({endings})")
    if not content:
        raise SoundError(path, "ist leer", "is empty")
    if path.suffix == ".gsm" and not gsm.is_gsm(content):
        raise SoundError(path, "ist keine GSM-Aufnahme", "is not a GSM recording")
    return content


def _wav(path: Path) -> bytes:
    try:
        with wave.open(str(path), "rb") as reader:
            form = (reader.getnchannels(), reader.getsampwidth(), reader.getframerate())
            content = reader.readframes(reader.getnframes())
    except (wave.Error, EOFError) as error:
        raise SoundError(
            path, "ist keine WAV-Datei mit 16-Bit-PCM", "is not a WAV file with 16-bit PCM"
        ) from error
    if form != (1, 2, SAMPLES_PER_SECOND):
        seen = f"{form[0]} x {8 * form[1]} bit, {form[2]} Hz"
        raise SoundError(
            path,
            f"muss mono, 16 Bit und {SAMPLES_PER_SECOND} Hz haben, hat {seen}",
            f"must be mono, 16 bit and {SAMPLES_PER_SECOND} Hz, has {seen}",
        )
    return content[: len(content) // 2 * 2]
