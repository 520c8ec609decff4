"""The story of a call in words: every step the code writes is worded."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.hotline.announcement import ANNOUNCEMENT_KEYS
from appliance.hotline.callback_numbers import Refusal
from appliance.hotline.callbacks import Result, State
from appliance.hotline.outcomes import Outcome
from appliance.store import callbacks, times
from appliance.telephony import dialog
from tests.web.visiting import Visitor, add_call, add_step, get, owe, words
from webui.texts import LANGUAGES, TEXTS

APPLIANCE = Path(dialog.__file__).parents[1]


def steps_in_python() -> set[str]:
    """The steps Python code writes: the texts where `note`, `add_step` or a `step=` take one.

    A constant's name stands for the texts in it.
    """
    nodes = [
        node for file in sorted(APPLIANCE.rglob("*.py")) for node in ast.walk(ast.parse(file.read_text()))
    ]
    constants = {
        node.targets[0].id: node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.isupper()
    }
    places = [place for node in nodes for place in step_places(node)]
    nodes = [node for place in places for node in ast.walk(place)]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    places += [constants[name] for name in names & constants.keys()]
    return {
        node.value
        for place in places
        for node in ast.walk(place)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def step_places(node: ast.AST) -> list[ast.expr]:
    """Where in this piece of code a step is written down."""
    if isinstance(node, ast.FunctionDef):
        defaults = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        return [default for argument, default in defaults if argument.arg == "step" and default]
    if not isinstance(node, ast.Call):
        return []
    places = [keyword.value for keyword in node.keywords if keyword.arg == "step"]
    called = ast.unparse(node.func)
    match called.rpartition(".")[2]:
        case "add_step":
            places.append(node.args[2])
        case "note":
            places.append(node.args[1 if "bookkeeper" in called else 0])
    return places


def test_every_step_the_code_writes_is_worded_and_no_other() -> None:
    dialplan = (APPLIANCE / "dialplan" / "extensions.conf").read_text()
    written = steps_in_python() | set(re.findall(r"CELGenUserEvent\(step,([^)]+)\)", dialplan))
    assert {"waits", "callback ordered", "agent did not answer", "message too short", "floor"} <= written
    for language in LANGUAGES:
        worded = {key.removeprefix("step.") for key in TEXTS[language].sentences if key.startswith("step.")}
        assert worded == written


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_result_and_refusal_is_worded(language: str) -> None:
    sentences = TEXTS[language].sentences
    assert {f"outcome.{outcome}" for outcome in Outcome} <= sentences.keys()
    failures = set(Result) - {Result.NOT_DIALLED, Result.TALKED}
    assert {f"result.{result}" for result in failures} <= sentences.keys()
    assert {f"refusal.{refusal}" for refusal in Refusal} <= sentences.keys()


def story_of(client: Visitor, db: Database, *steps: tuple[str, str], language: str = "de") -> str:
    """The story of a call with these steps, without the times."""
    add_call(db, "c1")
    for step, detail in steps:
        add_step(db, "c1", step, detail)
    return re.sub(r"\d\d:\d\d:\d\d ?", "", words(get(client, language), "call-c1")).partition("seit ")[2]


def test_what_a_waiting_caller_was_told_is_told_in_words(client: Visitor, db: Database) -> None:
    told = [
        ("told", "position-2 wait-5"),
        ("told", "wait-longer position-over-20 wait-over-10"),
        ("told", "wait-1"),
        ("told", "position-1 wait-under-1"),
        ("told", "juggling-3 {x}"),
    ]
    assert story_of(client, db, *told) == (
        "hörte: Platz 2, etwa 5 Minuten "
        "hörte: es dauert länger, weil weniger da sind, Platz über 20, mehr als 10 Minuten "
        "hörte: etwa eine Minute hörte: Platz 1, weniger als eine Minute hörte: juggling-3, {x}"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_announcement_is_left_as_its_prompt_key(client: Visitor, db: Database, language: str) -> None:
    story = story_of(client, db, ("told", " ".join(ANNOUNCEMENT_KEYS[:22])), language=language)
    assert not re.search(r"position-|wait-", story)
    add_step(db, "c1", "told", " ".join(ANNOUNCEMENT_KEYS[22:]))
    assert not re.search(r"(position|wait)-[\do]", words(get(client, language), "call-c1"))


def test_the_story_of_a_callback(client: Visitor, db: Database) -> None:
    steps = [
        ("callback promised", "+4917612345678"),
        ("calls again", "+4917612345678"),
        ("calls back", "anna"),
        ("callback failed", "not confirmed"),
        ("waited longer than promised", "7"),
        ("ticket", "4711"),
        ("ended", "callback cancelled"),
    ]
    assert story_of(client, db, *steps) == (
        "Rückruf versprochen an 0176 12345678 "
        "ruft noch einmal an und behält den Platz (0176 12345678) "
        "Anna Beck ruft zurück beim Rückruf nicht erreicht: niemand bestätigte mit der 1 "
        "wartete 7 min, länger als versprochen gab Ticket oder Kundennummer ein: 4711 "
        "Ende: Rückruf gestrichen"
    )


def test_a_call_that_is_over_and_owed_a_callback_says_so(client: Visitor, db: Database) -> None:
    add_call(db, "c1")
    callback = owe(db, "c1", "+4917612345678")
    assert "wird zurückgerufen" in words(get(client), "ended-c1")
    callbacks.close(db, callback, State.NOT_REACHED, times.now())
    assert "Ende: nicht erreicht" in words(get(client), "ended-c1")
