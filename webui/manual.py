"""The admin's manual: a section for each page, and what goes across them, from `manual/*.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask import Blueprint, Response
from markupsafe import Markup, escape

from webui.texts import LANGUAGES, Texts
from webui.visit import PLACES, SYSTEM, show, texts, user
from webui.who_may import may_open

pages: Final = Blueprint("manual", __name__, url_prefix="/manual")

_FOLDER: Final = Path(__file__).parent / "manual"
_LINK: Final = re.compile(r"\[([^\]]+)\]\((/[^)]*)\)")
ADDRESSES: Final = {**PLACES, **SYSTEM, "setup": "/setup/office"}
"""The page a section is about, by the section's name; a section that is not here goes across the pages."""
TITLES: Final = {
    **{name: f"nav.{name}" for name in (*PLACES, "system", "lines", "people")},
    **{name: f"system.{name}" for name in ("changes", "backup", "mail", "privacy", "website")},
    "setup": "setup.office_title",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its name, by which pages lead to it, and its sentences; one about a page is called so."""

    name: str
    title: str
    text: tuple[str, ...]

    def heading(self, t: Texts) -> str:
        """What stands above it: its own title, or the page's."""
        return self.title or t(TITLES[self.name])

    @property
    def address(self) -> str:
        """The page it is about, '' for none."""
        return ADDRESSES.get(self.name, "")

    def paragraphs(self) -> list[Markup]:
        """The sentences with their links."""
        return [linked(paragraph) for paragraph in self.text]


def _load(language: str) -> tuple[Section, ...]:
    tables = tomllib.loads((_FOLDER / f"{language}.toml").read_text("utf-8"))
    return tuple(
        Section(name, table.get("title", ""), tuple(table["text"])) for name, table in tables.items()
    )


MANUAL: Final[Mapping[str, tuple[Section, ...]]] = {language: _load(language) for language in LANGUAGES}
NAMES: Final = frozenset(section.name for section in MANUAL[LANGUAGES[0]])


def links(text: str) -> list[tuple[str, str]]:
    """The links of a sentence: the words, and the page they lead to."""
    return _LINK.findall(text)


def linked(text: str) -> Markup:
    """The sentence as HTML."""
    return Markup(_LINK.sub(r'<a href="\2">\1</a>', str(escape(text))))


@pages.get("")
def page() -> Response:
    """What concerns whoever reads it: of pages he may not open he is told nothing."""
    visitor = user()
    sections = [
        section
        for section in MANUAL[texts().language]
        if may_open(visitor, f"{section.name}.page")
        or (section.name not in ADDRESSES and visitor is not None and visitor.role == "admin")
        or section.name == "call"
    ]
    return show("manual.html", sections=sections)
