"""The simulated telephone exchange: a second Asterisk that calls in and is the desk phones.

It records what each side really hears, so a rehearsal (or a test) can listen.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from appliance.simulator import hearing
from appliance.telephony.asterisk import AsteriskInstance, render, write_configuration
from appliance.telephony.manager import Event, ManagerLink
from appliance.telephony.modules import SIP_MODULES
from appliance.telephony.prompts.catalogue import LANGUAGES, load_catalogue
from appliance.telephony.prompts.install import sound_file
from appliance.telephony.prompts.sounds import samples
from appliance.telephony.sandbox import AsteriskProgram

LINE_ADDRESS = "127.0.0.2"
PHONES_ADDRESS = "127.0.0.3"
_DIGITS_END_SECONDS = 0.8  # when no other digit has begun by then, that was the last one
PATIENCE_SECONDS = 30.0  # what is waited for happens far sooner, but not on every machine
_KEY_SECONDS = 0.2  # from one key to the next
_PERHAPS_ALIKE = 0.6  # for people to read: not enough to say it was heard
_LISTEN_SECONDS = 0.15  # a recording grows in steps; there is no use in looking more often
_LOOKS_BACK_SECONDS = 0.5  # what has not come by then may have begun before the sound before it seemed to end
_TEMPLATES = Path(__file__).parent / "config"
_MODULES = (
    *SIP_MODULES,
    *("res_statsd", "res_pjsip_outbound_registration", "res_pjsip_refer"),
    *("app_mixmonitor", "app_userevent", "app_transfer", "func_groupcount"),
)
_EVENTS = ("Newchannel", "Newstate", "Hangup", "MixMonitorStart", "UserEvent")
T = TypeVar("T")


class NotHappened(AssertionError):
    """What was waited for did not happen in time."""


@dataclass(frozen=True, slots=True)
class ExchangePorts:
    """Ports of the exchange: manager, line side, phone side and sound."""

    manager: int
    line: int
    phones: int
    rtp: range


@dataclass(slots=True)
class Leg:
    """One channel of the exchange: a caller's or a desk phone's end of a call."""

    name: str
    channel: str
    heard: str = ""
    started_at: float = field(default_factory=time.time)
    answered_at: float | None = None
    heard_since: float | None = None
    ended_at: float | None = None
    rings: bool = False  # a call that is turned away at once never does
    cause: str = ""
    times_spoken: int = 0
    shown_number: str = ""
    shown_name: str = ""


@dataclass(frozen=True, slots=True)
class HeardPrompt:
    """A prompt that reached somebody's ear, in seconds of the recording begun at `heard_since`."""

    start_seconds: float
    end_seconds: float
    likeness: float
    heard_since: float

    @property
    def ended_at(self) -> float:
        """When its last sample was heard (seconds of the epoch)."""
        return self.heard_since + self.end_seconds


class Exchange:
    """Runs the exchange and keeps every leg it saw, oldest first."""

    def __init__(
        self,
        program: AsteriskProgram,
        folder: Path,
        ports: ExchangePorts,
        *,
        box_address: str,
        box_port: int,
        phones: Sequence[Mapping[str, object]],
        prompts: Path,
        music: Path,
    ) -> None:
        self.prompts = prompts
        self.music = music
        self.box = f"{box_address}:{box_port}"
        self.heard_folder = folder / "heard"
        self.heard_folder.mkdir(parents=True, exist_ok=True)
        self.legs: list[Leg] = []
        self._changed = threading.Condition()
        secret = secrets.token_urlsafe(16)
        self.asterisk = AsteriskInstance(program, folder)
        files = render(
            _TEMPLATES,
            {
                "folder": folder,
                "run_folder": self.asterisk.run_folder,
                "program": program,
                "entity_id": "02:46:5a:00:00:02",
                "modules": _MODULES,
                "manager_port": ports.manager,
                "manager_secret": secret,
                "wanted_events": _EVENTS,
                "rtp_ports": ports.rtp,
                "heard": self.heard_folder,
                "line_address": LINE_ADDRESS,
                "line_port": ports.line,
                "phones_address": PHONES_ADDRESS,
                "phones_port": ports.phones,
                "box_address": box_address,
                "box_port": box_port,
                "phones": phones,
            },
        )
        write_configuration(folder / "etc", files)
        self._link = ManagerLink(
            "127.0.0.1",
            ports.manager,
            "exchange",
            secret,
            name="exchange",
            wanted_events=_EVENTS,
            on_event=self._note,
        )

    def start(self) -> None:
        """Start the exchange; its phones begin to register at the box."""
        self.asterisk.start()
        self._link.start()
        if not self._link.wait_connected(10):
            raise NotHappened("the exchange's manager does not answer")

    def start_again(self) -> None:
        """After its Asterisk died: start it anew; every call it had is over."""
        with self._changed:
            for leg in self.legs:
                leg.ended_at = leg.ended_at or time.time()
            self._changed.notify_all()
        self.asterisk.start()

    def stop(self) -> None:
        """Hang up everything and end the exchange."""
        self._link.stop()
        self.asterisk.stop()

    def caller(self, number: str, name: str = "") -> Caller:
        """A person outside with this number (as the line shows it) and display name."""
        return Caller(self, number, name)

    def phone(self, name: str) -> DeskPhone:
        """The desk phone `name` inside the office."""
        return DeskPhone(self, name)

    def wait_for(
        self, what: str, look: Callable[[], T | None], timeout_seconds: float = PATIENCE_SECONDS
    ) -> T:
        """Wait until `look` gives something, asked again at every event of the exchange."""
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while True:
                found = look()
                if found:
                    return found
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise NotHappened(f"not within {timeout_seconds:g} s: {what}")
                self._changed.wait(min(remaining, 0.1))

    def has_channels(self, count: int) -> None:
        """Let the line to the box carry only so many calls at once; 0 for as many as there are."""
        self.order("Setvar", Variable="CAPACITY", Value=str(count))

    def order(self, action: str, **headers: str) -> None:
        """Send one manager action to the exchange."""
        self._link.send(action, headers)

    def variable(self, channel: str, name: str) -> str:
        """A variable of one of the exchange's channels."""
        return self._link.send("Getvar", {"Channel": channel, "Variable": name}).get("Value", "")

    def call_out(self, leg: str, endpoint: str, number: str, *, caller: str, name: str) -> Leg:
        """Let `endpoint` dial `number`; the new leg is known at once, answered or not."""
        channel_id = f"{leg}-{secrets.token_hex(4)}"
        placed = Leg(leg, channel="", heard=leg)
        with self._changed:
            self.legs.append(placed)
        self._link.send(
            "Originate",
            {
                "Channel": f"PJSIP/{number}@{endpoint}",
                "ChannelId": channel_id,
                "Context": "caller",
                "Exten": "s",
                "Priority": "1",
                "CallerID": f'"{name}" <{caller}>' if name else f"<{caller}>",
                "Variable": f"LEG={leg}",
                "Timeout": "60000",
                "Async": "true",
            },
        )
        return self.wait_for(f"{leg} dials", lambda: placed if placed.channel or placed.ended_at else None)

    def _note(self, event: Event) -> None:
        """Keep the legs true to what the exchange's own channels do."""
        with self._changed:
            channel = event.headers.get("Channel", "")
            if event.name == "Newchannel":
                self._note_new(event, channel)
            leg = next((leg for leg in reversed(self.legs) if leg.channel == channel), None)
            if leg is None:
                return
            if event.name == "Newstate" and event.headers.get("ChannelStateDesc") == "Up":
                leg.answered_at = leg.answered_at or time.time()
            elif event.name == "MixMonitorStart":
                leg.heard_since = time.time()
            elif event.name == "UserEvent" and event.headers.get("UserEvent") == "Rings":
                leg.rings = True
            elif event.name == "UserEvent":
                leg.times_spoken += 1
            elif event.name == "Hangup":
                leg.ended_at = time.time()
                leg.cause = event.headers.get("Cause-txt", "")
            self._changed.notify_all()

    def _note_new(self, event: Event, channel: str) -> None:
        unique = event.headers.get("Uniqueid", "")
        placed = next(
            (leg for leg in self.legs if not leg.channel and unique.startswith(leg.name + "-")), None
        )
        if placed is not None:
            placed.channel = channel
        elif event.headers.get("Context") == "arriving":
            self.legs.append(
                Leg(
                    event.headers.get("Exten", ""),
                    channel,
                    shown_number=event.headers.get("CallerIDNum", ""),
                    shown_name=event.headers.get("CallerIDName", ""),
                )
            )


@cache
def _decoded(file: Path) -> hearing.Sound:
    return hearing.sound(samples(file))


class _Person:
    """Somebody at one end of a call: can be heard, speak, press keys and hang up."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._recordings: dict[str, hearing.Recording] = {}

    def _leg(self) -> Leg:
        raise NotImplementedError

    def presses(self, keys: str) -> None:
        """Press keys on the telephone, one after the other, as fast as a finger can."""
        for number, key in enumerate(keys):
            if number:
                time.sleep(_KEY_SECONDS)
            self._exchange.order("PlayDTMF", Channel=self._leg().channel, Digit=key, Duration="120")

    def says(self, sound: Path) -> None:
        """Speak: play a sound file into the call and return when it is over."""
        leg, before = self._leg(), self._leg().times_spoken
        self.begins_to_say(sound)
        self._exchange.wait_for(
            f"{leg.name} has spoken", lambda: leg.times_spoken > before, timeout_seconds=60
        )

    def begins_to_say(self, sound: Path) -> None:
        """Begin to speak and go on with something else."""
        channel = self._leg().channel
        self._exchange.order("Setvar", Channel=channel, Variable="SAYS", Value=str(sound.with_suffix("")))
        self._exchange.order("Redirect", Channel=channel, Context="conversation", Exten="says", Priority="1")

    def refers(self, to: str) -> None:
        """Ask the box to connect the other side with somebody else (SIP REFER); hang up if it does."""
        channel = self._leg().channel
        self._exchange.order("Setvar", Channel=channel, Variable="REFERS_TO", Value=to)
        self._exchange.order("Redirect", Channel=channel, Context="desk", Exten="refers", Priority="1")

    def hangs_up(self) -> None:
        """Put the receiver down."""
        leg = self._leg()
        if leg.ended_at is None:
            self._exchange.order("Hangup", Channel=leg.channel)
            self._exchange.wait_for(f"{leg.name} is hung up", lambda: leg.ended_at)

    def heard(self) -> hearing.Sound:
        """What has reached this person's ear so far."""
        name = self._leg().heard
        if name not in self._recordings:
            self._recordings[name] = hearing.Recording(self._exchange.heard_folder / f"{name}.sln48")
        return self._recordings[name].so_far()

    def hears(
        self,
        prompt: str,
        *,
        language: str = "de",
        after: HeardPrompt | None = None,
        timeout_seconds: float = PATIENCE_SECONDS,
    ) -> HeardPrompt:
        """Wait until this prompt has been heard to its end (after another one, if given)."""
        return self._listen(f"{prompt} ({language})", self._family(prompt, language), after, timeout_seconds)

    def hears_digits(
        self,
        digits: str,
        *,
        language: str = "de",
        after: HeardPrompt | None = None,
        timeout_seconds: float = PATIENCE_SECONDS,
    ) -> HeardPrompt:
        """Wait until exactly these digits have been said one by one, right after the prompt (or at once)."""
        leg, start = self._leg(), after.end_seconds if after else 0.0
        voices = {digit: self._sound(f"digit-{digit}", language) for digit in "0123456789"}
        read = hearing.HeardDigits("", start, start, 0.0)

        def listen() -> HeardPrompt | None:
            nonlocal read
            heard = self.heard()
            read = hearing.digits(heard, voices, after_seconds=start, expected=digits)
            is_over = leg.ended_at or len(heard) / hearing.RATE > read.end_seconds + _DIGITS_END_SECONDS
            if read.digits != digits or not is_over or leg.heard_since is None:
                return None
            return HeardPrompt(read.start_seconds, read.end_seconds, read.likeness, leg.heard_since)

        try:
            return self._wait_listening(f"{leg.name} hears {digits} ({language})", listen, timeout_seconds)
        except NotHappened as error:
            raise NotHappened(f"{error}; heard: {read.digits or 'no digits'}") from None

    def hears_sound(self, file: Path, *, timeout_seconds: float = PATIENCE_SECONDS) -> HeardPrompt:
        """Wait until this sound file has been heard to its end: what the other side said."""
        sounds = {file.name: _decoded(file)}
        return self._listen(file.name, sounds, None, timeout_seconds)

    def has_heard(self, prompt: str, *, language: str = "de") -> bool:
        """Whether this prompt has been heard so far."""
        return hearing.find_among(prompt, self._family(prompt, language), self.heard()) is not None

    def _sound(self, prompt: str, language: str) -> hearing.Sound:
        return _decoded(sound_file(self._exchange.prompts, prompt, language))

    def _family(self, prompt: str, language: str) -> dict[str, hearing.Sound]:
        """This prompt, then all it could be taken for: those whose keys begin with the same word."""
        word = prompt.partition("-")[0]
        alike = [key for key in load_catalogue() if key.partition("-")[0] == word]
        return {key: self._sound(key, language) for key in dict.fromkeys([prompt, *alike])}

    def hears_music(self, *, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the last second heard is a part of the music on hold (decoded here: keep it short)."""
        pieces = [_decoded(piece) for piece in sorted(self._exchange.music.iterdir())]

        def music() -> bool:
            last = self.heard()[-hearing.RATE :]
            return len(last) == hearing.RATE and any(hearing.is_music(last, piece) for piece in pieces)

        self._wait_listening(f"{self._leg().name} hears music", music, timeout_seconds)

    def _listen(
        self,
        what: str,
        sounds: Mapping[str, hearing.Sound],
        after: HeardPrompt | None,
        timeout_seconds: float,
    ) -> HeardPrompt:
        """Wait for the first of these sounds; the others are what it must not be taken for."""
        wanted = next(iter(sounds))
        leg = self._leg()
        wanted_sound = sounds[wanted]
        start = after.end_seconds if after else 0.0
        early = hearing.may_begin(wanted_sound, start)
        looks_back_at = start + len(wanted_sound) / hearing.RATE + _LOOKS_BACK_SECONDS

        def listen() -> HeardPrompt | None:
            nonlocal start, early
            heard = self.heard()
            found = hearing.find_among(wanted, sounds, heard, after_seconds=start)
            if found is None and early < start and len(heard) >= looks_back_at * hearing.RATE:
                found = hearing.find_among(wanted, sounds, heard, after_seconds=early)
                early = start  # once
            if found is None or leg.heard_since is None:
                # It may have begun; what lies further back has been listened to.
                start = max(start, (len(heard) - len(wanted_sound)) / hearing.RATE - 1.0)
                return None
            return HeardPrompt(found.start_seconds, found.end_seconds, found.likeness, leg.heard_since)

        try:
            return self._wait_listening(f"{leg.name} hears {what}", listen, timeout_seconds)
        except NotHappened as error:
            raise NotHappened(f"{error}; heard: {self._all_heard()}") from None

    def _all_heard(self) -> str:
        """Everything that was recognised, in order, also what is too little alike to count."""
        heard, found = self.heard(), list[tuple[float, float, str]]()
        for prompt, language in product(load_catalogue(), LANGUAGES):
            sound = self._sound(prompt, language)
            place = hearing.find(sound, heard, at_least=_PERHAPS_ALIKE)
            if place:
                found.append((place.start_seconds, place.likeness, f"{prompt} ({language})"))
        told = [f"{name} at {at:.1f} s {alike:.2f}" for at, alike, name in sorted(found)]
        return ", ".join(told) or "nothing"

    def _wait_listening(self, what: str, listen: Callable[[], T | None], timeout_seconds: float) -> T:
        deadline = time.monotonic() + timeout_seconds
        while not (found := listen()):
            if time.monotonic() > deadline:
                raise NotHappened(f"not within {timeout_seconds:g} s: {what}")
            time.sleep(_LISTEN_SECONDS)
        return found

    def waits_until_cut_off(self, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for the other side to end the call."""
        leg = self._leg()
        self._exchange.wait_for(f"the box hangs up on {leg.name}", lambda: leg.ended_at, timeout_seconds)

    @property
    def is_connected(self) -> bool:
        """Whether the call was answered and is still up."""
        leg = self._leg()
        return leg.answered_at is not None and leg.ended_at is None


class Caller(_Person):
    """A person outside who dials one of the office's numbers."""

    _counter = 0

    def __init__(self, exchange: Exchange, number: str, name: str) -> None:
        super().__init__(exchange)
        self.number = number
        self.name = name
        self._placed: Leg | None = None
        self.dialled = ""

    def _leg(self) -> Leg:
        if self._placed is None:
            raise NotHappened("this caller has not dialled yet")
        return self._placed

    @property
    def leg(self) -> Leg:
        """This caller's end of the call."""
        return self._leg()

    def dials(self, number: str) -> None:
        """Dial; digits and a leading + reach the line, whatever else is written between them."""
        self.dialled = digits = "".join(c for c in number if c in "+0123456789")
        Caller._counter += 1
        self._placed = self._exchange.call_out(
            f"caller-{Caller._counter}", "box", digits, caller=self.number, name=self.name
        )

    def is_answered(self, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the box answers."""
        leg = self._leg()
        self._exchange.wait_for(f"{leg.name} is answered", lambda: leg.answered_at, timeout_seconds)


class DeskPhone(_Person):
    """A desk phone inside the office: rings, answers, rejects, dials codes."""

    def __init__(self, exchange: Exchange, name: str) -> None:
        super().__init__(exchange)
        self.name = name

    def _legs(self) -> list[Leg]:
        return [leg for leg in self._exchange.legs if leg.name == self.name]

    def _leg(self) -> Leg:
        legs = self._legs()
        if not legs:
            raise NotHappened(f"{self.name} has had no call")
        return legs[-1]

    def _ringing(self) -> Leg | None:
        leg = next(reversed(self._legs()), None)
        return leg if leg and leg.rings and leg.answered_at is None and leg.ended_at is None else None

    def rings(self, timeout_seconds: float = PATIENCE_SECONDS) -> Leg:
        """Wait until the phone rings; returns the leg (what the display shows, since when)."""
        return self._exchange.wait_for(f"{self.name} rings", self._ringing, timeout_seconds)

    def stops_ringing(self, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until it rings no more."""
        self._exchange.wait_for(
            f"{self.name} stops ringing", lambda: self._ringing() is None, timeout_seconds
        )

    @property
    def current(self) -> Leg | None:
        """The call this phone rings for or is in, None for none."""
        leg = next(reversed(self._legs()), None)
        return leg if leg and leg.ended_at is None else None

    @property
    def times_rung(self) -> int:
        """How often it has rung since the exchange started."""
        return len(self._legs())

    def answers(self) -> None:
        """Wait for it to ring, pick up, and return when sound flows."""
        leg = self.rings()
        leg.heard = f"{self.name}-{self.times_rung}"
        self._exchange.order("Setvar", Channel=leg.channel, Variable="LEG", Value=leg.heard)
        self._exchange.order("Redirect", Channel=leg.channel, Context="desk", Exten="answers", Priority="1")
        self._exchange.wait_for(f"{self.name} picks up", lambda: leg.answered_at)
        self._exchange.wait_for(f"sound flows to {self.name}", lambda: len(self.heard()) or leg.ended_at)

    def rejects(self) -> None:
        """Press the phone's reject button: it says that it is busy."""
        self._hangs_up_ringing("rejects")

    def declines(self) -> None:
        """Press the reject button of a phone that says the call was rejected."""
        self._hangs_up_ringing("declines")

    def transfers(self, extension: str) -> None:
        """Press the phone's transfer button in a call and dial: the other side is handed over at once."""
        self.refers(f"sip:{extension}@{self._exchange.box}")

    def transfers_after_asking(self, asked: Caller) -> None:
        """Press the transfer button in the second call, in which a colleague was asked (or still rings)."""
        channel = asked.leg.channel
        # A colleague's phone may ring before the answer that says so has come back to this one.
        call, there, here = (
            self._exchange.wait_for(
                f"the {name} of {asked.leg.name} is known",
                lambda name=name: self._exchange.variable(channel, f"CHANNEL(pjsip,{name})"),  # type: ignore[misc]
            )
            for name in ("call-id", "remote_tag", "local_tag")
        )
        dialog = quote(f"{call};to-tag={there};from-tag={here}", safe="")
        self.refers(f"sip:{asked.dialled}@{self._exchange.box}?Replaces={dialog}")

    def _hangs_up_ringing(self, how: str) -> None:
        leg = self.rings()
        self._exchange.order("Redirect", Channel=leg.channel, Context="desk", Exten=how, Priority="1")

    def dials(self, code: str) -> Caller:
        """Dial a code or an extension from this phone; returns that call."""
        call = Caller(self._exchange, self.name, "")
        call.dialled = code
        Caller._counter += 1
        call._placed = self._exchange.call_out(
            f"code-{Caller._counter}", self.name, code, caller=self.name, name=""
        )
        return call
