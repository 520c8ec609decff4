"""Live streams over real connections."""

from __future__ import annotations

import http.client
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.store import times
from tests.web.visiting import DEADLINE_SECONDS, Stream, add_call, lamp, words
from webui import create_app, serve
from webui.live import CONNECTIONS, LiveStreams
from webui.texts import TEXTS


def test_a_change_in_the_store_reaches_an_open_page(port: int, cookie: str, db: Database) -> None:
    stream = Stream(port, cookie, "/live?lang=en")
    assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
    assert stream.next_board()
    lamp(db, "agent:anna", "red")
    lamp(db, "supervisor", "green")  # on a busy machine its last stamp may be too old for any lamp
    while "Lamp red" not in words(stream.next_board(), "station-anna"):
        pass  # until the connection's own deadline
    stream.close()


def test_an_open_page_ends_when_its_session_does(port: int, cookie: str, db: Database) -> None:
    stream = Stream(port, cookie)
    stream.next_board()
    with db.conn:
        db.execute("DELETE FROM sessions")
    assert stream.ends()
    stream.close()
    refused = Stream(port, cookie)
    assert refused.answer.status == 401
    refused.close()


def test_a_supervisor_that_falls_silent_reaches_an_open_page_without_any_commit(
    port: int, cookie: str, db: Database
) -> None:
    lamp(db, "supervisor", "green", seconds_ago=3)
    stream = Stream(port, cookie)
    assert "supervisor-down" not in stream.next_board()
    assert "supervisor-down" in stream.next_board()
    stream.close()


def test_a_callers_name_cannot_forge_an_event(port: int, cookie: str, db: Database) -> None:
    stream = Stream(port, cookie)
    stream.next_board()
    add_call(db, "c1", caller_name="a\r\revent: board\rdata: forged\n\nid: 1")
    assert "data: forged" in words(stream.next_board(), "call-c1")
    stream.close()


@pytest.mark.usefixtures("db")
def test_streams_are_bounded_and_a_closed_page_frees_its_place(port: int, cookie: str) -> None:
    streams = [Stream(port, cookie) for _ in range(CONNECTIONS)]
    for stream in streams:
        stream.next_board()
    refused = Stream(port, cookie)
    assert refused.answer.status == 503
    assert TEXTS["de"]("error.503") in refused.answer.read().decode()
    other = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
    other.request("GET", "/board", headers={"Cookie": cookie})
    assert other.getresponse().status == 200, "pages are still served"
    other.close()
    streams.pop().close()
    again = _eventually_stream(port, cookie)
    assert "Anna Beck" in again.next_board()
    for stream in [*streams, refused, again]:
        stream.close()


def _eventually_stream(port: int, cookie: str) -> Stream:
    deadline = times.now() + timedelta(seconds=DEADLINE_SECONDS)
    while times.now() < deadline:
        stream = Stream(port, cookie)
        if stream.answer.status == 200:
            return stream
        stream.answer.read()
        stream.close()
    raise AssertionError("no place became free")


@pytest.mark.usefixtures("db")
def test_closing_the_server_ends_open_streams(path: Path, cookie: str) -> None:
    server = serve(create_app(path))
    stream = Stream(server.port, cookie)
    stream.next_board()
    closing = threading.Thread(target=server.close)
    closing.start()
    assert stream.ends()
    closing.join(DEADLINE_SECONDS)
    assert not closing.is_alive()
    for thread in threading.enumerate():
        if thread.name.startswith(("webui", "waitress")):
            thread.join(DEADLINE_SECONDS)
            assert not thread.is_alive()
    with pytest.raises(OSError, match="refused"):
        http.client.HTTPConnection("127.0.0.1", server.port).connect()
    stream.close()
    server.close()


@pytest.mark.usefixtures("db")
def test_a_stream_ends_after_a_while(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.live.LIFE_SECONDS", 0.2)
    events = list(LiveStreams(path).events(lambda _db, _now: "same", lambda: False))
    assert events[0] == "retry: 1000\n\n"
    assert [event for event in events if "data: same" in event] == events[1:]
    assert len(events) == 2


def test_a_taken_port_is_an_error(path: Path, port: int) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(create_app(path), "127.0.0.1", port)
