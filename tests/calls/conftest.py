"""Real calls: a box, its supervisor and an exchange with phones, each test with its own."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from appliance.simulator import hearing
from appliance.simulator.exchange import Caller, HeardPrompt
from appliance.simulator.office import SimulatedOffice
from appliance.telephony.prompts.catalogue import LANGUAGES, load_catalogue
from appliance.telephony.prompts.sounds import samples
from appliance.telephony.prompts.speech import speech_file
from appliance.telephony.sandbox import AsteriskProgram, ensure_asterisk, shown_progress

OFFICE = """
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
hours = "always"
ring_seconds = 4
wrap_up_seconds = 0
message_seconds = 30

[[department]]
name = "office"
title = "Office"
language = "en"
mailbox = "office@musterbuero.example"
numbers = ["0931 555-20"]
hours = {mon-sun = "00:00-24:00"}
closed_on_holidays = false
ring_seconds = 20
wrap_up_seconds = 0
message_seconds = 30

[[phone]]
name = "desk_1"
extension = "21"
secret = "geheim-desk-1"

[[phone]]
name = "desk_2"
extension = "22"
secret = "geheim-desk-2"

[[phone]]
name = "desk_3"
extension = "23"
secret = "geheim-desk-3"

[[agent]]
name = "anna"
title = "Anna Berg"
phone = "desk_1"
departments = ["support", "office"]
languages = ["de", "en"]

[[agent]]
name = "bert"
title = "Bert Blum"
phone = "desk_2"
departments = ["support"]
languages = ["de"]

[[agent]]
name = "clara"
title = "Clara Cors"
phone = "desk_3"
departments = ["office"]
languages = ["en"]
"""


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> AsteriskProgram:
    """Asterisk as this machine has it, unpacked first if need be, with a tune of our own on hold.

    The tune is a chord without an end, so that one second of it is recognised quickly.
    """
    with shown_progress() as progress:
        program = ensure_asterisk(progress)
    music = tmp_path_factory.mktemp("music")
    seconds = np.arange(20 * hearing.RATE) / hearing.RATE
    chord = sum(3000 * np.sin(2 * np.pi * hertz * seconds) for hertz in (440, 550, 660))
    write_sound(music / "chord.wav", chord)
    return replace(program, music=music)


@pytest.fixture(scope="session")
def quick_prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every sentence twice as fast, as an office's own recordings: a call takes half the time.

    Digits stay as they are: they are told apart by their sound alone.
    """
    folder = tmp_path_factory.mktemp("prompts")
    for key in load_catalogue():
        for language in () if key.startswith("digit-") else LANGUAGES:
            sound = hearing.sound(samples(speech_file(key, language)))
            file = folder / language / f"{key}.wav"
            file.parent.mkdir(exist_ok=True)
            quick = sound[: len(sound) // 2 * 2].reshape(-1, 2).mean(axis=1)
            write_sound(file, np.pad(quick, hearing.RATE // 20))  # silence at both ends, as shipped
    return folder


def write_sound(file: Path, sound: hearing.Sound) -> None:
    """Write a telephone sound as Asterisk plays it."""
    with wave.open(str(file), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(hearing.RATE)
        writer.writeframes(np.asarray(sound, dtype="<i2").tobytes())


@contextmanager
def offices(
    folder: Path, program: AsteriskProgram, quick_prompts: Path
) -> Iterator[Callable[..., SimulatedOffice]]:
    """Makes and starts an office in the folder; stops it in the end."""
    with ExitStack() as stack:

        def make(
            config_text: str = OFFICE, *, supervisor: bool = True, channels: int = 0, shipped: bool = False
        ) -> SimulatedOffice:
            prompts = None if shipped else quick_prompts
            office = SimulatedOffice(
                folder / "office", config_text, program, channels=channels, own_prompts=prompts
            )
            stack.callback(office.stop)
            office.start(supervisor=supervisor)
            return office

        yield make


@pytest.fixture
def make_office(
    tmp_path: Path, program: AsteriskProgram, quick_prompts: Path
) -> Iterator[Callable[..., SimulatedOffice]]:
    """Make and start an office for this test."""
    with offices(tmp_path, program, quick_prompts) as make:
        yield make


@pytest.fixture(scope="module")
def shared_office(
    tmp_path_factory: pytest.TempPathFactory, program: AsteriskProgram, quick_prompts: Path
) -> Iterator[SimulatedOffice]:
    """One office for all tests of a module, which leave it as they found it."""
    with offices(tmp_path_factory.mktemp("shared"), program, quick_prompts) as make:
        yield make()


@pytest.fixture
def office(make_office: Callable[..., SimulatedOffice]) -> Iterator[SimulatedOffice]:
    """An office with everything running and nobody present."""
    office = make_office()
    yield office
    nothing_is_left(office)


def chooses_message(caller: Caller, language: str = "de") -> HeardPrompt:
    """The caller presses 3 while he is offered what is left; returns when he has been asked to speak."""
    offered = caller.hears("offer-callback", language=language, timeout_seconds=20)
    caller.presses("3")
    return caller.hears("leave-message", language=language, after=offered)


def nothing_is_left(office: SimulatedOffice) -> None:
    """Every call is over, has one outcome, and the supervisor saw no error."""
    office.wait_for("no channel is left over ({})", lambda: not office.channels(), office.channels)
    office.wait_for(
        "every call has an outcome",
        lambda: not office.db.execute("SELECT 1 FROM calls WHERE outcome = ''").fetchone(),
    )
    status, report = office.command("ledger", "check")
    assert status == 0, report
    log = office.settings.state / "supervisor.log"
    if log.exists():
        assert "Traceback" not in log.read_text(), log.read_text()[-4000:]
