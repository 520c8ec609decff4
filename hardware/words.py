"""What pictures, lists and guides call things, in German and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("de", "en")

_WORDS: Mapping[str, tuple[str, str]] = {
    "supervisor": ("Steuerung läuft", "Supervisor alive"),
    "message": ("Nachricht", "Message"),
    "callback": ("Rückruf", "Callback"),
    "night": ("Nacht", "Night"),
    "day": ("Tag", "Day"),
    "auto": ("Auto", "Auto"),
    "address": ("Taste „Adresse“", "Address button"),
    "button": ("Taste", "Button"),
    "on_a_bus": ("Brücke: serielle Leitung", "Jumper: serial line"),
    "red": ("rot", "red"),
    "green": ("grün", "green"),
    "blue": ("blau", "blue"),
    "yellow": ("gelb", "yellow"),
    "black": ("schwarz", "black"),
    "brown": ("braun", "brown"),
    "orange": ("orange", "orange"),
    "violet": ("violett", "violet"),
    "grey": ("grau", "grey"),
    "white": ("weiß", "white"),
    "gold": ("gold", "gold"),
    "silver": ("silber", "silver"),
}


def word(name: str, language: str) -> str:
    """What something is called; ``line 3`` is the lamp of the third line. Raises KeyError for the unknown."""
    kind, _, number = name.partition(" ")
    if kind == "line":
        return f"Leitung {number}" if language == "de" else f"Line {number}"
    return _WORDS[name][LANGUAGES.index(language)]


def ohms_in_words(ohms: int) -> str:
    """A resistor for people: 820 Ω, 1 kΩ, 4.7 kΩ."""
    return f"{ohms / 1000:g} kΩ" if ohms >= 1000 else f"{ohms} Ω"
