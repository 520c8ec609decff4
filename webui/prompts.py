"""Prompts: what callers hear, where it comes from, and the office's own recordings, texts and music."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from textwrap import shorten
from typing import Final

from flask import Blueprint, Response, abort, request
from werkzeug.wrappers import Response as AnyResponse

from appliance.store import own_prompts, times, wishes
from appliance.store.changes import by_page, newest
from appliance.store.config_change import read_document
from appliance.store.liveness import supervisor_runs
from appliance.store.office import office_facts
from appliance.store.people import own_phone_first
from webui.box import Box, CannotSpeak
from webui.settings_form import happens, slug
from webui.texts import LANGUAGES, TEXTS, Texts
from webui.visit import go, office, refusal, say, show, store, texts, who
from webui.who_may import may_change_prompt
from webui.wording import Words

RECORD: Final = "record prompt"
MUSIC: Final = ("music-on-hold", "music")
KINDS: Final = ("greeting", "extra")
LONGEST_TEXT: Final = 800
LARGEST_UPLOAD_BYTES: Final = 24_000_000  # two minutes of 48 kHz stereo
LARGEST_TEXT_BYTES: Final = 16_384  # of a form with a text: an umlaut takes six
_SMALLEST_FAMILY: Final = 4
_LONGEST_TITLE: Final = 60  # in a sentence
_TOLD: Final = timedelta(minutes=10)  # so long the page says how recording by phone has ended

pages: Final = Blueprint("prompts", __name__, url_prefix="/prompts")


@dataclass(frozen=True, slots=True)
class Line:
    """One prompt in one language. `own` is the newest change, None when nobody ever changed it.

    `title` is what people call it. `built_in` is the sentence of the catalogue, '' for one of the office's
    own and for music.
    """

    key: str
    title: str
    language: str
    built_in: str
    source: str
    own: own_prompts.OwnPrompt | None

    @property
    def text(self) -> str:
        """What is said, as far as anybody has written it down."""
        return (self.own.text if self.own else "") or self.built_in

    @property
    def agent(self) -> str:
        """Whose own prompt it is, '' for one of the office's."""
        return own_prompts.agent_of(self.key)

    @property
    def origin(self) -> str:
        """Where the sound comes from, in a word of the texts: as `source`, or 'read', 'usual', 'none'."""
        if self.source == "own" and self.own and self.own.text:
            return "read"
        return self.source or ("usual" if self.agent else "none")

    @property
    def waits(self) -> bool:
        """Whether a change is not in force yet."""
        return self.own is not None and not self.own.in_force_at

    @property
    def has_own(self) -> bool:
        """Whether a sound of the office's own is what counts now."""
        return self.own is not None and self.own.has_sound

    @property
    def can_undo(self) -> bool:
        """Whether there is something to go back to."""
        return self.own is not None and (self.own.versions > 1 or self.own.has_sound)


@dataclass(frozen=True, slots=True)
class Family:
    """Prompts that differ by a number only, such as the hours of the day: the page shows them on a wish."""

    key: str
    count: int
    first: str
    last: str


@pages.before_request
def look_whose_it_is() -> Response | None:
    """An agent changes what he says himself, nothing else; he may hear every prompt."""
    key = (request.view_args or {}).get("key", "")
    if not key or request.endpoint == "prompts.sound" or may_change_prompt(who(), own_prompts.agent_of(key)):
        return None
    return refusal("error.may_not_prompt", 403)


@pages.get("")
def page() -> Response:
    """Every prompt in one language, or those in which a word stands, or a family of them."""
    box = _box()
    language = _language(request.args.get("of", "") or office_facts(store()).language)
    facts = office_facts(store())
    wanted = request.args.get("search", "")[:80].strip()
    family = "" if wanted else request.args.get("family", "")[:80]
    catalogue = box.prompt_texts()
    lines = _lines(box, [*(key for key in own_keys() if box.has_prompt(key, language)), *catalogue], language)
    mine = [line for each in LANGUAGES for line in _lines(box, _keys_of_agents(who().agent), each)]
    return show(
        "prompts.html",
        lines=_folded(lines, family, {each.key for each in mine})
        if not wanted
        else [
            line for line in lines if wanted.casefold() in f"{line.key} {line.title} {line.text}".casefold()
        ],
        music=_lines(box, MUSIC[:1], MUSIC[1])[0],
        mine=[] if wanted or family else mine,
        family=family,
        is_dialled=_is_dialled(who().agent),
        of=language,
        search=wanted,
        languages=LANGUAGES,
        kinds=KINDS,
        may_change=who().role == "admin",
        w=Words(texts(), times.now(), facts.country, facts.time_zone),
    )


@pages.post("/new")
def add() -> AnyResponse:
    """One more greeting, or sentence behind the choices: its page follows, on which it gets its sound."""
    _box()
    kind, name = request.form.get("kind", ""), request.form.get("name", "").strip()
    if kind not in KINDS or not name:
        return refusal("prompts.no_name", 400)
    return go(f"/prompts/{_language(request.form.get('of', ''))}/{kind}-{slug(name)}")


@pages.get("/<language>/<key>")
def one(language: str, key: str) -> Response:
    """One prompt: hear it, set another recording, see who changed it."""
    box = _box()
    _check(box, language, key)
    facts = office_facts(store())
    subject = f"prompt:{language}:{key}"
    agent = _names().get(own_prompts.agent_of(key), "")
    recording = wishes.newest(store(), RECORD, prompt=key, language=language)
    if recording and times.now() - times.from_text(recording.asked_at) > _TOLD:
        recording = None
    response = show(
        "prompt.html",
        line=_lines(box, [key], language)[0],
        agent=agent,
        is_dialled=_is_dialled(own_prompts.agent_of(key)),
        usual=box.prompt_texts()["agent-not-free"][language] if agent else "",
        suggestion=TEXTS[language]("prompts.agent_words", agent=agent) if agent else "",
        of=language,
        is_music=(key, language) == MUSIC,
        changes=list(reversed(newest(store(), 20, subject=subject))),
        phones=own_phone_first(store(), who().agent),
        recording=recording,
        voice=box.voice,
        voice_package=box.voice_package,
        longest_text=LONGEST_TEXT,
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
        samples = box.to_prompt(file.read(), key)
    except ValueError as error:
        reason = getattr(error, "reason", "not wav")
        return refusal(
            "upload.long_music" if (reason, key) == ("long", MUSIC[0]) else f"upload.{reason}", 400
        )
    own_prompts.set_sound(store(), key, language, samples, by_page(who().name), times.now())
    return _done("saved", language, key)


@pages.post("/<language>/<key>/speak")
def speak(language: str, key: str) -> AnyResponse:
    """Let the built-in voice read a text that somebody has written."""
    box = _box()
    _check(box, language, key)
    if (key, language) == MUSIC:
        abort(404)
    text = " ".join(request.form.get("text", "").split())
    if not text:
        return refusal("speaking.empty", 400)
    if len(text) > LONGEST_TEXT:
        return refusal("speaking.long", 400, most=LONGEST_TEXT)
    try:
        samples = box.speak(text, language)
    except CannotSpeak:
        key_of = "speaking.failed" if box.voice else "speaking.no_voice"
        return refusal(key_of, 400 if box.voice else 409, package=box.voice_package)
    own_prompts.set_sound(store(), key, language, samples, by_page(who().name), times.now(), text=text)
    return _done("saved", language, key)


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
    return _done("undone", language, key)


@pages.post("/<language>/<key>/built-in")
def built_in(language: str, key: str) -> AnyResponse:
    """Let callers hear the built-in voice again; the recording can be brought back by undo."""
    _check(_box(), language, key)
    own_prompts.set_sound(store(), key, language, None, by_page(who().name), times.now())
    return _done("built_in_again", language, key)


def own_keys() -> list[str]:
    """What an office may say besides the catalogue: greetings and sentences that are recorded, or wanted by a
    department, and for each agent who can be dialled directly what he says himself when he is not free."""
    wanted = [
        key
        for section in read_document(store()).get("department", [])
        for key in (section["greeting"], *section.get("extra_prompts", []))
    ]
    recorded = [key for (key, _), own in own_prompts.newest(store()).items() if own.has_sound]
    named = {key for key in (*wanted, *recorded) if key.startswith(tuple(f"{kind}-" for kind in KINDS))}
    dialled = store().execute("SELECT DISTINCT agent FROM numbers WHERE agent NOT NULL").fetchall()
    by_agents = {own_prompts.key_of_agent(agent) for (agent,) in dialled}
    return sorted(named) + sorted(by_agents | {key for key in recorded if own_prompts.agent_of(key)})


def _keys_of_agents(*agents: str) -> list[str]:
    return [own_prompts.key_of_agent(agent) for agent in agents if agent]


def _is_dialled(agent: str) -> bool:
    """Whether a number leads to this agent directly; else nobody hears what he says himself."""
    return bool(store().execute("SELECT 1 FROM numbers WHERE agent = ?", [agent]).fetchone())


def _folded(lines: list[Line], family: str, besides: Collection[str]) -> list[Line | Family]:
    """The lines of one family, or all lines but those `besides`, in which a family is one line.

    What the office has changed stands for itself.
    """
    if family:
        return [line for line in lines if _family(line.key) == family]
    sizes = Counter(_family(line.key) for line in lines)
    found: dict[str, Line | list[Line]] = {}
    for line in lines:
        name = _family(line.key)
        if line.key in besides:
            continue
        if not name or sizes[name] < _SMALLEST_FAMILY or line.own:
            found[line.key] = line
        if name and sizes[name] >= _SMALLEST_FAMILY:
            members = found.setdefault(f"{name}-", [])
            assert isinstance(members, list)
            members.append(line)
    return [
        each if isinstance(each, Line)
        else Family(key[:-1], len(each), each[0].built_in, each[-1].built_in)
        for key, each in found.items()
    ]  # fmt: skip


def _family(key: str) -> str:
    """The name of the family a prompt of the catalogue is in by its number, '' for none."""
    name, _, number = key.rpartition("-")
    return name if number.isdecimal() and not key.startswith(KINDS) else ""


def _names() -> dict[str, str]:
    """What the agents are called."""
    return dict(store().execute("SELECT name, title FROM agents").fetchall())


def _lines(box: Box, keys: Iterable[str], language: str) -> list[Line]:
    newest, sources, said = own_prompts.newest(store()), box.prompt_sources(), box.prompt_texts()
    agents = _names()
    found = []
    for key in keys:
        built_in = said.get(key, {}).get(language, "")
        source = sources[key, language] if built_in else box.prompt_source(key, language)
        title = _title(texts(), key, built_in, agents)
        found.append(Line(key, title, language, built_in, source, newest.get((key, language))))
    return found


def titles_of(keys: Iterable[str]) -> dict[str, str]:
    """What people call these prompts, short enough for a sentence."""
    box, agents = office().box, _names()
    said = box.prompt_texts() if box else {}
    titles = {key: _title(texts(), key, said.get(key, {}).get(texts().language, ""), agents) for key in keys}
    return {key: shorten(title, _LONGEST_TITLE, placeholder=" …") for key, title in titles.items()}


def _title(t: Texts, key: str, built_in: str, agents: Mapping[str, str]) -> str:
    """What people call a prompt: its sentence, or what it is for."""
    agent = own_prompts.agent_of(key)
    kind, _, name = key.partition("-")
    if built_in or key == MUSIC[0]:
        return built_in or t("prompts.music")
    if agent:
        return t("prompts.by_agent", agent=agents.get(agent, agent))
    return f"{t('prompts.own_' + kind)}: {name}"


def _box() -> Box:
    box = office().box
    if box is None:
        abort(404)
    return box


def _check(box: Box, language: str, key: str) -> None:
    if not box.has_prompt(key, language):
        abort(404)


def _language(wish: str) -> str:
    return wish if wish in LANGUAGES else LANGUAGES[0]


def is_heard(key: str, language: str) -> bool:
    """Whether callers hear the newest change; who has made it waits a moment for that."""

    def in_force() -> bool:
        own = own_prompts.newest(store()).get((key, language))
        return own is None or bool(own.in_force_at)

    return happens(in_force)


def _done(word: str, language: str, key: str) -> AnyResponse:
    say("prompts.in_force" if is_heard(key, language) else f"prompts.{word}", prompt=titles_of([key])[key])
    return _back(language, key)


def _back(language: str, key: str) -> AnyResponse:
    return go(f"/prompts/{language}/{key}")
