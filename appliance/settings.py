"""Where one box keeps its things and on which ports it answers: `box.toml` in its state folder."""

from __future__ import annotations

import ipaddress
import json
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PORTS = range(1, 65536)
_BOXES = ("box_ports", "box_buses")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_HOST = re.compile(r"[A-Za-z0-9._:-]+")  # a name or an address; it is written into Asterisk's configuration


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
    lines: tuple[SipLine, ...] = ()
    box_ports: tuple[str, ...] = ()
    """Serial ports with one desk box each, beside USB, where they are found; ``*`` stands for anything."""
    box_buses: tuple[str, ...] = ()
    """Serial ports with several desk boxes on one cable (RS-485)."""
    front_panel: bool = False
    """Whether a front panel is built, as `hardware/` says; without one its pins are left alone."""

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

    def write(self) -> None:
        """Write `box.toml`."""
        self.state.mkdir(parents=True, exist_ok=True)
        lines = "".join(
            f'\n[[line]]\nname = "{line.name}"\nhost = "{line.host}"\nport = {line.port}\n'
            f"channels = {line.channels}\nanalogue = {str(line.analogue).lower()}\n"
            for line in self.lines
        )
        (self.state / "box.toml").write_text(
            f"# Where this box answers. Changing it needs a restart.\n"
            f"manager_port = {self.manager_port}\nfastagi_port = {self.fastagi_port}\n"
            f'sip_address = "{self.sip_address}"\nsip_port = {self.sip_port}\n'
            f"rtp_ports = [{self.rtp_ports.start}, {self.rtp_ports.stop}]\n"
            f"box_ports = {json.dumps(self.box_ports)}\nbox_buses = {json.dumps(self.box_buses)}\n"
            f"front_panel = {json.dumps(self.front_panel)}\n{lines}"
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
    _only_known(values, (*ports, "sip_address", "rtp_ports", *_BOXES, "front_panel", "line"))
    given: dict[str, Any] = {name: _port(name, values[name]) for name in ports if name in values}
    if "sip_address" in values:
        given["sip_address"] = _address("sip_address", values["sip_address"])
    if "rtp_ports" in values:
        given["rtp_ports"] = _port_range("rtp_ports", values["rtp_ports"])
    given |= {name: _paths(name, values[name]) for name in _BOXES if name in values}
    if "front_panel" in values:
        given["front_panel"] = _flag("front_panel", values["front_panel"])
    lines = values.get("line", [])
    if type(lines) is not list or not all(type(line) is dict for line in lines):
        raise SettingsError("lines are sections [[line]]", "Leitungen sind Abschnitte [[line]]")
    return Settings(state, lines=tuple(_line(line) for line in lines), **given)


def _line(values: Mapping[str, Any]) -> SipLine:
    """One [[line]]. Raises SettingsError for what cannot be."""
    needed, known = ("name", "host", "port"), ("name", "host", "port", "channels", "analogue")
    where = f"line {values.get('name', '?')}"
    _only_known(values, known, f"{where}: ")
    for name in needed:
        if name not in values:
            raise SettingsError(f"{where}: {name} is missing", f"{where}: {name} fehlt")
    for name, pattern in (("name", _NAME), ("host", _HOST)):
        if type(values[name]) is not str or not pattern.fullmatch(values[name]):
            raise SettingsError(
                f"{where}: {name} must be a text of letters and digits",
                f"{where}: {name} muss ein Text aus Buchstaben und Ziffern sein",
            )
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
