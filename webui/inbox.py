"""The inbox: messages to hear, callbacks, missed callers; who deals with them, and who did what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flask import Blueprint, Response, abort, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import inbox, times
from appliance.store.database import exclusive
from appliance.store.liveness import supervisor_runs
from appliance.store.office import office_facts
from webui.callbacks import cancel_callback, order_callback, refusal_of
from webui.inbox_items import SHOWS, newest_of, read_inbox
from webui.visit import go, office, refusal, say, show, store, texts, who
from webui.wording import Words

_LARGEST_ID: Final = 2**63 - 1

pages: Final = Blueprint("inbox", __name__, url_prefix="/inbox")


@pages.get("")
def page() -> Response:
    """What waits for somebody, or a part of it."""
    db, now = store(), times.now()
    which = request.args.get("show", "open")
    which = which if which in SHOWS else "open"
    department = request.args.get("department", "")[:100]
    mine = request.args.get("mine") == "1"
    number = request.args.get("page", "1")
    number = number if number.isdecimal() and len(number) < 6 else "1"
    found = read_inbox(db, which, department, who().name if mine else "", int(number))
    facts = office_facts(db)
    agents = dict(db.execute("SELECT name, title FROM agents").fetchall())
    known = supervisor_runs(office().store_path.parent)
    departments = dict(db.execute("SELECT name, title FROM departments ORDER BY title, name").fetchall())
    words = Words(
        texts(),
        now,
        facts.country,
        facts.time_zone,
        titles=agents,
        departments=departments,
        calls_known=known,
    )
    return show(
        "inbox.html",
        inbox=found,
        w=words,
        which=which,
        shows=SHOWS,
        department=department,
        departments=departments.items(),
        mine=mine,
        longest_note=inbox.LONGEST_NOTE,
        newest=newest_of(db),
        back=request.full_path.rstrip("?"),
    )


@pages.get("/newest")
def newest() -> Response:
    """A text that changes whenever something new lies in the inbox, or somebody did something there."""
    return Response(newest_of(store()), mimetype="text/plain")


@pages.get("/messages/<int:message>.wav")
def sound(message: int) -> AnyResponse:
    """The sound of a message, to play in the page or to keep."""
    box = office().box
    if message > _LARGEST_ID:
        abort(404)
    row = store().execute("SELECT sound, recorded_at FROM messages WHERE id = ?", [message]).fetchone()
    file = box.message_sound(row[0]) if box and row else None
    if file is None:
        abort(404)
    if "download" not in request.args:
        return send_file(file, mimetype="audio/wav", conditional=True, max_age=0)
    name = f"{texts()('inbox.file')}-{row[1][:10]}-{message}.wav"
    return send_file(file, mimetype="audio/wav", as_attachment=True, download_name=name, max_age=0)


@pages.post("")
def act() -> AnyResponse:
    """Do something about one thing in the inbox. It is on disk before anybody is told that it is done."""
    subject, what = request.form.get("subject", ""), request.form.get("act", "")
    do = _ACTS.get(what)
    if do is None:
        abort(400)
    try:
        refused = do(subject)
    except LookupError:
        refused = "error.item_gone"
    if refused:
        return refusal(refused, 400)
    back = request.form.get("back", "")
    return go(f"{back if back.startswith('/inbox') else '/inbox'}#{_anchor(subject)}")


def _take(subject: str) -> str:
    taken_by = inbox.take(store(), subject, who().name)
    if taken_by.casefold() == who().name.casefold():
        say("inbox.taken")
    else:
        say("inbox.taken_already", wrong=True, name=taken_by)
    return ""


def _give_back(subject: str) -> str:
    inbox.give_back(store(), subject, who().name)
    return ""


def _settle(subject: str, *, done: bool) -> str:
    if subject.startswith("callback:"):
        return "error.400"  # it is done when the caller was reached, or when it is cancelled
    inbox.settle(store(), subject, who().name, times.now(), done=done)
    say("inbox.is_done" if done else "inbox.is_open")
    return ""


def _note(subject: str) -> str:
    try:
        inbox.write_note(store(), subject, who().name, request.form.get("note", ""))
    except ValueError:
        return "error.note"
    say("inbox.noted")
    return ""


def _call_back(subject: str) -> str:
    kind, _, key = subject.partition(":")
    if kind == "missed":
        refused = order_callback(store(), key, who().name, times.now())
    elif kind == "message":
        refused = _call_back_message(key)
    else:
        raise LookupError(subject)
    if not refused:
        say("inbox.will_call")
    return refused


def _call_back_message(key: str) -> str:
    with exclusive(store()):
        row = store().execute("SELECT caller FROM messages WHERE id = ?", [key]).fetchone()
        if row is None:
            raise LookupError(key)
        if refused := refusal_of(store(), row[0]):
            return f"refusal.{refused}"
        inbox.call_back_message(store(), int(key), who().name, times.now())
    return ""


def _call_now(subject: str) -> str:
    kind, _, key = subject.partition(":")
    if kind != "callback" or not inbox.exists(store(), subject):
        raise LookupError(subject)
    if inbox.call_now(store(), int(key), who().name, times.now()):
        say("inbox.calls_now")
    return ""


def _cancel(subject: str) -> str:
    kind, _, key = subject.partition(":")
    if kind != "callback":
        raise LookupError(subject)
    refused = cancel_callback(store(), key, who().name, times.now())
    if not refused:
        say("inbox.cancelled")
    return refused


_ACTS: Final[dict[str, Callable[[str], str]]] = {
    "take": _take,
    "give back": _give_back,
    "done": lambda subject: _settle(subject, done=True),
    "not done": lambda subject: _settle(subject, done=False),
    "note": _note,
    "call back": _call_back,
    "call now": _call_now,
    "cancel": _cancel,
}


def _anchor(subject: str) -> str:
    kind, _, key = subject.partition(":")
    return f"{kind}-{key}"
