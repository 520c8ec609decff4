"""A whole office on real lines: the machine with the box, and the exchange at the lines' other end."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
import time
import wave
from array import array
from collections.abc import Callable
from math import log10
from pathlib import Path
from typing import Any, TypeVar

from appliance.hotline.numbers import to_e164
from appliance.settings import DahdiLine, LineKind, Settings
from appliance.simulator import hearing
from appliance.simulator.exchange import (
    _EVENTS,
    _KEY_SECONDS,
    _MODULES,
    _TEMPLATES,
    LINE_ADDRESS,
    PATIENCE_SECONDS,
    PHONES_ADDRESS,
    Caller,
    DeskPhone,
    Exchange,
    HeardPrompt,
    Leg,
    NotHappened,
    _Person,
)
from appliance.store.config import read_config
from appliance.telephony.ami_protocol import ActionHeaders
from appliance.telephony.asterisk import render
from appliance.telephony.manager import NO_HEADERS, Event, LinkTiming, ManagerLink, Response
from appliance.telephony.prompts.install import install_prompts, sound_file
from appliance.telephony.prompts.sounds import samples
from appliance.telephony.sandbox import AsteriskProgram
from tests.lines.box_inside import STATE
from tests.lines.loops import LOOPS, system_conf
from tests.lines.machine import SLOWNESS, Machine, MachineError

T = TypeVar("T")
_EXCHANGE = Path("/var/exchange")
_MANAGER_PORT = 5039
_TONE_HERTZ = 425.0  # ITU-T E.180
_TONE_SAMPLES, _PIECE_SAMPLES = hearing.RATE // 5, hearing.RATE // 25
_IS_TONE = 0.8  # share of the energy; what people say has less in some piece
_LOOK_AT_CLOCK_SECONDS = 5.0
_QUIET = 100.0  # loudness: less is no tone
_ASSIGN = "/sys/module/dahdi/parameters/auto_assign_spans"
_GUEST = AsteriskProgram(
    ("/usr/sbin/asterisk",),
    Path("/usr/lib/x86_64-linux-gnu/asterisk/modules"),
    Path("/usr/share/asterisk"),
    Path("/usr/share/asterisk/sounds"),
    Path("/usr/share/asterisk/moh"),
    "",
)
# An emulated processor is often late, and there is no echo in a loop.
_SLOW: dict[str, Any] = {"echo_canceller": "none", "buffers": 32}
_EXTRA: dict[str, tuple[LineKind, str, dict[str, Any]]] = {
    "isdn": (LineKind.BRI_PTP, "ptp", {"head": "931555"}),
    "bus": (LineKind.BRI_PTMP, "bus", {"msns": ("55520", "55530"), "transmit_gain": -6.0}),
    "old": (LineKind.FXO, "analogue", {"number": "+4993155510"}),
    "desk": (LineKind.FXS, "handsets", {"ports": (1, 2), "phones": ("old_1", "old_2")}),
    "spare": (LineKind.BRI_PTP, "spare", {}),
    "primary": (LineKind.PRI, "primary", {"head": "931555"}),
    "wrong": (LineKind.BRI_PTP, "wrong", {}),
}
_ANALOGUE = {"g3": str(LOOPS["analogue"].exchange_channels[0])}
"""The groups of the exchange's channels that are one wire, and its channel."""
HANDSETS = dict(zip(_EXTRA["desk"][2]["phones"], LOOPS["handsets"].exchange_channels, strict=True))
"""The analogue telephones on the box's ports, each with the exchange's channel it is played by."""
BOX_LINES = tuple(
    DahdiLine(
        **{"name": name, "kind": kind, "ports": (1,), "card": LOOPS[loop].card, "group": group} | _SLOW | more
    )
    for group, (name, (kind, loop, more)) in enumerate(_EXTRA.items(), start=1)
)


class _PatientLink(ManagerLink):
    """The manager of an Asterisk that answers slowly."""

    def send(
        self, action: str, headers: ActionHeaders = NO_HEADERS, *, timeout_seconds: float = 5.0
    ) -> Response:
        """As any link does, but with more patience."""
        return super().send(action, headers, timeout_seconds=timeout_seconds * SLOWNESS)


class LineExchange(Exchange):
    """The exchange at the lines' other end. It runs in the machine; we hold its manager and its ears."""

    def __init__(
        self, machine: Machine, phones: list[dict[str, str]], box_port: int, prompts: Path, music: Path
    ) -> None:
        self.prompts = prompts
        self.music = music
        self.heard_folder = machine.share / "heard"
        self.heard_folder.mkdir()
        self.legs: list[Leg] = []
        self._changed = threading.Condition()
        self._picked_up: dict[str, Leg] = {}
        self.machine = machine
        self._secret = secrets.token_urlsafe(16)
        values = {
            "folder": _EXCHANGE,
            "run_folder": _EXCHANGE / "run",
            "program": _GUEST,
            "entity_id": "02:46:5a:00:00:02",
            "modules": (*_MODULES, "chan_dahdi", "app_flash", "app_playtones", "app_echo"),
            "manager_port": _MANAGER_PORT,
            "manager_secret": self._secret,
            "wanted_events": _EVENTS,
            "rtp_ports": range(18_000, 18_400),
            "heard": "/share/heard",
            "line_address": LINE_ADDRESS,
            "line_port": 5070,
            "phones_address": PHONES_ADDRESS,
            "phones_port": 5071,
            "box_address": "127.0.0.1",
            "box_port": box_port,
            "phones": phones,
            "loops": LOOPS,
        }
        files = render(_TEMPLATES, values)
        own = render(Path(__file__).parent / "config", values)
        files["chan_dahdi.conf"] = own["chan_dahdi.conf"]
        # A person who says nothing sends nothing: what is recorded of an analogue line would have gaps.
        files["asterisk.conf"] = files["asterisk.conf"].replace(
            "transmit_silence = yes", "transmit_silence = no"
        )
        # Who says nothing for two minutes would be taken for a telephone without current.
        files["pjsip.conf"] = files["pjsip.conf"].replace(
            "dtmf_mode = rfc4733", "dtmf_mode = rfc4733\nrtp_keepalive = 20"
        )
        # A telephone that has not sent anything is not sent anything by the exchange's Asterisk, either.
        answered = " same => n,Answer()\n"
        files["extensions.conf"] = files["extensions.conf"].replace(
            answered, f"{answered} same => n,Playback(silence/1)\n"
        )
        files["extensions.conf"] += own["extensions.conf"]
        etc = machine.share / "exchange"
        etc.mkdir()
        for name, text in files.items():
            (etc / name).write_text(text)

    def wait_for(
        self, what: str, look: Callable[[], T | None], timeout_seconds: float = PATIENCE_SECONDS
    ) -> T:
        """As any exchange does, but by the machine's clock."""
        is_over = self.machine.patience(timeout_seconds)
        while True:
            try:
                return super().wait_for(what, look, _LOOK_AT_CLOCK_SECONDS)
            except NotHappened:
                if is_over():
                    raise NotHappened(f"not within {timeout_seconds:g} s: {what}") from None

    def _note_new(self, event: Event, channel: str) -> None:
        """A call on an analogue wire has no number, and no id that was given to it: its wire tells."""
        wire = channel.removeprefix("DAHDI/").partition("-")[0]
        if wire in self._picked_up:
            self._picked_up.pop(wire).channel = channel
            return
        super()._note_new(event, channel)
        leg = self.legs[-1] if self.legs else None
        if leg and leg.channel == channel and leg.name == "s":
            leg.name = next((name for name, number in HANDSETS.items() if wire == str(number)), "s")

    def start(self) -> None:
        """Start it in the machine and hold its manager."""
        folders = " ".join(str(_EXCHANGE / name) for name in ("etc", "run", "lib", "db", "spool", "log"))
        self.machine.run("sh", "-ec", f"mkdir -p {folders}; cp /share/exchange/* {_EXCHANGE}/etc/")
        self.machine.start("exchange", "asterisk", "-C", f"{_EXCHANGE}/etc/asterisk.conf", "-f")
        self._link = _PatientLink(
            "127.0.0.1",
            self.machine.relay(_MANAGER_PORT),
            "exchange",
            self._secret,
            name="exchange",
            wanted_events=_EVENTS,
            on_event=self._note,
            timing=LinkTiming(answer_seconds=10 * SLOWNESS),
        )
        self._link.start()
        if not self._link.wait_connected(60 * SLOWNESS):
            raise NotHappened("the exchange's manager does not answer")

    def stop(self) -> None:
        """Let go of it; it ends with the machine."""
        self._link.stop()

    def lets_pass(self, seconds: float) -> None:
        """Wait, by the machine's clock."""
        self.machine.run("busybox", "sleep", str(seconds))

    def variable(self, channel: str, name: str) -> str:
        """What a variable or function of a channel is."""
        return self._link.send("Getvar", {"Channel": channel, "Variable": name}).get("Value", "")

    def call_out(self, leg: str, endpoint: str, number: str, *, caller: str, name: str) -> Leg:
        """As the exchange over SIP does, but on a channel, a group of channels (``g1``), or from town."""
        channel_id = f"{leg}-{secrets.token_hex(4)}"
        placed = Leg(leg, channel="", heard=leg)
        wire = _ANALOGUE.get(endpoint, endpoint)
        with self._changed:
            self.legs.append(placed)
            if wire.isdigit():
                self._picked_up[wire] = placed
        if endpoint == "town":
            technology = f"Local/{number}@town/n"
        elif endpoint.isdigit() or endpoint.startswith("g"):
            technology = f"DAHDI/{endpoint}/{number}"
        else:
            technology = f"PJSIP/{number}@{endpoint}"
        self._link.send(
            "Originate",
            {
                "Channel": technology,
                "ChannelId": channel_id,
                "Context": "caller",
                "Exten": "s",
                "Priority": "1",
                "CallerID": f'"{name}" <{caller}>' if name else f"<{caller}>",
                "Variable": f"LEG={leg}",
                "Timeout": "120000",
                "Async": "true",
            },
        )
        return self.wait_for(f"{leg} dials", lambda: placed if placed.channel or placed.ended_at else None)


_CLOSES_FILE_SECONDS = 0.5
"""Until the last that was heard in a call that is over is in its recording."""


class _Patient(_Person):
    """Somebody in the machine, where time goes slowly while the machine around it is busy."""

    def presses(self, keys: str) -> None:
        """Press keys one after the other; the time between them is that of the machine."""
        assert isinstance(self._exchange, LineExchange)
        for number, key in enumerate(keys):
            if number:
                self._exchange.lets_pass(_KEY_SECONDS)
            super().presses(key)

    def _wait_listening(self, what: str, listen: Callable[[], T | None], timeout_seconds: float) -> T:
        """Listen while the machine stands still: else callers would be slow to react on a busy machine."""
        assert isinstance(self._exchange, LineExchange)
        machine = self._exchange.machine

        def listen_in_peace() -> T | None:
            with machine.standing_still():
                return listen()

        is_over = machine.patience(timeout_seconds)
        while True:
            has_ended = self._leg().ended_at is not None
            if has_ended:
                self._exchange.lets_pass(_CLOSES_FILE_SECONDS)
            try:
                return super()._wait_listening(what, listen_in_peace, _LOOK_AT_CLOCK_SECONDS)
            except NotHappened:
                if has_ended:
                    raise NotHappened(f"the call is over ({self._leg().cause}): {what}") from None
                if is_over():
                    raise NotHappened(f"not within {timeout_seconds:g} s: {what}") from None

    def decibels(self, place: HeardPrompt, prompt: str, language: str = "de") -> float:
        """How much louder than in its file the prompt was that was heard there."""
        heard = self.heard()[
            round(place.start_seconds * hearing.RATE) : round(place.end_seconds * hearing.RATE)
        ]
        return 20 * log10(hearing.loudness(heard) / hearing.loudness(self._sound(prompt, language)))

    def hears_tone(self) -> None:
        """Wait until the last thing heard was a tone: the dial tone, or a beep of the busy tone."""

        def tone() -> bool:
            last = self.heard()[-_TONE_SAMPLES:]
            pieces = [last[start : start + _PIECE_SAMPLES] for start in range(0, len(last), _PIECE_SAMPLES)]
            return bool(pieces) and all(
                hearing.loudness(piece) > _QUIET and hearing.tone_share(piece, _TONE_HERTZ) > _IS_TONE
                for piece in pieces
            )

        self._wait_listening(f"{self._leg().name} hears a tone", tone, PATIENCE_SECONDS)


class LinePhone(_Patient, DeskPhone):
    """A desk phone, or the telephone of somebody outside."""

    def sends_back_what_it_hears(self) -> None:
        """From now on it is all echo."""
        self._exchange.order(
            "Redirect", Channel=self._leg().channel, Context="far-end", Exten="s", Priority="1"
        )


class LineCaller(_Patient, Caller):
    """A person outside who rings in over a card's line."""

    def dials(self, number: str, line: str = "g1") -> None:
        """Dial these digits on a group of the exchange's channels (g1 ptp, g2 bus, g3 analogue, g5 primary).

        Or through an exchange in `town`, which takes a free channel of ptp where there is one.
        """
        Caller._counter += 1
        self._placed = self._exchange.call_out(
            f"caller-{Caller._counter}", line, number, caller=self.number, name=self.name
        )

    def dials_slowly(self, digits: str, line: str = "g1") -> None:
        """Dial digit by digit: the first goes out with the call, the others follow one by one."""
        self.dials(digits[0], line)
        self._exchange.wait_for("the call is under way", lambda: self._state() == "Dialing")
        self.presses(digits[1:])

    def hangs_up_on_analogue_line(self) -> None:
        """Put the receiver down; the exchange tells the box by nothing but a tone."""
        self._exchange.order(
            "Redirect", Channel=self._leg().channel, Context="analogue", Exten="hangs-up", Priority="1"
        )

    def _state(self) -> str:
        assert isinstance(self._exchange, LineExchange)
        return self._exchange.variable(self._leg().channel, "CHANNEL(state)")


class Handset(LinePhone):
    """An analogue telephone on a port of the box: it has a hook to flash, and hears a dial tone then."""

    def flashes(self) -> None:
        """Press the key that flashes the hook, which the driver knows 0.6 s after the receiver was lifted."""
        assert isinstance(self._exchange, LineExchange)
        self._exchange.lets_pass(1)
        self._exchange.order(
            "Redirect", Channel=self._leg().channel, Context="handset", Exten="flashes", Priority="1"
        )

    def dials(self, code: str) -> LineCaller:
        """Pick up, wait for the dial tone, and dial; returns that call."""
        call = LineCaller(self._exchange, self.name, "")
        call.dials(f"ww{code}", str(HANDSETS[self.name]))
        return call

    def shown_number(self) -> str:
        """The number its display shows."""
        return self._shown("num")

    def shown_name(self) -> str:
        """The name its display shows."""
        return self._shown("name")

    def _shown(self, what: str) -> str:
        return self._exchange.variable(self._leg().channel, f"CALLERID({what})")


class Laboratory:
    """Everything, started once; a test brings its callers."""

    def __init__(self, machine: Machine, folder: Path, office: str, sounds: AsteriskProgram) -> None:
        self.machine = machine
        self.settings = Settings(folder / "box", sip_address="127.0.0.1", sip_port=5060, lines=BOX_LINES)
        config = read_config(office)
        self._phones = [
            {"name": phone.name, "extension": phone.extension, "secret": phone.secret}
            for phone in config.phones
        ]
        self._office = office
        prompts = folder / "prompts"
        install_prompts(prompts, debian_sounds=sounds.sounds, recordings=folder / "none")
        self._sip_phones = [phone for phone in self._phones if not phone["name"].startswith("old_")]
        self._prompts, self._music = prompts, sounds.music
        self._exchange: LineExchange | None = None

    def start(self, progress: Callable[[str], None]) -> None:
        """Boot, configure, start the exchange, the box and its supervisor."""
        progress("booting the machine")
        self.machine.boot()
        share = self.machine.share
        self.settings.write()
        shutil.copy(self.settings.state / "box.toml", share / "box.toml")
        (share / "office.toml").write_text(self._office, encoding="utf-8")
        (share / "system.conf").write_text(system_conf())
        progress("connecting the lines")
        self.machine.run("sh", "-ec", f"echo 1 > {_ASSIGN}; dahdi_cfg -c /share/system.conf")
        progress("preparing the box")
        self.machine.run("python3", "-m", "tests.lines.box_inside", seconds=180)
        self._exchange = LineExchange(
            self.machine, self._sip_phones, self.settings.sip_port, self._prompts, self._music
        )
        progress("starting the exchange")
        self.exchange.start()
        progress("starting the box")
        self.machine.start("asterisk", "asterisk", "-C", f"{STATE}/asterisk/etc/asterisk.conf", "-f")
        self.machine.start(
            "supervisor", *("python3", "-m", "appliance.cli", "--state", str(STATE), "run", "--verbose")
        )
        self.wait_for("the phones are registered", self._phones_registered, seconds=90)
        self.wait_for("the supervisor takes calls", self._takes_calls, seconds=90)
        progress("the box takes calls")

    def stop(self) -> None:
        """Keep the logs, then switch off."""
        share = self.machine.share
        try:
            self.machine.run(
                "sh",
                "-c",
                f"cd {STATE}; mkdir -p /share/box; cp -r asterisk/etc asterisk/log *.db* /share/box/;"
                f" cp -r {_EXCHANGE}/log /share/exchange/;busybox dmesg > /share/kernel.log",
                check=False,
            )
        except (OSError, MachineError) as error:
            (share / "no-logs.txt").write_text(str(error))
        if self._exchange:
            self._exchange.stop()
        self.machine.stop()

    @property
    def exchange(self) -> LineExchange:
        """The exchange, which is there once all was started."""
        assert self._exchange is not None
        return self._exchange

    def caller(self, number: str = "01701234567", name: str = "") -> LineCaller:
        """A person outside, whose number the line shows like this."""
        return LineCaller(self.exchange, number, name)

    def phone(self, name: str) -> LinePhone:
        """A telephone by the name of its leg: a desk phone, or a number outside."""
        return LinePhone(self.exchange, name)

    def handset(self, name: str) -> Handset:
        """An analogue telephone on a port of the box."""
        assert name in HANDSETS
        return Handset(self.exchange, name)

    def asterisk(self, command: str) -> str:
        """Ask the box's Asterisk."""
        words = ("asterisk", "-C", f"{STATE}/asterisk/etc/asterisk.conf", "-rx", command)
        return self.machine.run(*words, check=False)

    def calls(self) -> str:
        """Every channel of the box, a line of facts with ! between them."""
        return self.asterisk("core show channels concise")

    def begins_test_of(self, line: str, number: str) -> Callable[[], str]:
        """Start ``freizeichen lines test``; what it has printed is asked of the result."""
        words = ("--state", str(STATE), "lines", "test", line, "--number", number)
        self.machine.start(f"test-{line}", "python3", "-m", "appliance.cli", *words)
        return (self.machine.share / f"test-{line}.log").read_text

    def command(self, *words: str, check: bool = True) -> Any:
        """Run ``freizeichen … --json`` on the box."""
        printed = self.machine.run(
            *("python3", "-m", "appliance.cli", "--state", str(STATE), *words, "--json"), check=check
        )
        return json.loads(printed)

    def sets(self, agent: str, presence: str) -> None:
        """Set an agent's presence, and wait until it is in force."""
        self.store(f"UPDATE presence SET state = '{presence}' WHERE agent = '{agent}'")
        self.lamp_is(f"agent:{agent}", "green" if presence == "available" else "off")

    def send_everybody_home(self) -> None:
        """Nobody is present any more."""
        self.store("UPDATE presence SET state = 'offline'")

    def store(self, order: str) -> list[list[Any]]:
        """Ask the box's store, or change it; what was asked for, row by row."""
        return self.machine.store(f"{STATE}/freizeichen.db", order)

    def line(self, name: str) -> dict[str, Any]:
        """The state of a line, as it was seen last."""
        columns = ("line", "channels", "busy", "free", "trouble")
        rows = self.store(f"SELECT {', '.join(columns)} FROM line_states WHERE line = '{name}'")
        return dict(zip(columns, rows[0], strict=True))

    def trouble(self, name: str) -> str:
        """What is the matter with a line, '' for nothing."""
        return str(self.store(f"SELECT trouble FROM line_states WHERE line = '{name}'")[0][0])

    def pulls(self, loop: str, how: str) -> None:
        """Pull the exchange's end of a loop out, plug it in, or let it flap for a minute."""
        self.machine.run("python3", "-m", "tests.lines.cable", loop, how, seconds=180)

    def lamp_is(self, name: str, pattern: str) -> None:
        """Wait until a lamp shows this pattern."""
        self.wait_for(f"the lamp {name} is {pattern}", lambda: self.lamp(name) == pattern)

    def lamp(self, name: str) -> str:
        """What a lamp shows."""
        rows = self.store(f"SELECT pattern FROM lamps WHERE name = '{name}'")
        return str(rows[0][0]) if rows else ""

    def calls_of(self, caller: LineCaller) -> list[str]:
        """The call numbers of this caller's calls, the last one first."""
        number = to_e164(caller.number, "DE", "0931")
        rows = self.store(f"SELECT call FROM calls WHERE caller = '{number}' ORDER BY call DESC")
        return [row[0] for row in rows]

    def channel_of(self, caller: LineCaller) -> str:
        """This caller's channel in the box."""
        rows = self.calls().splitlines()
        return next(row.partition("!")[0] for row in rows if row.split("!")[7:8] == [caller.number])

    def story(self, caller: LineCaller) -> list[str]:
        """The steps of this caller's call, each with its detail."""
        call = self.calls_of(caller)[0]
        rows = self.store(f"SELECT step, detail FROM steps WHERE call = '{call}' ORDER BY id")
        return [f"{step} {detail}".strip() for step, detail in rows]

    def outcome(self, caller: LineCaller) -> str:
        """Wait for the outcome of this caller's call."""
        number = to_e164(caller.number, "DE", "0931")
        question = f"SELECT outcome FROM calls WHERE caller = '{number}' AND outcome <> '' ORDER BY call DESC"
        return str(self.wait_for(f"{number} has an outcome", lambda: self.store(question))[0][0])

    def message_says(self, prompt: str) -> bool:
        """Whether this was said in the newest voice message."""
        name = self.store("SELECT sound FROM messages ORDER BY id DESC LIMIT 1")[0][0]
        kept = self.machine.share / "message.wav"
        self.machine.run("cp", f"{STATE}/spool/{Path(name).with_suffix('.wav')}", "/share/message.wav")
        with wave.open(str(kept)) as sound:
            heard = hearing.sound(array("h", sound.readframes(sound.getnframes())))
        return hearing.find(hearing.sound(samples(self.voice(prompt))), heard) is not None

    def voice(self, prompt: str) -> Path:
        """A sound for people to say, here."""
        file = self.machine.share / f"{prompt}.alaw"
        if not file.exists():
            shutil.copy(sound_file(self._prompts, prompt, "de"), file)
        return file

    def said(self, prompt: str) -> Path:
        """The same sound, where the exchange plays it."""
        there = _EXCHANGE / self.voice(prompt).name
        self.machine.run("cp", f"/share/{there.name}", str(there))
        return there

    def wait_for(self, what: str, look: Callable[[], T], *, seconds: float = PATIENCE_SECONDS) -> T:
        """Wait until `look` gives something. Raises NotHappened."""
        is_over = self.machine.patience(seconds)
        while not (found := look()):
            if is_over():
                raise NotHappened(f"not within {seconds:g} s: {what}")
            time.sleep(0.3)
        return found

    def _phones_registered(self) -> bool:
        contacts = self.asterisk("pjsip show contacts")
        return all(f"{phone['name']}/" in contacts for phone in self._sip_phones)

    def _takes_calls(self) -> bool:
        log = self.machine.share / "supervisor.log"
        return "the supervisor is up" in log.read_text(errors="replace")
