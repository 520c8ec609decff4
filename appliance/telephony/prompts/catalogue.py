"""The catalogue of prompts: every sentence a person can hear, in German and English."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LANGUAGES = ("de", "en")
CATALOGUE = Path(__file__).parent / "catalogue.toml"

_KEY = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_RECORDING = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


class CatalogueError(ValueError):
    """The catalogue cannot be used; the text lists every fault with its key."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One sentence. `texts` and `human` have an entry for every language.

    `human` is the name of a recording in the Debian sound packages that says the sentence, or None.
    """

    key: str
    texts: Mapping[str, str]
    human: Mapping[str, str | None]


def load_catalogue(path: Path = CATALOGUE) -> dict[str, Prompt]:
    """Read the catalogue, by key. Raises CatalogueError with every fault, or OSError."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:  # not TOML (which also forbids a key twice) or not UTF-8
        raise CatalogueError(f"{path.name}: {error}") from error
    faults = [f"{path.name}: {fault}" for key, table in tables.items() for fault in _faults(key, table)]
    if faults:
        raise CatalogueError("\n".join(faults))
    return {
        key: Prompt(
            key=key,
            texts={language: table[language] for language in LANGUAGES},
            human={language: table.get("human", {}).get(language) for language in LANGUAGES},
        )
        for key, table in tables.items()
    }


def _faults(key: str, table: Any) -> list[str]:
    if not _KEY.fullmatch(key):
        return [f"[{key}]: a key is small letters, digits and hyphens"]
    if not isinstance(table, dict):
        return [f"[{key}]: must be a table with {' and '.join(LANGUAGES)}"]
    faults = [f"[{key}]: unknown field {field!r}" for field in table if field not in (*LANGUAGES, "human")]
    for language in LANGUAGES:
        text = table.get(language)
        if not isinstance(text, str) or not text.strip() or text != text.strip():
            faults.append(f"[{key}]: {language} needs a text without spaces around it")
    human = table.get("human", {})
    if not isinstance(human, dict):
        return [*faults, f"[{key}]: human must name one recording per language"]
    for language, name in human.items():
        if language not in LANGUAGES:
            faults.append(f"[{key}]: unknown language {language!r} in human")
        elif not isinstance(name, str) or not _RECORDING.fullmatch(name):
            faults.append(f"[{key}]: human.{language} is not the name of a recording (no ending): {name!r}")
    return faults
