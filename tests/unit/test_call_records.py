"""Asterisk's records of calls: read once each, whatever the file has been through."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.telephony import call_records
from appliance.telephony.call_records import CallRecords, parse_record

INCOMING = (
    '"incoming","incoming","1795495094.258164","1795495094.0","PJSIP/line-00000000",'
    '"+491701234567","Erika \\""Q\\"" Müller","{""extra"":""093155510""}"\n'
)
BRIDGE = (
    '"BRIDGE_ENTER","","1795495095.73","1795495094.0","PJSIP/desk_1-00000001",'
    '"21","21","{""bridge_id"":""x""}"\n'
)
END = '"LINKEDID_END","","1795495096.7","1795495094.0","PJSIP/desk_1-00000001","21","21",""\n'


def test_a_record_as_asterisk_writes_it() -> None:
    record = parse_record(INCOMING)
    assert record is not None
    assert (record.event, record.call, record.detail) == ("INCOMING", "1795495094.0", "093155510")
    assert (record.caller, record.caller_name) == ("+491701234567", 'Erika \\"Q\\" Müller')
    assert record.at.isoformat() == "2026-11-24T04:38:14.258164+00:00"
    bridge = parse_record(BRIDGE)
    assert bridge is not None
    assert bridge.channel == "PJSIP/desk_1-00000001"


@given(st.text())
def test_garbage_is_no_record_and_no_error(line: str) -> None:
    parse_record(line)


@pytest.mark.parametrize("line", ["", '"a"', "a,b,c,d,e,f,g,h", INCOMING.replace("1795495094.258164", "nan")])
def test_what_is_no_record(line: str) -> None:
    assert parse_record(line) is None


def read(records: CallRecords, cursor: str) -> tuple[list[str], str]:
    found = list(records.read(cursor))
    return [record.event if record else "?" for record, _ in found], found[-1][1] if found else cursor


@pytest.mark.parametrize("torn", [1, 20, len(BRIDGE) // 2, len(BRIDGE) - 2])
def test_what_was_written_behind_a_torn_line_is_read(tmp_path: Path, torn: int) -> None:
    """After a power cut Asterisk goes on at the end of the file, in the middle of a line."""
    file = tmp_path / "records.csv"
    file.write_text(BRIDGE[:torn] + INCOMING.replace('"incoming",', '"USER_DEFINED",', 1) + END)
    found = [record for record, _ in CallRecords(file).read("")]
    assert [record and record.event for record in found] == ["INCOMING", "LINKEDID_END"]
    assert found[0] is not None
    assert (found[0].detail, found[0].call) == ("093155510", "1795495094.0")


def test_the_cursor_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    records = CallRecords(file)
    assert read(records, "") == ([], "")
    file.write_text(INCOMING + BRIDGE)
    events, cursor = read(records, "")
    assert events == ["INCOMING", "BRIDGE_ENTER"]
    assert read(records, cursor) == ([], cursor)
    with file.open("a") as stream:
        stream.write(END[:20])
    assert read(records, cursor) == ([], cursor), "half a line is not read"
    with file.open("a") as stream:
        stream.write(END[20:])
    assert read(records, cursor)[0] == ["LINKEDID_END"]


def test_after_a_power_cut_took_the_end_what_came_since_is_read_once(tmp_path: Path) -> None:
    """The store knows more of the file than the disk has: later calls would be passed over."""
    file = tmp_path / "records.csv"
    records = CallRecords(file)
    file.write_text(INCOMING + BRIDGE + END)
    _, cursor = read(records, "")
    booted_at = datetime.fromtimestamp(1795495200, UTC)
    assert records.left_by_power_cut(cursor, booted_at) == cursor, "nothing was lost"
    later = INCOMING.replace("1795495094", "1795495300")
    with file.open("r+") as stream:
        stream.truncate(len(INCOMING.encode()) + 30)
        stream.seek(0, 2)
        stream.write("\n" + later)  # the torn line is ended before Asterisk starts
    assert len(file.read_bytes()) < int(cursor.partition(":")[2])
    found = list(records.read(records.left_by_power_cut(cursor, booted_at)))
    assert [record.call for record, _ in found if record] == ["1795495300.0"]
    file.write_text(INCOMING)
    end = records.left_by_power_cut(cursor, booted_at)
    assert list(records.read(end)) == [], "what is left had been read"
    with file.open("a") as stream:
        stream.write(later)
    assert read(records, end)[0] == ["INCOMING"]
    file.unlink()
    assert records.left_by_power_cut(cursor, booted_at) == cursor
    assert records.left_by_power_cut("", booted_at) == ""


def test_a_line_nobody_can_read_does_not_stop_the_others(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    file.write_bytes(INCOMING.encode() + b'\xff"torn\n' + END.encode())
    assert read(CallRecords(file), "")[0] == ["INCOMING", "?", "LINKEDID_END"]


def test_a_file_moved_aside_is_finished_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_records, "_ROTATE_BYTES", 100)
    file = tmp_path / "records.csv"
    records = CallRecords(file)
    file.write_text(INCOMING)
    _, cursor = read(records, "")
    file.write_text(INCOMING + BRIDGE)
    records.rotate(cursor)
    assert file.exists(), "not before everything was read"
    _, cursor = read(records, cursor)
    records.rotate(cursor)
    assert not file.exists()
    with (tmp_path / "records.1.csv").open("a") as stream:  # Asterisk had it open just then
        stream.write(END)
    file.write_text(INCOMING)
    events, cursor = read(records, cursor)
    assert events == ["LINKEDID_END", "INCOMING"]
    assert read(records, cursor) == ([], cursor)
