"""Serves the page with waitress in a thread of its own."""

from __future__ import annotations

import socket
import threading
from typing import Any, Final

import waitress  # type: ignore[import-untyped]
from flask import Flask

from webui.live import CONNECTIONS, LiveStreams

# A live stream keeps its thread; these are left for everybody else.
OTHER_THREADS: Final = 4


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
