"""The first five questions, after which who calls reaches somebody who answers; later, the office itself."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import times
from appliance.store.config_change import Document, digest, read_document, standing, write_numbers_whole
from appliance.store.config_errors import Problem
from appliance.store.office import office_facts
from webui import agent_form, department_form, office_form
from webui.office_form import OFFICE
from webui.settings_form import Form, differences, posted, save, slug, whole, words
from webui.visit import go, show, store, texts
from webui.wording import Words

pages: Final = Blueprint("setup", __name__, url_prefix="/setup")

MAIL: Final = ("host", "port", "security", "user", "password", "sender")
OTHERS: Final = ("title", "numbers", "hours", "mailbox", "person", "extension")
FIELDS: Final = (*(f"office_{key}" for key in OFFICE), *(f"mail_{key}" for key in MAIL), *OTHERS)
_USUAL: Final = {
    "office_country": "DE",
    "office_time_zone": "Europe/Berlin",
    "office_language": "de",
    "mail_port": "587",
    "mail_security": "starttls",
    "hours": "08:00-12:00, 13:00-17:00",
    "extension": "21",
}
SECURITIES: Final = ("starttls", "tls", "none")


@pages.get("")
def page() -> AnyResponse:
    """The questions; once they are answered, the departments."""
    if read_document(store()):
        return go("/departments")
    language = texts().language
    values = dict.fromkeys(FIELDS, "") | _USUAL
    values |= {"office_language": language, "title": texts()("setup.usual_department")}
    return _form(Form(values))


@pages.post("")
def answer() -> AnyResponse:
    """Set up the office as a whole, or say what is wrong with which answer."""
    form = Form(posted(FIELDS), seen=digest(None))
    if read_document(store()):
        return go("/departments")

    def edit(document: Document) -> None:
        document |= _document(form)

    if not save(
        edit,
        form,
        section=lambda document: document.get("office"),
        field_of=_field_of,
        t=texts(),
    ):
        return _form(form)
    phone = read_document(store())["phone"][0]["name"]
    return go(f"/agents/phones/{phone}")


@pages.get("/office")
def office() -> AnyResponse:
    """Name, place and language of the office, its blocks of numbers, callbacks, and keys to transfer."""
    document = read_document(store())
    if not document:
        return go("/setup")
    return _office_form(Form(office_form.values_of(document), seen=digest(office_form.sections(document))))


@pages.post("/office")
def change_office() -> AnyResponse:
    """Change them; the telephone numbers stay what they are."""
    values = posted(office_form.NAMES) | {"blocks": office_form.block_rows(request.form)}
    form = Form(values, seen=request.form.get("seen", ""))
    if not read_document(store()):
        return go("/setup")

    def edit(document: Document) -> None:
        same_blocks = values["blocks"] == office_form.values_of(document)["blocks"]
        write_numbers_whole(store(), document)
        whole = document.get("block", [])
        office_form.write(document, values)
        if same_blocks:
            document["block"] = whole  # they mean the same wherever the office is now

    if not save(edit, form, section=office_form.sections, field_of=office_form.field_of, t=texts()):
        now = read_document(store())
        if form.somebody_else:
            form.seen = digest(office_form.sections(now))
            form.meanwhile = differences(form.values, office_form.values_of(now))
        return _office_form(form)
    return go("/setup/office")


def _office_form(form: Form) -> Response:
    facts, now, document = office_facts(store()), times.now(), read_document(store())
    return show(
        "office.html",
        400 if form.is_wrong else 200,
        form=form,
        departments=document["department"],
        phones=[(phone["name"], phone["extension"]) for phone in document["phone"]],
        spare=office_form.SPARE_ROWS,
        standing=standing(store()),
        text=times.to_text,
        w=Words(texts(), now, facts.country, facts.time_zone),
    )


def _document(form: Form) -> Document:
    """The whole config these answers mean: one department, one person, one phone."""
    values = form.values
    department = department_form.NEW | {
        "name": slug(values["title"]),
        "title": values["title"],
        "language": values["office_language"],
        "mailbox": values["mailbox"],
        "numbers": words(values["numbers"]),
        "hours": {"mon-fri": values["hours"]},
    }
    document: Document = {
        "office": {key: values[f"office_{key}"] for key in OFFICE},
        "mail": {key: values[f"mail_{key}"] for key in MAIL} | {"port": whole(values["mail_port"])},
        "department": [department],
    }
    agent_form.add(
        document,
        {
            "title": values["person"],
            "extension": values["extension"],
            "departments": [department["name"]],
            "languages": [values["office_language"]],
        },
    )
    return document


def _field_of(problem: Problem) -> str | None:
    kind, *rest = problem.path or ("",)
    if kind in ("office", "mail") and rest:
        return f"{kind}_{rest[0]}"
    key = str(rest[1]) if len(rest) > 1 else ""
    return {
        "department": {"name": "title"}.get(key, key),
        "agent": "person",
        "phone": "extension",
    }.get(str(kind))


def _form(form: Form) -> Response:
    return show("setup.html", 400 if form.is_wrong else 200, form=form, securities=SECURITIES)
