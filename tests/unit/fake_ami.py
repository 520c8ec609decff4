"""A manager interface without an Asterisk, that misbehaves exactly as a test tells it to."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
_PATIENCE_SECONDS = 10.0


def message(*lines: str) -> bytes:
    """The bytes of one message."""
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


FULLY_BOOTED = message("Event: FullyBooted", "Privilege: system,all", "Status: Fully Booted")


class Action(dict[str, str]):
    """One action as it arrived; of a repeated header all values are in `lines`."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(line.split(": ", 1) for line in lines)
        self.lines = lines

    def answer(self, *lines: str, response: str = "Success") -> bytes:
        """The bytes of its response."""
        return message(f"Response: {response}", f"ActionID: {self['ActionID']}", *lines)

    def event(self, name: str, *lines: str) -> bytes:
        """The bytes of an event that belongs to its answer."""
        return message(f"Event: {name}", f"ActionID: {self['ActionID']}", *lines)


class HungUp(Exception):
    """The client has gone."""


class Peer:
    """The server's side of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.settimeout(_PATIENCE_SECONDS)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = connection.makefile("rb")

    def send(self, data: bytes, *, piece_bytes: int = 1 << 20) -> None:
        """Send all of it, in pieces."""
        try:
            for start in range(0, len(data), piece_bytes):
                self._connection.sendall(data[start : start + piece_bytes])
        except OSError as error:
            raise HungUp from error

    def read(self) -> Action:
        """The next action."""
        lines = []
        while (line := self._read_line()) != "":
            lines.append(line)
        return Action(lines)

    def _read_line(self) -> str:
        try:
            line = self._lines.readline()
        except OSError as error:
            raise HungUp from error
        if not line.endswith(b"\r\n"):
            raise HungUp
        return line[:-2].decode()

    def let_in(self) -> Action:
        """Greet, accept the login, be started."""
        login = self.let_in_while_starting()
        self.send(FULLY_BOOTED)
        return login

    def let_in_while_starting(self) -> Action:
        """Greet and accept the login, as Asterisk does while its modules are still loading."""
        self.send(GREETING)
        login = self.read()
        self.send(login.answer("Message: Authentication accepted"))
        return login

    def serve(self, answers: Mapping[str, Callable[[Action], bytes]] | None = None) -> None:
        """Answer action after action until the client goes; Success where nothing else is told."""
        while True:
            action = self.read()
            answer = (answers or {}).get(action["Action"], Action.answer)
            self.send(answer(action))

    def wait_until_gone(self) -> None:
        """Return once the client has closed, without answering what it sends."""
        with contextlib.suppress(HungUp):
            while True:
                self.read()

    def hang_up(self) -> None:
        """End the connection, from any thread."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection and give it back."""
        self.hang_up()
        self._lines.close()
        self._connection.close()


class FakeAmi:
    """Listens on a free port, or the given one; the first connection behaves as the first behaviour says.

    And so on; the last behaviour is for all connections that follow. A behaviour that returns closes.
    """

    def __init__(self, *behaviours: Callable[[Peer], None], port: int = 0) -> None:
        self._behaviours = behaviours
        self._listener = socket.create_server(("127.0.0.1", port))
        self.host, self.port = self._listener.getsockname()
        self.errors: list[BaseException] = []
        self.connections = 0
        self._peers: list[Peer] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> FakeAmi:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for peer in self._peers:
            peer.hang_up()
        for thread in self._threads[1:]:
            thread.join()
        if error is None:
            assert not self.errors

    def hang_up(self) -> None:
        """End the connections there are; new ones are taken."""
        for peer in list(self._peers):
            peer.hang_up()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                behaviour = self._behaviours[min(self.connections, len(self._behaviours) - 1)]
                peer = Peer(connection)
                self._peers.append(peer)
                self.connections += 1
                thread = threading.Thread(target=self._behave, args=(behaviour, peer))
                self._threads.append(thread)
                thread.start()

    def _behave(self, behaviour: Callable[[Peer], None], peer: Peer) -> None:
        try:
            behaviour(peer)
        except HungUp:
            pass
        except BaseException as error:
            self.errors.append(error)
        finally:
            peer.close()
