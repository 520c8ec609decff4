"""The mail server, a test mail, and the weekly report."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from appliance.hotline.weekly import WEEKDAYS
from appliance.store import times, wishes
from appliance.store.changes import by_page
from appliance.store.config_change import Document, digest, read_document
from appliance.store.liveness import supervisor_runs
from webui.settings_form import save_short
from webui.system import answer_to, while_waiting
from webui.visit import go, office, refusal, say, show, store, texts, who

pages: Final = Blueprint("mail", __name__, url_prefix="/system/mail")

SECURITIES: Final = ("starttls", "tls", "none")
_REPORT: Final = ("report_mailbox", "report_weekday", "mailbox")


@pages.get("")
def page() -> Response:
    """The settings; a password is never shown again."""
    return _show()


@pages.post("")
def save() -> AnyResponse:
    """Set the mail server. An empty password leaves the one there is, unless none is wanted."""
    form = request.form

    def edit(document: Document) -> None:
        port = form.get("port", "").strip()
        document["mail"] |= {
            "host": form.get("host", "").strip(),
            "port": int(port) if port.isascii() and port.isdigit() and len(port) < 8 else port,
            "security": form.get("security", ""),
            "user": form.get("user", "").strip(),
            "sender": form.get("sender", "").strip(),
        }
        if form.get("password") or form.get("no_password"):
            document["mail"]["password"] = "" if form.get("no_password") else form["password"]

    return _saved(save_short(edit, form.get("seen", ""), _server, texts()), "mail.saved", "server")


@pages.post("/report")
def save_report() -> AnyResponse:
    """Who gets the weekly report, and on which day; where mails about the whole office go."""
    form = request.form

    def edit(document: Document) -> None:
        document["office"] |= {name: form.get(name, "").strip() for name in _REPORT}

    return _saved(save_short(edit, form.get("seen", ""), _report, texts()), "mail.report_saved", "report")


@pages.post("/test")
def test() -> AnyResponse:
    """Let the supervisor send a mail right now."""
    recipient = request.form.get("recipient", "").strip()
    if "@" not in recipient or not recipient.isprintable() or len(recipient) > 200:
        return refusal("mail.no_address", 400)
    if not supervisor_runs(office().store_path.parent):
        return refusal("system.nobody_restarts", 409)
    wishes.ask(store(), "test mail", by_page(who().name), times.now(), recipient=recipient)
    return go("/system/mail#test")


def _saved(faults: list[str], sentence: str, which: str) -> AnyResponse:
    if faults:
        return _show(400, faults=faults, at=which)
    say(sentence)
    return go("/system/mail")


def _show(status: int = 200, **values: Any) -> Response:
    found = read_document(store())
    mail = dict(found["mail"]) if found else {}
    has_password = bool(mail.pop("password", ""))
    form = request.form
    typed = {key: form[key] for key in mail if key in form} if values.get("at") == "server" else {}
    report = dict(found["office"]) if found else {}
    if values.get("at") == "report":
        report |= {key: form.get(key, "") for key in _REPORT}
    response = show(
        "mail.html",
        status,
        is_set_up=bool(found),
        mail=mail | typed,
        report=report,
        has_password=has_password,
        securities=SECURITIES,
        weekdays=WEEKDAYS,
        seen=digest(_server(found)) if found else "",
        report_seen=digest(_report(found)) if found else "",
        test=answer_to("test mail"),
        **{"faults": [], "at": "", **values},
    )
    return while_waiting(response, "test mail")


def _server(document: Document) -> object:
    return document["mail"]


def _report(document: Document) -> object:
    return [document["office"].get(name) for name in _REPORT]
