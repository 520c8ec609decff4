"""Reading one table of a config file: the right type or a problem with its line, nothing left unread."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from appliance.store.config_errors import SENTENCES, Problem, shown
from appliance.store.config_lines import Lines, Path

_TEXT_LENGTH = 200
Check = Callable[[str], str | None]
Suggest = Callable[[str], str]


def _no_suggestion(_value: str) -> str:
    return ""


class Problems:
    """Collects what is wrong with a config text, each with its line."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.found: list[Problem] = []

    def add(
        self, code: str, path: Path, field: str, suggestion: str = "", **values: str | tuple[str, str]
    ) -> None:
        """Note a problem; `values` fill the sentence, `suggestion` is shown as it is."""
        quoted = shown(suggestion) if suggestion else ""
        # What the sentence does not say is not kept: it may be a secret. Only `where` is said by the page.
        said = SENTENCES[code][0]
        values = {key: value for key, value in values.items() if f"{{{key}}}" in said or key == "where"}
        self.found.append(Problem(code, self.lines.of(*path), field, values, quoted, path))


class Table:
    """One table: its settings are taken by name and type, `finish` reports those nobody knows.

    A setting that is wrong is noted as a problem; the value returned then only keeps the reader going.
    """

    def __init__(self, problems: Problems, path: Path, field: str, values: Mapping[str, Any]) -> None:
        self._problems = problems
        self._values = values
        self._known: list[str] = []
        self.path = path
        self.field = field

    def text(
        self,
        key: str,
        default: str | None = None,
        check: Check | None = None,
        suggest: Suggest = _no_suggestion,
    ) -> str:
        """A printable text. `check` returns the code of what is wrong with it, or None;
        `suggest` then returns what was probably meant, or an empty text."""
        value = self._take(key, default)
        if not isinstance(value, str):
            self._refuse(value, "not text", key)
            return ""
        if key in self._values:
            self._check_text(value, check, suggest, key)
        return value

    def whole(self, key: str, default: int | None, least: int, most: int) -> int:
        """A whole number between `least` and `most`."""
        value = self._take(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            self._refuse(value, "not a whole number", key)
            return least
        if not least <= value <= most:
            limit = (f"{least} und {most}", f"{least} and {most}")
            self.problem("range", key, value=shown(value), limit=limit)
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Yes or no: true or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            self._refuse(value, "not yes or no", key)
            return default
        return value

    def choice(self, key: str, options: Sequence[str], default: str | None = None) -> str:
        """One of a few words."""
        value = self.text(key, default)
        if key in self._values and isinstance(self._values[key], str):
            self._check_choice(value, options, key)
        return value

    def texts(
        self,
        key: str,
        default: Sequence[str] | None = None,
        check: Check | None = None,
        suggest: Suggest = _no_suggestion,
    ) -> tuple[str, ...]:
        """A list of printable texts without repetition; an empty list is allowed.

        `check` and `suggest` judge each of them, as in `text`.
        """
        value = self._take(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(entry, str) for entry in value):
            self._refuse(value, "not texts", key)
            return ()
        for index, entry in enumerate(value):
            if entry in value[:index]:
                first = str(self.line(key, value.index(entry)))
                self.problem("twice", key, index, value=shown(entry), other=first, where=self.title)
            elif key in self._values:
                self._check_text(entry, check, suggest, key, index)
        return tuple(value)

    def texts_repeated(self, key: str, default: Sequence[str]) -> tuple[str, ...]:
        """A list of printable texts, of which one may be there several times."""
        value = self._take(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(entry, str) for entry in value):
            self._refuse(value, "not texts", key)
            return ()
        return tuple(value)

    def choices(self, key: str, options: Sequence[str], default: Sequence[str]) -> tuple[str, ...]:
        """A list of at least one of a few words."""
        values = self.texts(key, default)
        if self._values.get(key) == []:
            self.problem("empty", key)
        if key in self._values:
            for index, value in enumerate(values):
                self._check_choice(value, options, key, index)
        return values

    def entries(self, key: str) -> Mapping[str, Any]:
        """A table within this one; none of its entries when it is left out."""
        value = self._take(key, {})
        if isinstance(value, Mapping):
            return value
        self.problem("not entries", key)
        return {}

    def raw(self, key: str) -> object:
        """A required setting of any type, for the caller to judge; None when it is missing."""
        value = self._take(key, None)
        if value is None:
            self.problem("missing", key)
        return value

    def optional(self, key: str) -> object:
        """A setting of any type that may be left out, for the caller to judge; None when it is."""
        return self._take(key, None)

    @property
    def title(self) -> str:
        """What people call it, in quotes."""
        return shown(str(self._values.get("title") or self._values.get("name") or self._values.get("number")))

    def empty(self, key: str) -> bool:
        """Whether the setting is a list with nothing in it, or left out."""
        return key not in self._values or self._values[key] == []

    def line(self, *keys: str | int) -> int:
        """The line of a setting of this table."""
        return self._problems.lines.of(*self.path, *keys)

    def finish(self) -> None:
        """Report every setting that was never asked for."""
        for key in self._values:
            if key not in self._known:
                self.problem("unknown", key, suggestion=similar(key, self._known))

    def problem(
        self, code: str, *keys: str | int, suggestion: str = "", **values: str | tuple[str, str]
    ) -> None:
        """Note a problem at a setting of this table (or deeper in it)."""
        names = [self.field, *(key for key in keys if isinstance(key, str))]
        self._problems.add(code, (*self.path, *keys), ".".join(names), suggestion, **values)

    def _take(self, key: str, default: object) -> object:
        self._known.append(key)
        return self._values.get(key, default)

    def _refuse(self, value: object, code: str, key: str) -> None:
        self.problem("missing" if value is None else code, key)

    def _check_choice(self, value: str, options: Sequence[str], *keys: str | int) -> None:
        if value not in options:
            close, limit = similar(value, options), ", ".join(options)
            self.problem("choice", *keys, suggestion=close, value=shown(value), limit=limit)

    def _check_text(self, value: str, check: Check | None, suggest: Suggest, *keys: str | int) -> None:
        code: str | None = None
        if not value.isprintable():
            code = "not printable"
        elif len(value) > _TEXT_LENGTH:
            code = "too long"
        elif check is not None:
            code = check(value)
        if code is not None:
            close = suggest(value)
            self.problem(code, *keys, suggestion=close, value=shown(value), limit=str(_TEXT_LENGTH))


class Once:
    """Values that may occur only once in the file."""

    def __init__(self) -> None:
        self._taken: dict[str, tuple[int, str]] = {}

    def claim(self, value: str, table: Table, *keys: str | int) -> None:
        """Note the value as taken, or as a problem when it was taken before."""
        if value in self._taken:
            line, title = self._taken[value]
            table.problem("twice", *keys, value=shown(value), other=str(line), where=title)
        elif value:
            self._taken[value] = table.line(*keys), table.title


def similar(word: str, words: Iterable[str]) -> str:
    """The word that was probably meant, or an empty text."""
    folded = {known.casefold(): known for known in words}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else ""
