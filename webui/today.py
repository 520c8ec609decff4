"""Today: the front panel, who calls and who waits, and the buttons of both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from flask import Blueprint, Flask, Response, abort, current_app, request, session
from sqlite_utils import Database
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import night, people, times, users
from appliance.store.changes import by_page
from appliance.store.database import exclusive
from appliance.store.liveness import supervisor_runs
from webui.board import is_our_number, read_board
from webui.callbacks import cancel_callback, order_callback
from webui.texts import Texts
from webui.visit import csrf, go, office, part, refusal, show, store, texts, who
from webui.who_may import may_press
from webui.wording import Wording

pages: Final = Blueprint("today", __name__)

# Where something can be done about what needs attention, by its kind.
_HELPS: Final = {
    "mail": "/inbox?show=message",
    "prompts": "/prompts",
    "clock": "/system",
    "disk": "/system/privacy",
    "line": "/lines",
}
_FOR_ALL: Final = ("mail", "prompts")

Render = Callable[[Database, datetime], "str | None"]


@pages.get("/")
def page() -> Response:
    """The whole page."""
    t = texts()
    fragment = board_fragment(_app(), t, csrf(), who())(store(), times.now())
    return show("today.html", t=t, fragment=fragment, live="/live", board="/board")


@pages.get("/board")
def board() -> Response:
    """The board alone, for a page that got no live stream."""
    return Response(board_fragment(_app(), texts(), csrf(), who())(store(), times.now()))


@pages.get("/live")
def events() -> Response:
    """The board whenever it looks different, until whoever watches signs out."""
    t, token = texts(), session["token"]
    render = board_fragment(_app(), t, csrf(), who())

    def while_signed_in(db: Database, now: datetime) -> str | None:
        return render(db, now) if users.session_user(db, token, now) else None

    return stream(while_signed_in, t)


def stream(render: Render, t: Texts) -> Response:
    """A live stream of what `render` draws, or a refusal when too many watch already."""
    live = office().live
    if not live.take_place():
        return refusal("error.503", 503, t)
    gone: Callable[[], bool] = request.environ.get("waitress.client_disconnected", lambda: False)
    response = Response(
        live.events(render, gone), mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )
    response.call_on_close(live.give_back)
    return response


@pages.post("/press")
def press() -> AnyResponse:
    """Move the night switch, or note that a desk button was pressed.

    Whoever acts on a desk button is the supervisor; the lamp then follows.
    """
    button = request.form.get("button", "")
    if not may_press(who(), button):
        return refusal("error.may_not_press", 403)
    try:
        with exclusive(store()) as db:
            kind, _, mode = button.partition(":")
            if kind == "night":
                night.set_night_mode(db, mode, by_page(who().name), times.now())
            else:
                people.press(db, button)
    except (LookupError, ValueError):
        return refusal("error.button", 400)
    return go("/")


@pages.post("/call-back")
def call_back() -> AnyResponse:
    """Put a missed caller in line to be called back."""
    refused = order_callback(store(), request.form.get("call", ""), who().name, times.now())
    return refusal(refused, 400) if refused else go("/#callbacks")


@pages.post("/cancel-callback")
def cancel() -> AnyResponse:
    """Strike off somebody who was to be called back."""
    refused = cancel_callback(store(), request.form.get("callback", ""), who().name, times.now())
    return refusal(refused, 400) if refused else go("/#callbacks")


@pages.post("/call")
def call() -> AnyResponse:
    """Let the demo's telephone exchange ring in."""
    place_call: Callable[[str], None] | None = current_app.extensions["place_call"]
    if place_call is None:
        abort(404)
    number = request.form.get("number", "")
    if not is_our_number(store(), number):
        return refusal("error.number", 400)
    place_call(number)
    return go("/#calls")


def board_fragment(app: Flask, t: Texts, token: str, user: users.User) -> Callable[[Database, datetime], str]:
    """Draws the board for one visitor; works after the visit, for a live stream."""
    state, demo = office().store_path.parent, app.extensions["place_call"] is not None

    def draw(db: Database, now: datetime) -> str:
        board = read_board(db, now, supervisor_holds_lock=supervisor_runs(state))
        return part(
            app,
            "board.html",
            board=board,
            w=Wording(t, board),
            t=t,
            demo=demo,
            csrf=token,
            may_press=lambda button: may_press(user, button),
            helps={
                kind: address for kind, address in _HELPS.items() if user.role == "admin" or kind in _FOR_ALL
            },
        )

    return draw


def _app() -> Flask:
    """The application itself, which outlives the visit."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app
