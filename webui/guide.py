"""The quick guide for agents: two pages to print, with this office's own keys and extensions."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from appliance.store.config import transfer_keys
from webui.visit import show, store

pages: Final = Blueprint("guide", __name__, url_prefix="/guide")

# What a desk box's lamp shows, as `firmware/deskbox/lamp.py` draws it, in the order of a working day.
LAMPS: Final = (
    ("green", "", "free"),
    ("green", "pulse", "rings"),
    ("red", "", "talks"),
    ("amber", "", "wrap_up"),
    ("off", "", "away"),
    ("blue", "blinking", "callers_wait"),
    ("amber", "blinking", "missed"),
    ("white", "pulse", "no_link"),
)
CODES: Final = ("*71", "*72", "*73", "*81", "*82", "*83", "*84")
"""What a desk phone dials; `[phones]` of the dialplan says the same."""


@pages.get("")
def page() -> Response:
    """The guide, as one screen page and as two sheets of paper."""
    people = store().execute(
        "SELECT a.title, p.extension FROM agents AS a JOIN phones AS p ON p.name = a.phone"
        " ORDER BY p.extension"
    )
    departments = store().execute(
        "SELECT title, extension FROM departments WHERE extension != '' ORDER BY extension"
    )
    return show(
        "guide.html",
        lamps=LAMPS,
        codes=CODES,
        keys=transfer_keys(store()),
        people=people.fetchall(),
        departments=departments.fetchall(),
    )
