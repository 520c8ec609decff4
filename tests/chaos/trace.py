"""What a program does to the files of a folder, system call by system call (strace), as a list of operations.

Marks are part of it: a traced program opens a file below MARKS, which does not exist, to say what it has just
told a person. What changes files in a way that is not understood is an error, never left out.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appliance.telephony.debian_archive import PreparationError

MARKS = "/freizeichen-mark/"

_STRINGS = 4 << 20  # the longest write that is kept whole
_CALLS = ",".join(
    (
        *(
            "open",
            "openat",
            "openat2",
            "creat",
            "write",
            "writev",
            "pwrite64",
            "pwritev",
            "pwritev2",
            "lseek",
        ),
        *("truncate", "ftruncate", "fallocate", "sendfile", "copy_file_range", "splice", "mmap"),
        *("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir"),
        *(
            "link",
            "linkat",
            "symlink",
            "symlinkat",
            "fsync",
            "fdatasync",
            "sync",
            "syncfs",
            "sync_file_range",
        ),
        *("clone", "clone3", "fork", "vfork", "fchdir", "chdir", "dup", "dup2", "dup3"),
    )
)
_LINE = re.compile(r"(\d+) +(.*)", re.DOTALL)
_DONE = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)(?:<([^>]*)>)?(?:\(deleted\))?.*")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)", re.DOTALL)
_UNFINISHED = " <unfinished ...>"
_FD = re.compile(r"(-?\d+|AT_FDCWD)(?:<([^>]*)>(\(deleted\))?)?")
_HEX = re.compile(r"\\x([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Write:
    """`data` put into a file at `offset`."""

    file: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    """A file cut off, or made longer with zeros."""

    file: int
    size: int


@dataclass(frozen=True, slots=True)
class Name:
    """A file, or a folder (`file` is None), gets a name in its folder."""

    path: str
    file: int | None


@dataclass(frozen=True, slots=True)
class Unname:
    """A name goes."""

    path: str


@dataclass(frozen=True, slots=True)
class Rename:
    """A file gets another name in place of its own, and of whatever bore it: both or neither."""

    old: str
    new: str
    file: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A file's content is on disk: what was done to it before the operation number `upto`."""

    file: int
    upto: int


@dataclass(frozen=True, slots=True)
class SyncFolder:
    """A folder's names are on disk, as far as operation number `upto`."""

    path: str
    upto: int


@dataclass(frozen=True, slots=True)
class Mark:
    """What a person has just been told."""

    text: str


Operation = Write | Resize | Name | Unname | Rename | Sync | SyncFolder | Mark


@dataclass(slots=True)
class Recording:
    """The files of a folder at the beginning, names relative to it, and what was done to them then.

    Files are numbered; `names` are those of the beginning.
    """

    folders: set[str] = field(default_factory=set)
    names: dict[str, int] = field(default_factory=dict)
    content: dict[int, bytes] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)

    def marks(self) -> list[str]:
        """What was told, in order."""
        return [operation.text for operation in self.operations if isinstance(operation, Mark)]


class NotUnderstoodError(ValueError):
    """A traced program has changed files in a way the model does not know."""


def look_at(folder: Path, ignored: Sequence[str] = ()) -> Recording:
    """The files of `folder` as they are now, all taken to be on disk. `ignored` are ends of names."""
    recording = Recording()
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir():
            recording.folders.add(name)
        elif path.is_file() and not name.endswith(tuple(ignored)):
            recording.names[name] = len(recording.content)
            recording.content[recording.names[name]] = path.read_bytes()
    return recording


def strace_command(log: Path, words: Sequence[str]) -> list[str]:
    """The command that runs `words` and writes what they do to `log`. Raises PreparationError."""
    strace = shutil.which("strace")
    if strace is None:
        raise PreparationError("This needs strace (package strace).", "Das braucht strace (Paket strace).")
    return [
        *(strace, "-f", "-xx", "-y", "-s", str(_STRINGS), "-e", f"trace={_CALLS}"),
        *("-e", "signal=none", "-o", str(log), *words),
    ]


def record(
    folder: Path,
    words: Sequence[str],
    *,
    ignored: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout_seconds: float = 120.0,
) -> Recording:
    """Run a program, and keep what it and its children do to the files of `folder`.

    Raises PreparationError when it fails, NotUnderstoodError.
    """
    recording = look_at(folder, ignored)
    log = folder.with_name(folder.name + ".strace")
    done = subprocess.run(
        strace_command(log, words), env=environment, capture_output=True, text=True, check=False,
        timeout=timeout_seconds,
    )  # fmt: skip
    if done.returncode:
        said = f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        raise PreparationError(said, said)
    read_into(recording, log.read_text("ascii").splitlines(), folder, ignored)
    return recording


def read_into(recording: Recording, lines: Sequence[str], folder: Path, ignored: Sequence[str] = ()) -> None:
    """Add what strace wrote. Raises NotUnderstoodError."""
    reader = _Reader(recording, str(folder.resolve()), tuple(ignored))
    for begun, ended, thread, text in _finished(lines):
        reader.take(begun, ended, thread, text)


def _finished(lines: Sequence[str]) -> Iterator[tuple[int, int, int, str]]:
    """Whole system calls in the order they ended: the lines they began and ended at, thread, and text."""
    begun: dict[int, tuple[int, str]] = {}
    for number, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        thread, text = int(match[1]), match[2]
        if text.endswith(_UNFINISHED):
            begun[thread] = (number, text.removesuffix(_UNFINISHED))
        elif resumed := _RESUMED.fullmatch(text):
            start, first = begun.pop(thread, (number, ""))
            yield start, number, thread, first + resumed[1]
        else:
            yield number, number, thread, text


def _text(quoted: str) -> str:
    return _bytes(quoted).decode("utf-8", "surrogateescape")


def _bytes(quoted: str) -> bytes:
    return bytes.fromhex(quoted.replace("\\x", ""))


class _Reader:
    """Follows which file has which name, and where each descriptor stands."""

    def __init__(self, recording: Recording, root: str, ignored: tuple[str, ...]) -> None:
        self._out = recording
        self._root = root
        self._ignored = ignored
        self._now = dict(recording.names)
        self._folders = {"", *recording.folders}
        self._sizes = {file: len(content) for file, content in recording.content.items()}
        self._places: dict[tuple[int, int], int] = {}
        self._appends: set[tuple[int, int]] = set()
        self._family: dict[int, int] = {}
        self._ended: list[int] = []  # of each operation, at which line
        self._line = 0

    def take(self, begun: int, ended: int, thread: int, text: str) -> None:
        """One system call that has ended."""
        self._line = ended
        match = _DONE.fullmatch(text)
        if match is None:
            return
        name, inside, result, returned = match[1], match[2], match[3], match[4]
        if name in ("open", "openat", "creat", "openat2"):
            self._open(thread, name, inside, result, returned)
        elif result.startswith("-") or result == "?":
            return
        elif name in ("clone", "clone3", "fork", "vfork"):
            if "CLONE_FILES" in inside or "CLONE_THREAD" in inside:
                self._family[int(result)] = self._group(thread)
        else:
            self._change(begun, thread, name, inside, int(result))

    def _group(self, thread: int) -> int:
        return self._family.get(thread, thread)

    def _inside(self, path: str) -> str | None:
        """The name relative to the root, None for a path elsewhere or one that does not count."""
        if path == self._root:
            return ""
        if not path.startswith(self._root + "/"):
            return None
        name = path[len(self._root) + 1 :]
        return None if name.endswith(self._ignored) and self._ignored else name

    def _add(self, operation: Operation) -> None:
        self._out.operations.append(operation)
        self._ended.append(self._line)

    def _open(self, thread: int, call: str, inside: str, result: str, returned: str | None) -> None:
        path = self._path_argument(inside, at=call.startswith("openat"))
        if path.startswith(MARKS):
            self._add(Mark(path.removeprefix(MARKS)))
            return
        if result.startswith("-") or returned is None:
            return
        name, flags = self._inside(_text(returned)), inside
        place = (self._group(thread), int(result))
        self._places[place] = 0
        self._appends.discard(place)
        if "O_APPEND" in flags:
            self._appends.add(place)
        if name is None or name in self._folders:
            return
        if "O_TMPFILE" in flags:
            raise NotUnderstoodError(inside)
        if name not in self._now:
            self._new_file(name)
        elif "O_TRUNC" in flags or call == "creat":
            file = self._now[name]
            if self._sizes[file]:
                self._add(Resize(file, 0))
                self._sizes[file] = 0

    def _new_file(self, name: str) -> None:
        file = len(self._out.content)
        self._out.content[file] = b""
        self._sizes[file] = 0
        self._now[name] = file
        self._add(Name(name, file))

    def _path_argument(self, inside: str, *, at: bool, after: int = 0) -> str:
        """The path that is the next string argument, made absolute."""
        rest = inside[after:]
        base = ""
        if at and (match := _FD.match(rest)):
            base = _text(match[2] or "")
        quoted = re.search(r'"([^"]*)"', rest)
        path = _text(quoted[1]) if quoted else ""
        return path if path.startswith("/") or not base else f"{base}/{path}".rstrip("/")

    def _change(self, begun: int, thread: int, name: str, inside: str, result: int) -> None:
        if name in ("write", "pwrite64", "writev", "pwritev", "pwritev2"):
            self._write(thread, name, inside, result)
        elif name == "lseek":
            self._seek(thread, inside, result)
        elif name in ("ftruncate", "truncate", "fallocate"):
            self._resize(name, inside)
        elif name in ("fsync", "fdatasync"):
            self._sync(begun, inside)
        elif name in ("rename", "renameat", "renameat2"):
            self._rename(inside)
        elif name in ("link", "linkat"):
            self._link(inside)
        elif name in ("unlink", "unlinkat", "rmdir"):
            self._unlink(inside, at=name == "unlinkat")
        elif name in ("mkdir", "mkdirat"):
            self._mkdir(inside, at=name == "mkdirat")
        elif name == "mmap":
            file = self._file_of(inside)
            if file is not None and "MAP_SHARED" in inside and "PROT_WRITE" in inside:
                raise NotUnderstoodError(inside)
        elif name in ("dup", "dup2", "dup3"):
            if self._file_of(inside) is not None:
                raise NotUnderstoodError(f"{name}({inside})")
        elif self._root in _HEX.sub(lambda m: chr(int(m[1], 16)), inside):
            raise NotUnderstoodError(f"{name}({inside[:200]})")

    def _file_of(self, inside: str) -> int | None:
        """The file of the first descriptor that has a name inside, None for another."""
        for match in _FD.finditer(inside):
            if match[2]:
                name = self._inside(_text(match[2]))
                return None if name is None or match[3] else self._now.get(name)
        return None

    def _write(self, thread: int, name: str, inside: str, result: int) -> None:
        descriptor = _FD.match(inside)
        assert descriptor is not None
        file = self._file_of(inside[: descriptor.end()])
        if file is None:
            return
        data = b"".join(_bytes(found) for found in re.findall(r'"([^"]*)"', inside))[:result]
        if len(data) < result:
            raise NotUnderstoodError(f"{name} of {result} bytes was not recorded whole")
        place = (self._group(thread), int(descriptor[1]))
        if name.startswith("pwrite"):
            offset = int(inside.rsplit(",", 1)[1])
        else:
            offset = self._sizes[file] if place in self._appends else self._places.get(place, 0)
            self._places[place] = offset + result
        self._sizes[file] = max(self._sizes[file], offset + result)
        self._add(Write(file, offset, data))

    def _seek(self, thread: int, inside: str, result: int) -> None:
        descriptor = _FD.match(inside)
        if descriptor is not None:
            self._places[self._group(thread), int(descriptor[1])] = result

    def _resize(self, name: str, inside: str) -> None:
        if name == "truncate":
            known = self._inside(self._path_argument(inside, at=False))
            file = None if known is None else self._now.get(known)
        else:
            file = self._file_of(inside)
        if file is None:
            return
        if name == "fallocate":
            raise NotUnderstoodError(inside)
        size = int(inside.rsplit(",", 1)[1])
        self._sizes[file] = size
        self._add(Resize(file, size))

    def _sync(self, begun: int, inside: str) -> None:
        descriptor = _FD.match(inside)
        name = self._inside(_text(descriptor[2] or "")) if descriptor else None
        if name is None or (descriptor and descriptor[3]):
            return
        upto = bisect_left(self._ended, begun)  # what another thread has written meanwhile does not count
        if name in self._folders:
            self._add(SyncFolder(name, upto))
        elif name in self._now:
            self._add(Sync(self._now[name], upto))

    def _rename(self, inside: str) -> None:
        if "RENAME_" in inside:
            raise NotUnderstoodError(inside)
        old, new = (self._inside(path) for path in self._two_paths(inside))
        if old is None and new is None:
            return
        if old is None or new is None or old not in self._now:
            raise NotUnderstoodError(inside)
        file = self._now.pop(old)
        self._now[new] = file
        self._add(Rename(old, new, file))

    def _link(self, inside: str) -> None:
        old, new = (self._inside(path) for path in self._two_paths(inside))
        if new is None:
            return
        if old not in self._now:
            raise NotUnderstoodError(inside)
        self._now[new] = self._now[old]
        self._add(Name(new, self._now[old]))

    def _two_paths(self, inside: str) -> list[str]:
        found = []
        for match in re.finditer(r'(?:(?:\d+|AT_FDCWD)<([^>]*)>, )?"([^"]*)"', inside):
            path = _text(match[2])
            found.append(path if path.startswith("/") else f"{_text(match[1] or '')}/{path}")
        return found

    def _unlink(self, inside: str, *, at: bool) -> None:
        name = self._inside(self._path_argument(inside, at=at))
        if name is None:
            return
        self._now.pop(name, None)
        self._folders.discard(name)
        self._add(Unname(name))

    def _mkdir(self, inside: str, *, at: bool) -> None:
        name = self._inside(self._path_argument(inside, at=at))
        if name is not None:
            self._folders.add(name)
            self._add(Name(name, None))
