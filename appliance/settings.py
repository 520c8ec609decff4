"""Where one box keeps its things and on which ports it answers: `box.toml` in its state folder."""

from __future__ import annotations

import ipaddress
import json
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

_PORTS = range(1, 65536)
_BOXES = ("box_ports", "box_buses")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_HOST = re.compile(r"[A-Za-z0-9._:-]+")  # a name or an address; it is written into Asterisk's configuration
_DIGITS = re.compile(r"[0-9]+")
_TEXTS = {
    "card": re.compile(r"[A-Za-z0-9._:/# ()-]*"),
    "head": re.compile(r"[0-9]*"),
    "number": re.compile(r"\+?[0-9]*"),
    "caller_id": re.compile(r"v23|bell|dtmf|none"),
    "echo_canceller": re.compile(r"mg2|kb1|sec|sec2|jpah|oslec|hwec|none"),
}
_LONGEST_PATIENCE = 86_400  # a day
_LOUDEST_GAIN = 20.0  # decibels
_BUFFERS = range(2, 33)  # DAHDI has 32 at most


class SettingsError(ValueError):
    """`box.toml` cannot be taken; one sentence in each language says why."""

    def __init__(self, english: str, german: str) -> None:
        super().__init__(english)
        self.english = english
        self.german = german


@dataclass(frozen=True, slots=True)
class SipLine:
    """A line to the exchange over SIP: its name in Asterisk, and whence its calls come.

    `channels` is how many calls it carries at once, 0 when that is unknown or has no limit.
    """

    name: str
    host: str
    port: int
    channels: int = 0
    analogue: bool = False

    def destination(self, number: str, digits: str) -> str:  # noqa: ARG002 - an ISDN line dials the digits
        """What Dial is told to call this number; `digits` are those a person in the country would dial.

        It is tried also when the line did not answer the last time it was asked.
        """
        return f"PJSIP/{self.name}/sip:{number}@{self.host}:{self.port}"

    def destination_if_alive(self, number: str) -> str:
        """The same, but failing at once when the line is not known to be alive."""
        return f"PJSIP/{number}@{self.name}"

    def shown(self, number: str, digits: str) -> str:  # noqa: ARG002 - an ISDN line shows the digits
        """The form in which the line takes our own number, which the called person's phone shows."""
        return number

    def carries(self, channel: str) -> bool:
        """Whether this channel of Asterisk is a call on this line."""
        return channel.startswith(f"PJSIP/{self.name}-")


class LineKind(StrEnum):
    """How a line of a card is connected."""

    BRI_PTP = "bri-ptp"
    """ISDN with numbers of its own behind a head number (Anlagenanschluss)."""
    BRI_PTMP = "bri-ptmp"
    """ISDN with some numbers, beside other devices on the bus (Mehrgeräteanschluss)."""
    PRI = "pri"
    FXO = "fxo"
    FXS = "fxs"
    """Not to the exchange: desk phones on the card."""


_CHANNELS_PER_PORT = {LineKind.BRI_PTP: 2, LineKind.BRI_PTMP: 2, LineKind.PRI: 30}


@dataclass(frozen=True, slots=True)
class DahdiLine:
    """A line that is plugged into a card: which ports of which card, and what the exchange sends there.

    `card` is the card's identity, '' for the only one there is. `msns` are the numbers that are ours on a
    bus with other devices. `head` goes before what is dialled, where the exchange sends only the last
    digits. `number` is the office's number a line without dialled digits belongs to. `phones` are the
    desk phones on FXS ports, in the order of the ports. `group` is the line's place among all lines,
    from 1. `buffers` is how many pieces of 20 ms the driver keeps ready: more are fewer gaps on a busy
    machine, and more delay. Empty settings are those of the country.
    """

    name: str
    kind: LineKind
    ports: tuple[int, ...]
    card: str = ""
    msns: tuple[str, ...] = ()
    head: str = ""
    number: str = ""
    phones: tuple[str, ...] = ()
    caller_id: str = ""
    busy_pattern: tuple[int, ...] = ()
    polarity_answers: bool = False
    polarity_hangs_up: bool = False
    receive_gain: float = 0.0
    transmit_gain: float = 0.0
    echo_canceller: str = "mg2"
    buffers: int = 8
    group: int = 1

    @property
    def channels(self) -> int:
        """How many calls the line carries at once."""
        return len(self.ports) * _CHANNELS_PER_PORT.get(self.kind, 1)

    @property
    def is_isdn(self) -> bool:
        """Whether calls are announced with numbers on a D-channel."""
        return self.kind in _CHANNELS_PER_PORT

    @property
    def analogue(self) -> bool:
        """Whether a call counts as answered as soon as it is dialled."""
        return self.kind is LineKind.FXO and not self.polarity_answers

    def destination(self, number: str, digits: str) -> str:  # noqa: ARG002 - a SIP line dials the number
        """What Dial is told to call this number: any free channel of the group, the last one first."""
        return f"DAHDI/G{self.group}/{digits}"

    def shown(self, number: str, digits: str) -> str:  # noqa: ARG002 - a SIP line shows the number
        """The form in which the line takes our own number; the exchange may put its own there."""
        return digits


Line = SipLine | DahdiLine


@dataclass(frozen=True, slots=True)
class Settings:
    """The box as Asterisk and the supervisor must both know it. Ports are on the loopback
    except SIP and RTP, where the phones are."""

    state: Path
    manager_port: int = 5038
    fastagi_port: int = 4573
    sip_address: str = "0.0.0.0"  # the phones are in the network
    sip_port: int = 5060
    rtp_ports: range = field(default=range(10000, 10400))
    lines: tuple[Line, ...] = ()
    box_ports: tuple[str, ...] = ()
    """Serial ports with one desk box each, beside USB, where they are found; ``*`` stands for anything."""
    box_buses: tuple[str, ...] = ()
    """Serial ports with several desk boxes on one cable (RS-485)."""
    front_panel: bool | None = None
    """Whether a front panel is built, as `hardware/` says; without one its pins are left alone. None: one is
    looked for where there is a Raspberry Pi's header."""
    emergency_ends_calls: bool = True  # a call to the emergency services gets a line, whoever else has it
    line_patience_seconds: int = 60  # after which a line's trouble is for somebody to look at

    @property
    def sip_lines(self) -> tuple[SipLine, ...]:
        """The lines that come over the network."""
        return tuple(line for line in self.lines if isinstance(line, SipLine))

    @property
    def outward_lines(self) -> tuple[Line, ...]:
        """The lines to the exchange, in their order."""
        return tuple(
            line for line in self.lines if isinstance(line, SipLine) or line.kind is not LineKind.FXS
        )

    @property
    def outward_line(self) -> Line | None:
        """The line on which the box itself calls out; None without any."""
        return next(iter(self.outward_lines), None)

    @property
    def card_lines(self) -> tuple[DahdiLine, ...]:
        """The lines that are plugged into a card of this box."""
        return tuple(line for line in self.lines if isinstance(line, DahdiLine))

    @property
    def store(self) -> Path:
        """The SQLite file."""
        return self.state / "freizeichen.db"

    @property
    def spool(self) -> Path:
        """Voice messages on their way to a mailbox."""
        return self.state / "spool"

    @property
    def recordings(self) -> Path:
        """Where Asterisk writes a voice message: ``CALL.wav``."""
        return self.spool / "recordings"

    @property
    def prompt_recordings(self) -> Path:
        """Where Asterisk writes a prompt that is recorded by phone, until it is in the store."""
        return self.spool / "prompts"

    @property
    def prompts(self) -> Path:
        """The sounds in force, one folder per language."""
        return self.state / "prompts"

    @property
    def own_recordings(self) -> Path:
        """The office's own recordings of prompts; they go before everything built in."""
        return self.state / "own-prompts"

    @property
    def asterisk(self) -> Path:
        """Asterisk's own folder: etc, run, log and so on."""
        return self.state / "asterisk"

    @property
    def call_records(self) -> Path:
        """Asterisk's record of every call (CEL), one CSV line an event."""
        return self.asterisk / "log" / "call-records.csv"

    @property
    def asterisk_log(self) -> Path:
        """What Asterisk complains of, and whom it refuses."""
        return self.asterisk / "log" / "messages"

    def write(self) -> None:
        """Write `box.toml`."""
        self.state.mkdir(parents=True, exist_ok=True)
        panel = "" if self.front_panel is None else f"front_panel = {_toml(self.front_panel)}\n"
        lines = "".join(f"\n[[line]]\n{line_text(line)}" for line in self.lines)
        (self.state / "box.toml").write_text(
            f"# Where this box answers. Changing it needs a restart.\n"
            f"manager_port = {self.manager_port}\nfastagi_port = {self.fastagi_port}\n"
            f'sip_address = "{self.sip_address}"\nsip_port = {self.sip_port}\n'
            f"rtp_ports = [{self.rtp_ports.start}, {self.rtp_ports.stop}]\n"
            f"line_patience_seconds = {self.line_patience_seconds}\n"
            f"emergency_ends_calls = {_toml(self.emergency_ends_calls)}\n"
            f"box_ports = {json.dumps(self.box_ports)}\nbox_buses = {json.dumps(self.box_buses)}\n"
            f"{panel}{lines}"
        )


def read_settings(state: Path) -> Settings:
    """Read `box.toml` of the state folder; without one, the defaults hold.

    Raises SettingsError for a file that cannot be read or is not what `Settings.write` makes.
    """
    file = state / "box.toml"
    try:
        return _settings(state, tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Settings(state)
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be read: {error.strerror}", f"{file} ist nicht zu lesen: {error.strerror}"
        ) from error
    except SettingsError as error:
        raise SettingsError(f"{file}: {error.english}", f"{file}: {error.german}") from error
    except ValueError as error:
        raise SettingsError(
            f"{file}: this is no TOML: {error}", f"{file}: das ist kein TOML: {error}"
        ) from error


def _settings(state: Path, values: Mapping[str, Any]) -> Settings:
    """Raises SettingsError for what cannot be."""
    ports = ("manager_port", "fastagi_port", "sip_port")
    _only_known(
        values,
        (
            *(*ports, "sip_address", "rtp_ports", *_BOXES, "front_panel"),
            *("emergency_ends_calls", "line_patience_seconds", "line"),
        ),
    )
    given: dict[str, Any] = {name: _port(name, values[name]) for name in ports if name in values}
    if "sip_address" in values:
        given["sip_address"] = _address("sip_address", values["sip_address"])
    if "rtp_ports" in values:
        given["rtp_ports"] = _port_range("rtp_ports", values["rtp_ports"])
    given |= {name: _paths(name, values[name]) for name in _BOXES if name in values}
    if "front_panel" in values:
        given["front_panel"] = _flag("front_panel", values["front_panel"])
    if "emergency_ends_calls" in values:
        given["emergency_ends_calls"] = _flag("emergency_ends_calls", values["emergency_ends_calls"])
    if "line_patience_seconds" in values:
        seconds = given["line_patience_seconds"] = values["line_patience_seconds"]
        if type(seconds) is not int or not 0 <= seconds <= _LONGEST_PATIENCE:
            raise SettingsError(
                f"line_patience_seconds must be a whole number up to {_LONGEST_PATIENCE}",
                f"line_patience_seconds muss eine ganze Zahl bis {_LONGEST_PATIENCE} sein",
            )
    lines = values.get("line", [])
    if type(lines) is not list or not all(type(line) is dict for line in lines):
        raise SettingsError("lines are sections [[line]]", "Leitungen sind Abschnitte [[line]]")
    read = tuple(_line(line, group) for group, line in enumerate(lines, start=1))
    names = [line.name for line in read]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SettingsError(f"there are two lines {twice}", f"es gibt zwei Leitungen {twice}")
    return Settings(state, lines=read, **given)


def line_text(line: Line) -> str:
    """A line as `_line` reads it, without what is as it is by itself."""
    given = {
        field.name: getattr(line, field.name)
        for field in fields(line)
        if field.name != "group" and getattr(line, field.name) != field.default
    }
    return "".join(f"{name} = {_toml(value)}\n" for name, value in given.items())


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return json.dumps(value, ensure_ascii=False)  # texts, numbers and truth are written alike in TOML


def _line(values: Mapping[str, Any], group: int) -> Line:
    """One [[line]]: with a kind it is on a card, else it is SIP. Raises SettingsError for what cannot be."""
    return _dahdi_line(values, group) if "kind" in values else _sip_line(values)


def _sip_line(values: Mapping[str, Any]) -> SipLine:
    needed, known = ("name", "host", "port"), ("name", "host", "port", "channels", "analogue")
    where = f"line {values.get('name', '?')}"
    _only_known(values, known, f"{where}: ")
    _complete(values, needed, where)
    for name, pattern in (("name", _NAME), ("host", _HOST)):
        _letters(values, name, pattern, where)
    line = SipLine(**values)
    _port(f"{where}: port", line.port)
    if type(line.channels) is not int or line.channels < 0:
        raise SettingsError(
            f"{where}: channels must be a whole number, 0 for no limit",
            f"{where}: channels muss eine ganze Zahl sein, 0 für ohne Grenze",
        )
    _flag(f"{where}: analogue", line.analogue)
    return line


def _flag(where: str, value: object) -> bool:
    if type(value) is bool:
        return value
    raise SettingsError(f"{where} must be true or false", f"{where} muss true oder false sein")


def _dahdi_line(values: Mapping[str, Any], group: int) -> DahdiLine:
    where = f"line {values.get('name', '?')}"
    _only_known(values, [field.name for field in fields(DahdiLine) if field.name != "group"], f"{where}: ")
    _complete(values, ("name", "kind", "ports"), where)
    _letters(values, "name", _NAME, where)
    if values["kind"] not in list(LineKind):
        kinds = ", ".join(LineKind)
        raise SettingsError(
            f"{where}: kind must be one of {kinds}", f"{where}: kind muss eines sein von {kinds}"
        )
    given = dict(values) | {"kind": LineKind(values["kind"]), "group": group}
    for name in ("ports", "busy_pattern"):
        given[name] = _whole_numbers(where, name, values.get(name, []))
    if not given["ports"] or len(set(given["ports"])) < len(given["ports"]):
        raise SettingsError(
            f"{where}: ports must name each port of the line once",
            f"{where}: ports muss jeden Anschluss der Leitung einmal nennen",
        )
    if len(given["busy_pattern"]) not in (0, 2, 4):
        raise SettingsError(
            f"{where}: busy_pattern must have two or four lengths in milliseconds",
            f"{where}: busy_pattern muss zwei oder vier Längen in Millisekunden haben",
        )
    for name in ("msns", "phones"):
        given[name] = _texts(where, name, values.get(name, []), _DIGITS if name == "msns" else _NAME)
    for name, pattern in _TEXTS.items():
        if name in values:
            _letters(values, name, pattern, where)
    for name in ("polarity_answers", "polarity_hangs_up"):
        _flag(f"{where}: {name}", values.get(name, False))
    for name in ("receive_gain", "transmit_gain"):
        given[name] = _gain(where, name, values.get(name, 0.0))
    if type(values.get("buffers", 8)) is not int or values.get("buffers", 8) not in _BUFFERS:
        raise SettingsError(
            f"{where}: buffers must be a whole number from {_BUFFERS.start} to {_BUFFERS.stop - 1}",
            f"{where}: buffers muss eine ganze Zahl von {_BUFFERS.start} bis {_BUFFERS.stop - 1} sein",
        )
    line = DahdiLine(**given)
    if line.msns and line.kind is not LineKind.BRI_PTMP:
        raise SettingsError(
            f"{where}: msns belong to a line of kind {LineKind.BRI_PTMP}",
            f"{where}: msns gehören zu einer Leitung der Art {LineKind.BRI_PTMP}",
        )
    if line.kind is LineKind.FXO and not line.number:
        raise SettingsError(
            f"{where}: number must say which of the office's numbers this line is",
            f"{where}: number muss sagen, welche Rufnummer des Büros diese Leitung ist",
        )
    if len(line.phones) != (len(line.ports) if line.kind is LineKind.FXS else 0):
        raise SettingsError(
            f"{where}: phones must name a phone for each port of kind fxs, and none otherwise",
            f"{where}: phones muss für jeden Anschluss der Art fxs ein Telefon nennen, sonst keines",
        )
    return line


def _complete(values: Mapping[str, Any], needed: Collection[str], where: str) -> None:
    for name in needed:
        if name not in values:
            raise SettingsError(f"{where}: {name} is missing", f"{where}: {name} fehlt")


def _letters(values: Mapping[str, Any], name: str, pattern: re.Pattern[str], where: str) -> None:
    if type(values[name]) is not str or not pattern.fullmatch(values[name]):
        raise SettingsError(
            f"{where}: {name} must be a text of letters and digits",
            f"{where}: {name} muss ein Text aus Buchstaben und Ziffern sein",
        )


def _whole_numbers(where: str, name: str, value: object) -> tuple[int, ...]:
    if type(value) is list and all(type(number) is int and 0 < number < 10_000 for number in value):
        return tuple(value)
    raise SettingsError(
        f"{where}: {name} must be a list of whole numbers",
        f"{where}: {name} muss eine Liste ganzer Zahlen sein",
    )


def _texts(where: str, name: str, value: object, pattern: re.Pattern[str]) -> tuple[str, ...]:
    if type(value) is list and all(type(text) is str and pattern.fullmatch(text) for text in value):
        return tuple(value)
    english, german = (
        ("digits", "Ziffern") if pattern is _DIGITS else ("letters and digits", "Buchstaben und Ziffern")
    )
    raise SettingsError(
        f"{where}: {name} must be a list of texts of {english}",
        f"{where}: {name} muss eine Liste von Texten aus {german} sein",
    )


def _gain(where: str, name: str, value: object) -> float:
    if type(value) in (int, float) and -_LOUDEST_GAIN <= float(str(value)) <= _LOUDEST_GAIN:
        return float(str(value))
    raise SettingsError(
        f"{where}: {name} must be decibels from -{_LOUDEST_GAIN:g} to {_LOUDEST_GAIN:g}",
        f"{where}: {name} müssen Dezibel von -{_LOUDEST_GAIN:g} bis {_LOUDEST_GAIN:g} sein",
    )


def _only_known(values: Mapping[str, Any], known: Collection[str], where: str = "") -> None:
    for name in values:
        if name not in known:
            those = ", ".join(known)
            raise SettingsError(
                f"{where}there is no setting {name}, only {those}",
                f"{where}es gibt keine Einstellung {name}, nur {those}",
            )


def _port(where: str, value: object) -> int:
    if type(value) is int and value in _PORTS:
        return value
    raise SettingsError(
        f"{where} must be a whole number from 1 to 65535",
        f"{where} muss eine ganze Zahl von 1 bis 65535 sein",
    )


def _port_range(where: str, value: object) -> range:
    """``[first, end]``, the end not belonging to it."""
    if type(value) is list and [type(port) for port in value] == [int, int]:
        ports = range(*value)
        if ports and ports[0] in _PORTS and ports[-1] in _PORTS:
            return ports
    raise SettingsError(
        f"{where} must be two ports: the first, and the one behind the last",
        f"{where} müssen zwei Ports sein: der erste und der hinter dem letzten",
    )


def _paths(where: str, value: object) -> tuple[str, ...]:
    if type(value) is list and all(type(path) is str and path.startswith("/") for path in value):
        return tuple(value)
    raise SettingsError(
        f'{where} must be a list of serial ports such as ["/dev/ttyUSB0"]',
        f'{where} muss eine Liste serieller Anschlüsse sein, etwa ["/dev/ttyUSB0"]',
    )


def _address(where: str, value: object) -> str:
    try:
        if type(value) is str:
            return str(ipaddress.ip_address(value))
    except ValueError:
        pass
    raise SettingsError(
        f'{where} must be an address such as "0.0.0.0"',
        f'{where} muss eine Adresse sein, etwa "0.0.0.0"',
    )
