"""Asterisk's log: who knocks without being let in, and an end to what is kept there."""

from __future__ import annotations

import fcntl
import os
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

_LINE: Final = re.compile(r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d{4})\] ", re.MULTILINE)
# What is in the first quotes and behind "callid" is the sender's: with more quotes it counts for nobody.
_REFUSED: Final = re.compile(
    r"^\[([^]]+)\] NOTICE\[\d+\] res_pjsip/pjsip_distributor\.c: Request '[^']*' from "
    r"(?:'[^']*' failed for '([^']*):\d+' \(callid: [^']*$|.* failed for ')",
    re.MULTILINE,
)
_WHILE: Final = timedelta(minutes=10)
_MANY: Final = 30  # in that time; a telephone with a wrong password tries about once a minute
_LOOKED_AT_BYTES: Final = 128 * 1024
_MOST_BYTES: Final = 2**20


def knocking(log: Path, now: datetime) -> list[str]:
    """The addresses many SIP requests were refused to lately; '' for those that hide theirs in quotes.

    Either somebody looks for numbers or guesses passwords, or a telephone is set up wrongly.
    """
    refused = Counter[str]()
    for match in _REFUSED.finditer(_end_of(log, _LOOKED_AT_BYTES)):
        if now - _WHILE <= _instant(match[1]) <= now + _WHILE:
            refused[_address(match[2] or "")] += 1
    return sorted(address for address, count in refused.items() if count >= _MANY)


def _address(text: str) -> str:
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        return ""


def _instant(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f%z")  # logger.conf, dateformat
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _end_of(log: Path, most_bytes: int) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - most_bytes))
            return stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def shorten(log: Path, before: datetime | None = None) -> None:
    """Drop the lines older than `before`, and when there is over a MiB, all but the younger half of that.

    Asterisk appends, so it writes on behind what is left. A line it writes meanwhile may be lost.
    """
    if not log.exists():
        return
    with log.open("r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # against whoever hides a number in it
        size = stream.seek(0, os.SEEK_END)
        begin = size - _MOST_BYTES // 2 if size > _MOST_BYTES else 0
        stream.seek(begin)
        kept = stream.read()
        if begin:
            kept = kept.partition(b"\n")[2]
        if before is not None:
            kept = _since(kept, before)
        if len(kept) < size:
            stream.seek(0)
            stream.write(kept)
            stream.truncate()
            stream.flush()
            os.fsync(stream.fileno())


def _since(content: bytes, before: datetime) -> bytes:
    """From the first line on that is not older. Bytes are characters here, so that places are the same."""
    for match in _LINE.finditer(content.decode("latin-1")):
        if _instant(match[1]) >= before:
            return content[match.start() :]
    return b""
