"""The first five questions: after them somebody who calls reaches somebody who answers."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response
from werkzeug.wrappers import Response as AnyResponse

from appliance.store.config_change import Document, digest, read_document
from appliance.store.config_errors import Problem
from webui import agent_form, department_form
from webui.settings_form import Form, posted, save, slug, whole, words
from webui.visit import go, show, store, texts

pages: Final = Blueprint("setup", __name__, url_prefix="/setup")

OFFICE: Final = ("name", "country", "state", "area_code", "language")
MAIL: Final = ("host", "port", "security", "user", "password", "sender")
OTHERS: Final = ("title", "numbers", "hours", "mailbox", "person", "extension")
FIELDS: Final = (*(f"office_{key}" for key in OFFICE), *(f"mail_{key}" for key in MAIL), *OTHERS)
_USUAL: Final = {
    "office_country": "DE",
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
        what="office set up",
        subject="office",
        section=lambda document: document.get("office"),
        field_of=_field_of,
        t=texts(),
    ):
        return _form(form)
    phone = read_document(store())["phone"][0]["name"]
    return go(f"/agents/phones/{phone}")


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
