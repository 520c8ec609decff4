"""One connection to Asterisk's manager (AMI): pyst2's session with its reading and sending replaced.

The only place where pyst2's manager is used; what is wrong with it is repaired here.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
import uuid
from collections.abc import Callable, Collection
from types import MappingProxyType

import asterisk.manager

from appliance.telephony.ami_protocol import (
    ActionHeaders,
    Headers,
    MessageReader,
    ProtocolError,
    encode_action,
)

NO_HEADERS: ActionHeaders = MappingProxyType({})
_READ_BYTES = 1 << 16
_FULLY_BOOTED = "FullyBooted"  # sent after login, at once or when the last module is loaded


class ManagerError(Exception):
    """An action was not carried out."""


class ManagerLost(ManagerError):
    """There is no connection, or it went away before the answer; the action may have been carried out."""


class ManagerTimeout(ManagerLost):
    """No answer within the time allowed; should it still come, it is dropped."""


class ActionRefused(ManagerError):
    """Asterisk answered with an error; `message` is its sentence, `response` all it said."""

    def __init__(self, action: str, message: str, response: Headers) -> None:
        super().__init__(f"{action}: {message}")
        self.message = message
        self.response = response


class Event(asterisk.manager.Event):  # type: ignore[misc]
    """One event: pyst2's, made from a name and headers instead of pyst2's own message.

    ``event["Queue"]`` and ``event.headers.get("queue")`` read a header,
    ``event.headers.all("ChanVariable")`` every value of a repeated one.
    """

    def __init__(self, name: str, headers: ActionHeaders = NO_HEADERS) -> None:
        self.name = name
        self.headers = headers if isinstance(headers, Headers) else Headers.of(headers)

    def __repr__(self) -> str:
        return f"Event({self.name!r}, {self.headers!r})"


class Response(Headers):
    """The answer to an action; of a Command, ``all("Output")`` is what it printed, line by line."""

    __slots__ = ()

    def get_header(self, name: str, default: str | None = None) -> str | None:
        """The name by which pyst2's actions look into an answer."""
        return self.get(name, default)


class _Answer:
    """What one action waits for: its response and, if `is_last` is given, events up to the last one."""

    def __init__(self, is_last: Callable[[Event], bool] | None) -> None:
        self.response = Response(())
        self.events: list[Event] = []
        self.finished = False
        self.wake = threading.Event()
        self._is_last = is_last
        self._had_last = is_last is None

    @property
    def refused(self) -> bool:
        return self.response.get("Response") == "Error"

    def take(self, headers: Headers) -> None:
        if self.finished:
            return
        if "Event" in headers:
            event = Event(headers["Event"], headers)
            self.events.append(event)
            self._had_last = self._had_last or (self._is_last is not None and self._is_last(event))
        else:
            self.response = Response(headers.pairs)
        # Both in either order: an OriginateResponse can overtake the response to the Originate.
        if self.response and (self._had_last or self.refused):
            self.finished = True
            self.wake.set()


class Session(asterisk.manager.Manager):  # type: ignore[misc]
    """One connection. pyst2's actions (login, ping) go out through `send_action` and work as they are."""

    def __init__(
        self, wanted_events: Collection[str], deliver: Callable[[Event], None], answer_seconds: float
    ) -> None:
        # Not pyst2's own __init__: it makes threads and queues that only its broken loops need.
        self.title: str | None = None
        self.lost = threading.Event()
        self.reason = ""
        self._answer_seconds = answer_seconds
        self._deliver = deliver
        self._reader = MessageReader({*wanted_events, _FULLY_BOOTED})
        self._thread = threading.Thread(target=self._read, name="ami-reader", daemon=True)
        self._socket: socket.socket | None = None
        self._greeted = threading.Event()
        self._booted = False
        self._boot_known = threading.Event()
        self._writing = threading.Lock()
        self._state = threading.Lock()
        self._awaited: dict[str, _Answer] = {}
        self._early: list[Event] | None = []
        self._identity = uuid.uuid4().hex
        self._numbers = itertools.count(1)

    def __del__(self) -> None:
        """Nothing: pyst2 logs off here and can wait for ever. The owner calls `close`."""

    def connect(self, host: str, port: int) -> None:
        """Connect and wait for the greeting. Raises OSError or ManagerLost."""
        self._socket = self._open(host, port)
        self._thread.start()
        if not self._greeted.wait(self._answer_seconds):
            raise ManagerTimeout(f"no greeting within {self._answer_seconds:g} s")
        if self.lost.is_set():
            raise ManagerLost(self.reason)
        self.title = self._reader.greeting

    def _open(self, host: str, port: int) -> socket.socket:
        error = OSError(f"no address for {host}")
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            sock = self._socket = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self._answer_seconds)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(address)
            except OSError as why:
                sock.close()
                error = why
            else:
                return sock
        raise error

    def wait_booted(self) -> None:
        """Wait until Asterisk has started, however long that takes. Raises ManagerLost.

        Actions sent while its modules are still loading can block it for good. The user needs
        the read class "system".
        """
        while not self._boot_known.wait(self._answer_seconds):
            self.ping()
        # Once told it counts, even if the connection is lost by now: so it does for every answer.
        if not self._booted:
            raise ManagerLost(self.reason)

    def release(self) -> None:
        """Deliver the events that came before now, and from now on each as it comes."""
        with self._state:
            for event in self._early or ():
                self._deliver(event)
            self._early = None

    def send_action(self, cdict: ActionHeaders = NO_HEADERS, **kwargs: str) -> Response:
        """What pyst2's own actions call."""
        headers = {**cdict, **kwargs}
        action = str(headers.pop("Action"))
        return self.request(action, headers, self._answer_seconds)[0]

    def request(
        self,
        action: str,
        headers: ActionHeaders,
        timeout_seconds: float,
        is_last: Callable[[Event], bool] | None = None,
    ) -> tuple[Response, list[Event]]:
        """Send an action and wait for what belongs to it by its ActionID."""
        deadline = time.monotonic() + timeout_seconds
        action_id = f"{self._identity}-{next(self._numbers)}"
        data = encode_action(action, action_id, headers)
        answer = _Answer(is_last)
        with self._state:
            if self.lost.is_set():
                raise ManagerLost(f"{action}: not connected ({self.reason})")
            self._awaited[action_id] = answer
        try:
            self._write(action, data, deadline)
            if not answer.wake.wait(max(0.0, deadline - time.monotonic())):
                raise ManagerTimeout(f"{action}: no answer within {timeout_seconds:g} s")
        finally:
            with self._state:
                del self._awaited[action_id]
        if not answer.finished:
            raise ManagerLost(f"{action}: connection lost ({self.reason})")
        if answer.refused:
            raise ActionRefused(action, answer.response.get("Message", "refused"), answer.response)
        return answer.response, answer.events

    def _write(self, action: str, data: bytes, deadline: float) -> None:
        if not self._writing.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise ManagerTimeout(f"{action}: could not be sent in time")
        try:
            if self._socket is None:
                raise ManagerLost(f"{action}: not connected")
            self._socket.sendall(data)
        except OSError as error:
            # Perhaps half of it went out: whatever followed would be read as part of it.
            self.abort(f"could not write: {error}")
            raise ManagerLost(f"{action}: could not be sent ({error})") from error
        finally:
            self._writing.release()

    def abort(self, reason: str) -> None:
        """End the connection from any thread, also while it is being made; does not wait."""
        self.reason = self.reason or reason
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection and its thread."""
        self.abort("closed")
        if self._thread.ident is not None:
            self._thread.join()

    def _read(self) -> None:
        reason = "closed by Asterisk"
        try:
            while chunk := self._receive():
                for headers in self._reader.feed(chunk, self._awaited):
                    self._sort(headers)
                if self._reader.greeting is not None:
                    self._greeted.set()
        except (OSError, ProtocolError) as error:
            reason = str(error)
        finally:
            self._end(reason)

    def _receive(self) -> bytes:
        assert self._socket is not None
        while True:
            # The time limit of the socket is meant for writing; nothing to read is no error.
            with contextlib.suppress(TimeoutError):
                return self._socket.recv(_READ_BYTES)

    def _sort(self, headers: Headers) -> None:
        action_id = headers.get("ActionID", "")
        answer = self._awaited.get(action_id)
        if answer is not None:
            answer.take(headers)
            return
        name = headers.get("Event")
        if name == _FULLY_BOOTED:
            self._booted = True
            self._boot_known.set()
        elif name is not None and not action_id.startswith(self._identity):
            event = Event(name, headers)
            with self._state:
                if self._early is None:
                    self._deliver(event)
                else:
                    self._early.append(event)

    def _end(self, reason: str) -> None:
        self.abort(reason)
        with self._writing:
            if self._socket is not None:
                self._socket.close()
        with self._state:
            self.lost.set()
            for answer in self._awaited.values():
                answer.wake.set()
        self._greeted.set()
        self._boot_known.set()
