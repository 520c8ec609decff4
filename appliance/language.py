"""The language of the person at the terminal."""

from __future__ import annotations

import os


def terminal_language() -> str:
    """'de' or 'en', as the terminal's locale says (LC_ALL, LC_MESSAGES, LANG)."""
    locale = next(
        (os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), ""
    )
    return "de" if locale.startswith("de") else "en"


def say(german: str, english: str) -> str:
    """The one of the two that the person at the terminal reads."""
    return say_in(terminal_language(), german, english)


def say_in(language: str, german: str, english: str) -> str:
    """The one of the two in this language."""
    return german if language == "de" else english
