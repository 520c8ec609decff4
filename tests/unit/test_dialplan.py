"""What dialog and floor agree on: the names of the steps, and the prompts both play."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from pathlib import Path

from appliance import house
from appliance.hotline.announcement import ANNOUNCEMENT_KEYS
from appliance.hotline.callback_numbers import Refusal
from appliance.hotline.menu import MENU_PROMPTS
from appliance.hotline.night import NIGHT_MODES
from appliance.hotline.presence import Presence
from appliance.hotline.reopening import REOPENING_KEYS
from appliance.store import people, times
from appliance.store.database import open_store
from appliance.telephony import asking, callback_call, dialog, on_call_ring, record_call
from appliance.telephony.box import DIALPLAN
from appliance.telephony.prompts.catalogue import load_catalogue
from tests.unit.seed import seeded_store

FLOOR = DIALPLAN.read_text()
DIALOGS = [
    Path(module.__file__).read_text()
    for module in (dialog, asking, callback_call, on_call_ring, record_call, house)
]

# What no dialog names: a department's own greeting and extra prompts, and what is made of values.
BY_SETTING = {"greeting", "try-later"}
BY_VALUE = {
    *ANNOUNCEMENT_KEYS,
    *MENU_PROMPTS,
    *REOPENING_KEYS,
    *(f"press-{key}" for key in range(1, 10)),
    *(f"callback-refused-{refusal}" for refusal in Refusal if refusal is not Refusal.NO_NUMBER),
    *(f"digit-{digit}" for digit in range(10)),
    *(f"waited-{minutes}" for minutes in range(2, dialog._LONGEST_WAIT_SPOKEN + 1)),
    f"waited-over-{dialog._LONGEST_WAIT_SPOKEN}",
}


def context(name: str) -> str:
    found = re.search(rf"^\[{name}\]\n(.*?)(?=^\[|\Z)", FLOOR, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def strings(source: str, of: str = "") -> set[str]:
    """Every text in a module's code; with `of`, only those in the arguments of calls of this method."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if of and not (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == of):
            continue
        found |= {
            part.value
            for part in ast.walk(node)
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        }
    return found


def test_the_floor_knows_every_step_a_caller_can_have_reached() -> None:
    steps = {step for source in DIALOGS for step in strings(source, of="reaches")}
    steps |= set(re.findall(r"Set\(STEP=(\w+)\)", FLOOR))
    assert {"greeted", "waiting", "ringing", "talked", "message", "recording", "promised", "done"} <= steps
    steps.remove("done")  # handled before the floor
    extensions = set(re.findall(r"^exten => ([a-z]+),1,", context("floor"), re.MULTILINE))
    assert steps <= extensions


def test_every_goto_of_the_floor_leads_somewhere() -> None:
    extensions = set(re.findall(r"^exten => ([a-z]+),1,", context("floor"), re.MULTILINE))
    targets = set(re.findall(r"(?:Goto\(|\?)([a-z]+),1\)", context("floor")))
    assert targets <= extensions


def test_whatever_a_phone_has_dialled_ends_where_a_caller_handed_over_to_it_goes_back() -> None:
    """With a REFER an agent may leave his caller in any of these, also at a code."""
    for name in ("presence", "night", "web-address", "emergency"):
        assert "Hangup()" not in context(name)
        assert "Goto(over,s,1)" in context(name)
    end = context("over")
    assert end.index("?internal,returns,1)") < end.index("Wait(0.3)") < end.rindex("?internal,returns,1)")
    assert end.rindex("?internal,returns,1)") < end.index("Hangup()")


def test_every_prompt_is_played_by_somebody_and_every_played_prompt_exists() -> None:
    catalogue = set(load_catalogue())
    named = r"[a-z-]*[a-z]"
    by_floor = set(re.findall(rf"Playback\(\$\{{PROMPTS\}}/({named})\)", FLOOR))
    by_floor |= set(re.findall(rf"Read\(\w+,\$\{{PROMPTS\}}/({named}),", FLOOR))
    by_floor |= set(re.findall(rf"[,(&]\$\{{PROMPTS\}}/({named})[&,$]", FLOOR))  # one of several
    by_floor |= set(re.findall(rf"Gosub\(word,1\(({named})\)\)", FLOOR))
    by_floor |= {f"presence-{state}" for state in Presence}  # presence-${ARG1}
    by_floor |= {f"night-mode-{mode}" for mode in NIGHT_MODES}  # night-mode-${WANTED}
    assert by_floor <= catalogue
    by_dialog = {text for source in DIALOGS for text in strings(source) if text in catalogue}
    by_dialog |= {"connecting"}  # the music class connecting-de, whose one sound it is
    assert catalogue >= BY_VALUE
    assert catalogue == by_floor | by_dialog | BY_SETTING | BY_VALUE
    heard = {text for source in DIALOGS for text in strings(source, of="hears")}
    assert {text for text in heard if "-" in text and not text.endswith("-")} <= catalogue


def test_caller_given_text_is_never_evaluated_in_the_dialplan() -> None:
    """Names and numbers of callers are not mentioned at all, except to overwrite them."""
    code = "\n".join(line.split(";")[0] for line in FLOOR.splitlines())
    assert re.findall(r"\$\{CALLERID", code) == []
    assert "EVAL(" not in code
    assert "SHELL(" not in code
    assert code.count("${EXTEN}") == code.count("${FILTER(0-9+,${EXTEN})}") > 0
    for command in re.findall(r"System\((.*?)\)\n", code):
        assert set(re.findall(r"\$\{(\w+)", command)) <= {"RECORDINGS", "CALL_RECORDS", "RECORDING"}


def test_what_the_floor_reads_is_true_at_once(tmp_path: Path) -> None:
    db = seeded_store(tmp_path / "store.db")
    asterisk = open_store(tmp_path / "store.db")

    def floor() -> tuple[object, ...]:
        return tuple(
            asterisk.execute(
                "SELECT department, opening, present FROM floor WHERE department = 'office'"
            ).fetchone()
        )

    assert floor() == ("office", "open", 1)
    db.execute("UPDATE presence SET state = 'away' WHERE agent = 'anna'")
    assert floor() == ("office", "open", 0)
    people.set_presence(db, "anna", Presence.AVAILABLE, "button", times.now())
    assert floor() == ("office", "open", 1)
    people.set_wrap_up(db, "anna", times.now() + timedelta(minutes=1))
    assert floor() == ("office", "open", 1), "present, though not to be rung"
    row = "INSERT INTO schedule (department, at, state) VALUES"
    paused = asterisk.execute("SELECT paused FROM queue_members WHERE queue_name = 'office'").fetchone()
    assert paused == (1,)
    db.execute(f"{row} ('office', '2020-01-01T00:00:00.000Z', 'closed')")
    assert floor()[1] == "closed"
    db.execute(f"{row} ('office', '2020-01-02T00:00:00.000Z', 'open')")
    db.execute(f"{row} ('office', '2999-01-01T00:00:00.000Z', 'closed')")
    assert floor()[1] == "open"
    db.execute("UPDATE night_switch SET mode = 'night'")
    assert floor()[1] == "closed"


def test_a_phone_code_says_since_when_and_why(tmp_path: Path) -> None:
    db = seeded_store(tmp_path / "store.db")
    db.execute("UPDATE presence SET state = 'away' WHERE agent = 'anna'")
    state, reason, since = db.execute(
        "SELECT state, reason, since FROM presence WHERE agent = 'anna'"
    ).fetchone()
    assert (state, reason) == ("away", "phone code")
    assert since > "2020-01-01T08:00:00.000Z"
