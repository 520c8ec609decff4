"""The box itself: its version, its parts and their restart, a diagnosis, and how it came."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, abort, request
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import times, wishes
from appliance.store.changes import by_page
from appliance.store.liveness import supervisor_runs
from webui.board import read_board
from webui.box import Box
from webui.visit import go, office, refusal, say, show, store, texts, who
from webui.wording import Wording

pages: Final = Blueprint("system", __name__, url_prefix="/system")

PARTS: Final = ("supervisor", "asterisk", "page")
RESET_WORDS: Final = ("ZURÜCKSETZEN", "RESET")


@pages.get("")
def page() -> Response:
    """What the box is and how its parts are."""
    board = read_board(
        store(), times.now(), supervisor_holds_lock=supervisor_runs(office().store_path.parent)
    )
    box = office().box
    renewal = box.renewal() if box and box.update_folder else None
    response = show(
        "system.html",
        version=box.version() if box else "",
        runs={
            "supervisor": board.supervisor_runs,
            "asterisk": board.supervisor_runs and not board.asterisk_silent,
            "page": True,
        },
        asterisk_unknown=not board.supervisor_runs,
        can_restart_page=bool(box and box.restart_page),
        attention=board.attention,
        w=Wording(texts(), board),
        reset=answer_to("factory reset"),
        reset_word=RESET_WORDS[0 if texts().language == "de" else 1],
        board=board,
        renewal=renewal,
    )
    if renewal and renewal.is_going_on:
        response.headers["Refresh"] = "2"
    return while_waiting(response, "restart", "factory reset")


@pages.post("/restart")
def restart() -> AnyResponse:
    """Restart a part; calls are not cut off."""
    part, box = request.form.get("part", ""), office().box
    if part == "page" and box and box.restart_page:
        say("system.page_restarts")
        answer = go("/system")
        answer.call_on_close(box.restart_page)
        return answer
    if part not in ("supervisor", "asterisk"):
        abort(400)
    if not supervisor_runs(office().store_path.parent):
        return refusal("system.nobody_restarts", 409)
    wishes.ask(store(), "restart", by_page(who().name), times.now(), part=part)
    say(f"system.{part}_restarts")
    return go("/system")


@pages.get("/diagnosis.zip")
def diagnosis() -> Response:
    """What helps to find a fault, without personal data."""
    bundle = io.BytesIO()
    the_box().write_diagnosis(store(), bundle)
    name = f"freizeichen-diagnosis-{times.now():%Y-%m-%d}.zip"
    return Response(
        bundle.getvalue(),
        mimetype="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@pages.post("/update")
def renew() -> AnyResponse:
    """Have an update installed; it is checked by the one who installs it."""
    box, file = the_box(), request.files.get("file")
    path = Path(str(file.stream.name)) if file is not None and file.filename else None
    wrong = (
        "update_impossible"
        if box.update_folder is None
        else "update_none"
        if file is None or path is None
        else "update_busy"
        if box.renewal().is_going_on
        else ""
    )
    if wrong or file is None or path is None or box.update_folder is None:
        if path is not None and box.update_folder is not None:
            path.unlink(missing_ok=True)
        return refusal(f"system.{wrong}", 409 if wrong == "update_busy" else 400)
    file.stream.close()
    for older in box.update_folder.glob("upload-*"):
        if older != path:
            older.unlink(missing_ok=True)
    box.renew(path)
    say("system.update_is_checked")
    return go("/system")


@pages.post("/reset")
def reset() -> AnyResponse:
    """Make the box as it came, for whoever has typed the word."""
    if request.form.get("word", "").strip().upper() not in RESET_WORDS:
        return refusal("system.reset_word_wrong", 400)
    if not supervisor_runs(office().store_path.parent):
        return refusal("system.nobody_restarts", 409)
    wishes.ask(store(), "factory reset", by_page(who().name), times.now())
    say("system.resets")
    return go("/system")


def the_box() -> Box:
    """The box; 404 where the page has none."""
    box = office().box
    if box is None:
        abort(404)
    return box


def answer_to(kind: str) -> wishes.Wish | None:
    """The newest wish of a kind with its answer, while it is of interest."""
    return wishes.newest(store(), kind)


def while_waiting(response: Response, *kinds: str) -> Response:
    """The page comes again every two seconds while such a wish is being done."""
    found = [wishes.newest(store(), kind) for kind in kinds]
    if any(wish is not None and wish.answer is None for wish in found):
        response.headers["Refresh"] = "2"
    return response
