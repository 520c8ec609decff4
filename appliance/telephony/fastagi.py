"""FastAGI: Asterisk hands a call to us over TCP; one thread and one `CallerLeg` per call."""

from __future__ import annotations

import logging
import re
import socketserver
import threading
from collections.abc import Callable, Mapping
from io import BufferedIOBase
from typing import Any

from asterisk.agi import AGI, AGIError, AGIUnknownError

log = logging.getLogger(__name__)

_RESULT = re.compile(r"^(\d{3})[ -](?:result=(-?\d+))?(.*)$")
_LONGEST_LINE = 8192
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\]')


class CallerHungUp(Exception):
    """The caller has put the receiver down, or Asterisk ended the channel."""


class CallerLeg(AGI):  # type: ignore[misc]
    """The caller's end of a call, as a dialog sees it: say, listen, ring, record.

    pyst2's command methods are kept; its reading and quoting are replaced: it installs a
    signal handler (impossible in a thread), loses its place at Asterisk's HANGUP line, reads
    for ever at the end of the stream and lets quotes through.
    """

    def __init__(self, reader: BufferedIOBase, writer: BufferedIOBase) -> None:
        self._reader = reader
        self._writer = writer
        self.hung_up = False
        self.env: dict[str, str] = {}
        while line := self._line():
            key, _, value = line.partition(":")
            self.env[key.strip()] = value.strip()
        told = (value.partition("=") for key, value in self.env.items() if key.startswith("agi_arg_"))
        # What the dialplan has told along need not be asked, until it is set or an application has run.
        self._told = {variable: value for variable, is_told, value in told if is_told}

    # --- what a dialog says and asks

    @property
    def channel(self) -> str:
        """Asterisk's name of the caller's channel."""
        return self.env.get("agi_channel", "")

    def argument(self, position: int) -> str:
        """What the dialplan passed to AGI() at this position, the first being 1."""
        return self.env.get(f"agi_arg_{position}", "")

    def caller_id(self) -> tuple[str, str]:
        """Number and name as the line delivered them, '' for what it did not tell."""
        number, name = self.env.get("agi_callerid", ""), self.env.get("agi_calleridname", "")
        return ("" if number == "unknown" else number), ("" if name == "unknown" else name)

    def set(self, variable: str, value: str) -> None:
        """Set a channel variable or a writable function such as CALLERID(name)."""
        if self._told.get(variable) != value:
            self._told.pop(variable, None)
            self.set_variable(variable, value)

    def get(self, variable: str) -> str:
        """A channel variable's value, '' when it is not set."""
        if variable in self._told:
            return self._told[variable]
        return str(self.execute("GET VARIABLE", variable)["result"][1])

    def play(self, sound: str, keys: str = "") -> str:
        """Play a sound file (path without its ending); returns the key that ended it, or ''."""
        return str(self.stream_file(sound, keys))

    def music(self, on: bool) -> None:
        """Start or stop music on hold."""
        self.execute("SET MUSIC", "on" if on else "off")

    def wait_key(self, wait_seconds: float) -> str:
        """Wait for a key; '' when none came in time."""
        return str(self.wait_for_digit(int(wait_seconds * 1000)))

    def run(self, application: str, *arguments: str) -> None:
        """Run a dialplan application. Raises CallerHungUp when the caller is gone afterwards."""
        self._told.clear()
        self.execute("EXEC", application, self._quote(",".join(arguments)))

    # --- the conversation with Asterisk

    def execute(self, command: str, *args: object) -> dict[str, tuple[str, str]]:
        """Send one command and return its result.

        Raises CallerHungUp when the call is over, AGIError for a command Asterisk refused.
        """
        if self.hung_up and command.startswith(("STREAM", "WAIT", "EXEC")):
            raise CallerHungUp
        self.send_command(command, *args)
        return self.get_result()

    def send_command(self, command: str, *args: object) -> None:
        """Write one command line. Raises CallerHungUp when Asterisk closed the connection."""
        line = " ".join([command, *map(str, args)]).strip()
        if "\n" in line or "\r" in line:
            raise ValueError(f"a line break in an AGI command: {line!r}")
        try:
            self._writer.write(line.encode() + b"\n")
            self._writer.flush()
        except OSError as error:
            self.hung_up = True
            raise CallerHungUp from error

    def get_result(self, *_: Any) -> dict[str, tuple[str, str]]:
        """Read the answer to the last command."""
        line = self._line()
        while line == "HANGUP":  # told between two answers; the answer still comes
            self.hung_up = True
            line = self._line()
        found = _RESULT.match(line)
        if not found:
            raise AGIUnknownError(line)
        code, result, rest = found.groups()
        if code == "511":
            self.hung_up = True
            raise CallerHungUp
        if code != "200":
            while code == "520" and not line.startswith("520 "):  # usage, up to its closing line
                line = self._line()
            raise AGIError(f"{code} {rest}")
        if result == "-1":
            self.hung_up = True
            raise CallerHungUp
        data = rest.strip()
        if data.startswith("(") and data.endswith(")"):
            data = data[1:-1]
        return {"result": (result or "", data)}

    def _line(self) -> str:
        line = self._reader.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            self.hung_up = True
            raise CallerHungUp
        return line.decode(errors="replace").strip()

    def _quote(self, value: object) -> str:
        return '"' + _UNSAFE.sub(" ", str(value)) + '"'


class FastAgiServer:
    """Listens on the loopback and runs, in a thread of its own for each leg, the dialog it asks for.

    `dialogs` are by the name the dialplan gives: ``AGI(agi://127.0.0.1/call)`` asks for "call".
    `on_turn()` is called ten times a second while it takes calls.
    """

    def __init__(
        self,
        port: int,
        dialogs: Mapping[str, Callable[[CallerLeg], None]],
        *,
        on_turn: Callable[[], None] = lambda: None,
    ) -> None:
        server = self

        class Handler(socketserver.StreamRequestHandler):
            wbufsize = -1

            def handle(self) -> None:
                server._handle(self.rfile, self.wfile)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

            def service_actions(self) -> None:
                on_turn()

            def handle_error(self, _request: object, _client: object) -> None:
                log.exception("a call's dialog ended in an error; the floor takes over")

        self._dialogs = dialogs
        self._server = Server(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="fastagi")

    def start(self) -> None:
        """Begin to take calls."""
        self._thread.start()

    def stop(self) -> None:
        """Take no further call. Running dialogs end with the program; the floor takes over."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handle(self, reader: BufferedIOBase, writer: BufferedIOBase) -> None:
        try:
            leg = CallerLeg(reader, writer)
        except CallerHungUp:
            return  # somebody connected and said nothing sensible
        name = leg.env.get("agi_network_script", "")
        dialog = self._dialogs.get(name)
        if dialog is None:
            log.error("%s asks for a dialog there is not: %r; the floor takes over", leg.channel, name)
            return
        try:
            dialog(leg)
        except CallerHungUp:
            log.debug("%s hung up", leg.channel)
