"""The honest status for the office's website: its switch, and the answers anybody may ask for."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from appliance.hotline.public_status import State, Status
from appliance.store import times
from appliance.store.database import open_store
from appliance.store.liveness import supervisor_runs
from appliance.store.office import office_facts
from appliance.store.public_status import is_public, public_status
from webui.setup_form import Values, change_setup, digest, setup
from webui.texts import LANGUAGES, TEXTS, Texts
from webui.visit import go, office, part, say, show
from webui.wording import Words

pages: Final = Blueprint("website", __name__)

PUBLIC: Final = ("website.as_json", "website.badge")
"""Answered without looking into the store: at most once a second one of them does."""
LOOK_SECONDS: Final = 1.0
PER_SECOND: Final = 50
_COLOURS: Final = {
    State.FREE: "#1f7a49",
    State.BUSY: "#a85a0a",
    State.NOBODY: "#9c3f10",
    State.CLOSED: "#5b6770",
    State.UNKNOWN: "#5b6770",
}


@dataclass(frozen=True, slots=True)
class _Answers:
    """Everything that can be asked for, made at once; nothing of it while the office keeps it to itself."""

    made_at: float
    bodies: dict[str, bytes]


class PublicStatus:
    """Gives the answers from memory, a bounded number a second, however many ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers = _Answers(-LOOK_SECONDS, {})
        self._left, self._filled_at = float(PER_SECOND), time.monotonic()

    def may_answer(self) -> bool:
        """Whether this second has an answer left."""
        with self._lock:
            now = time.monotonic()
            self._left = min(PER_SECOND, self._left + (now - self._filled_at) * PER_SECOND)
            self._filled_at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def body(self, name: str) -> bytes | None:
        """An answer no older than a second; None while the office keeps it to itself."""
        with self._lock:
            if time.monotonic() - self._answers.made_at >= LOOK_SECONDS:
                self._answers = _Answers(time.monotonic(), _bodies())
            return self._answers.bodies.get(name)


@pages.get("/status.json")
def as_json() -> AnyResponse:
    """The status for a program."""
    return _answer("json", "application/json")


@pages.get("/status.svg")
def badge() -> AnyResponse:
    """The status as a picture; `lang` chooses its language."""
    wish = request.args.get("lang", "")
    return _answer(f"svg-{wish}" if wish in LANGUAGES else "svg", "image/svg+xml")


@pages.get("/system/website")
def page() -> Response:
    """Whether it is on, and how it gets onto the website."""
    return _show()


@pages.post("/system/website")
def save() -> AnyResponse:
    """Switch it on or off."""
    wanted = request.form.get("public_status") == "1"

    def edit(values: Values) -> None:
        values["office"]["public_status"] = wanted

    faults = change_setup(_switch, request.form.get("seen", ""), edit)
    if faults:
        return _show(400, faults=faults)
    say("website.is_on" if wanted else "website.is_off")
    return go("/system/website")


def _show(status: int = 200, **values: Any) -> Response:
    found = setup()
    return show(
        "website.html",
        status,
        is_set_up=found is not None,
        is_on=bool(found and found["office"].get("public_status")),
        seen=digest(_switch(found)) if found else "",
        address=request.host_url,
        languages=LANGUAGES,
        **{"faults": [], **values},
    )


def _switch(values: Values) -> object:
    return values["office"].get("public_status")


def _answer(name: str, mimetype: str) -> AnyResponse:
    shared: PublicStatus = current_app.extensions["public_status"]
    if not shared.may_answer():
        return Response("", 429, headers={"Retry-After": "1"})
    body = shared.body(name)
    if body is None:
        return Response("", 404)
    response = Response(body, mimetype=mimetype)
    response.headers["Cache-Control"] = "public, max-age=1"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.set_etag(hashlib.sha256(body).hexdigest()[:16])
    return response.make_conditional(request)


def _bodies() -> dict[str, bytes]:
    path, now = office().store_path, times.now()
    db = open_store(path)
    try:
        if not is_public(db):
            return {}
        status = public_status(db, now, supervisor_holds_lock=supervisor_runs(path.parent))
        facts = office_facts(db)
    finally:
        db.close()
    sentences = {
        language: _sentence(TEXTS[language], status, now, facts.country, facts.time_zone)
        for language in LANGUAGES
    }
    badges = {
        f"svg-{language}": part(
            current_app,
            "status.svg",
            language=language,
            sentence=sentence,
            colour=_COLOURS[status.state],
            width=44 + round(8.1 * len(sentence)),
        ).encode()
        for language, sentence in sentences.items()
    }
    values = {
        "state": str(status.state),
        "wait_minutes": status.minutes,
        "opens_at": times.to_text(status.opens_at) if status.opens_at else None,
        **sentences,
    }
    return {
        "json": json.dumps(values, ensure_ascii=False).encode(),
        "svg": badges[f"svg-{facts.language}"],
        **badges,
    }


def _sentence(t: Texts, status: Status, now: datetime, country: str, time_zone: str) -> str:
    if status.state is State.BUSY and status.minutes is not None:
        return t("website.busy_minutes", minutes=status.minutes)
    if status.state is State.CLOSED and status.opens_at is not None:
        opens = Words(t, now, country, time_zone).clock(times.to_text(status.opens_at))
        return t("website.closed_until", time=opens)
    return t(f"website.{status.state}")
