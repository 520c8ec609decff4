"""Forms that change the settings: from a section of the config to fields and back, with what is wrong."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask import request

from appliance.store.changes import by_page
from appliance.store.config_change import (
    ChangedMeanwhile,
    Document,
    change,
    digest,
    read_document,
    standing,
)
from appliance.store.config_errors import SENTENCES, ConfigError, Problem
from appliance.store.liveness import supervisor_runs
from webui.texts import Texts
from webui.visit import office, say, store, who

Section = dict[str, Any]
Values = dict[str, Any]

_IN_FORCE_SECONDS: Final = 3.0  # so long whoever has saved is kept, to be told that it is in force
_LOOK_SECONDS: Final = 0.05
_LONGEST_NUMBER: Final = 9  # digits; what is longer is no number of ours
_LONGEST_NAME: Final = 24
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@dataclass(slots=True)
class Form:
    """What a form shows: the fields' values, the faults beside them, and those of something else.

    `seen` is the digest of the section as whoever edits it has seen it; `meanwhile` are the fields somebody
    else has changed since, with what is saved now.
    """

    values: Values
    seen: str = ""
    faults: dict[str, list[str]] = field(default_factory=dict)
    elsewhere: list[str] = field(default_factory=list)
    meanwhile: dict[str, str] = field(default_factory=dict)
    somebody_else: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether nothing was saved."""
        return bool(self.faults or self.elsewhere or self.somebody_else)


def save(
    edit: Callable[[Document], None],
    form: Form,
    *,
    section: Callable[[Document], object],
    field_of: Callable[[Problem], str | None],
    t: Texts,
) -> bool:
    """Commit what `edit` makes of the settings and wait a moment for it to be in force; False when not.

    Then the form says why: what is wrong with which of its fields (`field_of` names it, None: another
    part's), or that `section` is not what was seen any more.
    """
    written: Document = {}
    try:
        _change(section, form.seen, edit, written)
    except ChangedMeanwhile:
        form.somebody_else = True
        return False
    except ConfigError as error:
        for problem in error.problems:
            name, sentence = field_of(problem), in_words(problem, t)
            if name is None and problem.code == "twice" and problem.path[2] in form.values:
                # What was entered here is there elsewhere, where it comes later in the settings.
                name = str(problem.path[2])
                value, place = problem.said(t.language)["value"], _place(problem, written, t)
                sentence = t("problem.twice", value=value, where=place)
            if name is None:
                form.elsewhere.append(f"{_place(problem, written, t)}: {sentence}")
            elif sentence not in form.faults.setdefault(name, []):
                form.faults[name].append(sentence)
        return False
    say("form.in_force" if comes_into_force() else "form.saved")
    return True


def save_short(
    edit: Callable[[Document], None], seen: str, section: Callable[[Document], object], t: Texts
) -> list[str]:
    """As `save`, for a form of a few fields: the sentences that refuse it, none when it was saved."""
    if not read_document(store()):
        return [t("setup.empty")]
    try:
        _change(section, seen, edit, {})
    except ChangedMeanwhile:
        return [t("system.changed_meanwhile")]
    except ConfigError as error:
        return [
            f"{t.or_as_is('setting', problem.field.rpartition('.')[2])}: {problem.sentence(t.language)}"
            for problem in error.problems
        ]
    return []


def _change(
    section: Callable[[Document], object], seen: str, edit: Callable[[Document], None], written: Document
) -> None:
    """Raises ChangedMeanwhile when `section` is not as it was `seen`, and ConfigError; fills `written`."""

    def checked(document: Document) -> None:
        if digest(section(document)) != seen:
            raise ChangedMeanwhile
        edit(document)
        written.update(document)

    change(store(), checked, by_page(who().name))


def comes_into_force() -> bool:
    """Wait a moment until the supervisor and Asterisk work by what was saved; whether they do."""
    happens(lambda: standing(store()).in_force_at is not None or bool(standing(store()).refused))
    return standing(store()).in_force_at is not None


def happens(has_happened: Callable[[], bool]) -> bool:
    """Wait a moment for what only the supervisor can do; whether it has happened."""
    until = time.monotonic() + (_IN_FORCE_SECONDS if supervisor_runs(office().store_path.parent) else 0.0)
    while not has_happened():
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def in_words(problem: Problem, t: Texts) -> str:
    """What is wrong, as the page says it, which knows no quotes, lines and sections."""
    said = {"where": "", **problem.said(t.language)}
    sentence = t.sentences.get(f"problem.{problem.code}") or SENTENCES[problem.code][t.language != "de"]
    sentence = sentence.format(**said)
    return (
        f"{sentence} {t('problem.suggestion', word=problem.suggestion)}" if problem.suggestion else sentence
    )


def _place(problem: Problem, document: Document, t: Texts) -> str:
    """Which part of the settings it is about."""
    kind, *rest = problem.path or ("",)
    if rest and isinstance(rest[0], int):
        section = document[str(kind)][rest[0]]
        name = section.get("title") or section.get("name") or section.get("department") or section["number"]
        return t(f"form.of_{kind}", name=name)
    return t.or_as_is("form", f"of_{kind}")


def posted(names: Iterable[str], lists: Iterable[str] = ()) -> Values:
    """What was entered in these fields; of `lists` all that was chosen."""
    values: Values = {name: request.form.get(name, "").strip() for name in names}
    return values | {name: request.form.getlist(name) for name in lists}


def whole(text: str) -> int | str:
    """A number as the settings have it; what is none stays text, which the check then refuses."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_number else text


def words(text: str) -> list[str]:
    """What stands between commas and line ends."""
    return [word for part in re.split(r"[,;\n]", text) if (word := part.strip())]


def slug(text: str, taken: Iterable[str] = ()) -> str:
    """A name for the inside of the box from what people call it, not among `taken`."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_UMLAUTS))
    name = (
        re.sub(r"[^a-z0-9]+", "-", plain.encode("ascii", "ignore").decode())
        .strip("-")[:_LONGEST_NAME]
        .rstrip("-")
    )
    name = name if name[:1].isalpha() else f"x{name}".rstrip("-")
    others = set(taken)
    return next(each for each in (name, *(f"{name}-{n}" for n in range(2, 10_000))) if each not in others)


def index_of(document: Document, kind: str, name: str) -> int | None:
    """Where in the document the section of this name stands; None for nowhere."""
    key = "department" if kind == "rota" else "name"
    return next((n for n, section in enumerate(document.get(kind, [])) if section[key] == name), None)


def section_of(document: Document, kind: str, name: str) -> Section | None:
    """The section of this name."""
    index = index_of(document, kind, name)
    return None if index is None else document[kind][index]


def differences(entered: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """The fields in which what is saved now differs from what was entered, with what is saved."""
    return {name: _said(value) for name, value in now.items() if entered.get(name) != value}


def _said(value: object) -> str:
    """A field's value in one line; rows have several parts."""
    if isinstance(value, list):
        return ", ".join(_said(part) for part in value)
    return " ".join(filter(None, value)) if isinstance(value, tuple) else str(value)
