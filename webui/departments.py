"""Departments: how callers reach them, when they are open, what is offered, who is on call; and what a
caller would hear now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, request
from werkzeug.wrappers import Response as AnyResponse

from appliance.hotline.menu import menu_prompt
from appliance.hotline.public_holidays import holiday_name
from appliance.store import own_prompts, times
from appliance.store.config_change import Document, digest, read_document, standing
from appliance.store.config_hours import DAYS
from appliance.store.liveness import supervisor_runs
from appliance.store.office import office_facts
from appliance.store.on_call import duties_now
from appliance.store.schedule import department_hours
from webui import department_form, rota_form
from webui.board import read_board
from webui.box import Box
from webui.prompts import own_keys
from webui.settings_form import Form, Section, Values, differences, index_of, posted, save, section_of, slug
from webui.texts import LANGUAGES
from webui.visit import go, office, show, store, texts
from webui.week_picture import special_ahead, week_picture
from webui.wording import Wording

pages: Final = Blueprint("departments", __name__, url_prefix="/departments")


@pages.get("")
def page() -> Response:
    """Every department: where it is reached, whether it is open, who is on call."""
    document = read_document(store())
    return _show(
        "departments.html",
        sections=document.get("department", []),
        blocks=document.get("block", []),
        duties={duty.department: duty for duty in duties_now(store(), times.now())},
    )


@pages.get("/new")
def new() -> Response:
    """The form for one more department."""
    section = department_form.NEW | {"language": office_facts(store()).language}
    return _form(Form(department_form.values_of(section), seen=digest(None)), "")


@pages.post("/new")
def add() -> AnyResponse:
    """Add a department; nobody could call it before, so nobody notices."""
    values = _posted()
    form = Form(values, seen=digest(None))
    document = read_document(store())
    known = [section["name"] for section in document.get("department", [])]
    name = slug(values["title"], known)
    section = department_form.section_from(values, department_form.NEW | {"name": name})

    def edit(document: Document) -> None:
        document.setdefault("department", []).append(section)

    if not _save(edit, form, len(known), lambda _document: None):
        return _form(form, "")
    return go(f"/departments/{name}")


@pages.get("/<name>")
def one(name: str) -> Response:
    """A department's form."""
    section = section_of(read_document(store()), "department", name)
    if section is None:
        abort(404)
    return _form(Form(department_form.values_of(section), seen=digest(section)), name)


@pages.post("/<name>")
def change(name: str) -> AnyResponse:
    """Change a department; who is on the telephone goes on, the next caller meets the new settings."""
    document = read_document(store())
    index = index_of(document, "department", name)
    if index is None:
        abort(404)
    form = Form(_posted(), seen=request.form.get("seen", ""))

    def edit(document: Document) -> None:
        place = index_of(document, "department", name)
        assert place is not None  # what was seen is there
        departments = document["department"]
        if request.form.get("special_everywhere"):
            departments[:] = [department_form.with_special_days(each, form.values) for each in departments]
        departments[place] = department_form.section_from(form.values, departments[place])

    def part(document: Document) -> object:
        return section_of(document, "department", name)

    if not _save(edit, form, index, part):
        now = section_of(read_document(store()), "department", name)
        return _form(_compared(form, now, department_form.values_of), name)
    return go(f"/departments/{name}")


@pages.post("/<name>/remove")
def remove(name: str) -> AnyResponse:
    """Remove a department with its rota; whoever serves another one, too, goes on serving that."""
    document = read_document(store())
    section = section_of(document, "department", name)
    if section is None:
        abort(404)
    form = Form(department_form.values_of(section), seen=request.form.get("seen", ""))

    def edit(document: Document) -> None:
        for kind, key in (("department", "name"), ("rota", "department")):
            if kind in document:
                document[kind] = [each for each in document[kind] if each[key] != name]
        for agent in document.get("agent", []):
            agent["departments"] = [each for each in agent["departments"] if each != name]

    def part(document: Document) -> object:
        return section_of(document, "department", name)

    if not _save(edit, form, -1, part):
        form.seen = digest(section)
        return _form(form, name)
    return go("/departments")


@pages.get("/<name>/rota")
def rota(name: str) -> Response:
    """Who is rung while the department is closed."""
    document = read_document(store())
    if section_of(document, "department", name) is None:
        abort(404)
    section = section_of(document, "rota", name)
    return _rota(Form(rota_form.values_of(section), seen=digest(section)), name)


@pages.post("/<name>/rota")
def change_rota(name: str) -> AnyResponse:
    """Change who is rung, or with no duties at all: ring nobody any more."""
    document = read_document(store())
    if section_of(document, "department", name) is None:
        abort(404)
    agents = {agent["title"]: agent["name"] for agent in document.get("agent", [])}
    form = Form(rota_form.posted_values(request.form), seen=request.form.get("seen", ""))
    index = index_of(document, "rota", name)
    index = len(document.get("rota", [])) if index is None else index

    def edit(document: Document) -> None:
        place = index_of(document, "rota", name)
        section = rota_form.section_from(form.values, name, agents)
        if place is not None:
            del document["rota"][place]
        if section is not None:
            rotas = document.setdefault("rota", [])
            rotas.insert(len(rotas) if place is None else place, section)

    def part(document: Document) -> object:
        return section_of(document, "rota", name)

    saved = save(
        edit,
        form,
        section=part,
        field_of=lambda problem: rota_form.field_of(problem, index, form.values),
        t=texts(),
    )
    if not saved:
        return _rota(
            _compared(form, section_of(read_document(store()), "rota", name), rota_form.values_of), name
        )
    return go(f"/departments/{name}/rota")


@pages.get("/<name>/ear")
def ear(name: str) -> Response:
    """What a caller would go through at this moment, step by step."""
    box = office().box
    section = section_of(read_document(store()), "department", name)
    if box is None or section is None:
        abort(404)
    agents = dict(store().execute("SELECT name, title FROM agents").fetchall())
    return _show(
        "ear.html",
        department=section,
        steps=box.caller_hears(name),
        wording=box.prompt_texts(),
        sources=box.prompt_sources(),
        titles=agents,
    )


def _posted() -> Values:
    values = posted(department_form.NAMES, department_form.CHOSEN)
    return values | {"special": department_form.special_rows(request.form)}


def _save(
    edit: Callable[[Document], None],
    form: Form,
    index: int,
    part: Callable[[Document], object],
) -> bool:
    return save(
        edit,
        form,
        section=part,
        field_of=lambda problem: department_form.field_of(problem, index, form.values),
        t=texts(),
    )


def _compared(form: Form, now: Section | None, values_of: Callable[[Any], Values]) -> Form:
    """The form again; where somebody else was faster it says what is saved now, and may be saved over it."""
    if form.somebody_else and now is not None:
        form.seen, form.meanwhile = digest(now), differences(form.values, values_of(now))
    return form


def _form(form: Form, name: str) -> Response:
    hours = department_hours(store()).get(name)
    facts, t = office_facts(store()), texts()
    today = times.now().astimezone(ZoneInfo(facts.time_zone)).date()
    document = read_document(store())
    state = document.get("office", {}).get("state", "")
    box, section = office().box, section_of(document, "department", name) or {}
    return _show(
        "department.html",
        400 if form.is_wrong else 200,
        name=name,
        form=form,
        section=section,
        days=DAYS,
        languages=LANGUAGES,
        picture=week_picture(hours, today) if name else None,
        special=[
            (each, holiday_name(facts.country, state, each.first, t.language))
            for each in (special_ahead(hours, today) if section.get("closed_on_holidays", True) else [])
        ]
        or [(each, "") for each in special_ahead(hours, today)],
        spare=department_form.SPARE_ROWS,
        menu_keys=[key for key in department_form.MENU_KEYS if key in "1234" or form.values[f"menu_{key}"]],
        others=[each for each in document.get("department", []) if each["name"] != name],
        prompts=_prompts(box, "greeting", [form.values["greeting"] or "greeting"], t.language),
        extra=_prompts(box, "extra", ["try-later", *form.values["extra_prompts"]], t.language),
        has_voice=bool(menu_prompt(name)),
        duty=next((each for each in duties_now(store(), times.now()) if each.department == name), None),
        has_rota=section_of(document, "rota", name) is not None,
    )


def _prompts(box: Box | None, kind: str, always: list[str], language: str) -> list[tuple[str, str]]:
    """The greetings, or extra sentences, there are, with what they say; those that are set among them."""
    own = {key: change.text for (key, of), change in own_prompts.newest(store()).items() if of == language}
    said = box.prompt_texts() if box else {}
    keys = [key for key in (*said, *own_keys()) if key == kind or key.startswith(f"{kind}-") or key in always]
    return [
        (key, said[key][language] if key in said else f"{key} {own.get(key, '')}".strip())
        for key in dict.fromkeys([*keys, *always])
    ]


def _rota(form: Form, name: str) -> Response:
    document = read_document(store())
    duty = next((each for each in duties_now(store(), times.now()) if each.department == name), None)
    return _show(
        "rota.html",
        400 if form.is_wrong else 200,
        form=form,
        department=section_of(document, "department", name),
        agents=document.get("agent", []),
        days=DAYS,
        duty=duty,
        duties=[row[0] for row in form.values["duties"] if row[0]],
    )


def _show(template: str, status: int = 200, **values: Any) -> Response:
    state = office().store_path.parent
    board = read_board(store(), times.now(), supervisor_holds_lock=supervisor_runs(state))
    t = texts()
    return show(
        template,
        status,
        t=t,
        w=Wording(t, board),
        open_now={department.name: department for department in board.departments},
        standing=standing(store()),
        text=times.to_text,
        day=lambda when: _day(t, when),
        weekday=lambda when: t("time.weekdays").split()[when.weekday()],
        **values,
    )


def _day(t: Any, when: date) -> str:
    return str(t("time.day", day=when.day, month=t("time.months").split()[when.month - 1]))
