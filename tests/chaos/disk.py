"""What may be on a disk after a power cut: every prefix of what was done, with every legal loss and order.

The rules are POSIX's, as ALICE has them (Pillai et al., OSDI 2014), and stricter than any one file system:

* Nothing is on disk before a sync of that very file (its content) or folder (its names) says so; and
  whatever is not synced yet may be there or not, each by itself and in any order.
* A write may be there in part (torn in the middle, at a sector), or only its length: then there are zeros.
* A rename is whole or not at all, whatever has become of the content of what was renamed.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.trace import (
    Mark,
    Name,
    Operation,
    Recording,
    Rename,
    Resize,
    Sync,
    SyncFolder,
    Unname,
    Write,
)

_SECTOR = 512
_EVERY_SUBSET = 6  # of so many open operations every subset is tried
_SAMPLE = 10  # of so many, each by itself
TORN, ZEROS = "torn", "zeros"


@dataclass(frozen=True, slots=True)
class CrashState:
    """What is on disk when the power goes after operation number `cut`, and what had been told by then."""

    cut: int
    told: tuple[str, ...]
    files: Mapping[str, bytes]
    folders: frozenset[str]

    @property
    def digest(self) -> bytes:
        """The same for states that differ in nothing a recovery could see."""
        found = hashlib.blake2b(repr((sorted(self.told), sorted(self.folders))).encode())
        for name, content in sorted(self.files.items()):
            found.update(name.encode("utf-8", "surrogateescape") + b"\0" + _digest(content))
        return found.digest()

    def put(self, folder: Path) -> None:
        """Write it to a new folder."""
        folder.mkdir()
        for name in sorted(self.folders):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


@functools.lru_cache(maxsize=64)
def _digest(content: bytes) -> bytes:  # Python keeps the hash of the same object
    return hashlib.blake2b(content).digest()


def crash_states(
    recording: Recording, seed: int, *, at_random: int = 4, most_cuts: int = 400
) -> Iterator[CrashState]:
    """Distinct crash states, from the first cut to the last; `at_random` further losses of each cut.

    Of a recording with more than `most_cuts` operations, it is cut behind so many, and behind every mark.

    After every operation: all of it there, nothing that need not be, everything but one, one alone, the older
    or the younger part, a write torn or as zeros, two lost; every subset, where there are few. Where many
    operations are open, a sample of them.
    """
    chance = random.Random(seed)
    seen: set[bytes] = set()
    told: list[str] = []
    open_ones: list[int] = []
    cuts = range(len(recording.operations) + 1)
    chosen = set(chance.sample(cuts, min(most_cuts, len(cuts))))
    for cut in range(len(recording.operations) + 1):
        if cut:
            last = recording.operations[cut - 1]
            if isinstance(last, Mark):
                told.append(last.text)
            elif isinstance(last, Sync | SyncFolder):
                open_ones = [each for each in open_ones if not _settles(last, each, recording.operations)]
            else:
                open_ones.append(cut - 1)
            if cut not in chosen and not isinstance(last, Mark):
                continue
        for lost in _losses(recording.operations, open_ones, chance, at_random):
            state = _state(recording, cut, tuple(told), lost)
            if state.digest not in seen:
                seen.add(state.digest)
                yield state


def _settles(sync: Sync | SyncFolder, number: int, operations: list[Operation]) -> bool:
    """Whether this sync brings that operation to disk."""
    operation = operations[number]
    if number >= sync.upto:
        return False
    if isinstance(sync, SyncFolder):
        return _folder_of(operation) == sync.path
    return isinstance(operation, Write | Resize) and operation.file == sync.file


def _folder_of(operation: Operation) -> str | None:
    """The folder whose names it changes."""
    match operation:
        case Name(path) | Unname(path) | Rename(_, path):
            return path.rpartition("/")[0]
    return None


def _losses(
    operations: list[Operation], open_ones: list[int], chance: random.Random, at_random: int
) -> Iterator[dict[int, str]]:
    """Which of the open operations are lost (''), torn or zeros, in each state."""
    yield {}
    yield dict.fromkeys(open_ones, "")
    if len(open_ones) <= _EVERY_SUBSET:
        for size in range(1, len(open_ones)):
            for lost in itertools.combinations(open_ones, size):
                yield dict.fromkeys(lost, "")
    places = range(len(open_ones))
    for place in sorted(chance.sample(places, min(len(places), _SAMPLE))):
        number = open_ones[place]
        yield {number: ""}
        yield dict.fromkeys(open_ones[:place] + open_ones[place + 1 :], "")
        yield dict.fromkeys(open_ones[:place], "")
        yield dict.fromkeys(open_ones[place:], "")
        if isinstance(operation := operations[number], Write):
            kinds = [ZEROS, TORN] if len(operation.data) > 1 else [ZEROS]
            for kind in kinds:
                yield {number: kind}
                yield {**dict.fromkeys(open_ones[place + 1 :], ""), number: kind}
    for _ in range(12 if len(open_ones) > _EVERY_SUBSET else 0):
        yield dict.fromkeys(chance.sample(open_ones, 2), "")
    for _ in range(at_random if open_ones else 0):
        lost = {number: "" for number in open_ones if chance.random() < 0.5}
        for number in open_ones:
            if isinstance(operations[number], Write) and chance.random() < 0.15:
                lost[number] = chance.choice([TORN, ZEROS])
        yield lost


def _state(recording: Recording, cut: int, told: tuple[str, ...], lost: dict[int, str]) -> CrashState:
    names = dict(recording.names)
    folders = set(recording.folders)
    content: dict[int, bytes | bytearray] = dict(recording.content)
    for number, operation in enumerate(recording.operations[:cut]):
        how = lost.get(number)
        if how == "":
            continue
        match operation:
            case Write(file, offset, data):
                _write(_changeable(content, file), offset, data, how)
            case Resize(file, size):
                changed = _changeable(content, file)
                del changed[size:]
                changed.extend(bytes(size - len(changed)))
            case Name(path, None):
                folders.add(path)
            case Name(path, file):
                names[path] = file
            case Unname(path):
                names.pop(path, None)
                folders.discard(path)
            case Rename(old, new, file):
                if names.get(old) == file:
                    del names[old]
                names[new] = file
    there = {name: bytes(content[file]) for name, file in names.items() if _has_folder(name, folders)}
    return CrashState(
        cut, told, there, frozenset(folder for folder in folders if _has_folder(folder, folders))
    )


def _has_folder(name: str, folders: set[str]) -> bool:
    above = name.rpartition("/")[0]
    return not above or (above in folders and _has_folder(above, folders))


def _changeable(content: dict[int, bytes | bytearray], file: int) -> bytearray:
    known = content[file]
    if not isinstance(known, bytearray):
        content[file] = known = bytearray(known)
    return known


def _write(content: bytearray, offset: int, data: bytes, how: str | None) -> None:
    if how == TORN:
        middle = offset + len(data) // 2
        edge = middle - middle % _SECTOR
        data = data[: edge - offset] if edge > offset else data[: len(data) // 2]
    elif how == ZEROS:
        if offset + len(data) <= len(content):
            return  # inside the file, nothing was there to grow: what was there stays
        data = bytes(content[offset:]) + bytes(offset + len(data) - max(offset, len(content)))
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data
