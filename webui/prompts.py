"""Prompts: what callers hear, where it comes from, and the office's own recordings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from flask import Blueprint, Response, abort, request
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import own_prompts, times, wishes
from appliance.store.changes import by_page, newest
from appliance.store.liveness import supervisor_runs
from appliance.store.office import office_facts
from appliance.store.people import own_phone_first
from webui.box import Box
from webui.texts import LANGUAGES
from webui.visit import go, office, refusal, say, show, store, texts, user, who
from webui.who_may import may_open
from webui.wording import Words

RECORD: Final = "record prompt"
_TOLD: Final = timedelta(minutes=10)  # so long the page says how recording by phone has ended
LARGEST_UPLOAD_BYTES: Final = 24_000_000  # two minutes of 48 kHz stereo

pages: Final = Blueprint("prompts", __name__, url_prefix="/prompts")


@dataclass(frozen=True, slots=True)
class Line:
    """One prompt in one language. `own` is the newest change, None when nobody ever changed it."""

    key: str
    text: str
    source: str
    own: own_prompts.OwnPrompt | None

    @property
    def waits(self) -> bool:
        """Whether a change is not in force yet."""
        return self.own is not None and not self.own.in_force_at

    @property
    def can_undo(self) -> bool:
        """Whether there is something to go back to."""
        return self.own is not None and (self.own.versions > 1 or self.own.has_sound)


@pages.get("")
def page() -> Response:
    """Every prompt in one language, or those in which a word stands."""
    box = _box()
    language = _language(request.args.get("of", "") or office_facts(store()).language)
    facts = office_facts(store())
    newest, sources = own_prompts.newest(store()), box.prompt_sources()
    wanted = request.args.get("search", "")[:80].strip()
    lines = [
        Line(key, said[language], sources.get((key, language), ""), newest.get((key, language)))
        for key, said in box.prompt_texts().items()
        if wanted.casefold() in f"{key} {said[language]}".casefold()
    ]
    return show(
        "prompts.html",
        lines=lines,
        of=language,
        search=wanted,
        languages=LANGUAGES,
        may_change=may_open(user(), "prompts.upload"),
        w=Words(texts(), times.now(), facts.country, facts.time_zone),
    )


@pages.get("/<language>/<key>")
def one(language: str, key: str) -> Response:
    """One prompt: hear it, set another recording, see who changed it."""
    box = _box()
    _check(box, language, key)
    facts = office_facts(store())
    subject = f"prompt:{language}:{key}"
    recording = wishes.newest(store(), RECORD, prompt=key, language=language)
    if recording and times.now() - times.from_text(recording.asked_at) > _TOLD:
        recording = None
    response = show(
        "prompt.html",
        line=Line(
            key,
            box.prompt_texts()[key][language],
            box.prompt_sources().get((key, language), ""),
            own_prompts.newest(store()).get((key, language)),
        ),
        of=language,
        changes=list(reversed(newest(store(), 20, subject=subject))),
        phones=own_phone_first(store(), who().agent),
        recording=recording,
        w=Words(texts(), times.now(), facts.country, facts.time_zone),
    )
    if recording and recording.answer is None:
        response.headers["Refresh"] = "2"
    return response


@pages.get("/<language>/<key>.wav")
def sound(language: str, key: str) -> Response:
    """What callers hear; with `?new`, the recording that is not in force yet."""
    box = _box()
    content: bytes | None = None
    if "new" in request.args:
        samples = own_prompts.sound(store(), key, language)
        content = box.as_wav(samples) if samples else None
    content = content or box.prompt_sound(key, language)
    if content is None:
        abort(404)
    return Response(content, mimetype="audio/wav")


@pages.post("/<language>/<key>")
def upload(language: str, key: str) -> AnyResponse:
    """Take over a recording, when it is one; else say what is wrong with the file and change nothing."""
    box = _box()
    _check(box, language, key)
    file = request.files.get("file")
    if file is None or not file.filename:
        return refusal("upload.none", 400)
    try:
        samples = box.to_prompt(file.read())
    except ValueError as error:
        return refusal(f"upload.{getattr(error, 'reason', 'not wav')}", 400)
    own_prompts.set_sound(store(), key, language, samples, by_page(who().name), times.now())
    say("prompts.saved", prompt=key)
    return _back(language, key)


@pages.post("/<language>/<key>/record")
def record(language: str, key: str) -> AnyResponse:
    """Let a desk phone ring; what is spoken there after the tone becomes the prompt."""
    _check(_box(), language, key)
    phone = request.form.get("phone", "")
    if phone not in {each["name"] for each in own_phone_first(store(), who().agent)}:
        return refusal("recording.no_phone", 400)
    if not supervisor_runs(office().store_path.parent):
        return refusal("recording.nobody_rings", 409)
    before = wishes.newest(store(), RECORD, prompt=key, language=language)
    if before is None or before.answer is not None:
        wishes.ask(
            store(), RECORD, by_page(who().name), times.now(), prompt=key, language=language, phone=phone
        )
    return _back(language, key)


@pages.post("/<language>/<key>/undo")
def undo(language: str, key: str) -> AnyResponse:
    """Go back to what was heard before the newest change."""
    _check(_box(), language, key)
    seen = request.form.get("seen", "")
    if not seen.isdecimal() or len(seen) > 15:
        abort(400)
    if not own_prompts.undo(store(), key, language, int(seen), by_page(who().name)):
        return refusal("prompts.changed_meanwhile", 409)
    say("prompts.undone", prompt=key)
    return _back(language, key)


@pages.post("/<language>/<key>/built-in")
def built_in(language: str, key: str) -> AnyResponse:
    """Let callers hear the built-in voice again; the recording can be brought back by undo."""
    _check(_box(), language, key)
    own_prompts.set_sound(store(), key, language, None, by_page(who().name), times.now())
    say("prompts.built_in_again", prompt=key)
    return _back(language, key)


def _box() -> Box:
    box = office().box
    if box is None:
        abort(404)
    return box


def _check(box: Box, language: str, key: str) -> None:
    if language not in LANGUAGES or key not in box.prompt_texts():
        abort(404)


def _language(wish: str) -> str:
    return wish if wish in LANGUAGES else LANGUAGES[0]


def _back(language: str, key: str) -> AnyResponse:
    return go(f"/prompts/{language}/{key}")
