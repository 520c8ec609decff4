"""A manager that greets, takes any login and then sends events as fast as they are read; one client each."""

from __future__ import annotations

import re
import socket
import threading

_EVENT = (
    "Event: QueueMemberStatus\r\nPrivilege: agent,all\r\nQueue: support\r\nMemberName: Jürgen Groß\r\n"
    "Interface: PJSIP/desk_{n}\r\nStateInterface: PJSIP/desk_{n}\r\nMembership: realtime\r\nPenalty: 0\r\n"
    "CallsTaken: {n}\r\nLastCall: 1795625072\r\nLastPause: 0\r\nLoginTime: 1795600000\r\nInCall: 0\r\n"
    "Status: 1\r\nPaused: 0\r\nPausedReason: \r\nRinginuse: 0\r\nWrapuptime: 0\r\n\r\n"
)
_OVER = b"Event: BenchOver\r\nPrivilege: system,all\r\nInterface: -\r\n\r\n"
_BOOTED = b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n"


class ManagerServer:
    """Listens on a port of the loopback."""

    def __init__(self, events: int) -> None:
        self._stream = b"".join(_EVENT.format(n=n).encode() for n in range(events)) + _OVER
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take nobody any more."""
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        client.sendall(b"Asterisk Call Manager/11.0.0\r\n")
        received = b""
        try:
            while chunk := client.recv(4096):
                received += chunk
                while b"\r\n\r\n" in received:
                    action, _, received = received.partition(b"\r\n\r\n")
                    found = re.search(rb"(?i)actionid: *([^\r\n]*)", action)
                    identity = b"ActionID: " + found[1] + b"\r\n" if found else b""
                    client.sendall(b"Response: Success\r\n" + identity + b"Message: ok\r\n\r\n")
                    if b"login" in action.lower().partition(b"\r\n")[0]:
                        client.sendall(_BOOTED)
                        threading.Thread(target=self._pour, args=(client,), daemon=True).start()
        except OSError:
            return

    def _pour(self, client: socket.socket) -> None:
        try:
            client.sendall(self._stream)
        except OSError:
            return
