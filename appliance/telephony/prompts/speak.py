"""Speaks the catalogue into files (a developer's tool, see README.md): 8 kHz, even level, A-law."""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.telephony.prompts import g711
from appliance.telephony.prompts.catalogue import LANGUAGES, load_catalogue
from appliance.telephony.prompts.sounds import SAMPLES_PER_SECOND
from appliance.telephony.prompts.speech import (
    DIGESTS,
    SPEECH,
    Spoken,
    digest,
    load_digests,
    speech_file,
    write_digests,
)

Wave = NDArray[np.float64]  # full scale is 1.0

ACTIVE_DBFS = -18.0  # RMS while somebody speaks: the level of the English recordings
PEAK_DBFS = -3.0
SILENCE_SECONDS = 0.1  # kept at both ends
_CUTOFF_HZ = 3600.0
_OUTPUT = "OUTPUT"  # stands for the file in a command
_FRAME = SAMPLES_PER_SECOND // 100


class NoVoice(RuntimeError):
    """No synthesiser can be run here."""


def main() -> None:
    """Speak every text that changed since its file was made, and remove files nobody needs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="folder with an unpacked Debian package libttspico-utils")
    parser.add_argument("--all", action="store_true", help="speak everything anew")
    arguments = parser.parse_args()

    wanted = {
        (key, language): prompt.texts[language]
        for key, prompt in load_catalogue().items()
        for language in LANGUAGES
    }
    spoken = {} if arguments.all else {at: made for at, made in _made().items() if at in wanted}
    try:
        synthesiser, speak = _synthesiser(arguments.root)
        for (key, language), text in wanted.items():
            file = speech_file(key, language)
            made = spoken.get((key, language))
            if made and made.digest == digest(text, made.voice) and file.is_file():
                continue
            voice = f"{synthesiser} {language}"
            sound = finish(*speak(text, language))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(g711.encode(np.rint(sound * 32767).astype(int).tolist()))
            spoken[key, language] = Spoken(voice, digest(text, voice))
            print(f"{language} {key}: {len(sound) / SAMPLES_PER_SECOND:.1f} s, {voice}")
    except NoVoice as error:
        sys.exit(str(error))
    write_digests(spoken)
    for file in SPEECH.glob("*/*.alaw"):
        if (file.stem, file.parent.name) not in wanted:
            file.unlink()


def _made() -> dict[tuple[str, str], Spoken]:
    return load_digests() if DIGESTS.is_file() else {}


def finish(sound: Wave, rate_hz: int) -> Wave:
    """Make a telephone prompt of a synthesiser's output: 8 kHz, an even level, short silence around it."""
    sound = resample(sound, rate_hz)
    levels = _frame_levels(sound)
    active = np.flatnonzero(levels > levels.max() / 100)
    sound = sound[active[0] * _FRAME : (active[-1] + 1) * _FRAME]
    loud = levels[active]
    gain = 10 ** (ACTIVE_DBFS / 20) / math.sqrt(float(np.mean(loud**2)))
    gain = min(gain, 10 ** (PEAK_DBFS / 20) / float(np.abs(sound).max()))
    silence = np.zeros(int(SILENCE_SECONDS * SAMPLES_PER_SECOND))
    return np.concatenate([silence, sound * gain, silence])


def resample(sound: Wave, rate_hz: int, half_width: int = 32) -> Wave:
    """Bring a sound to 8 kHz through a windowed-sinc low-pass, `half_width` output samples each way."""
    step = rate_hz / SAMPLES_PER_SECOND
    reach = math.ceil(half_width * step)
    padded = np.pad(sound, reach + 1)
    centres = np.arange(int(len(sound) / step)) * step
    nearest = centres.astype(int)
    offsets = np.arange(-reach, reach + 1)
    distance = offsets[None, :] - (centres - nearest)[:, None]
    cutoff = min(2 * _CUTOFF_HZ / rate_hz, 1.0)
    window = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / (reach + 1), -1, 1))
    taps = cutoff * np.sinc(cutoff * distance) * window
    result: Wave = np.einsum("ij,ij->i", taps, padded[nearest[:, None] + offsets[None, :] + reach + 1])
    return result


def _frame_levels(sound: Wave) -> Wave:
    frames = sound[: len(sound) // _FRAME * _FRAME].reshape(-1, _FRAME)
    levels: Wave = np.sqrt(np.mean(frames**2, axis=1))
    return levels


def _synthesiser(root: Path | None) -> tuple[str, Callable[[str, str], tuple[Wave, int]]]:
    """Its name, and a function that speaks a text in a language. Raises NoVoice."""
    if shutil.which("pico2wave"):
        return "pico2wave", lambda text, language: _run(_pico(text, language))
    if root is not None:
        if not (root / "usr/bin/pico2wave").is_file():
            raise NoVoice(f"{root} has no pico2wave (Debian package libttspico-utils)")
        if not shutil.which("bwrap"):
            raise NoVoice("pico2wave under --root needs the command bwrap (Debian package bubblewrap)")
        return "pico2wave", lambda text, language: _run(_pico(text, language), root)
    if shutil.which("espeak-ng"):
        return "espeak-ng", lambda text, language: _run(["espeak-ng", "-v", language, "-w", _OUTPUT, text])
    raise NoVoice("neither pico2wave nor espeak-ng is here; see README.md")


def _pico(text: str, language: str) -> list[str]:
    return ["pico2wave", "-l", {"de": "de-DE", "en": "en-US"}[language], "-w", _OUTPUT, text]


def _run(command: list[str], root: Path | None = None) -> tuple[Wave, int]:
    """Run a synthesiser that writes the file _OUTPUT; returns its sound and rate."""
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder, "speech.wav"))
        command = [output if word is _OUTPUT else word for word in command]
        if root is not None:  # pico2wave looks for its voices in /usr/share/pico and nowhere else
            view = ["--ro-bind", str(root / "usr"), "/usr", "--symlink", "usr/lib64", "/lib64"]
            view += ["--symlink", "usr/lib", "/lib", "--bind", folder, folder]
            command = ["bwrap", *view, *command]
        subprocess.run(command, check=True)
        with wave.open(output, "rb") as reader:
            frames = np.frombuffer(reader.readframes(reader.getnframes()), "<i2")
            return frames / 32768, reader.getframerate()


if __name__ == "__main__":
    main()
