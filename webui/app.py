"""The Flask application: the board, its buttons, and the rules every request must keep."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from flask import Flask, Response, abort, redirect, request
from sqlite_utils import Database
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import night, people, times
from appliance.store.database import exclusive, open_store
from appliance.store.liveness import supervisor_runs
from appliance.store.office import office_facts
from webui.board import is_our_number, read_board
from webui.callbacks import cancel_callback, order_callback
from webui.live import LiveStreams
from webui.texts import LANGUAGES, TEXTS, Texts
from webui.wording import Wording

SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
LANGUAGE_COOKIE: Final = "language"
LANGUAGE_COOKIE_SECONDS: Final = 365 * 24 * 3600
LARGEST_REQUEST_BYTES: Final = 4096
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": browsers would then send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def create_app(
    store_path: Path, *, place_call: Callable[[str], None] | None = None, secret_key: str
) -> Flask:
    """The page over the store at `store_path`.

    With `place_call` (the demo) the page offers calls to the office's numbers; it gets the number in E.164
    and returns when the call is on its way.
    """
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=secret_key,
        TRUSTED_HOSTS=["127.0.0.1", "localhost"],
        MAX_CONTENT_LENGTH=LARGEST_REQUEST_BYTES,
        MAX_FORM_PARTS=10,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["asset"] = _assets(Path(app.static_folder or ""))
    live = LiveStreams(store_path)
    app.extensions["live"] = live

    @contextmanager
    def store() -> Iterator[Database]:
        db = open_store(store_path)
        try:
            yield db
        finally:
            db.close()

    def texts(db: Database | None = None) -> Texts:
        """The reader's language: asked for, remembered, the browser's, the office's."""
        for wish in (request.args.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
            if wish in LANGUAGES:
                return TEXTS[wish]
        accepted = request.accept_languages.best_match(LANGUAGES)
        if accepted is not None:
            return TEXTS[accepted]
        if db is None:
            with store() as own:
                return _office_texts(own)
        return _office_texts(db)

    def board_fragment(t: Texts, db: Database, now: datetime) -> str:
        board = read_board(db, now, supervisor_holds_lock=supervisor_runs(store_path.parent))
        template = app.jinja_env.get_template("board.html")
        return template.render(board=board, w=Wording(t, board), t=t, demo=place_call is not None)

    def refusal(key: str, status: int, t: Texts | None = None) -> Response:
        t = t or texts()
        page = app.jinja_env.get_template("error.html").render(t=t, reason=t(key))
        return Response(page, status)

    @app.before_request
    def refuse_foreign_pages() -> Response | None:
        if request.method in SAFE_METHODS:
            return None
        if request.headers.get("Origin") in (f"http://{request.host}", f"https://{request.host}"):
            return None
        return refusal("error.403", 403)

    @app.after_request
    def protect(response: AnyResponse) -> AnyResponse:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.errorhandler(HTTPException)
    def explain(error: HTTPException) -> AnyResponse:
        status = error.code or 500
        if status < 400:  # a redirect the router itself makes
            return error.get_response()
        key = f"error.{status}" if f"error.{status}" in TEXTS["de"].sentences else "error.400"
        # The store may be what is broken: a failure is told without asking it.
        t = TEXTS[request.accept_languages.best_match(LANGUAGES) or "de"] if status == 500 else None
        response = refusal(key, status, t)
        if status == 405:
            response.headers["Allow"] = error.get_response().headers.get("Allow", "")
        return response

    @app.get("/")
    def page() -> Response:
        now = times.now()
        with store() as db:
            t = texts(db)
            whole = app.jinja_env.get_template("page.html").render(
                t=t,
                fragment=board_fragment(t, db, now),
                office=office_facts(db).name,
                clock=int(now.timestamp() * 1000),
            )
        response = Response(whole)
        response.vary.update(["Accept-Language", "Cookie"])
        if request.args.get("lang") in LANGUAGES:
            response.set_cookie(
                LANGUAGE_COOKIE, t.language, max_age=LANGUAGE_COOKIE_SECONDS, httponly=True, samesite="Lax"
            )
        return response

    @app.get("/board")
    def board() -> Response:
        """The board alone, for a page that got no live stream."""
        with store() as db:
            return Response(board_fragment(texts(db), db, times.now()))

    @app.get("/live")
    def events() -> Response:
        t = texts()
        if not live.take_place():
            return refusal("error.503", 503, t)
        gone: Callable[[], bool] = request.environ.get("waitress.client_disconnected", lambda: False)
        stream = live.events(lambda db, now: board_fragment(t, db, now), gone)
        response = Response(stream, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})
        response.call_on_close(live.give_back)
        return response

    @app.post("/press")
    def press() -> AnyResponse:
        """Move the night switch, or note that a desk button was pressed.

        Whoever acts on a desk button is the supervisor; the lamp then follows.
        """
        button = request.form.get("button", "")
        kind, _, mode = button.partition(":")
        try:
            with store() as db, exclusive(db):
                if kind == "night":
                    night.set_night_mode(db, mode, "page", times.now())
                else:
                    people.press(db, button)
        except (LookupError, ValueError):
            return refusal("error.button", 400)
        return redirect("/", 303)

    @app.post("/call-back")
    def call_back() -> AnyResponse:
        """Put a missed caller in line to be called back."""
        with store() as db:
            refused = order_callback(db, request.form.get("call", ""), times.now())
        return refusal(refused, 400) if refused else redirect("/#callbacks", 303)

    @app.post("/cancel-callback")
    def cancel() -> AnyResponse:
        """Strike off somebody who was to be called back."""
        with store() as db:
            refused = cancel_callback(db, request.form.get("callback", ""), times.now())
        return refusal(refused, 400) if refused else redirect("/#callbacks", 303)

    @app.post("/call")
    def call() -> AnyResponse:
        """Let the demo's telephone exchange ring in."""
        if place_call is None:
            abort(404)
        number = request.form.get("number", "")
        with store() as db:
            ours = is_our_number(db, number)
        if not ours:
            return refusal("error.number", 400)
        place_call(number)
        return redirect("/#calls", 303)

    return app


def _office_texts(db: Database) -> Texts:
    return TEXTS[office_facts(db).language]


def _assets(folder: Path) -> Callable[[str], str]:
    """Addresses of the page's own files that change with their content, so no browser keeps an old one."""
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:12] for file in folder.iterdir()}
    return lambda name: f"/static/{name}?v={digests[name]}"
