"""The installer's test of a line: dial tone, a call out and its echo, a call in, caller id, hanging up."""

from __future__ import annotations

import math
import time
import wave
from array import array
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

from appliance.hotline.line_states import LineState, Trouble, in_words
from appliance.settings import DahdiLine, LineKind
from appliance.telephony.lines.echo import NothingSaid, echo_in, samples_in
from appliance.telephony.lines.states import ChannelState, channel_states
from appliance.telephony.manager import ManagerError, ManagerLink

_DIAL_TONE_HERTZ = 425.0  # in all of Europe, ITU-T E.180
_TONE_SHARE = 0.6  # of the sound's energy
_QUIET = 50.0  # root mean square of samples: nothing is there
_LISTEN_SECONDS = 15.0
_RING_SECONDS = 60.0
_KEY_SECONDS = 40.0
_INCOMING_SECONDS = 90.0
_HANGUP_SECONDS = 30.0
_LOOK_SECONDS = 0.5
_ON_HOOK_SECONDS = 3.0  # Asterisk leaves an analogue line alone for two after a call
_ECHO_DECIBELS = 20.0  # quieter than this nobody minds it; a chosen limit, no standard's
T = TypeVar("T")


class Verdict(StrEnum):
    """How a step of the test ended."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """A step of the test, how it ended, and what was seen; a text in each language."""

    step: str
    verdict: Verdict
    german: str
    english: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A call that came in: what was dialled, and who calls as the line says ('' for withheld)."""

    dialled: str
    caller: str


class Installer(Protocol):
    """What the test asks of the person in front of the box."""

    def please(self, german: str, english: str) -> None:
        """Ask for something to be done, and go on."""


def check_line(
    line: DahdiLine,
    carriers: Collection[int],
    state: LineState,
    orders: ManagerLink,
    installer: Installer,
    *,
    number: str,
    incoming: Callable[[], Arrived | None],
    listen_to: Path,
) -> list[Finding]:
    """Go through all steps and return what was found.

    `number` is where the installer can be called, '' to leave that out; `incoming` tells the call that came
    in since the test began; `listen_to` (a .wav) is where Asterisk may write what it hears, and beside it.
    """
    found = [_signal(state)]
    if found[0].verdict is Verdict.BAD:
        return found
    found.append(_dial_tone(line, carriers, orders, listen_to))
    found += _call_out(line, number, orders, installer, listen_to)
    arrived, finding = _call_in(incoming, installer)
    found.append(finding)
    if arrived:
        found.append(_caller_id(arrived))
        found.append(_hang_up(carriers, orders, installer))
    return found


def _signal(state: LineState) -> Finding:
    if state.trouble in (Trouble.NONE, Trouble.PARTLY):
        return Finding("signal", Verdict.GOOD, "Signal ist da", "there is a signal")
    return Finding("signal", Verdict.BAD, in_words(state.trouble, "de"), in_words(state.trouble, "en"))


def _dial_tone(line: DahdiLine, carriers: Collection[int], orders: ManagerLink, file: Path) -> Finding:
    if line.kind is not LineKind.FXO:
        return Finding(
            "dial tone", Verdict.SKIPPED, "hat nur eine Analogleitung", "only an analogue line has one"
        )
    try:
        orders.originate(
            f"DAHDI/{min(carriers)}",
            {"Context": "line-test", "Exten": "listen", "Priority": "1"},
            variables={"LISTEN": str(file)},
            ring_seconds=_LISTEN_SECONDS,
        )
    except ManagerError as error:
        return Finding("dial tone", Verdict.BAD, f"nicht abzuheben: {error}", f"cannot be picked up: {error}")
    share = _until(lambda: tone_in(file), _LISTEN_SECONDS)
    file.unlink(missing_ok=True)
    _until(lambda: _all_free(channel_states(orders).values(), carriers) or None, _LISTEN_SECONDS)
    time.sleep(_ON_HOOK_SECONDS)
    if share is not None and share >= _TONE_SHARE:
        return Finding("dial tone", Verdict.GOOD, "Wählton ist da", "there is a dial tone")
    return Finding("dial tone", Verdict.BAD, "kein Wählton (425 Hz)", "no dial tone (425 Hz)")


def _call_out(
    line: DahdiLine, number: str, orders: ManagerLink, installer: Installer, file: Path
) -> list[Finding]:
    if not number:
        return [Finding("call out", Verdict.SKIPPED, "keine Rufnummer angegeben", "no number was given")]
    installer.please(
        f"{number} wird angerufen: bitte abheben und der Ansage folgen.",
        f"{number} is called: answer and do what you hear.",
    )
    test = f"linetest-{time.time_ns()}"
    said, heard = file.with_suffix(".said.sln"), file.with_suffix(".heard.sln")
    try:
        orders.originate(
            line.destination(number, number),
            {"Context": "line-test", "Exten": "call", "Priority": "1", "ChannelId": test},
            variables={"SAID": str(said), "HEARD": str(heard)},
            ring_seconds=_RING_SECONDS,
        )
    except ManagerError as error:
        german, english = f"kam nicht zustande: {error}", f"did not come about: {error}"
        return [Finding("call out", Verdict.BAD, german, english)]
    key = _until(lambda: _variable(orders, test, "PRESSED"), _KEY_SECONDS)
    echo = _echo(said, heard)
    said.unlink(missing_ok=True)
    heard.unlink(missing_ok=True)
    if key == "yes":
        out = Finding(
            "call out", Verdict.GOOD, "Ansage gehört, Taste kam an", "prompt heard, the key arrived"
        )
    else:
        out = Finding("call out", Verdict.BAD, "keine Taste 1 kam an", "no key 1 arrived")
    return [out, echo]


def _echo(said: Path, heard: Path) -> Finding:
    """Whether the prompt came back from the line while it was said."""
    try:
        echo = echo_in(samples_in(said), samples_in(heard))
    except NothingSaid:
        return Finding("echo", Verdict.SKIPPED, "nicht zu messen: aufgelegt", "not measured: hung up")
    if echo is None:
        return Finding("echo", Verdict.GOOD, "keines gefunden", "none was found")
    quieter, after = f"{echo.loss_decibels:.0f} dB", f"{echo.delay_seconds * 1000:.0f} ms"
    german, english = f"{quieter} leiser, nach {after}", f"{quieter} quieter, after {after}"
    if echo.loss_decibels >= _ECHO_DECIBELS:
        return Finding("echo", Verdict.GOOD, german, english)
    return Finding(
        "echo",
        Verdict.BAD,
        f"nur {german} (echo_canceller und transmit_gain der Leitung prüfen)",
        f"only {english} (check echo_canceller and transmit_gain of the line)",
    )


def _variable(orders: ManagerLink, channel: str, name: str) -> str | None:
    try:
        return orders.send("Getvar", {"Channel": channel, "Variable": name}).get("Value") or None
    except ManagerError:
        return None


def _call_in(incoming: Callable[[], Arrived | None], installer: Installer) -> tuple[Arrived | None, Finding]:
    installer.please(
        "Bitte jetzt diese Leitung von außen anrufen.", "Now call this line from outside, please."
    )
    arrived = _until(incoming, _INCOMING_SECONDS)
    if arrived is None:
        return None, Finding("call in", Verdict.BAD, "kein Anruf kam an", "no call came in")
    dialled = arrived.dialled or "-"
    return arrived, Finding("call in", Verdict.GOOD, f"gewählt wurde {dialled}", f"dialled was {dialled}")


def _caller_id(arrived: Arrived) -> Finding:
    if arrived.caller:
        return Finding("caller id", Verdict.GOOD, arrived.caller, arrived.caller)
    return Finding(
        "caller id",
        Verdict.BAD,
        "keine Rufnummer kam an (unterdrückt? caller_id der Leitung prüfen)",
        "no number arrived (withheld? check caller_id of the line)",
    )


def _hang_up(carriers: Collection[int], orders: ManagerLink, installer: Installer) -> Finding:
    installer.please("Bitte jetzt auflegen.", "Now hang up, please.")
    began = time.monotonic()
    over = _until(lambda: _all_free(channel_states(orders).values(), carriers) or None, _HANGUP_SECONDS)
    seconds = time.monotonic() - began
    if over:
        return Finding(
            "hang-up", Verdict.GOOD, f"nach {seconds:.0f} s bemerkt", f"noticed after {seconds:.0f} s"
        )
    return Finding(
        "hang-up",
        Verdict.BAD,
        f"nach {seconds:.0f} s nicht bemerkt (busy_pattern der Leitung prüfen)",
        f"not noticed after {seconds:.0f} s (check busy_pattern of the line)",
    )


def _all_free(states: Collection[ChannelState], carriers: Collection[int]) -> bool:
    return not any(state.call for state in states if state.channel in carriers)


def tone_in(file: Path, hertz: float = _DIAL_TONE_HERTZ) -> float | None:
    """The share (0 to 1) of a tone in the last second of a recording; None while there is less than that."""
    try:
        with wave.open(str(file)) as sound:
            rate = sound.getframerate()
            samples = array("h", sound.readframes(sound.getnframes()))
    except (OSError, EOFError, wave.Error):
        return None
    last = samples[-rate:]
    if len(last) < rate:
        return None
    energy = sum(sample * sample for sample in last)
    if energy < _QUIET * _QUIET * len(last):
        return 0.0
    step = 2 * math.pi * hertz / rate
    real = sum(sample * math.cos(step * place) for place, sample in enumerate(last))
    imaginary = sum(sample * math.sin(step * place) for place, sample in enumerate(last))
    return float(2 * (real * real + imaginary * imaginary) / (len(last) * energy))


def report(line: DahdiLine, found: Collection[Finding], language: str) -> str:
    """The report to keep: one line per step."""
    german = language == "de"
    marks = {Verdict.GOOD: "+", Verdict.BAD: "!", Verdict.SKIPPED: "-"}
    steps = {
        "signal": "Signal",
        "dial tone": "Wählton",
        "call out": "Anruf hinaus",
        "echo": "Echo",
        "call in": "Anruf herein",
        "caller id": "Rufnummer",
        "hang-up": "Auflegen",
    }
    head = f"Prüfung der Leitung {line.name}" if german else f"Test of line {line.name}"
    lines = [
        f"{marks[finding.verdict]} {steps[finding.step] if german else finding.step}:"
        f" {finding.german if german else finding.english}"
        for finding in found
    ]
    return "\n".join([head, *lines])


def _until(look: Callable[[], T | None], seconds: float) -> T | None:
    deadline = time.monotonic() + seconds
    while (found := look()) is None and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return found
