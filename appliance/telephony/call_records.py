"""Asterisk's own record of every call (CEL), read by cursor: nothing is missed while we are away."""

from __future__ import annotations

import csv
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

log = logging.getLogger(__name__)

_ROTATE_BYTES = 4_000_000
_BEGINS = re.compile(r'"(?:USER_DEFINED|ANSWER|BRIDGE_ENTER|ATTENDEDTRANSFER|LINKEDID_END)",')


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One event of a call.

    `event` is INCOMING, DEPARTMENT, STEP, TRANSFERRED, ASKED or HANDED (from the dialplan), ANSWER,
    BRIDGE_ENTER (`others` are the channels that were there), ATTENDEDTRANSFER or LINKEDID_END.
    """

    event: str
    at: datetime
    call: str
    channel: str
    caller: str
    caller_name: str
    detail: str
    others: tuple[str, ...] = ()


def parse_record(line: str) -> CallRecord | None:
    """Read one line as `cel_custom.conf` writes it; None for anything else."""
    try:
        row = next(csv.reader([line], strict=True))
        event, user_event, at, call, channel, caller, caller_name, detail, *others = row
        instant = datetime.fromtimestamp(float(at), UTC)
    except (csv.Error, ValueError, OverflowError, OSError, StopIteration):
        return None
    return CallRecord(
        event=(user_event or event).upper(),
        at=instant,
        call=call,
        channel=channel,
        caller=caller,
        caller_name=caller_name,
        detail=_extra(detail),
        others=tuple(name for names in others for name in names.split(",") if name),
    )


def _behind_torn(line: str) -> CallRecord | None:
    """The record that begins in the middle of a line whose beginning was torn off its end."""
    found = (parse_record(line[begin.start() :]) for begin in _BEGINS.finditer(line, 1))
    return next((record for record in found if record), None)


def _extra(text: str) -> str:
    """CEL wraps what the dialplan said as ``{"extra":"…"}``; plain text is left alone."""
    prefix, suffix = '{"extra":"', '"}'
    if text.startswith(prefix) and text.endswith(suffix):
        return text[len(prefix) : -len(suffix)]
    return text


def transfer_target(record: CallRecord) -> str:
    """The channel of the colleague an attended transfer has put the caller through to, '' for none."""
    try:
        detail = json.loads(record.detail)
    except ValueError:
        return ""
    target = detail.get("transfer_target_channel_name", "") if isinstance(detail, dict) else ""
    return target if isinstance(target, str) else ""


class CallRecords:
    """Reads the file from a cursor (``inode:offset``) on, one whole line at a time."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self, cursor: str) -> Iterator[tuple[CallRecord | None, str]]:
        """Yield each new record with the cursor behind it; None for a line nobody can read.

        The last line before a power cut may be torn: of it and what Asterisk then wrote behind it on the
        same line, the latter is given.
        A file that was moved aside is finished first.
        """
        inode, _, offset = cursor.partition(":")
        for file in (self._moved_aside, self._file):
            try:
                status = file.stat()
            except FileNotFoundError:
                continue
            start = int(offset) if str(status.st_ino) == inode else 0
            if file == self._moved_aside and str(status.st_ino) != inode:
                continue  # finished long ago
            yield from self._lines(file, status.st_ino, start)

    def left_by_power_cut(self, cursor: str, booted_at: datetime) -> str:
        """Where to go on when the file has become shorter than the cursor knows, else the cursor as it is.

        Asterisk does not sync its records, the store is synced: a power cut may take the end of what has been
        read already. What was written since the machine was started has not been read.
        """
        inode, _, offset = cursor.partition(":")
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return cursor
        if str(status.st_ino) != inode or int(offset) <= status.st_size:
            return cursor
        position = f"{inode}:0"
        for record, behind in self._lines(self._file, status.st_ino, 0):
            if record is not None and record.at >= booted_at:
                break
            position = behind
        return position

    def rotate(self, cursor: str) -> None:
        """Move a large file aside once it is read; Asterisk opens a new one by itself."""
        inode, _, offset = cursor.partition(":")
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return
        if status.st_size > _ROTATE_BYTES and str(status.st_ino) == inode and int(offset) == status.st_size:
            self._file.replace(self._moved_aside)

    @property
    def _moved_aside(self) -> Path:
        return self._file.with_suffix(".1.csv")

    @staticmethod
    def _lines(file: Path, inode: int, start: int) -> Iterator[tuple[CallRecord | None, str]]:
        with file.open("rb") as stream:
            stream.seek(start)
            for line in stream:
                if not line.endswith(b"\n"):
                    return
                start += len(line)
                text = line.decode(errors="replace").rstrip("\r\n")
                record = parse_record(text)
                if record is None:
                    log.warning("a call record nobody can read was passed over, %d bytes", len(line))
                    record = _behind_torn(text)
                yield record, f"{inode}:{start}"
