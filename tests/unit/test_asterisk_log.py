"""Asterisk's log: who is refused again and again is told, and what is old or too much goes."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.settings import Settings
from appliance.status import look, troubles
from appliance.store import times
from appliance.store.database import open_store
from appliance.telephony.asterisk_log import knocking, shorten

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "messages"


def stamp(at: datetime) -> str:
    """As Asterisk writes it (logger.conf, dateformat)."""
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}{at:%z}"


def refusals(
    count: int, address: str = "192.168.7.2", at: datetime = NOW, sender: str = "<sip:100@192.168.7.2>"
) -> str:
    """Lines as Asterisk 22 writes them."""
    return "".join(
        f"[{stamp(at)}] NOTICE[5934] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '{sender}'"
        f" failed for '{address}:43661' (callid: {number}@x) - Failed to authenticate\n"
        for number in range(count)
    )


def test_who_is_refused_again_and_again_is_named(log: Path) -> None:
    log.write_text(refusals(30) + refusals(29, "192.168.7.3") + refusals(40, "fd00:7::2"))
    assert knocking(log, NOW) == ["192.168.7.2", "fd00:7::2"]


def test_a_while_ago_does_not_count(log: Path) -> None:
    log.write_text(refusals(100, at=NOW - timedelta(minutes=11)) + refusals(29))
    assert knocking(log, NOW) == []


def test_no_log_no_knocking(log: Path) -> None:
    assert knocking(log, NOW) == []
    shorten(log, NOW)
    assert not log.exists()


def test_a_sender_cannot_put_the_blame_on_somebody_else(log: Path) -> None:
    """What he calls himself stands in the line, too."""
    log.write_text(refusals(30, sender="x' failed for '10.0.0.1:1' (callid: 1) - y"))
    assert knocking(log, NOW) == [""]


@pytest.mark.parametrize("address", ["nonsense", "1.2.3.4; rm", "<b>"])
def test_what_is_no_address_is_not_shown(log: Path, address: str) -> None:
    log.write_text(refusals(30, address))
    assert knocking(log, NOW) == [""]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00[", b"[9999-99-99 99:99:99.999+0000] x", b"\n" * 999])
def test_garbage_is_nobody(log: Path, content: bytes) -> None:
    log.write_bytes(content)
    assert knocking(log, NOW) == []


def test_lines_older_than_the_retention_time_go(log: Path) -> None:
    young = refusals(2) + "a line that belongs to the one before\n"
    log.write_text(refusals(3, at=NOW - timedelta(days=91)) + young)
    shorten(log, NOW - timedelta(days=90))
    assert log.read_text() == young
    shorten(log, NOW + timedelta(days=1))
    assert log.read_bytes() == b""


def test_of_too_much_the_younger_half_of_a_mebibyte_stays_in_whole_lines(log: Path) -> None:
    text = "".join(f"[{stamp(NOW)}] line {number:8}\n" for number in range(40_000))
    log.write_text(text)
    shorten(log)
    left = log.read_text()
    assert text.endswith(left)
    assert left.startswith("[")
    assert 2**19 - 100 < len(left) <= 2**19
    shorten(log)
    assert log.read_text() == left


def test_who_appends_writes_on_behind_what_is_left(log: Path) -> None:
    log.write_text(refusals(3, at=NOW - timedelta(days=91)))
    writer = os.open(log, os.O_WRONLY | os.O_APPEND)
    shorten(log, NOW)
    os.write(writer, b"next\n")
    os.close(writer)
    assert log.read_bytes() == b"next\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(tmp_path / "box")
    settings.write()
    settings.asterisk_log.parent.mkdir(parents=True)
    return settings


def test_the_page_tells_in_both_languages(settings: Settings) -> None:
    db = open_store(settings.store)

    def told() -> list[tuple[str, str]]:
        found = troubles(look(db, settings, frozenset()))
        return [(each.german, each.english) for each in found if each.kind == "knocking"]

    assert told() == []
    settings.asterisk_log.write_text(refusals(30, at=times.now()))
    ((german, english),) = told()
    assert "192.168.7.2" in german
    assert "192.168.7.2" in english
    db.close()
