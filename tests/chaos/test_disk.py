"""The model of a disk: what may be there after a power cut, and what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.disk import CrashState, crash_states
from tests.chaos.trace import (
    Mark,
    Name,
    NotUnderstoodError,
    Operation,
    Recording,
    Rename,
    Resize,
    Sync,
    SyncFolder,
    Unname,
    Write,
    read_into,
)

WORDS = b"w" * 1000


def states(*operations: Operation, names: dict[str, bytes] | None = None) -> list[CrashState]:
    recording = Recording({"spool"})
    for number, (name, content) in enumerate((names or {}).items()):
        recording.names[name], recording.content[number] = number, content
    recording.operations = list(operations)
    for operation in operations:
        if isinstance(operation, Name) and operation.file is not None:
            recording.content.setdefault(operation.file, b"")
    return list(crash_states(recording, 1))


def after(told: str, found: list[CrashState]) -> list[dict[str, bytes]]:
    return [dict(state.files) for state in found if told in state.told]


def test_what_is_synced_with_its_name_is_there() -> None:
    found = states(
        Name("spool/new.part", 0), Write(0, 0, WORDS), Sync(0, 2), Rename("spool/new.part", "spool/new", 0),
        SyncFolder("spool", 4), Mark("kept"),
    )  # fmt: skip
    assert after("kept", found) == [{"spool/new": WORDS}]
    assert {"spool/new": b""} not in [state.files for state in found]


def test_a_rename_may_come_before_what_it_renames() -> None:
    found = states(
        Name("spool/new.part", 0), Write(0, 0, WORDS), Rename("spool/new.part", "spool/new", 0),
        SyncFolder("spool", 3), Mark("kept"),
    )  # fmt: skip
    assert {"spool/new": b""} in after("kept", found)
    assert {"spool/new": bytes(1000)} in after("kept", found)
    assert {"spool/new": WORDS[:500]} in after("kept", found)


def test_a_name_without_a_sync_of_its_folder_may_be_lost() -> None:
    found = states(Name("spool/new", 0), Write(0, 0, WORDS), Sync(0, 2), Mark("kept"))
    assert {} in after("kept", found)


def test_what_was_removed_may_come_back_until_its_folder_is_synced() -> None:
    found = states(
        Unname("spool/old"),
        Mark("gone"),
        SyncFolder("spool", 2),
        Mark("for good"),
        names={"spool/old": WORDS},
    )
    assert {"spool/old": WORDS} in after("gone", found)
    assert after("for good", found) == [{}]


def test_a_write_that_came_while_another_synced_is_not_on_disk() -> None:
    found = states(
        Name("f", 0), SyncFolder("", 1), Write(0, 0, b"old"), Write(0, 0, b"new"), Sync(0, 3), Mark("kept")
    )
    assert {state["f"] for state in after("kept", found)} >= {b"old", b"new"}


def test_a_cut_off_file_may_have_its_old_end() -> None:
    found = states(Resize(0, 0), Write(0, 0, b"ab"), Mark("said"), names={"f": b"1234"})
    assert {state["f"] for state in after("said", found)} >= {b"1234", b"ab34", b"ab", b""}


def test_the_same_seed_finds_the_same_states() -> None:
    operations = [Write(0, 10 * place, b"x" * 10) for place in range(12)]
    first, again = ([state.digest for state in states(*operations, names={"f": b""})] for _ in range(2))
    assert first == again
    assert len(set(first)) == len(first) > 200


def quoted(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def line(thread: int, call: str, *arguments: str, result: str = "0") -> str:
    return f"{thread} {call}({', '.join(arguments)}) = {result}"


def fd(number: int, name: str) -> str:
    return f"{number}<{quoted('/box/' + name)}>"


HERE = f"AT_FDCWD<{quoted('/')}>"


def test_a_trace_is_read_with_its_names_places_and_threads() -> None:
    recording = Recording({"spool"}, {"store": 0}, {0: b"12345678"})
    lines = [
        line(7, "openat", HERE, f'"{quoted("/box/spool/a")}"', "O_WRONLY|O_CREAT", result=fd(3, "spool/a")),
        line(7, "write", fd(3, "spool/a"), f'"{quoted("ab")}"', "2", result="2"),
        line(7, "lseek", fd(3, "spool/a"), "10", "SEEK_SET", result="10"),
        line(7, "write", fd(3, "spool/a"), f'"{quoted("c")}"', "1", result="1"),
        f"8 fdatasync({fd(4, 'store')} <unfinished ...>",
        line(7, "pwrite64", fd(4, "store"), f'"{quoted("XY")}"', "2", "4", result="2"),
        "8 <... fdatasync resumed>) = 0",
        line(7, "rename", f'"{quoted("/box/spool/a")}"', f'"{quoted("/box/spool/b")}"'),
        line(7, "fsync", fd(5, "spool")),
        line(7, "openat", HERE, f'"{quoted("/freizeichen-mark/kept 1")}"', "O_RDONLY", result="-1 ENOENT"),
        line(7, "unlink", f'"{quoted("/elsewhere/x")}"'),
        line(7, "write", fd(4, "store"), f'"{quoted("z")}"', "1", result="-1 ENOSPC (No space left)"),
    ]  # fmt: skip
    read_into(recording, lines, Path("/box"))
    assert recording.operations == [
        Name("spool/a", 1),
        Write(1, 0, b"ab"),
        Write(1, 10, b"c"),
        Write(0, 4, b"XY"),
        Sync(0, 3),
        Rename("spool/a", "spool/b", 1),
        SyncFolder("spool", 6),
        Mark("kept 1"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        line(7, "mmap", "NULL", "10", "PROT_READ|PROT_WRITE", "MAP_SHARED", fd(3, "store"), "0", result="1"),
        line(7, "fallocate", fd(3, "store"), "0", "0", "10"),
        line(7, "copy_file_range", fd(3, "store"), "NULL", fd(4, "store"), "NULL", "10", "0", result="10"),
    ],
)
def test_what_is_not_understood_is_never_left_out(text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        read_into(Recording(names={"store": 0}, content={0: b""}), [text], Path("/box"))
