"""People: who may sign in to the page, links for those who cannot, and the link of the wall."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import times, users
from appliance.store.changes import by_page
from webui.visit import go, refusal, say, show, store, texts, who

pages: Final = Blueprint("people", __name__, url_prefix="/people")

LINK_LASTS: Final = timedelta(days=2)
WALL_LASTS: Final = timedelta(days=3650)


@pages.get("")
def page() -> Response:
    """Everybody who may sign in; the form for one more may be for a certain agent."""
    return _show(for_agent=request.args.get("agent", ""))


@pages.post("")
def set_person() -> AnyResponse:
    """Make a user or change one; the answer has the link with which he sets his password."""
    name = request.form.get("name", "").strip()
    role, agent = request.form.get("role", ""), request.form.get("agent", "")
    try:
        made = users.set_user(store(), name, role, agent, by_page(who().name))
    except users.UserError as error:
        return _show(fault=texts()(f"user_fault.{error.reason}"), name=name[:40])
    if not request.form.get("link"):
        say("people.changed", name=made.name)
        return go("/people")
    token = users.new_link(store(), "sign in", times.now() + LINK_LASTS, made.name)
    return _show(link_for=made.name, link=f"{request.host_url}sign-in/{token}")


@pages.post("/remove")
def remove() -> AnyResponse:
    """Remove a user; whoever is signed in by it is signed out."""
    name = request.form.get("name", "")
    if name.casefold() == who().name.casefold():
        return refusal("people.not_yourself", 400)
    if users.user(store(), name) is None:
        return refusal("people.gone", 400)
    users.remove_user(store(), name, by_page(who().name))
    say("people.removed", name=name)
    return go("/people")


@pages.post("/wall")
def wall_link() -> AnyResponse:
    """Make a new link for the wall, or withdraw it; the older one opens nothing any more."""
    if request.form.get("withdraw"):
        users.end_links(store(), "wall")
        say("people.wall_withdrawn")
        return go("/people")
    token = users.new_link(store(), "wall", times.now() + WALL_LASTS)
    return _show(wall=f"{request.host_url}wall/{token}")


def _show(
    fault: str = "", name: str = "", link: str = "", link_for: str = "", wall: str = "", for_agent: str = ""
) -> Response:
    agents = store().execute("SELECT name, title FROM agents ORDER BY title, name").fetchall()
    return show(
        "people.html",
        400 if fault else 200,
        people=users.users(store()),
        agents=agents,
        fault=fault,
        name=name or (for_agent if for_agent in dict(agents) else ""),
        for_agent=for_agent,
        link=link,
        link_for=link_for,
        wall=wall,
        has_wall=users.has_link(store(), "wall", times.now()),
    )
