"""Serves the page with waitress in a thread of its own."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

import waitress  # type: ignore[import-untyped]
from flask import Flask
from waitress.buffers import OverflowableBuffer, TempfileBasedBuffer  # type: ignore[import-untyped]
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.parser import HTTPRequestParser  # type: ignore[import-untyped]
from waitress.utilities import RequestEntityTooLarge  # type: ignore[import-untyped]

from webui.live import CONNECTIONS, LiveStreams

# A live stream keeps its thread; these are left for everybody else.
OTHER_THREADS: Final = 4

_ENDLESS: Final = 2**62  # bytes; our own limit below is the one that counts
_ANY_REQUEST_BYTES: Final = 4096  # so many are taken without looking who sends them
_RECEIVED_BYTES: Final = 65_536  # at a time; a backup is a gigabyte


class _Dropped:
    """Where the body of a request goes that is larger than it may be: nowhere.

    It is read all the same, so that the browser gets to the answer, which says so.
    """

    def __len__(self) -> int:
        return 0

    def append(self, data: bytes) -> None:
        """Forget this."""

    def getfile(self) -> io.BytesIO:
        return io.BytesIO()

    def close(self) -> None:
        """There is nothing to close."""


class _OnDisk(TempfileBasedBuffer):  # type: ignore[misc]
    """What is too large for memory, in the box's own folder: the folder for moments is memory as well."""

    def __init__(self, folder: Path, from_buffer: Any) -> None:
        self._folder = folder
        super().__init__(from_buffer)

    def newfile(self) -> Any:
        return TemporaryFile("w+b", dir=self._folder)


class _Body(OverflowableBuffer):  # type: ignore[misc]
    buf: Any

    def __init__(self, overflow: int, folder: Path) -> None:
        super().__init__(overflow)
        self._folder = folder

    def _set_large_buffer(self) -> None:
        small = self.buf
        self.buf = _OnDisk(self._folder, small)
        if small is not None:
            small.close()
        self.overflowed = True


def _channel(largest_body: Callable[[str, str, str], int], folder: Path) -> type:
    """How requests are received: nothing of what may not be is kept, whoever sends it."""

    class Parser(HTTPRequestParser):  # type: ignore[misc]
        largest = _ANY_REQUEST_BYTES
        completed: bool

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            if self.body_rcv is None or (not self.chunked and self.content_length <= self.largest):
                return
            self.largest = largest_body(self.command, self.path, self.headers.get("COOKIE", ""))
            is_too_large = self.content_length > self.largest
            self.body_rcv.buf = _Dropped() if is_too_large else _Body(self.adj.inbuf_overflow, folder)

        def received(self, data: bytes) -> int:
            consumed: int = super().received(data)
            if self.chunked and not self.completed and self.body_bytes_received > self.largest:
                self.error = RequestEntityTooLarge(f"exceeds max_body of {self.largest}")
                self.completed = True
            return consumed

    return type("Channel", (HTTPChannel,), {"parser_class": Parser})


class Server:
    """A running server: `host` and `port` tell where, `close` ends it."""

    def __init__(self, app: Flask, host: str, port: int) -> None:
        listening = socket.create_server((host, port))
        self.host, self.port = host, int(listening.getsockname()[1])
        self._live: LiveStreams = app.extensions["live"]
        self._sockets: dict[int, Any] = {}
        self._stopped = threading.Event()
        self._waitress = waitress.create_server(
            app,
            map=self._sockets,
            sockets=[listening],
            threads=CONNECTIONS + OTHER_THREADS,
            # Lets waitress notice that a page was closed while its stream still runs.
            channel_request_lookahead=1,
            ident=None,
            max_request_body_size=_ENDLESS,
            recv_bytes=_RECEIVED_BYTES,
        )
        self._waitress.channel_class = _channel(
            app.extensions["largest_body"], app.extensions["office"].store_path.parent
        )
        self._thread = threading.Thread(target=self._run, name="webui", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address to open in a browser."""
        return f"http://{self.host}:{self.port}/"

    def close(self) -> None:
        """Stop listening, end the live streams and wait until all is over. Twice does no harm."""
        self._live.stop()
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._waitress.pull_trigger()
        self._thread.join()  # it may see the end before the trigger is pulled: nothing is closed till here
        self._waitress.task_dispatcher.shutdown()
        self._waitress.asyncore.close_all(self._sockets, ignore_all=True)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._waitress.asyncore.loop(timeout=1, use_poll=True, map=self._sockets, count=1)


def serve(app: Flask, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Serve `app` in the background; port 0 takes a free one. Raises OSError when the port is taken."""
    return Server(app, host, port)
