"""The wall: departments, who waits and who is there, readable from three metres, opened by a link.

It shows no numbers and no names of callers: everybody in the room can read it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from flask import Blueprint, Flask, Response, current_app
from sqlite_utils import Database

from appliance.store import times, users
from appliance.store.liveness import supervisor_runs
from webui.board import read_board
from webui.texts import Texts
from webui.today import stream
from webui.visit import office, part, refusal, show, store, texts
from webui.wording import Wording

pages: Final = Blueprint("wall", __name__, url_prefix="/wall")


@pages.get("/<token>")
def page(token: str) -> Response:
    """The whole page."""
    t = texts()
    fragment = _wall_fragment(token, t)(store(), times.now())
    if fragment is None:
        return refusal("wall.link_gone", 403, t)
    here = f"/wall/{token}"
    return show("wall.html", t=t, fragment=fragment, live=f"{here}/live", board=f"{here}/board")


@pages.get("/<token>/board")
def board(token: str) -> Response:
    """The wall alone, for a page that got no live stream."""
    fragment = _wall_fragment(token, texts())(store(), times.now())
    return refusal("wall.link_gone", 403) if fragment is None else Response(fragment)


@pages.get("/<token>/live")
def events(token: str) -> Response:
    """The wall whenever it looks different, until the link is withdrawn."""
    t = texts()
    render = _wall_fragment(token, t)
    if render(store(), times.now()) is None:
        return refusal("wall.link_gone", 403, t)
    return stream(render, t)


def _wall_fragment(token: str, t: Texts) -> Callable[[Database, datetime], str | None]:
    """Draws the wall; None when the link opens it no more."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    state = office().store_path.parent

    def draw(db: Database, now: datetime) -> str | None:
        if users.link_user(db, "wall", token, now) is None:
            return None
        board = read_board(db, now, supervisor_holds_lock=supervisor_runs(state))
        return part(app, "wall_board.html", board=board, w=Wording(t, board), t=t)

    return draw
