"""Where one box keeps its things and on which ports it answers: `box.toml` in its state folder."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


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
            f"rtp_ports = [{self.rtp_ports.start}, {self.rtp_ports.stop}]\n{lines}"
        )


def read_settings(state: Path) -> Settings:
    """Read `box.toml` of the state folder; without one, the defaults hold.

    Raises ValueError with the reason for a file that is not what `Settings.write` makes.
    """
    file = state / "box.toml"
    if not file.exists():
        return Settings(state)
    try:
        values = tomllib.loads(file.read_text())
        start, stop = values.pop("rtp_ports", (10000, 10400))
        lines = tuple(_line(**line) for line in values.pop("line", []))
        return Settings(state, rtp_ports=range(start, stop), lines=lines, **values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from error


def _line(**values: Any) -> SipLine:
    """One [[line]]. Raises TypeError or ValueError for what cannot be."""
    line = SipLine(**values)
    if type(line.channels) is not int or line.channels < 0:
        raise ValueError(f"line {line.name}: channels must be a whole number, 0 for no limit")
    if type(line.analogue) is not bool:
        raise ValueError(f"line {line.name}: analogue must be true or false")
    return line
