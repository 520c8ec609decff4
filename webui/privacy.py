"""How long personal data is kept, and forgetting one number at once."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import times, wishes
from appliance.store.changes import by_page
from appliance.store.config_change import Document, digest, read_document
from appliance.store.forgetting import CannotForget, number_of
from appliance.store.liveness import supervisor_runs
from appliance.store.office import office_facts
from webui.settings_form import save_short
from webui.system import answer_to, while_waiting
from webui.visit import go, office, refusal, say, show, store, texts, who

pages: Final = Blueprint("privacy", __name__, url_prefix="/system/privacy")


@pages.get("")
def page() -> Response:
    """Both forms, and what came of the last forgetting."""
    return _show()


@pages.post("")
def save() -> AnyResponse:
    """Set the retention time."""
    days = request.form.get("retention_days", "").strip()

    def edit(document: Document) -> None:
        number = int(days) if days.isascii() and days.isdigit() and len(days) < 8 else days
        document["office"]["retention_days"] = number

    faults = save_short(edit, request.form.get("seen", ""), _days, texts())
    if faults:
        return _show(400, faults=faults)
    say("privacy.saved")
    return go("/system/privacy")


@pages.post("/forget")
def forget() -> AnyResponse:
    """Forget one number, wherever it is."""
    number = request.form.get("number", "")[:50]
    try:
        number_of(store(), number)
    except CannotForget as error:
        return refusal(f"cannot_forget.{error.reason}", 400)
    if not supervisor_runs(office().store_path.parent):
        return refusal("system.nobody_restarts", 409)
    wishes.ask(store(), "forget number", by_page(who().name), times.now(), number=number)
    return go("/system/privacy#forget")


def _show(status: int = 200, **values: Any) -> Response:
    found = read_document(store())
    response = show(
        "privacy.html",
        status,
        is_set_up=bool(found),
        days=office_facts(store()).retention_days,
        seen=digest(_days(found)) if found else "",
        done=answer_to("forget number"),
        **{"faults": [], **values},
    )
    return while_waiting(response, "forget number")


def _days(document: Document) -> object:
    return document["office"]["retention_days"]
