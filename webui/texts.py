"""Every sentence of the pages, in each language, from `texts/*.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LANGUAGES: Final = ("de", "en")

_FOLDER: Final = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True)
class Texts:
    """The sentences of one language."""

    language: str
    sentences: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The sentence for `key` with its `{places}` filled in. Raises KeyError when there is none."""
        return self.sentences[key].format(**values)

    def or_as_is(self, group: str, word: str) -> str:
        """The sentence for `word` in `group`, or the word itself when nobody has worded it yet."""
        return self.sentences.get(f"{group}.{word}", word)


def _load(language: str) -> Texts:
    groups: dict[str, dict[str, str]] = tomllib.loads((_FOLDER / f"{language}.toml").read_text("utf-8"))
    return Texts(
        language, {f"{group}.{key}": text for group, keys in groups.items() for key, text in keys.items()}
    )


TEXTS: Final[Mapping[str, Texts]] = {language: _load(language) for language in LANGUAGES}
