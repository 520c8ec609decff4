"""Gives the office's page what it needs of the box besides the store: the sounds, and the texts they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO

from flask import Flask
from sqlite_utils import Database

from appliance import __version__, backup
from appliance.callers_ear import caller_hears
from appliance.diagnosis import write_bundle
from appliance.hotline.line_states import Trouble, in_words
from appliance.settings import Settings
from appliance.store.database import open_store
from appliance.telephony.lines import words
from appliance.telephony.lines.finding import find_cards, find_devices
from appliance.telephony.prompts import recordings, voice
from appliance.telephony.prompts.catalogue import LANGUAGES, load_catalogue
from appliance.telephony.prompts.install import (
    MUSIC,
    MUSIC_ON_HOLD,
    MissingPrompts,
    is_own_key,
    sound_file,
    source_of,
)
from appliance.telephony.prompts.sounds import samples
from appliance.updating.progress import (
    BUSY,
    SIGNERS,
    UpdateState,
    folder_in,
    read_state,
    wish_for,
    write_state,
)
from webui import create_app
from webui.box import BackupContents, BackupRefused, CannotSpeak, FoundLine, Heard, Renewal

_MUSIC_SECONDS = 20  # of music that came with the box the page plays so much: decoding takes its time


class BoxOfSettings:
    """The box at these settings, as `webui.box.Box` describes it."""

    def __init__(self, settings: Settings, restart_page: Callable[[], None] | None = None) -> None:
        self._settings = settings
        self._restart_page = restart_page
        self._catalogue = load_catalogue()

    def prompt_texts(self) -> Mapping[str, Mapping[str, str]]:
        """What every prompt says, by key and language, in the order of the catalogue."""
        return {key: prompt.texts for key, prompt in self._catalogue.items()}

    def has_prompt(self, key: str, language: str) -> bool:
        """Whether there is such a prompt, or may be: also greetings and sentences of the office's own."""
        if language == MUSIC:
            return key == MUSIC_ON_HOLD
        return language in LANGUAGES and (key in self._catalogue or is_own_key(key))

    def prompt_source(self, key: str, language: str) -> str:
        """Where the sound in force comes from: 'own', 'human', 'built in', 'music', '' for none."""
        source = source_of(self._settings.prompts.resolve(), key, language, self._settings.own_recordings)
        return MUSIC if language == MUSIC and source not in ("own", "") else source

    def prompt_sources(self) -> Mapping[tuple[str, str], str]:
        """Where the sound in force comes from: 'own', 'human', 'built in', '' for none."""
        target, own = self._settings.prompts.resolve(), self._settings.own_recordings
        return {
            (key, language): source_of(target, key, language, own)
            for key in self._catalogue
            for language in LANGUAGES
        }

    def prompt_sound(self, key: str, language: str) -> bytes | None:
        """The sound callers hear now, as a WAV file; None when there is none."""
        if not self.has_prompt(key, language):
            return None
        longest = _MUSIC_SECONDS if self.prompt_source(key, language) == MUSIC else None
        try:
            sound = samples(sound_file(self._settings.prompts, key, language), longest)
        except (MissingPrompts, ValueError, OSError):
            return None
        return recordings.as_wav(sound.tobytes())

    def as_wav(self, sound: bytes) -> bytes:
        """A WAV file of samples as `to_prompt` gives them."""
        return recordings.as_wav(sound)

    def to_prompt(self, content: bytes, key: str) -> bytes:
        """The samples of a prompt from a WAV file. Raises ValueError whose `reason` says what is wrong."""
        if key == MUSIC_ON_HOLD:
            return recordings.to_prompt(content, recordings.LONGEST_MUSIC_SECONDS)
        return recordings.to_prompt(content)

    @property
    def voice(self) -> str:
        """The program that reads texts, '' when none is installed."""
        found = voice.find_voice()
        return found.name if found else ""

    @property
    def voice_package(self) -> str:
        """The Debian package such a program is in."""
        return voice.PACKAGE

    def speak(self, text: str, language: str) -> bytes:
        """The samples of a prompt in which the built-in voice reads this. Raises CannotSpeak."""
        found = voice.find_voice()
        try:
            if found is None:
                raise CannotSpeak(voice.PACKAGE)
            return recordings.to_prompt(voice.speak(found, text, language))
        except (voice.CannotSpeak, ValueError) as error:
            raise CannotSpeak(str(error)) from error

    def message_sound(self, sound: str) -> Path | None:
        """The WAV file of a voice message, by what the store says of its sound; None when it is gone."""
        folder = self._settings.spool.resolve()
        file = (folder / sound).with_suffix(".wav")
        return file if file.is_file() and file.resolve().is_relative_to(folder) else None

    @property
    def sip_port(self) -> int:
        """The port at which desk phones register."""
        return self._settings.sip_port

    def caller_hears(self, department: str) -> Sequence[Heard]:
        """What somebody who calls this department at this moment and presses nothing would go through."""
        db = open_store(self._settings.store)
        try:
            return caller_hears(db, self._settings, department)
        finally:
            db.close()

    def hardware(self) -> Sequence[FoundLine]:
        """The cards for lines that were found, and hardware no driver has taken."""
        cards, devices = find_cards(), find_devices()
        found = zip(words.describe(cards, "de"), words.describe(cards, "en"), strict=True)
        idle = zip(words.describe_devices(devices, "de"), words.describe_devices(devices, "en"), strict=True)
        return [
            *(FoundLine(german, english, bool(cards)) for german, english in found),
            *(FoundLine(german, english, False) for german, english in idle),
        ]

    def line_words(self, trouble: str, language: str) -> str:
        """What is wrong with a line, as the end of a sentence; '' for nothing."""
        return in_words(Trouble(trouble), language)

    def version(self) -> str:
        """The version of the box's programs."""
        return __version__

    def write_backup(self, target: Path) -> None:
        """Write a backup, whole or not at all. Raises OSError."""
        backup.write_backup(self._settings, target)

    def check_backup(self, file: Path) -> BackupContents:
        """Look at a backup whole. Raises BackupRefused or OSError."""
        try:
            return BackupContents(**asdict(backup.check_backup(self._settings, file)))
        except backup.BackupError as error:
            raise BackupRefused({"de": error.german, "en": error.english}) from error

    @property
    def update_folder(self) -> Path | None:
        """Where an update is put that shall be installed; None where the box does not run from our card."""
        return folder_in(self._settings.state) if SIGNERS.exists() else None

    def renewal(self) -> Renewal:
        """How far the last update is."""
        state = read_state(self._settings.state)
        sentences = {"de": state.german, "en": state.english}
        return Renewal(state.word, state.version, state.percent, sentences, state.word in BUSY)

    def renew(self, file: Path) -> None:
        """Have a file of `update_folder` installed. Raises OSError."""
        write_state(self._settings.state, UpdateState("checking"))
        wish_for(self._settings.state, file.name)

    def write_diagnosis(self, db: Database, stream: IO[bytes]) -> None:
        """Write a diagnosis bundle without personal data. Raises OSError."""
        write_bundle(db, self._settings, stream)

    @property
    def restart_page(self) -> Callable[[], None] | None:
        """Begins the restart of this page behind the answer; None where nobody would start it again."""
        return self._restart_page


def office_page(
    settings: Settings,
    host_names: tuple[str, ...] = (),
    place_call: Callable[[str], None] | None = None,
    restart_page: Callable[[], None] | None = None,
) -> Flask:
    """The page of the box at these settings, as `webui.create_app` describes it."""
    return create_app(
        settings.store,
        box=BoxOfSettings(settings, restart_page),
        place_call=place_call,
        host_names=host_names,
    )
