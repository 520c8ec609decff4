"""New firmware: taken whole or not at all, and kept only when it works."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import slots
from appliance.panel.bundle import install, make_bundle
from deskbox import messages, update
from deskbox.update import Update


class Disk:
    """A box's disk with the firmware in slot a."""

    def __init__(self, folder: Path) -> None:
        install(folder)
        self.root = f"{folder}/"
        self.folder = folder

    def takes(self, content: bytes, digest: bytes | None = None) -> Update:
        taking = Update(self.root, slots.choose(self.root), lambda: None)
        taking.begin(len(content), digest or hashlib.sha256(content).digest())
        for at in range(0, len(content), 192):
            taking.data(at, content[at : at + 192])
        taking.end()
        return taking


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "disk")


def test_an_update_runs_when_it_has_proved_itself(disk: Disk) -> None:
    bundle = make_bundle()
    taking = disk.takes(bundle.content)
    assert (taking.phase, taking.offset) == (messages.COMPLETE, len(bundle.content))
    taking.end()
    assert taking.phase == messages.COMPLETE, "asked again"
    assert slots.choose(disk.root) == "b"
    assert slots.on_trial(disk.root)
    slots.confirm(disk.root)
    assert slots.choose(disk.root) == "b"
    assert not slots.on_trial(disk.root)
    assert slots.digest(disk.root, "b") == bundle.digest.hex()
    files = {file.name: file.read_bytes() for file in (disk.folder / "a" / "deskbox").iterdir()}
    assert files == {file.name: file.read_bytes() for file in (disk.folder / "b" / "deskbox").iterdir()}
    assert disk.takes(bundle.content).phase == messages.COMPLETE
    assert slots.choose(disk.root) == "a", "and back again"


def test_one_that_never_confirms_itself_gives_way_to_the_old(disk: Disk) -> None:
    disk.takes(make_bundle().content)
    assert [slots.choose(disk.root) for _ in range(3)] == ["b", "a", "a"]
    assert not slots.on_trial(disk.root)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", update.NO_ROOM),
        (bytes(update.LARGEST + 1), update.NO_ROOM),
        (b"FZB2", update.WRONG_BUNDLE),
        (b"FZB1\x05ab.py\x09\0\0\0abc", update.WRONG_BUNDLE),
        (b"FZB1\x0c../main_a.py\x01\0\0\0a", update.WRONG_BUNDLE),
        (b"FZB1\x06a/b.py\x01\0\0\0a", update.WRONG_BUNDLE),
        (b"FZB1\x04slot\x01\0\0\0b", update.WRONG_BUNDLE),
        (b"FZB1\x04\xff\xfe\xfd.\x01\0\0\0b", None),
    ],
)
def test_what_is_no_firmware_changes_nothing(disk: Disk, content: bytes, reason: int | None) -> None:
    taking = disk.takes(content)
    assert taking.phase == messages.FAILED
    if reason:
        assert taking.reason == reason
    assert slots.choose(disk.root) == "a"
    assert sorted(file.name for file in disk.folder.iterdir() if file.is_file()) == ["main.py", "slots.py"]


def test_a_wrong_digest_changes_nothing(disk: Disk) -> None:
    taking = disk.takes(make_bundle().content, digest=bytes(32))
    assert (taking.phase, taking.reason) == (messages.FAILED, update.WRONG_DIGEST)
    assert slots.choose(disk.root) == "a"


def test_pieces_twice_or_out_of_order_are_passed_over(disk: Disk) -> None:
    content = make_bundle().content
    taking = Update(disk.root, "a", lambda: None)
    taking.begin(len(content), hashlib.sha256(content).digest())
    while taking.offset < len(content):
        at = taking.offset
        taking.data(at + 192, content[at + 192 : at + 384])
        assert taking.offset == at
        taking.data(at, content[at : at + 192])
        taking.data(at, content[at : at + 192])
    taking.end()
    assert taking.phase == messages.COMPLETE


def test_an_end_before_the_last_piece_or_without_a_begin(disk: Disk) -> None:
    taking = Update(disk.root, "a", lambda: None)
    taking.end()
    assert (taking.phase, taking.reason) == (messages.FAILED, update.WRONG_ORDER)
    taking.data(0, b"abc")
    assert taking.phase == messages.FAILED
    taking.begin(10, bytes(32))
    taking.data(0, b"abc")
    taking.end()
    assert (taking.phase, taking.reason) == (messages.FAILED, update.WRONG_ORDER)
