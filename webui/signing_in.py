"""Signing in and out, the link that opens the page once from the console, and the first start."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from flask import Blueprint, Response, request, session
from werkzeug.wrappers import Response as AnyResponse

from appliance.hotline.signing_in import SHORTEST_PASSWORD
from appliance.store import times, users
from appliance.store.changes import by_page
from appliance.store.office import office_facts
from webui.visit import go, is_ours, refusal, say, show, store, texts, user, who
from webui.wording import Words

pages: Final = Blueprint("signing_in", __name__)


def ask_to_sign_in(address: str) -> AnyResponse:
    """Whoever is not signed in signs in first, then sees what he wanted."""
    return go("/sign-in" + (f"?{urlencode({'next': address})}" if address != "/" else ""))


@pages.get("/sign-in")
def sign_in() -> AnyResponse:
    """The form."""
    if users.first_start(store()):
        return go("/first-start")
    if user() is not None:
        return go("/")
    return show("sign_in.html", fault="", name="", next=_next(request.args.get("next", "")))


@pages.post("/sign-in")
def check() -> AnyResponse:
    """Look at name and password."""
    name, password = request.form.get("name", ""), request.form.get("password", "")
    where = _next(request.form.get("next", ""))
    try:
        found = users.check_password(store(), name, password, request.remote_addr or "", times.now())
    except users.TryLater as later:
        facts = office_facts(store())
        at = Words(texts(), times.now(), facts.country, facts.time_zone).clock(times.to_text(later.at))
        return show("sign_in.html", 429, fault=texts()("sign_in.later", time=at), name=name[:40], next=where)
    if found is None:
        return show("sign_in.html", 403, fault=texts()("sign_in.wrong"), name=name[:40], next=where)
    _begin(found.name)
    return go(where)


@pages.post("/sign-out")
def sign_out() -> AnyResponse:
    """End the session, here and for whoever has a copy of its cookie."""
    users.end_session(store(), session["token"])
    session.clear()
    return go("/sign-in")


@pages.get("/sign-in/<token>")
def by_link(token: str) -> AnyResponse:
    """A link from the console. It is only shown who would sign in: what fetches addresses uses nothing up."""
    name = users.link_user(store(), "sign in", token, times.now())
    if name is None or users.user(store(), name) is None:
        return refusal("sign_in.link_gone", 403)
    return show("sign_in_link.html", name=name)


@pages.post("/sign-in/<token>")
def follow_link(token: str) -> AnyResponse:
    """Sign in by a link from the console, once."""
    name = users.use_link(store(), "sign in", token, times.now())
    if name is None or users.user(store(), name) is None:
        return refusal("sign_in.link_gone", 403)
    _begin(name)
    return go("/")


@pages.get("/my-password")
def my_password() -> Response:
    """The form for one's own password."""
    return show("my_password.html", fault="", shortest=SHORTEST_PASSWORD)


@pages.post("/my-password")
def change_my_password() -> AnyResponse:
    """Set one's own password; every other session of this user ends."""
    fault = _set_password(who().name)
    if fault:
        return show("my_password.html", 400, fault=fault, shortest=SHORTEST_PASSWORD)
    _begin(who().name)
    say("password.changed")
    return go("/")


@pages.get("/first-start")
def first_start() -> AnyResponse:
    """The form of the very first visitor."""
    if not users.first_start(store()):
        return go("/")
    code = request.args.get("code", "")
    return show("first_start.html", fault="", name="", code=code[:100], shortest=SHORTEST_PASSWORD)


@pages.post("/first-start")
def take_over() -> AnyResponse:
    """Make the first admin, for whoever knows the code that the console shows."""
    if not users.first_start(store()):
        return refusal("first_start.over", 403)
    name, code = request.form.get("name", "").strip(), request.form.get("code", "").strip()
    fault, status = "", 400
    if users.link_user(store(), "first start", users.read_code(code), times.now()) is None:
        fault, status = texts()("first_start.wrong_code"), 403
    elif request.form.get("password") != request.form.get("again"):
        fault = texts()("password.differ")
    else:
        try:
            users.make_first_admin(store(), name, request.form.get("password", ""))
        except users.UserError as error:
            fault = texts()(f"user_fault.{error.reason}", shortest=SHORTEST_PASSWORD)
    if fault:
        return show(
            "first_start.html",
            status,
            fault=fault,
            name=name[:40],
            code=code[:100],
            shortest=SHORTEST_PASSWORD,
        )
    users.end_links(store(), "first start")
    _begin(name)
    say("first_start.done")
    return go("/")


def _begin(name: str) -> None:
    """A new session; nothing of an older one goes on in it."""
    session.clear()
    session.permanent = True
    session["token"] = users.begin_session(store(), name, times.now())


def _set_password(name: str) -> str:
    """Set the password of the form; the sentence that refuses it, '' when it is set."""
    password = request.form.get("password", "")
    if password != request.form.get("again"):
        return texts()("password.differ")
    try:
        users.set_password(store(), name, password, by_page(name))
    except users.UserError as error:
        return texts()(f"user_fault.{error.reason}", shortest=SHORTEST_PASSWORD)
    return ""


def _next(address: str) -> str:
    return address if is_ours(address) and len(address) < 500 else "/"
