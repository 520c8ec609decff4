"""The bytes of Asterisk's manager interface (AMI): actions out, messages in. No socket in here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

ActionHeaders = Mapping[str, str | Sequence[str]]

MESSAGE_LIMIT_BYTES = 1 << 20
# Asterisk reads lines into a buffer of this size and throws away the whole action when one does not fit.
LINE_LIMIT_BYTES = 1024

_GREETING = b"Asterisk Call Manager/"
_GREETING_LIMIT_BYTES = 200
_END_OF_LINE = b"\r\n"
_END_OF_MESSAGE = b"\r\n\r\n"
_EVENT = b"Event: "
_ACTION_ID = b"\r\nActionID: "
_OURS = frozenset({"action", "actionid"})


class ProtocolError(Exception):
    """The peer does not speak AMI, or sends a message longer than allowed: drop the connection."""


class Headers(Mapping[str, str]):
    """The header lines of one message: names in any case, order kept, a name may come again.

    ``headers["Variable"]`` is the first value, ``headers.all("Variable")`` is all of them.
    """

    __slots__ = ("_block", "_first", "_lowered", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._block = self._lowered = b""
        self._pairs: tuple[tuple[str, str], ...] | None = tuple(pairs)
        self._first: dict[str, str] | None = None

    @classmethod
    def of(cls, headers: ActionHeaders) -> Headers:
        """Make headers from a mapping whose values are one text or several."""
        return cls((name, value) for name, values in headers.items() for value in _several(values))

    @classmethod
    def read(cls, block: bytes) -> Headers:
        """The headers of a message as it came; taken apart when somebody wants more than some of them."""
        headers = cls(())
        headers._block = b"\r\n" + block + b"\r\n"
        headers._pairs = None
        return headers

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Name and value of every line, in order."""
        if self._pairs is None:
            self._pairs = tuple(_parse(self._block))
        return self._pairs

    def __getitem__(self, name: str) -> str:
        if self._pairs is None:
            return self._find(name)
        if self._first is None:
            # Backwards, so that of a repeated name the first value stays.
            self._first = {spelled.lower(): value for spelled, value in reversed(self._pairs)}
        return self._first[name.lower()]

    def _find(self, name: str) -> str:
        """One header, found in the bytes of the message."""
        self._lowered = self._lowered or self._block.lower()
        wanted = b"\r\n" + name.lower().encode() + b":"
        at = self._lowered.find(wanted)
        if at < 0 or not name or ":" in name:
            raise KeyError(name)
        start = at + len(wanted)
        return _value(self._block[start : self._block.index(b"\r\n", start)].decode("utf-8", "replace"))

    def __iter__(self) -> Iterator[str]:
        seen = set()
        for name, _ in self.pairs:
            if name.lower() not in seen:
                seen.add(name.lower())
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Headers({list(self.pairs)!r})"

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a repeated header in the order sent; empty when there is none."""
        wanted = name.lower()
        return tuple(value for spelled, value in self.pairs if spelled.lower() == wanted)


class MessageReader:
    """Cuts what arrives on one connection into messages.

    Events that nobody wants are recognised by their bytes and neither decoded nor taken apart.
    """

    def __init__(
        self, wanted_events: Collection[str] = (), *, limit_bytes: int = MESSAGE_LIMIT_BYTES
    ) -> None:
        self.greeting: str | None = None
        self._wanted = frozenset(name.encode() for name in wanted_events)
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()

    def feed(self, chunk: bytes, awaited: Collection[str] = ()) -> list[Headers]:
        """Take the next bytes, wherever they were cut; return the messages that are complete now.

        Returned are all responses, the wanted events, and the events that carry one of the
        `awaited` ActionIDs. Raises ProtocolError for a peer that is no AMI or a message too long.
        """
        search_from = max(0, len(self._buffer) - len(_END_OF_MESSAGE) + 1)
        self._buffer += chunk
        if self.greeting is None:
            if not self._take_greeting():
                return []
            search_from = 0
        end = self._buffer.rfind(_END_OF_MESSAGE, search_from)
        messages: list[Headers] = []
        if end >= 0:
            blocks = bytes(self._buffer[:end]).split(_END_OF_MESSAGE)
            del self._buffer[: end + len(_END_OF_MESSAGE)]
            for block in blocks:
                self._check_length(block)
                headers = self._read(block, awaited)
                if headers is not None:
                    messages.append(headers)
        self._check_length(self._buffer)
        return messages

    def _take_greeting(self) -> bool:
        line, end, rest = self._buffer.partition(_END_OF_LINE)
        expected = _GREETING if end else _GREETING[: len(line)]
        if not line.startswith(expected) or len(line) > _GREETING_LIMIT_BYTES:
            raise ProtocolError(f"no greeting of an Asterisk manager: {bytes(line[:40])!r}")
        if not end:
            return False
        self.greeting = line.decode("utf-8", "replace")
        self._buffer = rest
        return True

    def _check_length(self, block: bytes | bytearray) -> None:
        if len(block) > self._limit_bytes:
            raise ProtocolError(f"a message longer than {self._limit_bytes} bytes: {bytes(block[:40])!r}")

    def _read(self, block: bytes, awaited: Collection[str]) -> Headers | None:
        if not block.startswith(_EVENT):
            return self._read_rest(block, awaited)
        end = block.find(_END_OF_LINE)
        name = block[len(_EVENT) : end] if end >= 0 else block[len(_EVENT) :]
        if name in self._wanted or (awaited and _action_id(block) in awaited):
            return Headers.read(block)
        return None

    def _read_rest(self, block: bytes, awaited: Collection[str]) -> Headers | None:
        """A response, or an event that does not begin as Asterisk's do."""
        headers = Headers.read(block)
        name = headers.get("Event")
        unwanted = name is not None and name.encode() not in self._wanted
        return (
            None
            if unwanted and headers.get("ActionID") not in awaited
            else headers
            if headers.pairs
            else None
        )


def encode_action(action: str, action_id: str, headers: ActionHeaders) -> bytes:
    """Write one action; a sequence of values becomes one header line for each.

    Raises ValueError for whatever could be read as another header or another action: CR, LF or NUL
    anywhere, a colon or a space in a name, a line longer than Asterisk takes, text that is not
    UTF-8, and for Action and ActionID among the headers.
    """
    lines = [_encode_line("Action", action), _encode_line("ActionID", action_id)]
    for name, values in headers.items():
        if name.lower() in _OURS:
            raise ValueError(f"{name} is not given among the headers")
        lines += [_encode_line(name, value) for value in _several(values)]
    return b"".join(lines) + _END_OF_LINE


def _encode_line(name: str, value: str) -> bytes:
    # The errors do not show the value: it may be a secret or a caller's name.
    if not name or not name.isprintable() or ":" in name or " " in name:
        raise ValueError(f"not a header name: {name!r}")
    if any(character in value for character in "\r\n\0"):
        raise ValueError(f"header {name} holds a line break or a NUL")
    line = f"{name}: {value}\r\n".encode()
    if len(line) > LINE_LIMIT_BYTES:
        raise ValueError(f"header {name} is longer than {LINE_LIMIT_BYTES} bytes")
    return line


def _several(values: str | Sequence[str]) -> Sequence[str]:
    return (values,) if isinstance(values, str) else values


def _action_id(block: bytes) -> str | None:
    at = block.find(_ACTION_ID)
    if at < 0:
        return None
    value, _, _ = block[at + len(_ACTION_ID) :].partition(_END_OF_LINE)
    return value.decode("utf-8", "replace")


def _parse(block: bytes) -> Iterator[tuple[str, str]]:
    for line in block.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon and name:
            yield name, _value(value)


def _value(text: str) -> str:
    """What stands behind the colon; one blank only: a second is the indentation of a command's output."""
    return text[1:] if text[:1] == " " else text
