"""What the page needs of the box besides the store; whoever starts the page gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from sqlite_utils import Database


class BackupRefused(Exception):
    """A backup that is not taken; one sentence in each language says why."""

    def __init__(self, sentences: Mapping[str, str]) -> None:
        super().__init__(sentences["en"])
        self.sentences = sentences


@dataclass(frozen=True, slots=True)
class BackupContents:
    """What is in a backup, for a person to decide by."""

    made_at: str
    made_by: str
    office: str
    departments: int
    agents: int
    users: int
    calls: int
    messages: int
    undelivered: int
    callbacks: int
    lines: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing a caller goes through; `kind` says what.

    "hears": `prompts` in `language`, while `keys` do something. "rings": the phone of `who` (an agent's name,
    or a number outside), `seconds` long at most. "talks": with `who`. "music": he waits. "records": a message
    of at most so many `seconds`. "ends": the call is over.
    """

    kind: str
    prompts: tuple[str, ...] = ()
    language: str = ""
    keys: str = ""
    who: str = ""
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class FoundLine:
    """What was found of hardware for lines: a sentence in German and in English, and whether it is good."""

    german: str
    english: str
    is_good: bool


@dataclass(frozen=True, slots=True)
class Renewal:
    """How far the last update is: "none", "checking", "writing", "waiting", "trying", "done"; for any other
    word `sentences` says why, in each language. `percent` is of the step."""

    word: str
    version: str
    percent: int
    sentences: Mapping[str, str]
    is_going_on: bool


class CannotSpeak(Exception):
    """The built-in voice has made no sound of a text."""


class Box(Protocol):
    """The sounds of the box and the texts they say, its dialog, and where phones register."""

    @property
    def sip_port(self) -> int:
        """The port at which desk phones register."""

    def prompt_texts(self) -> Mapping[str, Mapping[str, str]]:
        """What every prompt says, by key and language, in the order to show them."""

    def has_prompt(self, key: str, language: str) -> bool:
        """Whether there is such a prompt, or may be: also greetings and sentences of the office's own.

        Music on hold is the prompt "music-on-hold" of the language "music".
        """

    def prompt_sources(self) -> Mapping[tuple[str, str], str]:
        """Where the sound in force comes from: 'own', 'human', 'built in', '' for none."""

    def prompt_source(self, key: str, language: str) -> str:
        """The same for one, which need not be in the catalogue; 'music' for music that came with the box."""

    def prompt_sound(self, key: str, language: str) -> bytes | None:
        """The sound callers hear now, as a WAV file, of long music its beginning; None when there is none."""

    def as_wav(self, sound: bytes) -> bytes:
        """A WAV file of samples as `to_prompt` gives them."""

    def to_prompt(self, content: bytes, key: str) -> bytes:
        """The samples of a prompt from a WAV file. Raises ValueError whose `reason` says what is wrong."""

    @property
    def voice(self) -> str:
        """The program that reads texts, '' when none is installed."""

    @property
    def voice_package(self) -> str:
        """The Debian package such a program is in."""

    def speak(self, text: str, language: str) -> bytes:
        """The samples of a prompt in which the built-in voice reads this. Raises CannotSpeak."""

    def message_sound(self, sound: str) -> Path | None:
        """The WAV file of a voice message, by what the store says of its sound; None when it is gone."""

    def caller_hears(self, department: str) -> Sequence[Heard]:
        """What somebody who calls this department at this moment and presses nothing would go through."""

    def hardware(self) -> Sequence[FoundLine]:
        """The cards for lines that were found, and hardware no driver has taken."""

    def line_words(self, trouble: str, language: str) -> str:
        """What is wrong with a line, as the end of a sentence; '' for nothing."""

    def version(self) -> str:
        """The version of the box's programs."""

    def write_backup(self, target: Path) -> None:
        """Write a backup, whole or not at all. Raises OSError."""

    def check_backup(self, file: Path) -> BackupContents:
        """Look at a backup whole. Raises BackupRefused or OSError."""

    @property
    def update_folder(self) -> Path | None:
        """Where an update is put that shall be installed; None where the box cannot renew itself."""

    def renewal(self) -> Renewal:
        """How far the last update is."""

    def renew(self, file: Path) -> None:
        """Have a file of `update_folder` installed. Raises OSError."""

    def write_diagnosis(self, db: Database, stream: IO[bytes]) -> None:
        """Write a diagnosis bundle without personal data. Raises OSError."""

    @property
    def restart_page(self) -> Callable[[], None] | None:
        """Begins the restart of this page behind the answer; None where nobody would start it again."""
