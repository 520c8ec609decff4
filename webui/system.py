"""The box itself: its version and parts."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from webui.visit import show

pages: Final = Blueprint("system", __name__, url_prefix="/system")


@pages.get("")
def page() -> Response:
    """What the box is and how its parts are."""
    return show("system.html")
