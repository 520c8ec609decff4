"""The link to Asterisk's manager (AMI): connects again whenever it must, sends actions, hands out events."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from appliance.telephony.ami_protocol import ActionHeaders, Headers
from appliance.telephony.ami_session import (
    NO_HEADERS,
    ActionRefused,
    Event,
    ManagerError,
    ManagerLost,
    ManagerTimeout,
    Response,
    Session,
)

__all__ = [
    "ActionRefused",
    "Event",
    "Headers",
    "LinkTiming",
    "ManagerError",
    "ManagerLink",
    "ManagerLost",
    "ManagerTimeout",
    "Response",
]

log = logging.getLogger(__name__)

# What the Reason of an OriginateResponse says (AST_CONTROL_… in Asterisk).
_REASONS = {"0": "no such destination", "1": "hung up", "3": "no answer", "5": "busy", "8": "congestion"}


@dataclass(frozen=True, slots=True)
class LinkTiming:
    """How patient a link is, in seconds."""

    answer_seconds: float = 5.0
    """Limit for connecting, for the greeting, for the answers to login and ping, and for writing."""
    ping_seconds: float = 10.0
    """Pause between two pings: only they notice a connection that died without a word."""
    first_pause_seconds: float = 0.1
    """Before the second attempt to connect; doubled from attempt to attempt."""
    longest_pause_seconds: float = 5.0


class ManagerLink:
    """A connection to Asterisk's manager that is made again whenever it is lost.

    Actions may be sent from any thread, many at once. Events reach `on_event` in order, on one
    thread, which also calls `on_connected` and `on_lost` in their place between the events; a
    handler may take its time and may send actions. Events not in `wanted_events` cost nothing;
    those that answer an action go to whoever sent it and to nobody else.
    """

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        secret: str,
        *,
        name: str,
        wanted_events: Collection[str] = (),
        on_event: Callable[[Event], None] | None = None,
        on_connected: Callable[[], None] | None = None,
        on_lost: Callable[[], None] | None = None,
        timing: LinkTiming = LinkTiming(),
    ) -> None:
        self.name = name
        self._address = (host, port)
        self._login = (user, secret)
        self._wanted_events = frozenset(wanted_events if on_event else ())
        self._on_event = on_event
        self._on_connected = on_connected
        self._on_lost = on_lost
        self._timing = timing
        self._session: Session | None = None
        self._connected = threading.Event()
        self._stopping = threading.Event()
        self._complaint = ""
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._keeper = threading.Thread(target=self._keep, name=f"ami-{name}", daemon=True)
        self._dispatcher = threading.Thread(target=self._dispatch, name=f"ami-{name}-events", daemon=True)

    def start(self) -> None:
        """Connect in the background, for ever. Once only."""
        self._dispatcher.start()
        self._keeper.start()

    def stop(self) -> None:
        """Disconnect and end all threads. No handler is called any more, also not `on_lost`."""
        self._stopping.set()
        self._calls.put(lambda: None)
        while self._keeper.is_alive():
            # Again and again, as it may just be making a new connection.
            if self._session is not None:
                self._session.abort("stopped")
            self._keeper.join(0.02)
        if self._dispatcher.is_alive() and self._dispatcher is not threading.current_thread():
            self._dispatcher.join()

    @property
    def connected(self) -> bool:
        """Whether it is logged in at this moment."""
        return self._connected.is_set()

    def wait_connected(self, timeout_seconds: float) -> bool:
        """Wait until it is logged in; False when that took too long."""
        return self._connected.wait(timeout_seconds)

    def send(
        self, action: str, headers: ActionHeaders = NO_HEADERS, *, timeout_seconds: float = 5.0
    ) -> Response:
        """Send an action and return its answer.

        Raises ValueError for headers that could be read as something else, ManagerLost without a
        connection, ManagerTimeout without an answer in time, ActionRefused when Asterisk refuses.
        """
        return self._request(action, headers, timeout_seconds)[0]

    def send_list(
        self, action: str, headers: ActionHeaders = NO_HEADERS, *, timeout_seconds: float = 5.0
    ) -> list[Event]:
        """Send an action that is answered by a list; return its events without the closing one.

        Raises as `send` does.
        """
        return self._request(action, headers, timeout_seconds, _ends_list)[1][:-1]

    def originate(
        self,
        channel: str,
        headers: ActionHeaders,
        *,
        variables: Mapping[str, str] = MappingProxyType({}),
        ring_seconds: float = 30.0,
    ) -> Event:
        """Call `channel`, and connect it as `headers` say once it answers; return the OriginateResponse.

        `headers` hold Context, Exten, Priority or Application, Data, and CallerID if wanted;
        `variables` are set on the channel, whatever text they hold. The user must be allowed to
        read the class "call". Raises as `send` does; ActionRefused also for busy and no answer.
        """
        order: ActionHeaders = {
            **headers,
            "Channel": channel,
            "Async": "true",
            "Timeout": str(round(ring_seconds * 1000)),
            "Variable": [_assignment(name, value) for name, value in variables.items()],
        }
        event = self._request("Originate", order, ring_seconds + 5.0, _ends_originate)[1][-1]
        if event.headers.get("Response") != "Success":
            reason = _REASONS.get(event.headers.get("Reason", ""), "failed")
            raise ActionRefused(f"Originate {channel}", reason, event.headers)
        return event

    def _request(
        self,
        action: str,
        headers: ActionHeaders,
        timeout_seconds: float,
        is_last: Callable[[Event], bool] | None = None,
    ) -> tuple[Response, list[Event]]:
        session = self._session
        if session is None or not self.connected:
            raise ManagerLost(f"{action}: {self.name} is not connected")
        return session.request(action, headers, timeout_seconds, is_last)

    def _keep(self) -> None:
        pause_seconds = self._timing.first_pause_seconds
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._hold_one_connection()
            except (ManagerError, OSError, ValueError) as error:
                self._complain(str(error))
            except Exception:
                log.exception("%s: error in the manager link", self.name)
            if time.monotonic() - began > self._timing.longest_pause_seconds:
                pause_seconds = self._timing.first_pause_seconds
            self._stopping.wait(pause_seconds)
            pause_seconds = min(pause_seconds * 2, self._timing.longest_pause_seconds)

    def _hold_one_connection(self) -> None:
        # A new object for each: pyst2's can be connected once only.
        session = Session(self._wanted_events, self._deliver, self._timing.answer_seconds)
        self._session = session
        try:
            session.connect(*self._address)
            session.login(*self._login)
            session.wait_booted()
            self._complaint = ""
            log.info("%s: connected to %s", self.name, session.title)
            self._connected.set()
            self._call(self._on_connected)
            session.release()
            while not session.lost.wait(self._timing.ping_seconds):
                session.ping()
            raise ManagerLost(session.reason)
        finally:
            session.close()
            if self.connected:
                self._connected.clear()
                self._call(self._on_lost)

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint and not self._stopping.is_set():
            log.warning("%s: no connection to Asterisk's manager: %s", self.name, complaint)
            self._complaint = complaint

    def _deliver(self, event: Event) -> None:
        if self._on_event is not None:
            self._calls.put(partial(self._on_event, event))

    def _call(self, handler: Callable[[], None] | None) -> None:
        if handler is not None:
            self._calls.put(handler)

    def _dispatch(self) -> None:
        while True:
            call = self._calls.get()
            if self._stopping.is_set():
                return
            try:
                call()
            except ManagerLost as error:
                log.info("%s: %s; it is told again with the next connection", self.name, error)
            except Exception:
                log.exception("%s: error in a handler", self.name)


def _ends_list(event: Event) -> bool:
    return event.headers.get("EventList", "").lower() == "complete" or event.name.endswith("Complete")


def _ends_originate(event: Event) -> bool:
    return bool(event.name == "OriginateResponse")


def _assignment(name: str, value: str) -> str:
    """`name=value` for a Variable header, in which Asterisk takes a comma as the next assignment."""
    if not name or any(character in name for character in '=,"\\'):
        raise ValueError(f"not a variable name: {name!r}")
    escaped = "".join("\\" + character if character in '\\",' else character for character in value)
    return f"{name}={escaped}"
