"""Where in a TOML text each table, key and list entry stands, which Python's own reader does not tell."""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_TEXT = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:'{0,2})|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''', re.DOTALL
)
_PLAIN = re.compile(r"[^,\]}#\n]*")


class Lines:
    """The line of everything in a TOML text that `tomllib` has accepted."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        self._document()

    def of(self, *path: str | int) -> int:
        """The line (from 1) of what is at `path`, else of what it would stand in; 0 outside of everything."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)

    def _document(self) -> None:
        table: Path = ()
        while self._skip(_BLANK) < len(self._text):
            if self._next("["):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        start = self._at
        brackets = 2 if self._text.startswith("[[", start) else 1
        self._at += brackets
        path = self._resolved(self._key())
        if brackets == 2:
            # _resolved has gone into the last table of the list; this is the next one.
            path = path[:-1] if path and isinstance(path[-1], int) else path
            count = self._counts.get(path, 0)
            self._counts[path] = count + 1
            self._lines.setdefault(path, self._line(start))
            path = (*path, count)
        self._at += brackets
        self._lines[path] = self._line(start)
        return path

    def _resolved(self, keys: list[str]) -> Path:
        """Keys as a path, where a list of tables means its last table so far."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        line = self._line(self._at)
        path = table
        for key in self._key():
            path = (*path, key)
            self._lines.setdefault(path, line)
        self._skip(_BLANK)
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip(_BLANK)
        if self._next("["):
            self._list(path)
        elif self._next("{"):
            self._inline_table(path)
        elif self._skip_text():
            pass
        else:
            self._skip(_PLAIN)

    def _list(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._skip(_BLANK) < len(self._text) and not self._next("]"):
            self._lines[(*path, index)] = self._line(self._at)
            self._value((*path, index))
            index += 1
            self._skip(_BLANK)
            if self._next(","):
                self._at += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._skip(_BLANK) < len(self._text) and not self._next("}"):
            self._pair(path)
            self._skip(_BLANK)
            if self._next(","):
                self._at += 1
        self._at += 1

    def _key(self) -> list[str]:
        keys = []
        while True:
            self._skip(re.compile(r"[ \t]*"))
            match = _KEY.match(self._text, self._at)
            if match is None:
                raise ValueError(f"not TOML at line {self._line(self._at)}")
            self._at = match.end()
            token = match[0]
            keys.append(_unquoted(token) if token[0] in "\"'" else token)
            dot = _DOT.match(self._text, self._at)
            if dot is None:
                self._skip(re.compile(r"[ \t]*"))
                return keys
            self._at = dot.end()

    def _next(self, start: str) -> bool:
        return self._text.startswith(start, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at

    def _skip_text(self) -> bool:
        start = self._at
        return self._skip(_TEXT) > start

    def _line(self, at: int) -> int:
        return self._text.count("\n", 0, at) + 1


def _unquoted(token: str) -> str:
    value = tomllib.loads(f"key = {token}")["key"]
    return str(value)
