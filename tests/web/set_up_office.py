"""An office that is set up as the example says, and its admin's browser, for tests of forms."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from sqlite_utils import Database
from werkzeug.test import TestResponse

from appliance.office_page import BoxOfSettings
from appliance.store.config import import_config, read_config
from appliance.store.config_change import Document, read_document
from appliance.store.database import open_store
from tests.web.busy_office import EXAMPLE, settings_of
from tests.web.visiting import HERE, Visitor, visitor
from webui import create_app


@dataclass
class SetUpOffice:
    """Its store, the admin's browser, and the box behind it."""

    db: Database
    browser: Visitor
    box: BoxOfSettings

    @property
    def document(self) -> Document:
        """The settings as they are saved."""
        return read_document(self.db)

    def section(self, kind: str, name: str) -> dict[str, Any]:
        """One section of the settings; fails when there is none."""
        key = "department" if kind == "rota" else "name"
        return next(each for each in self.document[kind] if each[key] == name)

    def get(self, where: str, language: str = "de") -> str:
        """A page that is there."""
        answer = self.browser.get(f"{where}?lang={language}")
        assert answer.status_code == 200, where
        return answer.get_data(as_text=True)

    def form(self, where: str, action: str = "") -> dict[str, Any]:
        """What a browser would send of the form on this page that goes to `action`, as it is filled in."""
        fields = Fields(action or where)
        fields.feed(self.get(where))
        assert fields.values, f"no form to {action or where}"
        return fields.values

    def send(self, where: str, values: dict[str, Any], **changed: Any) -> TestResponse:
        """Send a form, some of its fields changed."""
        return self.browser.post(f"{where}?lang=de", data={**values, **changed}, headers=HERE)


class Fields(HTMLParser):
    """The fields of one form with their values, as a browser sends them."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action, self.inside = action, False
        self.values: dict[str, Any] = {}
        self.select = ""
        self.chosen: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if tag == "form":
            self.inside = has.get("action", self.action) == self.action and has.get("method") == "post"
        if not self.inside:
            return
        name = has.get("name") or ""
        if tag == "input" and has.get("type") == "checkbox":
            if "checked" in has:
                self._add(name, has.get("value") or "on")
        elif tag == "input" and name:
            self._add(name, has.get("value") or "")
        elif tag == "select":
            self.select, self.chosen = name, None
        elif tag == "option" and ("selected" in has or self.chosen is None):
            self.chosen = has.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self.inside and self.chosen is not None:
            self._add(self.select, self.chosen)
        if tag == "form":
            self.inside = False

    def _add(self, name: str, value: str) -> None:
        if name in self.values:
            before = self.values[name]
            self.values[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            self.values[name] = value


def set_up_office(folder: Path, *, empty: bool = False) -> SetUpOffice:
    """The office in this folder; whoever asks for it closes its store. `empty`: nothing is set up yet."""
    settings = settings_of(folder)
    db = open_store(settings.store, durable=False)
    if not empty:
        import_config(db, read_config(EXAMPLE.read_text("utf-8")))
    box = BoxOfSettings(settings)
    browser = visitor(create_app(settings.store, box=box))
    browser.sign_in(db, "ada")
    return SetUpOffice(db, browser, box)
