"""One visit to the page: its connection to the store, who visits, in which language, and showing a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask, Response, current_app, flash, g, get_flashed_messages, redirect, request, session
from flask_wtf.csrf import generate_csrf
from sqlite_utils import Database
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import times, users
from appliance.store.database import open_store
from appliance.store.office import office_facts
from webui.box import Box
from webui.live import LiveStreams
from webui.texts import LANGUAGES, TEXTS, Texts
from webui.who_may import may_open

LANGUAGE_COOKIE: Final = "language"
PLACES: Final = {
    "today": "/",
    "inbox": "/inbox",
    "departments": "/departments",
    "agents": "/agents",
    "prompts": "/prompts",
    "numbers": "/numbers",
}
# The tabs of the system, the last place; its first one that somebody may open is where he gets there.
SYSTEM: Final = {
    "system": "/system",
    "changes": "/system/changes",
    "backup": "/system/backup",
    "mail": "/system/mail",
    "privacy": "/system/privacy",
    "website": "/system/website",
    "lines": "/lines",
    "people": "/people",
}


@dataclass(frozen=True, slots=True)
class Office:
    """What every visit shares."""

    store_path: Path
    box: Box | None
    live: LiveStreams


def office() -> Office:
    """What the application was made with."""
    shared: Office = current_app.extensions["office"]
    return shared


def store() -> Database:
    """The visit's connection to the store."""
    if "store" not in g:
        g.store = open_store(office().store_path)
    db: Database = g.store
    return db


def close_store(_error: BaseException | None) -> None:
    """At the end of the visit."""
    db: Database | None = g.pop("store", None)
    if db is not None:
        db.close()


def user() -> users.User | None:
    """Who is signed in."""
    if "user" not in g:
        token = session.get("token")
        g.user = users.session_user(store(), token, times.now()) if isinstance(token, str) else None
    found: users.User | None = g.user
    return found


def who() -> users.User:
    """Who is signed in, at an address nobody else may open."""
    found = user()
    assert found is not None
    return found


def texts() -> Texts:
    """The reader's language: asked for, remembered, the browser's, the office's."""
    for wish in (request.args.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wish in LANGUAGES:
            return TEXTS[wish]
    accepted = request.accept_languages.best_match(LANGUAGES)
    return TEXTS[accepted or office_facts(store()).language]


def csrf() -> str:
    """The token every form of this visitor must carry."""
    token: str = generate_csrf()
    return token


def part(app: Flask, template: str, **values: Any) -> str:
    """A piece of a page; needs no visit."""
    return app.jinja_env.get_template(template).render(**values)


def show(template: str, status: int = 200, **values: Any) -> Response:
    """A whole page in the visitor's language."""
    t = values.pop("t", None) or texts()
    visitor = user()
    facts = office_facts(store())
    places = {place: address for place, address in PLACES.items() if may_open(visitor, f"{place}.page")}
    parts = {part: address for part, address in SYSTEM.items() if may_open(visitor, f"{part}.page")}
    page = part(
        current_app,
        template,
        t=t,
        office=facts.name or t("setup.office"),
        user=visitor,
        places=places | ({"system": next(iter(parts.values()))} if parts else {}),
        parts=parts,
        place="system" if request.blueprint in SYSTEM else request.blueprint,
        here=request.blueprint,
        has_manual=request.blueprint in {*PLACES, *SYSTEM, "setup"},
        csrf=csrf(),
        said=_said(),
        address_in=_address_in,
        clock=int(times.now().timestamp() * 1000),
        **values,
    )
    response = Response(page, status)
    response.vary.update(["Accept-Language", "Cookie"])
    return response


def say(key: str, *, wrong: bool = False, **values: object) -> None:
    """Tell a sentence on the next page that is shown."""
    flash(texts()(key, **values), "wrong" if wrong else "done")


def refusal(key: str, status: int, t: Texts | None = None, **values: object) -> Response:
    """A page that says in one sentence why this was not done."""
    t = t or texts()
    page = part(current_app, "error.html", t=t, reason=t(key, **values))
    return Response(page, status)


def go(address: str) -> AnyResponse:
    """After something was done: show this page. Only addresses of our own."""
    return redirect(address if is_ours(address) else "/", 303)


def is_ours(address: str) -> bool:
    """Whether this is an address of this page, without a host."""
    return address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()


def _said() -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = get_flashed_messages(with_categories=True)  # type: ignore[assignment]
    return said


def _address_in(language: str) -> str:
    """This page in another language."""
    where = request.path if request.method == "GET" else "/"
    return where + "?" + urlencode({**request.args.to_dict(), "lang": language})
