"""Agents and phones: who answers, on which phone, how that phone is set up, and the box on the desk."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import segno
from flask import Blueprint, Response, abort, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import boxes, times, users
from appliance.store.changes import by_page
from appliance.store.config_change import Document, digest, read_document, standing
from appliance.store.liveness import supervisor_runs
from webui import agent_form
from webui.board import read_board
from webui.settings_form import Form, Section, differences, posted, save, section_of, slug
from webui.texts import LANGUAGES
from webui.visit import go, office, part, refusal, say, show, store, texts, who
from webui.wording import Wording

pages: Final = Blueprint("agents", __name__, url_prefix="/agents")

CODE_LASTS: Final = timedelta(minutes=15)


@pages.get("")
def page() -> Response:
    """Everybody with phone and desk box; the phones and boxes that are nobody's."""
    document = read_document(store())
    known = boxes.all_boxes(store())
    pairing = boxes.open_pairing(store())
    owned = {agent["phone"] for agent in document.get("agent", [])}
    return _show(
        "agents.html",
        agents=document.get("agent", []),
        phones={phone["name"]: phone for phone in document.get("phone", [])},
        spare_phones=[phone for phone in document.get("phone", []) if phone["name"] not in owned],
        departments={each["name"]: each["title"] for each in document.get("department", [])},
        boxes={box.agent: box for box in known if box.agent},
        spare_boxes=[box for box in known if not box.agent],
        pairing=pairing if pairing and pairing.until > times.now() else None,
        seen={phone["name"]: digest(phone) for phone in document.get("phone", [])},
    )


@pages.get("/new")
def new() -> Response:
    """The form for one more person."""
    document = read_document(store())
    if not document:
        return refusal("agents.no_office", 400)
    return _form(Form(agent_form.values_of(document, ""), seen=_seen(document, "")), "")


@pages.post("/new")
def add() -> AnyResponse:
    """Add a person with a phone; the phone's page follows, with what has to be entered there."""
    form = Form(posted(["title", "extension"], ["departments", "languages"]))
    document = read_document(store())
    form.seen = _seen(document, "")
    made: list[str] = []

    def edit(document: Document) -> None:
        made.append(agent_form.add(document, form.values))

    if not document or not _save(edit, form, ""):
        return _form(form, "")
    agent = section_of(read_document(store()), "agent", made[-1])
    return go(f"/agents/phones/{agent['phone']}" if agent else "/agents")


@pages.get("/<name>")
def one(name: str) -> Response:
    """A person's form."""
    document = read_document(store())
    if section_of(document, "agent", name) is None:
        abort(404)
    return _form(Form(agent_form.values_of(document, name), seen=_seen(document, name)), name)


@pages.post("/<name>")
def change(name: str) -> AnyResponse:
    """Change a person; who is in a conversation goes on with it."""
    if section_of(read_document(store()), "agent", name) is None:
        abort(404)
    form = Form(
        posted(["title", "extension"], ["departments", "languages"]), seen=request.form.get("seen", "")
    )
    if not _save(lambda document: agent_form.change(document, name, form.values), form, name):
        document = read_document(store())
        if form.somebody_else and section_of(document, "agent", name):
            form.seen = _seen(document, name)
            form.meanwhile = differences(form.values, agent_form.values_of(document, name))
        return _form(form, name)
    return go(f"/agents/{name}")


@pages.post("/<name>/remove")
def remove(name: str) -> AnyResponse:
    """Remove a person; the phone stays as one that is nobody's."""
    document = read_document(store())
    if section_of(document, "agent", name) is None:
        abort(404)
    form = Form(agent_form.values_of(document, name), seen=request.form.get("seen", ""))

    def edit(document: Document) -> None:
        document["agent"] = [agent for agent in document["agent"] if agent["name"] != name]

    if not _save(edit, form, name):
        form.seen = _seen(read_document(store()), name)
        return _form(form, name)
    return go("/agents")


# --- phones


@pages.post("/phones")
def add_phone() -> AnyResponse:
    """Add a phone that is nobody's, such as one in the kitchen: it rings for its extension only."""
    extension = request.form.get("extension", "").strip()
    form = Form({"extension": extension}, seen=digest(None))
    made: list[str] = []

    def edit(document: Document) -> None:
        phones = document.setdefault("phone", [])
        made.append(slug(f"phone {extension}", [phone["name"] for phone in phones]))
        phones.append({"name": made[-1], "extension": extension, "secret": agent_form.new_secret()})

    if not _save_phone(edit, form, lambda _document: None):
        return _refused(form)
    return go(f"/agents/phones/{made[-1]}")


@pages.get("/phones/<name>")
def phone(name: str) -> Response:
    """What has to be entered at a phone so that it registers."""
    return _phone(name)


@pages.post("/phones/<name>/code")
def code(name: str) -> Response:
    """The same with codes for telephone apps, which are good for a quarter of an hour."""
    token = users.new_link(store(), "phone", times.now() + CODE_LASTS, name)
    return _phone(name, f"{request.host_url}phone/{token}.xml")


@pages.post("/phones/<name>/secret")
def change_secret(name: str) -> AnyResponse:
    """Give a phone a new secret; with the old one it registers no more."""
    form = Form({}, seen=request.form.get("seen", ""))

    def edit(document: Document) -> None:
        section = section_of(document, "phone", name)
        assert section is not None  # what was seen is there
        section["secret"] = agent_form.new_secret()

    if section_of(read_document(store()), "phone", name) is None:
        abort(404)
    saved = _save_phone(edit, form, lambda document: section_of(document, "phone", name))
    return go(f"/agents/phones/{name}") if saved else _refused(form)


@pages.post("/phones/<name>/remove")
def remove_phone(name: str) -> AnyResponse:
    """Remove a phone that is nobody's."""
    form = Form({}, seen=request.form.get("seen", ""))
    if section_of(read_document(store()), "phone", name) is None:
        abort(404)

    def edit(document: Document) -> None:
        document["phone"] = [phone for phone in document["phone"] if phone["name"] != name]

    saved = _save_phone(edit, form, lambda document: section_of(document, "phone", name))
    return go("/agents") if saved else _refused(form)


app_pages: Final = Blueprint("phone_app", __name__)


@app_pages.get("/phone/<token>.xml")
def settings(token: str) -> Response:
    """What a telephone app reads by its code, once it was shown: Linphone's remote provisioning."""
    name = users.link_user(store(), "phone", token, times.now())
    section = section_of(read_document(store()), "phone", name or "")
    box = office().box
    if section is None or box is None:
        return refusal("phone.code_gone", 403)
    text = part(current_app, "linphone.xml", phone=section, server=_address(), port=box.sip_port)
    return Response(text, mimetype="application/xml")


# --- desk boxes


@pages.post("/<name>/pair")
def pair(name: str) -> AnyResponse:
    """The next press on a box that is nobody's makes it this person's."""
    try:
        boxes.begin_pairing(store(), name, times.now())
    except LookupError:
        abort(404)
    return go("/agents#boxes")


@pages.post("/unpair")
def unpair() -> AnyResponse:
    """A box is nobody's again; its lamp shows that."""
    serial = request.form.get("serial", "")
    try:
        boxes.unpair(store(), serial, by_page(who().name))
    except LookupError:
        return refusal("boxes.gone", 400)
    say("boxes.unpaired")
    return go("/agents")


def _seen(document: Document, name: str) -> str:
    return digest(agent_form.sections(document, name))


def _save(edit: Callable[[Document], None], form: Form, name: str) -> bool:
    before = read_document(store())
    return save(
        edit,
        form,
        section=lambda document: agent_form.sections(document, name),
        field_of=lambda problem: agent_form.field_of(problem, before, name),
        t=texts(),
    )


def _save_phone(
    edit: Callable[[Document], None],
    form: Form,
    part: Callable[[Document], Section | None],
) -> bool:
    return save(
        edit,
        form,
        section=part,
        field_of=lambda _problem: None,
        t=texts(),
    )


def _refused(form: Form) -> Response:
    """For what has no form of its own to show it in."""
    if form.somebody_else:
        return refusal("form.somebody_else", 409)
    return refusal("form.refused_because", 400, why=" ".join(form.elsewhere))


def _form(form: Form, name: str) -> Response:
    document = read_document(store())
    agent = section_of(document, "agent", name) if name else None
    return _show(
        "agent.html",
        400 if form.is_wrong else 200,
        form=form,
        name=name,
        agent=agent,
        departments=document.get("department", []),
        languages=LANGUAGES,
        signs_in=[each.name for each in users.users(store()) if name and each.agent == name],
    )


def _phone(name: str, address: str = "") -> Response:
    document, box = read_document(store()), office().box
    section = section_of(document, "phone", name)
    if section is None or box is None:
        abort(404)
    values: dict[str, Any] = {"phone": section, "server": _address(), "port": box.sip_port}
    lamp = store().execute("SELECT pattern FROM lamps WHERE name = ?", [f"phone:{name}"]).fetchone()
    runs = supervisor_runs(office().store_path.parent)
    owner = next((agent for agent in document.get("agent", []) if agent["phone"] == name), None)
    codes = {}
    if address:
        grandstream = part(current_app, "grandstream.xml", title=(owner or section)["name"], **values)
        codes = {"linphone": _code(address), "grandstream": _code(grandstream)}
    return _show(
        "phone.html",
        owner=owner,
        seen=digest(section),
        codes=codes,
        lamp=lamp[0] if lamp and runs else "",
        **values,
    )


def _code(text: str) -> str:
    """A QR code as SVG, which scales."""
    return str(segno.make(text, error="m", micro=False).svg_inline(omitsize=True, border=4, light="#fff"))


def _address() -> str:
    """This machine's address as whoever asks sees it; phones do not always know its name."""
    host = request.host.rpartition(":")[0] or request.host
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host.strip("[]")))
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((request.remote_addr or "", 9))  # sends nothing; only the way there is looked up
        return str(probe.getsockname()[0])
    return host


def _show(template: str, status: int = 200, **values: Any) -> Response:
    state = office().store_path.parent
    board = read_board(store(), times.now(), supervisor_holds_lock=supervisor_runs(state))
    t = texts()
    return show(
        template,
        status,
        t=t,
        w=Wording(t, board),
        now={agent.name: agent for agent in board.agents},
        standing=standing(store()),
        text=times.to_text,
        **values,
    )
