"""The built-in speech: where its files are, and from which text and voice each was made."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

SPEECH = Path(__file__).parent / "speech"
DIGESTS = SPEECH / "digests.toml"
VERSION = 1  # of the way speak.py makes a file; raise it when the sound would come out different


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a built-in file was made from: the voice, and a digest of text, voice and version."""

    voice: str
    digest: str


def digest(text: str, voice: str, version: int = VERSION) -> str:
    """SHA-256 of what decides how a file sounds."""
    return hashlib.sha256(json.dumps([text, voice, version]).encode()).hexdigest()


def speech_file(key: str, language: str) -> Path:
    """The built-in file of a prompt, whether it exists or not."""
    return SPEECH / language / f"{key}.alaw"


def load_digests(path: Path = DIGESTS) -> dict[tuple[str, str], Spoken]:
    """What every built-in file was made from, by key and language. Raises OSError or ValueError."""
    languages = tomllib.loads(path.read_text("utf-8"))
    return {
        (key, language): Spoken(entry["voice"], entry["digest"])
        for language, entries in languages.items()
        for key, entry in entries.items()
    }


def write_digests(spoken: dict[tuple[str, str], Spoken], path: Path = DIGESTS) -> None:
    """Write what `load_digests` reads."""
    lines = ["# Written by speak.py: what each file of built-in speech was made from."]
    for language in sorted({language for _, language in spoken}):
        lines += ["", f"[{language}]"]
        lines += [
            f'{key} = {{ voice = "{made.voice}", digest = "{made.digest}" }}'
            for (key, of_language), made in sorted(spoken.items())
            if of_language == language
        ]
    path.write_text("\n".join(lines) + "\n", "utf-8")
