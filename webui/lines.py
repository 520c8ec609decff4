"""Lines and panel: what was found of cards and lines, and what each can do at this moment."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from appliance.store import times
from appliance.store.lines import line_states
from appliance.store.liveness import supervisor_runs
from appliance.store.office import office_facts
from webui.visit import office, show, store, texts
from webui.wording import Words

pages: Final = Blueprint("lines", __name__, url_prefix="/lines")


@pages.get("")
def page() -> Response:
    """Every line with its lamp, and the hardware that was found."""
    t, facts, box = texts(), office_facts(store()), office().box
    return show(
        "lines.html",
        t=t,
        w=Words(t, times.now(), facts.country, facts.time_zone),
        text=times.to_text,
        lines=[
            (state, box.line_words(state.trouble, t.language) if box else str(state.trouble))
            for state in line_states(store())
        ],
        known=supervisor_runs(office().store_path.parent),
        hardware=[
            (found.german if t.language == "de" else found.english, found.is_good)
            for found in (box.hardware() if box else [])
        ],
    )
