"""A whole office on one machine: the box, its supervisor, an exchange with phones, a mail server."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

from aiosmtpd.controller import Controller

from appliance.hotline.presence import Presence
from appliance.prepare import prepare_box
from appliance.settings import Settings, SipLine
from appliance.simulator.desk_box import Cable, SimulatedBox
from appliance.simulator.exchange import (
    LINE_ADDRESS,
    PATIENCE_SECONDS,
    Caller,
    DeskPhone,
    Exchange,
    ExchangePorts,
    NotHappened,
)
from appliance.store import boxes, ledger, people, times
from appliance.store.config import import_config, read_config
from appliance.store.database import open_store
from appliance.store.office import phones
from appliance.telephony.asterisk import AsteriskInstance, end_with_parent
from appliance.telephony.sandbox import AsteriskProgram

T = TypeVar("T")
_BOX_ADDRESS = "127.0.0.1"
_REGISTERED_AGAIN_SECONDS = 40  # the simulated phones register every 30 s
_RTP_PORTS = 400
_PORTS = (10_000, 18_000)  # below those the system hands out by itself
_RTP_RANGE = (18_000, 32_000)
_CLAIMS = 100  # an office has six ports, and a process has few offices at a time
_claims: deque[int] = deque()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, address: str = _BOX_ADDRESS) -> int:
    """A port nobody uses at this moment, and which no other simulation is given before this one is over."""
    folder = Path(tempfile.gettempdir()) / f"freizeichen-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    while True:
        port = random.randrange(*_PORTS)
        claim = os.open(folder / str(port), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind((address, port))
        except OSError:
            os.close(claim)
            continue
        _claims.append(claim)
        if len(_claims) > _CLAIMS:
            os.close(_claims.popleft())
        return port


def _rtp_ports() -> range:
    start = random.randrange(*_RTP_RANGE, _RTP_PORTS)
    return range(start, start + _RTP_PORTS)


class MailServer:
    """A real SMTP server on the loopback that keeps what it is sent; it can be away for a while."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mails: list[EmailMessage] = []
        self._controller: Controller | None = None

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep a mail; aiosmtpd calls this."""
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        return "250 kept"

    def start(self) -> None:
        """Begin to take mails."""
        self._controller = Controller(self, hostname=_BOX_ADDRESS, port=self.port)
        self._controller.start()

    def stop(self) -> None:
        """Be away: nobody answers on the port."""
        if self._controller:
            self._controller.stop()
            self._controller = None


class SimulatedOffice:
    """Starts and stops all of it; also each part alone, as life does. Without a config nothing is set up."""

    _names = itertools.count(1)

    def __init__(
        self,
        folder: Path,
        config_text: str,
        program: AsteriskProgram,
        *,
        channels: int = 0,
        own_prompts: Path | None = None,
        sip_address: str = _BOX_ADDRESS,
    ) -> None:
        self.folder = folder
        self.program = program
        self.mail_server = MailServer()
        self.settings = Settings(
            folder / "box",
            manager_port=free_port(),
            fastagi_port=free_port(),
            sip_address=sip_address,
            sip_port=free_port(socket.SOCK_DGRAM, sip_address),
            rtp_ports=_rtp_ports(),
            lines=(SipLine("line", LINE_ADDRESS, free_port(socket.SOCK_DGRAM, LINE_ADDRESS), channels),),
            box_ports=(f"{folder}/box-of-*",),
        )
        self.settings.write()
        self.db = open_store(self.settings.store)
        if config_text:
            config = read_config(config_text)
            mail = replace(config.mail, host=_BOX_ADDRESS, port=self.mail_server.port)
            mail = replace(mail, security="none", user="", password="")
            import_config(self.db, replace(config, mail=mail))
        if own_prompts is not None:
            self.settings.own_recordings.symlink_to(own_prompts)
        self.asterisk: AsteriskInstance = prepare_box(self.settings, program)
        self.exchange = self._exchange()
        self._supervisor: subprocess.Popen[bytes] | None = None

    def _exchange(self) -> Exchange:
        """The exchange and the phones of the office, as they are in the store."""
        return Exchange(
            self.program,
            self.folder / "exchange",
            ExchangePorts(
                free_port(),
                self.settings.sip_lines[0].port,
                free_port(socket.SOCK_DGRAM, "127.0.0.3"),
                _rtp_ports(),
            ),
            box_address=self.settings.sip_address,
            box_port=self.settings.sip_port,
            phones=phones(self.db),
            prompts=self.settings.prompts,
            music=self.program.music,
        )

    # --- the parts

    def plug_in_phones(self) -> None:
        """Somebody has entered at the phones what the box wants; returns when they are registered."""
        self.exchange.stop()
        self.exchange = self._exchange()
        self.exchange.start()
        self.wait_for("the phones are registered", self._phones_registered)

    def start(self, *, supervisor: bool = True) -> None:
        """Start everything; returns when the phones are registered and calls can come in."""
        self.mail_server.start()
        self.asterisk.start()
        if supervisor:
            self.start_supervisor()
        self.exchange.start()
        self.wait_for("the phones are registered", self._phones_registered)

    def stop(self) -> None:
        """Stop everything."""
        self.stop_supervisor()
        self.exchange.stop()
        self.asterisk.stop()
        self.mail_server.stop()
        self.db.close()

    def start_supervisor(self) -> None:
        """Start the supervisor as a process of its own, which ends with this thread, and wait until
        it takes calls."""
        with (self.settings.state / "supervisor.log").open("ab") as log:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "appliance.cli", "--state", str(self.settings.state), "run"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
                preexec_fn=end_with_parent,
                process_group=0,  # Ctrl-C is for the program that started it
            )
        self.wait_for("the supervisor takes calls", self._takes_calls)

    @property
    def supervisor_runs(self) -> bool:
        """Whether the supervisor that was started has not ended."""
        return self._supervisor is not None and self._supervisor.poll() is None

    def kill_supervisor(self) -> None:
        """SIGKILL: the supervisor is gone in the middle of whatever it does."""
        if self._supervisor:
            self._supervisor.kill()
            self._supervisor.wait()
            self._supervisor = None

    def stop_supervisor(self) -> None:
        """SIGTERM, then wait for its end."""
        if self._supervisor:
            self._supervisor.send_signal(signal.SIGTERM)
            try:
                self._supervisor.wait(10)
            except subprocess.TimeoutExpired:
                self.kill_supervisor()
            self._supervisor = None

    def asterisk_restarts(self) -> None:
        """Asterisk dies in the middle of whatever it does, and is started again; the phones come back."""
        self.asterisk.kill()
        self.asterisk.start()
        self.wait_for(
            "the phones are registered", self._phones_registered, timeout_seconds=_REGISTERED_AGAIN_SECONDS
        )

    # --- people

    def caller(self, number: str = "+491701234567", name: str = "") -> Caller:
        """A person outside."""
        return self.exchange.caller(number, name)

    def desk(self, agent: str) -> DeskPhone:
        """The phone on this agent's desk."""
        row = self.db.execute("SELECT phone FROM agents WHERE name = ?", [agent]).fetchone()
        return self.exchange.phone(row[0])

    def customer(self, number: str = "+491701234567") -> DeskPhone:
        """The telephone of somebody outside, which the box may call back."""
        return self.exchange.phone(number)

    def desk_box(self, agent: str, interpreter: Sequence[str]) -> SimulatedBox:
        """A desk box with the real firmware on this agent's desk; whoever asks for it switches it off."""
        serial = f"{zlib.crc32(agent.encode()):016x}"
        boxes.note_there(self.db, serial, "", "", times.now())
        boxes.pair(self.db, serial, agent)
        box = SimulatedBox(serial, self.folder / f"disk-of-{agent}", interpreter)
        cable = Cable(self.folder / f"box-of-{agent}")
        cable.plug()
        box.power_on(cable)
        return box

    def presses(self, button: str) -> None:
        """Somebody presses a button of the panel, for example ``agent:anna``."""
        people.press(self.db, button)

    def sets(self, agent: str, presence: str) -> None:
        """Set an agent's presence as the command does, and wait until it is in force."""
        people.set_presence(self.db, agent, Presence(presence), "command", times.now())
        wanted = {"available": ("green",), "away": ("off", "blue blinking")}.get(presence, ("off",))
        if self._supervisor:
            lamp = f"agent:{agent}"
            self.wait_for(f"lamp {lamp} is {wanted}", lambda: self.lamp(lamp) in wanted)

    def lamp(self, name: str) -> str:
        """What a lamp shows, '' for one that is not there."""
        row = self.db.execute("SELECT pattern FROM lamps WHERE name = ?", [name]).fetchone()
        return str(row[0]) if row else ""

    def lamp_is(self, name: str, pattern: str, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until a lamp shows this pattern."""
        self.wait_for(
            f"lamp {name} is {pattern!r} (it is {{}})",
            lambda: self.lamp(name) == pattern,
            lambda: repr(self.lamp(name)),
            timeout_seconds=timeout_seconds,
        )

    # --- what is on record

    def mail_arrives(self, count: int = 1, timeout_seconds: float = PATIENCE_SECONDS) -> EmailMessage:
        """Wait for the count-th mail and return it."""
        self.wait_for(
            f"mail {count} arrives",
            lambda: len(self.mail_server.mails) >= count,
            timeout_seconds=timeout_seconds,
        )
        return self.mail_server.mails[count - 1]

    def call_of(self, caller: Caller) -> str:
        """The call number of this caller's call."""
        return str(
            self.wait_for(
                f"the call of {caller.number} is in the ledger",
                lambda: self.db.execute(
                    "SELECT call FROM calls WHERE caller = ? ORDER BY call DESC LIMIT 1", [caller.number]
                ).fetchone(),
            )[0]
        )

    def outcome(self, call: str, timeout_seconds: float = PATIENCE_SECONDS) -> str:
        """Wait for a call's outcome."""
        return str(
            self.wait_for(
                f"call {call} has an outcome",
                lambda: self.db.execute(
                    "SELECT outcome FROM calls WHERE call = ? AND outcome <> ''", [call]
                ).fetchone(),
                timeout_seconds=timeout_seconds,
            )[0]
        )

    def steps(self, call: str) -> list[str]:
        """The steps of a call so far, as 'step detail'."""
        return [f"{row['step']} {row['detail']}".strip() for row in ledger.story(self.db, call)]

    def reaches(self, call: str, step: str, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until a call's story has this step."""
        self.wait_for(
            f"call {call} reaches {step!r}, so far {{}}",
            lambda: any(s.startswith(step) for s in self.steps(call)),
            lambda: self.steps(call),
            timeout_seconds=timeout_seconds,
        )

    def command(self, *words: str) -> tuple[int, Any]:
        """Run ``freizeichen … --json`` on this box: exit status and what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "appliance.cli", "--state", str(self.settings.state), *words, "--json"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def channels(self) -> list[str]:
        """Channels that are up in the box's Asterisk."""
        listing = self.asterisk.ask("core show channels concise").splitlines()
        return [line.split("!")[0] for line in listing if "!" in line]

    def wait_for(
        self,
        what: str,
        look: Callable[[], T],
        *shown: Callable[[], object],
        timeout_seconds: float = PATIENCE_SECONDS,
    ) -> T:
        """Wait until `look` gives something; NotHappened tells `what`, filled with `shown`, otherwise."""
        deadline = time.monotonic() + timeout_seconds
        while not (found := look()):
            if time.monotonic() > deadline:
                asked = what.format(*(s() for s in shown))
                raise NotHappened(
                    f"not within {timeout_seconds:g} s: {asked}; {self._supervisors_last_words()}"
                )
            time.sleep(0.02)
        return found

    def _supervisors_last_words(self) -> str:
        if self._supervisor is None:
            return "there is no supervisor"
        words = (self.settings.state / "supervisor.log").read_text(errors="replace")[-3000:]
        return f"the supervisor ({'runs' if self.supervisor_runs else 'has ended'}):\n{words}"

    def _takes_calls(self) -> bool:
        if self._supervisor is not None and not self.supervisor_runs:
            raise NotHappened(self._supervisors_last_words())
        try:
            socket.create_connection((_BOX_ADDRESS, self.settings.fastagi_port), 1).close()
        except OSError:
            return False
        return True

    def _phones_registered(self) -> bool:
        contacts = self.asterisk.ask("pjsip show contacts")
        return all(f"{phone}/" in contacts for phone in self.phone_names())

    def phone_names(self) -> list[str]:
        """Every desk phone of the office."""
        return [row[0] for row in self.db.execute("SELECT name FROM phones").fetchall()]
