"""The Flask application: its parts, and the rules every request must keep."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import users
from appliance.store.database import open_store
from webui import (
    agents,
    backup,
    changes,
    departments,
    guide,
    inbox,
    lines,
    mail,
    manual,
    numbers,
    people,
    privacy,
    prompts,
    setup,
    signing_in,
    system,
    today,
    wall,
    website,
)
from webui.box import Box
from webui.live import LiveStreams
from webui.texts import LANGUAGES, TEXTS
from webui.visit import LANGUAGE_COOKIE, Office, close_store, go, refusal, store, user
from webui.who_may import may_open

LARGEST_UPLOADS: Final = {
    "prompts.upload": prompts.LARGEST_UPLOAD_BYTES,
    "prompts.speak": prompts.LARGEST_TEXT_BYTES,
    "backup.upload": backup.LARGEST_UPLOAD_BYTES,
    "system.renew": backup.LARGEST_UPLOAD_BYTES,
}
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
LANGUAGE_COOKIE_SECONDS: Final = 365 * 24 * 3600
LARGEST_REQUEST_BYTES: Final = 4096  # of a form; an upload has its own limit
LARGEST_SETTINGS_BYTES: Final = 32_768  # of a form with everything about a department
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": browsers would then send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class _Sessions(SecureCookieSessionInterface):
    """The session's cookie is sent over https only where the page is served by https."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        return request.is_secure


def create_app(
    store_path: Path,
    *,
    box: Box | None = None,
    place_call: Callable[[str], None] | None = None,
    host_names: tuple[str, ...] = (),
) -> Flask:
    """The page over the store at `store_path`.

    `box` gives the sounds. With `place_call` (the demo) the page offers calls to the office's numbers; it
    gets the number in E.164 and returns when the call is on its way. The page answers under the
    machine's own name, `host_names` and every plain address.
    """
    app = Flask(__name__)
    app.session_interface = _Sessions()
    app.request_class = backup.LargeFiles
    db = open_store(store_path)
    app.config.update(
        SECRET_KEY=users.page_secret(db),
        SESSION_COOKIE_NAME="freizeichen",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=users.ENDS_AFTER,
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=LARGEST_REQUEST_BYTES,
        MAX_FORM_PARTS=20,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        WTF_CSRF_SSL_STRICT=False,  # the Origin is looked at below, on plain http as well
        WTF_CSRF_CHECK_DEFAULT=False,  # after the Origin and the rights, below
    )
    db.close()
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["asset"] = _assets(Path(app.static_folder or ""))
    app.extensions["live"] = live = LiveStreams(store_path)
    app.extensions["office"] = Office(store_path, box, live)
    app.extensions["place_call"] = place_call
    app.extensions["public_status"] = website.PublicStatus()
    protection = CSRFProtect(app)
    for page in (
        *(signing_in, today, wall, inbox, setup, departments, agents, lines, prompts, numbers, people),
        *(guide, manual, system, changes, backup, mail, privacy, website),
    ):
        app.register_blueprint(page.pages)
    app.register_blueprint(agents.app_pages)
    app.teardown_appcontext(close_store)
    names = {"localhost", *_own_names(), *(name.casefold() for name in host_names)}

    @app.before_request
    def refuse_foreign_hosts() -> Response | None:
        """A foreign name that resolves to this machine (DNS rebinding) reaches nothing."""
        if _host_is_ours(request.host, names):
            return None
        return refusal("error.400", 400, TEXTS["de"])

    @app.before_request
    def set_limit() -> None:
        request.max_content_length = largest_body()

    def largest_of(method: str, path: str, cookie: str) -> int:
        """How many bytes such a request may have, before any of them is read."""
        try:
            with app.test_request_context(path, method=method, headers={"Cookie": cookie}):
                return largest_body()
        except sqlite3.Error:  # the answer will say so
            return LARGEST_REQUEST_BYTES

    app.extensions["largest_body"] = largest_of

    @app.before_request
    def refuse_foreign_pages() -> Response | None:
        if request.method in SAFE_METHODS:
            return None
        if request.headers.get("Origin") in (f"http://{request.host}", f"https://{request.host}"):
            return None
        return refusal("error.403", 403)

    @app.before_request
    def ask_who_it_is() -> AnyResponse | None:
        endpoint = request.endpoint
        if endpoint is None or endpoint == "static":  # nothing is there, or nothing that is secret
            return None
        if endpoint in website.PUBLIC:  # without opening the store: anybody may ask, and often
            return None
        if users.first_start(store()) and not endpoint.startswith("signing_in."):
            return go("/first-start") if request.method in SAFE_METHODS else refusal("error.401", 401)
        if may_open(user(), endpoint):
            return None
        if user() is not None:
            return refusal("error.may_not", 403)
        if request.method in SAFE_METHODS and endpoint.endswith(
            (".page", ".one", ".new", ".rota", ".ear", ".phone", ".office", ".my_password")
        ):
            return signing_in.ask_to_sign_in(request.full_path.rstrip("?"))
        return refusal("error.401", 401)

    @app.before_request
    def refuse_forged_forms() -> None:
        if request.method not in SAFE_METHODS and request.endpoint is not None:
            protection.protect()

    @app.after_request
    def protect(response: AnyResponse) -> AnyResponse:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
            wish = request.args.get("lang")
            if wish in LANGUAGES and response.mimetype == "text/html":
                response.set_cookie(
                    LANGUAGE_COOKIE, wish, max_age=LANGUAGE_COOKIE_SECONDS, httponly=True, samesite="Lax"
                )
        return response

    @app.errorhandler(CSRFError)
    def explain_forged(_error: CSRFError) -> AnyResponse:
        return refusal("error.form", 400)

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

    return app


def largest_body() -> int:
    """How many bytes this request may have: an upload only from who may make it."""
    largest = LARGEST_UPLOADS.get(request.endpoint or "", 0)
    if request.blueprint in ("departments", "agents", "setup"):
        largest = LARGEST_SETTINGS_BYTES
    if largest > LARGEST_REQUEST_BYTES and may_open(user(), request.endpoint or ""):
        return largest
    return LARGEST_REQUEST_BYTES


def _own_names() -> set[str]:
    name = socket.gethostname().casefold()
    return {name, name.partition(".")[0], name.partition(".")[0] + ".local"}


def _host_is_ours(host: str, names: set[str]) -> bool:
    """Whether a Host header is a plain address, which a foreign page cannot make it, or one of the names."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name.casefold().rstrip(".") in names
    return True


def _assets(folder: Path) -> Callable[[str], str]:
    """Addresses of the page's own files that change with their content, so no browser keeps an old one."""
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:12] for file in folder.iterdir()}
    return lambda name: f"/static/{name}?v={digests[name]}"
