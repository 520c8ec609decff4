"""What is compared: the whole product, and an Asterisk alone with the same lines and phones."""

from __future__ import annotations

import sys
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from appliance.hotline.presence import Presence
from appliance.prepare import prepare_box
from appliance.settings import Settings
from appliance.simulator.office import SimulatedOffice
from appliance.store import config_change, people, times
from appliance.store.config import import_config, read_config
from appliance.store.database import open_store
from appliance.telephony.asterisk import AsteriskInstance
from appliance.telephony.box import DIALPLAN
from appliance.telephony.sandbox import AsteriskProgram
from tests.bench.telephones import Telephones

DIALLED = "+4993155510"
CLOSED = "+4993155520"
_SHORTEST_SOUND = 1  # samples: Asterisk takes an empty file for a broken one
_PAUSE = " same => n,Wait(0.4) ;"

_OFFICE = """
[office]
name = "Musterbüro"
language = "de"
country = "DE"
area_code = "0931"
time_zone = "Europe/Berlin"
retention_days = 90

[mail]
host = "127.0.0.1"
port = 25
security = "none"
user = ""
password = ""
sender = "anrufe@musterbuero.example"

[[department]]
name = "support"
title = "Technik"
language = "de"
mailbox = "technik@musterbuero.example"
numbers = ["0931 555-10"]
hours = { mon-sun = "00:00-12:00, 12:00-24:00", "2099-12-24..2100-01-01" = "closed" }
closed_on_holidays = false
ring_seconds = 20
wrap_up_seconds = 0
message_seconds = 30

[[department]]
name = "sales"
title = "Verkauf"
language = "de"
mailbox = "verkauf@musterbuero.example"
numbers = ["0931 555-20"]
hours = { "2099-12-24" = "09:00-10:00" }
message_seconds = 30
"""
_AGENT = """
[[phone]]
name = "desk_{n}"
extension = "{extension}"
secret = "geheim-desk-{n}"

[[agent]]
name = "agent{n}"
title = "Agent {n}"
phone = "desk_{n}"
departments = ["support", "sales"]
languages = ["de"]
"""


def office_text(agents: int) -> str:
    """The configuration of an office that is always open, with so many agents."""
    return _OFFICE + "".join(_AGENT.format(n=n, extension=200 + n) for n in range(1, agents + 1))


class Product:
    """The whole product, with its supervisor; prompts last no time, so that what is left is the work."""

    def __init__(
        self,
        folder: Path,
        program: AsteriskProgram,
        agents: int,
        *,
        silent: bool = True,
        sip_address: str = "127.0.0.1",
    ) -> None:
        self.office = SimulatedOffice(folder, office_text(agents), program, sip_address=sip_address)
        self.settings = self.office.settings
        self.agents = agents
        self._silent = silent
        if silent:
            _without_sound(self.settings.prompts)

    @property
    def asterisk(self) -> AsteriskInstance:
        """Its Asterisk."""
        return self.office.asterisk

    @property
    def supervisor_id(self) -> int:
        """The process id of its supervisor."""
        process = self.office._supervisor
        assert process is not None
        return process.pid

    def start(self, phones_port: int = 0) -> Telephones:
        """Start it, with its agents' telephones, at a port if it matters."""
        self.asterisk.start()
        with as_on_the_box(self.settings.state):
            self.office.start_supervisor()
        self.office.wait_for("the supervisor knows Asterisk", lambda: self.office.lamp("asterisk") == "green")
        if self._silent:  # once the settings are in force nobody writes the dialplan any more
            self.office.wait_for(
                "the settings are in force", lambda: not config_change.not_in_force(self.office.db)
            )
            _without_pause(self.asterisk, self.office.folder)
        return _registered(self.settings, self.agents, phones_port)

    def everybody(self, presence: Presence = Presence.AVAILABLE, agents: Sequence[int] = ()) -> None:
        """Set the agents' presence, and wait until the lamps say that it is in force."""
        is_wanted = presence is Presence.AVAILABLE
        for number in agents or range(1, self.agents + 1):
            people.set_presence(self.office.db, f"agent{number}", presence, "command", times.now())
            self.office.wait_for(
                f"agent{number} is {presence}",
                lambda lamp=f"agent:agent{number}": (self.office.lamp(lamp) == "green") is is_wanted,  # type: ignore[misc]
            )

    def stop(self) -> None:
        """Stop it."""
        self.office.stop_supervisor()
        self.asterisk.stop()
        self.office.db.close()


class Bare:
    """Asterisk alone with the product's modules, lines and phones, and a dialplan of the bench's own.

    No records of calls (CEL), no store, no manager user.
    """

    def __init__(
        self, folder: Path, program: AsteriskProgram, agents: int, dialplan: str, queues: str = ""
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.agents = agents
        office = SimulatedOffice(folder, office_text(agents), program)  # for its free ports
        self.settings = office.settings
        office.db.close()
        db = open_store(self.settings.store)
        import_config(db, read_config(office_text(agents)))
        db.close()
        self.asterisk = prepare_box(self.settings, program)
        _without_sound(self.settings.prompts)
        etc = self.asterisk.folder / "etc"
        values = f"[globals]\nPROMPTS = {self.settings.prompts}\nHERE = {Path(__file__).parent}\n"
        (etc / "extensions.conf").write_text(values + dialplan)
        (etc / "queues.conf").write_text("[general]\npersistentmembers = no\nautofill = yes\n" + queues)
        for name in ("cel.conf", "extconfig.conf"):
            (etc / name).write_text("[general]\nenable = no\n" if name == "cel.conf" else "[settings]\n")

    def start(self, phones_port: int = 0) -> Telephones:
        """Start it, with its telephones, at a port if it matters."""
        self.asterisk.start()
        return _registered(self.settings, self.agents, phones_port)

    def stop(self) -> None:
        """Stop it."""
        self.asterisk.stop()


@contextmanager
def as_on_the_box(folder: Path) -> Iterator[None]:
    """What is started meanwhile finds no numpy, which only the tests bring and sqlite-utils would load."""
    hidden = folder / "not-on-the-box"
    hidden.mkdir(exist_ok=True)
    (hidden / "numpy.py").write_text("raise ImportError('not on the box')\n")
    sys.path.insert(0, str(hidden))
    try:
        yield
    finally:
        sys.path.remove(str(hidden))


@contextmanager
def running(box: Product | Bare) -> Iterator[Telephones]:
    """A box that is started, and its telephones; stopped in the end."""
    telephones = None
    try:
        telephones = box.start()
        yield telephones
    finally:
        if telephones is not None:
            telephones.close()
        box.stop()


def _registered(settings: Settings, agents: int, phones_port: int) -> Telephones:
    box = settings.sip_address, settings.sip_port
    telephones = Telephones(settings.sip_lines[0].port, box, phones_port)
    for number in range(1, agents + 1):
        telephones.register(f"desk_{number}", f"geheim-desk-{number}")
    return telephones


def _without_sound(prompts: Path) -> None:
    """Make every prompt as short as Asterisk takes it."""
    for place in prompts.resolve().glob("*/*"):
        place.unlink()
        if place.suffix == ".wav":
            with wave.open(str(place), "wb") as writer:
                writer.setnchannels(1)
                writer.setsampwidth(2)
                writer.setframerate(8000)
                writer.writeframes(b"\0\0" * _SHORTEST_SOUND)
        else:
            place.with_suffix(".alaw").write_bytes(b"\xd5" * _SHORTEST_SOUND)


def _without_pause(asterisk: AsteriskInstance, folder: Path) -> None:
    """Leave out the pause after answering, which is for the ear."""
    text = DIALPLAN.read_text("utf-8")
    assert text.count(_PAUSE) == 1, "the dialplan's pause after answering"
    copy = folder / "extensions.conf"
    copy.write_text(text.replace(_PAUSE, " same => n,NoOp() ;"))
    main = asterisk.folder / "etc" / "extensions.conf"
    main.write_text(main.read_text().replace(str(DIALPLAN), str(copy)))
    asterisk.ask("dialplan reload")
