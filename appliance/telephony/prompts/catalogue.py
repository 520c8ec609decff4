"""The catalogue of prompts: every sentence a person can hear, in German and English."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LANGUAGES = ("de", "en")
CATALOGUE = Path(__file__).parent / "catalogue.toml"

_KEY = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_RECORDING = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
_NUMBERS = re.compile(r"[0-9]{1,3}(-[0-9]{1,3})?(, [0-9]{1,3}(-[0-9]{1,3})?)*")
_PLACE = "{n}"  # where a family's texts have the number


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
    faults = [fault for key, table in tables.items() for fault in _faults(key, table)]
    if not faults:
        prompts = [prompt for key, table in tables.items() for prompt in _prompts(key, table)]
        times = Counter(prompt.key for prompt in prompts)
        faults = [f"[{key}]: stands there {n} times, in a family too" for key, n in times.items() if n > 1]
    if faults:
        raise CatalogueError("\n".join(f"{path.name}: {fault}" for fault in faults))
    return {prompt.key: prompt for prompt in prompts}


def _prompts(key: str, table: Mapping[str, Any]) -> Iterator[Prompt]:
    """The prompts of a faultless table: one, or those of a family."""
    human = {language: table.get("human", {}).get(language) for language in LANGUAGES}
    if "numbers" not in table:
        yield Prompt(key, {language: table[language] for language in LANGUAGES}, human)
        return
    numbers = _numbers(table["numbers"])
    words = {language: _words(table, language, numbers) for language in LANGUAGES}
    for index, n in enumerate(numbers):
        texts = {language: table[language].replace(_PLACE, words[language][index]) for language in LANGUAGES}
        yield Prompt(f"{key}-{n}", texts, human)


def _words(table: Mapping[str, Any], language: str, numbers: list[int]) -> list[str]:
    """What a family's texts have in the place of each number: the number itself, or its own word."""
    words = table.get("words", {}).get(language)
    return words.split(", ") if words else [str(n) for n in numbers]


def _numbers(text: str) -> list[int]:
    """The numbers of a family: "2-8, 10" is 2 to 8, and 10."""
    numbers: list[int] = []
    for part in text.split(", "):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def _faults(key: str, table: Any) -> list[str]:
    if not _KEY.fullmatch(key):
        return [f"[{key}]: a key is small letters, digits and hyphens"]
    if not isinstance(table, dict):
        return [f"[{key}]: must be a table with {' and '.join(LANGUAGES)}"]
    fields = (*LANGUAGES, "human", "numbers", "words")
    faults = [f"[{key}]: unknown field {field!r}" for field in table if field not in fields]
    for language in LANGUAGES:
        text = table.get(language)
        if not isinstance(text, str) or not text.strip() or text != text.strip():
            faults.append(f"[{key}]: {language} needs a text without spaces around it")
        elif set("{}") & set(text.replace(_PLACE, "")) or text.count(_PLACE) != ("numbers" in table):
            faults.append(f"[{key}]: {language} has {_PLACE} once in a family, else no brackets")
    if "numbers" in table:
        faults += _family_faults(key, table)
    elif "words" in table:
        faults.append(f"[{key}]: words are for a family with numbers")
    human = table.get("human", {})
    if not isinstance(human, dict):
        return [*faults, f"[{key}]: human must name one recording per language"]
    for language, name in human.items():
        if language not in LANGUAGES:
            faults.append(f"[{key}]: unknown language {language!r} in human")
        elif not isinstance(name, str) or not _RECORDING.fullmatch(name):
            faults.append(f"[{key}]: human.{language} is not the name of a recording (no ending): {name!r}")
    return faults


def _family_faults(key: str, table: Mapping[str, Any]) -> list[str]:
    faults = [f"[{key}]: a family has no human voice"] if "human" in table else []
    numbers = table["numbers"]
    if not isinstance(numbers, str) or not _NUMBERS.fullmatch(numbers):
        return [*faults, f'[{key}]: numbers must be like "2-8, 10", of at most three digits']
    listed = [int(n) for n in re.findall("[0-9]+", numbers)]
    if listed != sorted(set(listed)):
        faults.append(f"[{key}]: numbers must rise: {numbers!r}")
    words = table.get("words", {})
    if not isinstance(words, dict) or not words.keys() <= set(LANGUAGES):
        return [*faults, f"[{key}]: words must have a text per language"]
    for language, text in words.items():
        if not isinstance(text, str) or text.count(", ") + 1 != len(_numbers(numbers)):
            faults.append(f"[{key}]: words.{language} must have a word for each number, between commas")
    return faults
