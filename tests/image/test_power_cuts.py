"""The notes of writes, and the look at what a power cut has left, without a machine."""

from __future__ import annotations

import hashlib
import random
import struct
from pathlib import Path

import pytest

from appliance.store.config import import_config, read_config
from appliance.store.database import open_store
from tests.image.boot_card import OFFICE
from tests.image.power_cuts import Seen, chosen_cuts, last_seen, wrong_in
from tests.image.written_blocks import SECTOR, Written, kept, lay_over, read_log

FLUSH, FUA, DISCARD = 1, 2, 4


def logged(*entries: tuple[int, bytes, int]) -> bytes:
    """A log of these writes: sector, data, flags."""
    log = struct.pack("<QQQI", 0x6A736677736872, 1, len(entries), SECTOR).ljust(SECTOR, b"\0")
    for sector, data, flags in entries:
        log += struct.pack("<4Q", sector, len(data) // SECTOR, flags, 0).ljust(SECTOR, b"\0") + data
    return log


def block(letter: str, sectors: int = 1) -> bytes:
    return letter.encode() * SECTOR * sectors


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "log"
    file.write_bytes(
        logged(
            *((8, block("a", 2), 0), (0, b"", FLUSH)),
            *((9, block("b"), 0), (10, block("c"), 0), (11, block("d"), FUA), (0, b"", FLUSH)),
            (12, block("e"), 0),
        )
    )
    return file


def card_after(log: Path, folder: Path, cut: int, seed: int) -> bytes:
    """The sectors from 8 on, in letters."""
    target = folder / "target"
    target.write_bytes(bytes(8 * SECTOR))
    with log.open("rb") as stream:
        lay_over(target, stream, kept(read_log(log), cut, random.Random(seed)), 8 * SECTOR)
    return target.read_bytes()[::SECTOR].rstrip(b"\0").replace(b"\0", b".")


def test_all_that_was_written_is_read(log: Path) -> None:
    written = read_log(log)
    assert [(entry.sector, entry.sectors, entry.is_flush) for entry in written] == [
        *((8, 2, False), (0, 0, True), (9, 1, False), (10, 1, False), (11, 1, False), (0, 0, True)),
        (12, 1, False),
    ]


def test_an_entry_cut_off_by_the_end_of_the_machine_is_left_out(log: Path) -> None:
    content = log.read_bytes()
    log.write_bytes(content[:-100])
    assert len(read_log(log)) == 6
    log.write_bytes(content + bytes(SECTOR))
    assert len(read_log(log)) == 7


def test_something_else_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(SECTOR))
    with pytest.raises(ValueError, match="no log"):
        read_log(tmp_path / "x")


@pytest.mark.parametrize("seed", range(20))
def test_what_was_flushed_is_there_whatever_happens(log: Path, tmp_path: Path, seed: int) -> None:
    assert card_after(log, tmp_path, 2, seed) == b"aa"
    assert card_after(log, tmp_path, 6, seed) == b"abcd"


def test_what_was_not_flushed_is_there_or_not(log: Path, tmp_path: Path) -> None:
    found = {card_after(log, tmp_path, 5, seed) for seed in range(60)}
    assert found == {b"aa.d", b"ab.d", b"aacd", b"abcd"}


def test_a_write_may_be_torn() -> None:
    entry = Written(0, 8, 0, SECTOR)
    lengths = {n for seed in range(200) for _, n in kept([entry], 1, random.Random(seed))}
    assert 8 in lengths
    assert len(lengths) > 2


def test_what_is_given_back_is_not_written() -> None:
    flushed = [Written(0, 8, DISCARD, SECTOR), Written(0, 0, FLUSH, SECTOR)]
    assert [sectors for _, sectors in kept(flushed, 2, random.Random(1))] == [0]


def test_cuts_lie_behind_the_beginning_and_come_again_with_their_seed(log: Path) -> None:
    written = read_log(log)
    cuts = chosen_cuts(written, written[2].data_at, 50, random.Random(7))
    assert cuts == chosen_cuts(written, written[2].data_at, 50, random.Random(7)) == sorted(cuts)
    assert set(cuts) == {2, 3, 4, 5, 6, 7}


# What is looked for


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An office with one message and one callback."""
    (tmp_path / "state").mkdir()
    db = open_store(tmp_path / "state/freizeichen.db")
    import_config(db, read_config(OFFICE.replace("Musterbüro", "Büro 3")))
    db.execute(
        "INSERT INTO messages (call, department, caller, caller_name, recorded_at, seconds, sound)"
        " VALUES ('1', 'support', '+491', '', '2026-01-01T00:00:00.000Z', 2, 'messages/1.mp3')"
    )
    db.execute(
        "INSERT INTO callbacks (call, department, language, number, name, ticket, arrived, created_at,"
        " next_attempt_at) VALUES ('2', 'support', 'de', '+492', '', '', '', '', '')"
    )
    db.conn.commit()
    db.close()
    (tmp_path / "state/spool/messages").mkdir(parents=True)
    (tmp_path / "state/spool/messages/1.mp3").write_bytes(b"sound")
    return tmp_path / "state"


def seen(state: Path, **values: object) -> Seen:
    digest = hashlib.sha256((state / "spool/messages/1.mp3").read_bytes()).hexdigest()
    usual = {"office": "Büro 2", "messages": {"+491": digest}, "callbacks": ["+492"], "calls": []}
    return Seen(100, **{**usual, **values})  # type: ignore[arg-type]


def test_what_is_all_there_is_no_fault(state: Path) -> None:
    assert wrong_in(state, seen(state), 3) == []
    assert wrong_in(state, None, 3) == []


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"messages": {"+499": ""}}, "message of +499 lost"),
        ({"messages": {"+491": "other"}}, "message of +491 sounds otherwise"),
        ({"callbacks": ["+499"]}, "callback of +499 lost"),
        ({"calls": ["7"]}, "outcome of call 7 lost"),
        ({"office": "Büro 4"}, "the office is called 'Büro 3', 'Büro 4' was confirmed"),
    ],
)
def test_what_is_lost_is_named(state: Path, values: dict[str, object], what: str) -> None:
    assert what in wrong_in(state, seen(state, **values), 9)


def test_a_message_without_its_sound_is_named(state: Path) -> None:
    confirmed = seen(state, messages={})
    (state / "spool/messages/1.mp3").unlink()
    assert wrong_in(state, confirmed, 3) == ["message of +491 has no sound"]


def test_a_second_message_of_the_same_caller_is_named(state: Path) -> None:
    db = open_store(state / "freizeichen.db")
    db.execute("INSERT INTO messages SELECT 9, '9', department, caller, '', '', 1, sound FROM messages")
    db.conn.commit()
    db.close()
    assert "message of +491 twice" in wrong_in(state, seen(state), 3)


def test_only_what_was_confirmed_before_the_cut_is_asked_for(state: Path) -> None:
    early, late = seen(state), seen(state, office="Büro 3")
    late = Seen(200, late.office, late.messages, late.callbacks, late.calls)
    assert last_seen([early, late], 99) is None
    assert last_seen([early, late], 150) is early
    assert last_seen([early, late], 200) is late
