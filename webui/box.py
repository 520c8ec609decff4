"""What the page needs of the box besides the store; whoever starts the page gives it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Box(Protocol):
    """The sounds of the box, and the texts they say."""

    def prompt_texts(self) -> Mapping[str, Mapping[str, str]]:
        """What every prompt says, by key and language, in the order to show them."""

    def prompt_sources(self) -> Mapping[tuple[str, str], str]:
        """Where the sound in force comes from: 'own', 'human', 'built in', '' for none."""

    def prompt_sound(self, key: str, language: str) -> bytes | None:
        """The sound callers hear now, as a WAV file; None when there is none."""

    def as_wav(self, sound: bytes) -> bytes:
        """A WAV file of samples as `to_prompt` gives them."""

    def to_prompt(self, content: bytes) -> bytes:
        """The samples of a prompt from a WAV file. Raises ValueError whose `reason` says what is wrong."""

    def message_sound(self, sound: str) -> Path | None:
        """The WAV file of a voice message, by what the store says of its sound; None when it is gone."""
