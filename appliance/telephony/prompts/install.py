"""Puts together the folder Asterisk plays prompts from: the best sound for every prompt and language."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.telephony.prompts.catalogue import LANGUAGES, Prompt, load_catalogue
from appliance.telephony.prompts.sounds import SUFFIXES, SoundError, check_sound
from appliance.telephony.prompts.speech import speech_file

# Debian keeps the English voice under its speaker's name; `en` is a link made on installing.
_DEBIAN_FOLDERS = {"de": ("de",), "en": ("en", "en_US_f_Allison")}
_OWN_PROMPT = re.compile(
    r"(greeting|extra)-[a-z0-9]+(-[a-z0-9]+)*|agent-not-free-[a-z][a-z0-9_-]{0,30}"  # with an agent's name
)
MUSIC = "music"
"""Where a language's name stands otherwise: music on hold, which has none."""
MUSIC_ON_HOLD = "music-on-hold"
_PIECES = "pieces"  # in a set: the pieces of music there are without one of the office's own
_DEBIAN = "debian-sounds"  # in a set: a file that says where its human voices come from


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A sound that should be played and is not, and why; another one stands in for it."""

    path: Path
    german: str
    english: str


class MissingPrompts(LookupError):
    """Sentences that nothing says; `missing` has every (key, language)."""

    def __init__(self, missing: Iterable[tuple[str, str]]) -> None:
        self.missing = tuple(missing)
        named = ", ".join(f"{key} ({language})" for key, language in self.missing)
        self.german = f"Für diese Ansagen gibt es keinen Ton: {named}"
        self.english = f"There is no sound for these prompts: {named}"
        super().__init__(self.english)


def install_prompts(
    target: Path,
    *,
    debian_sounds: Path,
    recordings: Path,
    pieces: Sequence[Path] = (),
    without: Collection[Path] = (),
) -> list[PassedOver]:
    """Make `target/LANGUAGE/KEY.…` for every prompt; returns the sounds that could not be used.

    The office's own recording (`recordings/LANGUAGE/KEY.wav`) goes before the human voice of the
    Debian packages (in `debian_sounds`), and that before the built-in speech. An own recording may
    also be another greeting, `greeting-NAME`, one more sentence to be offered, `extra-NAME`, or what an
    agent says himself, `agent-not-free-NAME`.
    `pieces` of music become `music/piece-1` and so on; where the office has music of its own, each of
    them is that: Asterisk is told names, not files, and need not be told anew. The recordings
    named in `without` are as if they were not there: they may be removed afterwards.

    `target` becomes a link that changes in one step, so a running Asterisk has the old set or the
    new one. The folder it pointed to before is removed the next time, when nothing plays from it.

    Raises MissingPrompts, then leaving the old set in force; FileExistsError when `target` is
    something else than such a link; OSError.
    """
    target = Path(os.path.abspath(target))  # noqa: PTH100 - resolve() would follow the link itself
    if target.exists() and not target.is_symlink():
        raise FileExistsError(f"{target} is not a set of prompts made by Freizeichen")
    target.parent.mkdir(parents=True, exist_ok=True)
    prompts = load_catalogue()
    in_force = target.resolve() if target.is_symlink() else None
    for old in _sets_beside(target):
        if old != in_force:
            shutil.rmtree(old)

    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        folder.chmod(0o755)  # Asterisk is another user
        (folder / _DEBIAN).write_text(str(debian_sounds.absolute()))
        (folder / _PIECES).write_text("".join(f"{piece}\n" for piece in pieces))
        passed_over = list(_own_prompts(folder, prompts, recordings, without))
        for prompt in prompts.values():
            for language in LANGUAGES:
                passed_over += _link_best(folder, prompt, language, debian_sounds, recordings, without)
        passed_over += _link_music(folder, pieces, recordings, without)
        check_prompts(folder)
        link = folder / "link"
        link.symlink_to(folder.name)
        link.replace(target)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return passed_over


def install_again(target: Path, *, recordings: Path, without: Collection[Path] = ()) -> list[PassedOver]:
    """As `install_prompts`, after recordings have changed; the human voices come from where they came.

    Raises FileNotFoundError when there is no set yet.
    """
    debian_sounds = Path((target / _DEBIAN).read_text())
    pieces = [Path(line) for line in (target / _PIECES).read_text().splitlines()]
    return install_prompts(
        target, debian_sounds=debian_sounds, recordings=recordings, pieces=pieces, without=without
    )


def is_own_key(key: str) -> bool:
    """Whether a recording of this name is played though no prompt of the catalogue has it."""
    return _OWN_PROMPT.fullmatch(key) is not None


def music_entries(target: Path, count: int) -> list[str]:
    """What Asterisk is told to play while somebody waits, where there are so many pieces of music."""
    return [str(target / MUSIC / f"piece-{number}") for number in range(1, count + 1)]


def source_of(target: Path, key: str, language: str, recordings: Path) -> str:
    """Where the sound of a prompt comes from: 'own', 'human', 'built in'; '' when it has none."""
    sound = _installed(target, key, language)
    if sound is None:
        return ""
    if sound.is_symlink() and sound.readlink().is_relative_to(recordings.resolve()):
        return "own"
    return "human" if sound.suffix == ".gsm" else "built in"


def check_prompts(target: Path, wanted: Iterable[tuple[str, str]] = ()) -> None:
    """Raises MissingPrompts when a prompt of the catalogue has no sound in `target`, or only a broken link.

    `wanted` names more, as (key, language): what an office has recorded besides.
    """
    needed = [(key, language) for key in load_catalogue() for language in LANGUAGES]
    missing = [
        (key, language)
        for key, language in dict.fromkeys([*needed, *wanted])
        if _installed(target, key, language) is None
    ]
    if missing:
        raise MissingPrompts(missing)


def sound_file(target: Path, key: str, language: str) -> Path:
    """The file that is played for a prompt, links followed. Raises MissingPrompts."""
    sound = _installed(target, key, language)
    if sound is None:
        raise MissingPrompts([(key, language)])
    return sound.resolve()


def _installed(target: Path, key: str, language: str) -> Path | None:
    if (language, key) == (MUSIC, MUSIC_ON_HOLD):
        key = "piece-1"
    places = (target / language / f"{key}{suffix}" for suffix in SUFFIXES)
    return next((place for place in places if place.is_file()), None)


def _sets_beside(target: Path) -> list[Path]:
    return [
        path for path in target.parent.glob(f".{target.name}-*") if path.is_dir() and not path.is_symlink()
    ]


def _link_best(
    folder: Path,
    prompt: Prompt,
    language: str,
    debian_sounds: Path,
    recordings: Path,
    without: Collection[Path],
) -> Iterator[PassedOver]:
    own = recordings / language / f"{prompt.key}.wav"
    candidates = [own] if os.path.lexists(own) and own not in without else []
    if name := prompt.human[language]:
        candidates.append(_debian_sound(debian_sounds, language, name))
    candidates.append(speech_file(prompt.key, language))
    for sound in candidates:
        fault = _link(sound, folder / language / f"{prompt.key}{sound.suffix}")
        if fault is None:
            return
        yield fault


def _link_music(
    folder: Path, pieces: Sequence[Path], recordings: Path, without: Collection[Path]
) -> Iterator[PassedOver]:
    own = recordings / MUSIC / f"{MUSIC_ON_HOLD}.wav"
    has_own = os.path.lexists(own) and own not in without
    for number, piece in enumerate(pieces, start=1):
        place = folder / MUSIC / f"piece-{number}"
        if has_own:
            fault = _link(own, place.with_suffix(own.suffix))
            if fault is None:
                continue
            has_own = False
            yield fault
        _make_folder(place.parent)
        place.with_suffix(piece.suffix).symlink_to(piece.absolute())


def _own_prompts(
    folder: Path, prompts: dict[str, Prompt], recordings: Path, without: Collection[Path]
) -> Iterator[PassedOver]:
    """Link recordings of greetings and sentences besides the catalogue's; report what nothing plays."""
    for sound in sorted(recordings.glob("*/*")):
        language, key = sound.parent.name, sound.stem
        if (language, sound.name) == (MUSIC, f"{MUSIC_ON_HOLD}.wav"):
            continue
        if language in LANGUAGES and sound.suffix == ".wav":
            if key in prompts or sound in without:
                continue
            if _OWN_PROMPT.fullmatch(key):
                fault = _link(sound, folder / language / sound.name)
                if fault is not None:
                    yield fault
                continue
        yield PassedOver(
            sound,
            "heißt nicht wie eine Ansage (SPRACHE/ANSAGE.wav)",
            "is not named like a prompt (LANGUAGE/PROMPT.wav)",
        )


def _debian_sound(debian_sounds: Path, language: str, name: str) -> Path:
    places = [debian_sounds / folder / f"{name}.gsm" for folder in _DEBIAN_FOLDERS[language]]
    return next((place for place in places if place.is_file()), places[-1])


def _link(sound: Path, link: Path) -> PassedOver | None:
    """Link a sound that can be played; a link to anything else would be silence."""
    try:
        check_sound(sound)
    except SoundError as error:
        return PassedOver(sound, error.german, error.english)
    except FileNotFoundError:
        return PassedOver(sound, "ist nicht da", "is not there")
    except OSError as error:
        return PassedOver(sound, f"ist nicht lesbar ({error.strerror})", f"cannot be read ({error.strerror})")
    _make_folder(link.parent)
    link.symlink_to(sound.resolve())
    return None


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir()
        folder.chmod(0o755)  # Asterisk is another user, whatever our umask
