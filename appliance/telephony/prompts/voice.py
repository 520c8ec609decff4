"""The built-in voice reads a text of the office's own: a synthesiser of Debian's, run with narrow limits.

Used is what is installed, pico2wave before espeak-ng; the card has espeak-ng. Where neither is, as on a
developer's machine, `python -m appliance.telephony.prompts.voice` unpacks espeak-ng into the cache folder,
without root.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.telephony.debian_archive import (
    PreparationError,
    PrivateApt,
    Progress,
    machine_architecture,
    machine_mirror,
    unpack,
)
from appliance.telephony.sandbox import LOADERS, SUITE, cache_folder, locked, shown_progress

PACKAGE: Final = "espeak-ng"
LONGEST_TEXT: Final = 800  # characters, about a minute
_SECONDS: Final = 20.0
_BYTES: Final = 10_000_000  # of the sound: two minutes at 22 kHz are half of it
_LIMITS: Final = ("prlimit", "--cpu=15", "--as=600000000", f"--fsize={_BYTES}", "--core=0", "--nofile=64")
_PICO: Final = {"de": "de-DE", "en": "en-US"}


class CannotSpeak(RuntimeError):
    """The voice has made no sound of the text."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A synthesiser: its name, and the command that speaks the text of a file in a language into another."""

    name: str
    command: Callable[[str, str, Path], Sequence[str]]


def find_voice() -> Voice | None:
    """The voice of this machine; None when there is none."""
    if pico := shutil.which("pico2wave"):
        return Voice("pico2wave", lambda text, of, into: (pico, "-l", _PICO[of], "-w", f"{into}", "--", text))
    if espeak := shutil.which(PACKAGE):
        return _espeak((espeak,))
    root = _cached()
    return _unpacked(root) if (root / "made").exists() else None


def speak(voice: Voice, text: str, language: str) -> bytes:
    """The text as a WAV file. The voice sees nothing but the text, and has to be done soon.

    Raises CannotSpeak when it is not, or says nothing.
    """
    plain = " ".join(text.split())
    with tempfile.TemporaryDirectory(prefix="voice-") as folder:
        into = Path(folder, "spoken.wav")
        command = [*_LIMITS, *voice.command(plain, language, into)]
        environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "LC_ALL": "C.UTF-8"}
        try:
            subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=True,
            )
            return into.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise CannotSpeak(str(error)) from error


def ensure_voice(progress: Progress) -> Voice:
    """The voice of this machine; unpacks one when there is none. Raises PreparationError."""
    if voice := find_voice():
        return voice
    root = _cached()
    root.parent.mkdir(parents=True, exist_ok=True)
    with locked(root.with_suffix(".lock"), progress):
        if not (root / "made").exists():
            _make(root, progress)
    return _unpacked(root)


def _espeak(program: Sequence[str]) -> Voice:
    # "--" ends the options: a text may begin with a dash.
    return Voice(
        PACKAGE, lambda text, language, into: (*program, "-v", language, "-w", f"{into}", "--", text)
    )


def _cached() -> Path:
    return cache_folder() / f"{PACKAGE}-{SUITE}"


def _unpacked(root: Path) -> Voice:
    triplet, loader = LOADERS[machine_architecture()]
    libraries = root / "usr" / "lib" / triplet
    return _espeak(
        (
            *(f"{libraries / loader}", "--library-path", f"{libraries}:{libraries / 'pulseaudio'}"),
            *(f"{root / 'usr' / 'bin' / PACKAGE}", f"--path={libraries}"),
        )
    )


def _make(root: Path, progress: Progress) -> None:
    """Unpack it beside its place, then move it there."""
    beside = root.with_suffix(".half")
    for old in (beside, root):
        shutil.rmtree(old, ignore_errors=True)
    if machine_architecture() not in LOADERS:
        raise PreparationError(f"Install the package {PACKAGE}.", f"Bitte das Paket {PACKAGE} installieren.")
    architecture, archives = machine_architecture(), beside / "archives"
    apt = PrivateApt(beside / "apt", mirror=machine_mirror(), suite=SUITE, architecture=architecture)
    apt.update(progress)
    archives.mkdir()
    unpack(apt.download(apt.needed_by([PACKAGE]), archives, progress), beside / "root", progress)
    (beside / "root" / "made").touch()
    (beside / "root").rename(root)
    shutil.rmtree(beside, ignore_errors=True)


if __name__ == "__main__":
    with shown_progress("Voice") as shown:
        print(ensure_voice(shown).name)
