"""Who changed what, in words, and the button that takes it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, abort, request
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import times
from appliance.store.changes import SECRET, Author, Change, Difference, by_page, newest
from appliance.store.office import office_facts
from appliance.store.undoing import CannotUndo, can_undo, undo
from webui.prompts import is_heard, titles_of
from webui.settings_form import comes_into_force
from webui.texts import Texts
from webui.visit import go, refusal, say, show, store, texts, who
from webui.wording import Words

pages: Final = Blueprint("changes", __name__, url_prefix="/system/changes")

ON_A_PAGE: Final = 50
_LONGEST: Final = 200
_WHOLE: Final = 2  # the length of a path to a whole department, user, and so on


@dataclass(frozen=True, slots=True)
class Line:
    """A change as it is read: what it is about, who made it, and each difference as a pair of words."""

    change: Change
    title: str
    by: str
    rows: tuple[tuple[str, str], ...]
    can_undo: bool


@pages.get("")
def page() -> Response:
    """The newest changes, or those before one of them."""
    db, t = store(), texts()
    wish = request.args.get("before", "")
    before = int(wish) if wish.isascii() and wish.isdigit() and len(wish) < 15 else None
    found = newest(db, ON_A_PAGE + 1, before)
    titles = {
        kind: dict(db.execute(f"SELECT name, title FROM {kind}s").fetchall())
        for kind in ("department", "agent")
    }
    keys = {each.path[2] for change in found for each in change.differences if each.path[0] == "prompt"}
    titles["prompt"] = titles_of(keys)
    facts = office_facts(db)
    return show(
        "changes.html",
        lines=[line_of(t, change, titles) for change in found[:ON_A_PAGE]],
        older=found[ON_A_PAGE - 1].id if len(found) > ON_A_PAGE else None,
        shown_before=before,
        w=Words(t, times.now(), facts.country, facts.time_zone),
    )


@pages.post("/undo")
def take_back() -> AnyResponse:
    """Take one change back, if it still fits."""
    wish = request.form.get("change", "")
    if not (wish.isascii() and wish.isdigit() and len(wish) < 15):
        abort(400)
    subject = next((found.subject for found in newest(store(), 1, int(wish) + 1)), "")
    try:
        undo(store(), int(wish), by_page(who().name), times.now())
    except CannotUndo as refused:
        details = " ".join(refused.details[texts().language])
        return refusal(f"cannot_undo.{refused.reason}", 409, details=details)
    say("changes.done" if _is_in_force(subject) else "changes.saved")
    return go("/system/changes")


def _is_in_force(subject: str) -> bool:
    """Whether callers experience it already; who has undone something waits a moment for that."""
    kind, _, rest = subject.partition(":")
    if kind == "setup":
        return comes_into_force()
    if kind == "prompt":
        language, _, key = rest.partition(":")
        return is_heard(key, language)
    return True


def line_of(t: Texts, change: Change, titles: Mapping[str, Mapping[str, str]]) -> Line:
    """The change in words. `titles` are those of departments, agents and prompts, by kind and name."""
    first = change.differences[0].path
    return Line(
        change=change,
        title=_title(t, first, titles),
        by=_by(t, change.by),
        rows=tuple(_row(t, each, titles, first) for each in change.differences),
        can_undo=can_undo(change),
    )


def _by(t: Texts, by: Author) -> str:
    if by.how == "phone" and not by.name:
        return t("changes.by_phone_unknown")
    return t(f"changes.by_{by.how}", name=by.name)


def _title(t: Texts, path: tuple[str, ...], titles: Mapping[str, Mapping[str, str]]) -> str:
    match path:
        case ("night",):
            return t("night.title")
        case ("setup",):
            return t("changes.setup")
        case ("user", name, *_):
            return t("changes.user", name=name)
        case ("box", serial):
            return t("changes.box", serial=serial)
        case ("prompt", language, prompt):
            return t(
                "changes.prompt",
                prompt=titles["prompt"].get(prompt, prompt),
                language=t(f"prompts.in_{language}"),
            )
        case ("office" | "mail" | "transfer" as kind, *_):
            return t(f"setting.{kind}")
        case (kind, name, *_):
            return f"{t.or_as_is('setting', kind)} {titles.get(kind, {}).get(name, name)}"
    return "·".join(path)


def _row(
    t: Texts, each: Difference, titles: Mapping[str, Mapping[str, str]], first: tuple[str, ...]
) -> tuple[str, str]:
    key = each.path[-1]
    whole = each.path[0] in ("night", "setup", "prompt") or (
        len(each.path) == _WHOLE and each.path[0] not in ("office", "mail", "transfer")
    )
    what = "" if whole else t.or_as_is("setting", key)
    if each.path[: len(first) - 1] != first[:-1] or (whole and each.path != first):
        # A change of several departments, say: each names what it is about.
        what = " · ".join(filter(None, (_title(t, each.path, titles), what)))
    before, after = _value(t, each.path, each.before), _value(t, each.path, each.after)
    if each.path == ("setup",):
        return what, t("changes.setup_done", after=after)
    if SECRET in (each.before, each.after):
        return what, t("changes.secret")
    if whole and each.before is None:
        return what, t("changes.added", after=after)
    if whole and each.after is None:
        return what, t("changes.removed", before=before)
    return what, t("changes.from_to", before=before, after=after)


def _value(t: Texts, path: tuple[str, ...], value: Any) -> str:
    words = _words(t, path, value)
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _words(t: Texts, path: tuple[str, ...], value: Any) -> str:
    if value is None:
        return t("changes.usual")
    if isinstance(value, bool):
        return t("changes.yes" if value else "changes.no")
    if isinstance(value, dict):
        if len(path) <= _WHOLE:  # a whole department, user, and so on
            return ", ".join(
                f"{t.or_as_is('setting', key)}: {_words(t, (*path, key), part)}"
                for key, part in value.items()
                if part not in ("", [], {}) and key != "name"
            )
        parts = [f"{key}: {_words(t, path, part)}" for key, part in value.items()]
        return "; ".join(parts) or t("changes.empty")
    if isinstance(value, list):
        return ", ".join(str(part) for part in value) or t("changes.empty")
    if path[0] == "night":
        return t(f"night.{value}")
    if path[0] == "prompt":
        return t(f"changes.{value.replace(' ', '_')}")
    if path[-1] == "role":
        return t.or_as_is("role", str(value))
    if value == SECRET:
        return "•••"
    return str(value) or t("changes.empty")
