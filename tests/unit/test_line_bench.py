"""The installer's test of a line: what it says of good and bad lines."""

from __future__ import annotations

import math
import random
import wave
from array import array
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from appliance.cli import main
from appliance.hotline.line_states import LineState, Trouble
from appliance.settings import DahdiLine, LineKind, Settings
from appliance.store.database import open_store
from appliance.telephony.lines import bench
from appliance.telephony.lines.bench import Arrived, Finding, Verdict, check_line, report, tone_in
from appliance.telephony.lines.echo import NothingSaid, echo_in
from appliance.telephony.manager import ActionRefused, ManagerLink

LINE = DahdiLine("old", LineKind.FXO, (1,), number="+4993155510")
GOOD = LineState("old", "fxo", 1, 0, 1)
CALL = Arrived("+4993155510", "+491701234567")


def record(file: Path, hertz: float, loudness: float = 8000, seconds: float = 2.0) -> None:
    """Write a tone as Asterisk would."""
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        places = range(round(8000 * seconds))
        tone = (round(loudness * math.sin(2 * math.pi * hertz * place / 8000)) for place in places)
        sound.writeframes(array("h", tone).tobytes())


@cache
def speech(words: int = 1) -> array[int]:
    """Four seconds that are as irregular as speech; other `words` are other sounds."""
    dice = random.Random(words)
    return array("h", (round(dice.gauss(0, 3000)) for _ in range(32_000)))


def later(sound: array[int], shift: int, share: float) -> array[int]:
    """The same sound so many samples later, and quieter."""
    return array("h", [0] * shift + [round(sample * share) for sample in sound[: len(sound) - shift]])


class Asterisk:
    """Answers as Asterisk would, on a line that hears `hertz` and whose called person presses 1 or not."""

    def __init__(
        self,
        *,
        hertz: float = 425,
        heard: str = "yes",
        refuses: str = "",
        frees: bool = True,
        comes_back: float = 0.01,
    ) -> None:
        self._hertz, self._heard, self._refuses, self._frees = hertz, heard, refuses, frees
        self._comes_back = comes_back
        self.called: list[str] = []

    def originate(
        self, channel: str, headers: Mapping[str, str], *, variables: Mapping[str, str] = {}, **_: Any
    ) -> None:
        """A call out; the one that listens leaves a recording."""
        self.called.append(channel)
        if headers["Exten"] == "listen":
            record(Path(variables["LISTEN"]), self._hertz)
        elif self._refuses:
            raise ActionRefused("Originate", self._refuses, {})
        else:
            Path(variables["SAID"]).write_bytes(speech().tobytes())
            Path(variables["HEARD"]).write_bytes(later(speech(), 160, self._comes_back).tobytes())

    def send(self, *_: object) -> dict[str, str]:
        """The variable that tells whether the person pressed 1."""
        return {"Value": self._heard}

    def send_list(self, *_: object) -> list[Any]:
        """The only channel: free, or still in a call."""

        class Event:
            headers = {"DAHDIChannel": "7", "Channel": "" if self._frees else "DAHDI/7-1"}  # noqa: RUF012

        return [Event()]


class Silent:
    """An installer who does what he is asked, and what that was."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def please(self, german: str, english: str) -> None:
        """Note it."""
        assert german != english
        self.asked.append(english)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "_LISTEN_SECONDS",
        "_ON_HOOK_SECONDS",
        "_KEY_SECONDS",
        "_INCOMING_SECONDS",
        "_HANGUP_SECONDS",
    ):
        monkeypatch.setattr(bench, name, 0.0)


def findings(
    folder: Path,
    asterisk: Asterisk,
    *,
    line: DahdiLine = LINE,
    state: LineState = GOOD,
    number: str = "0170",
    arrived: Arrived | None = CALL,
) -> dict[str, Finding]:
    """The findings by their step."""
    orders = cast(ManagerLink, asterisk)
    found = check_line(
        line,
        (7,),
        state,
        orders,
        Silent(),
        number=number,
        incoming=lambda: arrived,
        listen_to=folder / "x.wav",
    )
    return {finding.step: finding for finding in found}


def test_a_good_line_passes_every_step(tmp_path: Path) -> None:
    asterisk = Asterisk()
    found = findings(tmp_path, asterisk)
    assert list(found) == ["signal", "dial tone", "call out", "echo", "call in", "caller id", "hang-up"]
    assert {finding.verdict for finding in found.values()} == {Verdict.GOOD}
    assert asterisk.called == ["DAHDI/7", "DAHDI/G1/0170"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asterisk", "arrived", "bad"),
    [
        (Asterisk(hertz=350), Arrived("1", "2"), {"dial tone"}),
        (Asterisk(heard="no"), Arrived("1", "2"), {"call out"}),
        (Asterisk(refuses="busy"), Arrived("1", "2"), {"call out"}),
        (Asterisk(comes_back=0.2), Arrived("1", "2"), {"echo"}),
        (Asterisk(frees=False), Arrived("1", "2"), {"hang-up"}),
        (Asterisk(), Arrived("1", ""), {"caller id"}),
        (Asterisk(), None, {"call in"}),
    ],
)
def test_what_does_not_work_is_named(
    tmp_path: Path, asterisk: Asterisk, arrived: Arrived | None, bad: set[str]
) -> None:
    found = findings(tmp_path, asterisk, arrived=arrived)
    assert {step for step, finding in found.items() if finding.verdict is Verdict.BAD} == bad


def test_nothing_is_tried_on_a_line_without_signal(tmp_path: Path) -> None:
    asterisk = Asterisk()
    found = findings(tmp_path, asterisk, state=replace(GOOD, trouble=Trouble.NO_SIGNAL))
    assert list(found) == ["signal"]
    assert asterisk.called == []


def test_isdn_has_no_dial_tone_and_without_a_number_nobody_is_called(tmp_path: Path) -> None:
    found = findings(tmp_path, Asterisk(), line=DahdiLine("isdn", LineKind.BRI_PTP, (1,)), number="")
    assert (found["dial tone"].verdict, found["call out"].verdict) == (Verdict.SKIPPED, Verdict.SKIPPED)


def test_a_tone_is_told_from_speech_and_silence(tmp_path: Path) -> None:
    file = tmp_path / "tone.wav"
    assert tone_in(file) is None
    record(file, 425, seconds=0.5)
    assert tone_in(file) is None, "not yet long enough"
    record(file, 425)
    assert (tone_in(file) or 0) > 0.99
    record(file, 600)
    assert (tone_in(file) or 0) < 0.01
    record(file, 425, loudness=10)
    assert tone_in(file) == 0.0


@pytest.mark.parametrize(("shift", "share"), [(0, 1.0), (37, -0.5), (2400, 0.1)])
def test_an_echo_is_measured(shift: int, share: float) -> None:
    echo = echo_in(speech(), later(speech(), shift, share))
    assert echo is not None
    assert echo.loss_decibels == pytest.approx(-20 * math.log10(abs(share)), abs=0.3)
    assert echo.delay_seconds == shift / 8000


def test_what_somebody_says_himself_is_no_echo() -> None:
    assert echo_in(speech(), speech(2)) is None
    assert echo_in(speech(), array("h", bytes(64_000))) is None


@pytest.mark.parametrize("said", [array("h"), speech()[:8000], array("h", bytes(64_000))])
def test_without_a_sound_there_is_no_echo_to_look_for(said: array[int]) -> None:
    with pytest.raises(NothingSaid):
        echo_in(said, said)


def test_the_report_is_in_the_language_of_the_installer(tmp_path: Path) -> None:
    found = findings(tmp_path, Asterisk(), arrived=None).values()
    german, english = report(LINE, found, "de"), report(LINE, found, "en")
    assert german.splitlines()[0] == "Prüfung der Leitung old"
    assert "+ Wählton: Wählton ist da" in german
    assert "! call in: no call came in" in english


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["gone"], "There is no line gone on a card, only: -"),
        (["old", "--number", "0170 1"], "0170 1 is not a number as one dials it."),
    ],
)
def test_what_cannot_be_tested_is_said(tmp_path: Path, words: list[str], complaint: str) -> None:
    open_store(Settings(tmp_path).store).close()
    result = CliRunner().invoke(
        main, ["--state", str(tmp_path), "lines", "test", *words], env={"LANG": "C", "LC_ALL": "C"}
    )
    assert result.exit_code == 1
    assert complaint in result.output
