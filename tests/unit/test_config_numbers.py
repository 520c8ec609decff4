"""Numbers, blocks with extensions and the one menu: what is taken over, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.store import people
from appliance.store.config import ConfigError, export_config, import_config, read_config, write_config
from appliance.store.database import open_store
from appliance.store.office import number_of

OFFICE = """\
[office]
name = "Musterbüro"
area_code = "0931"
[mail]
host = "127.0.0.1"
sender = "hotline@musterbuero.example"
[[department]]
name = "main"
title = "Zentrale"
mailbox = "zentrale@musterbuero.example"
menu = { 1 = "support", 2 = "accounting" }
hours = "always"
[[department]]
name = "support"
title = "Technik"
mailbox = "technik@musterbuero.example"
numbers = ["0931 555-10"]
hours = "always"
[[department]]
name = "accounting"
title = "Buchhaltung"
mailbox = "b@musterbuero.example"
hours = "always"
[[block]]
number = "0931 555"
department = "main"
[[phone]]
name = "desk_1"
extension = "21"
secret = "secret-of-desk-1"
[[phone]]
name = "desk_2"
extension = "10"
secret = "secret-of-desk-2"
[[agent]]
name = "anna"
title = "Anna Berger"
phone = "desk_1"
departments = ["accounting", "support"]
[[agent]]
name = "bert"
title = "Bert"
phone = "desk_2"
departments = ["main"]
"""


def changed(old: str, new: str) -> str:
    assert old in OFFICE
    return OFFICE.replace(old, new, 1)


def test_every_number_leads_somewhere(tmp_path: Path) -> None:
    db = open_store(tmp_path / "store.db")
    import_config(db, read_config(OFFICE))
    found = {
        row["dialled"]: (row["department"], row["agent"]) for row in db.query("SELECT * FROM destinations")
    }
    assert found["0931555"] == ("main", "")
    assert found["09315550"] == ("main", "")
    assert found["093155521"] == found["55521"] == found["+4993155521"] == ("accounting", "anna")
    assert found["21"] == ("accounting", "anna"), "for a line that delivers nothing but the extension"
    assert found["093155510"] == ("support", ""), "what a department claims is not an extension"
    assert "093155599" not in found, "that is the dialplan's loop"
    blocks = {row["dialled"]: row["department"] for row in db.query("SELECT * FROM block_destinations")}
    assert set(blocks.values()) == {"main"}
    assert {"0931555", "+49931555"} <= blocks.keys()
    assert number_of(db, "support") == "+4993155510"
    assert number_of(db, "main") == "+49931555"
    assert number_of(db, "accounting") == "+4993155510", "one that can be called back"


def test_every_agent_serves_the_main_number_and_the_file_stays_as_it_was(tmp_path: Path) -> None:
    db = open_store(tmp_path / "store.db")
    config = read_config(OFFICE)
    import_config(db, config)
    served = {agent.name: agent.departments for agent in people.agents(db)}
    assert served == {"anna": {"accounting", "support", "main"}, "bert": {"main"}}
    assert export_config(db) == config
    assert read_config(write_config(config)) == config


MENU = 'menu = { 1 = "support", 2 = "accounting" }'
MENU_FIELD = "department.main.menu"


@pytest.mark.parametrize(
    ("old", "new", "code", "field"),
    [
        (MENU, 'menu = { 1 = "support" }', "menu size", MENU_FIELD),
        (MENU, 'menu = { 0 = "support", 2 = "accounting" }', "menu key", f"{MENU_FIELD}.0"),
        (MENU, 'menu = { 12 = "support", 2 = "accounting" }', "menu key", f"{MENU_FIELD}.12"),
        (MENU, 'menu = { 1 = 5, 2 = "accounting" }', "not text", f"{MENU_FIELD}.1"),
        (MENU, 'menu = ["support", "accounting"]', "not entries", MENU_FIELD),
        (MENU, 'menu = { 1 = "suport", 2 = "accounting" }', "no such department", f"{MENU_FIELD}.1"),
        (MENU, 'menu = { 1 = "support", 2 = "support", 3 = "accounting" }', "menu twice", f"{MENU_FIELD}.2"),
        (
            MENU,
            'menu = { 1 = "support", 2 = "main", 3 = "accounting" }',
            *("menu to itself", f"{MENU_FIELD}.2"),
        ),
        ('name = "accounting"', 'name = "xy"', "no such department", f"{MENU_FIELD}.2"),
        (
            'title = "Technik"',
            'title = "T"\nmenu_prompt = "."',
            "not a name",
            "department.support.menu_prompt",
        ),
        ('numbers = ["0931 555-10"]', 'numbers = ["0931 555"]', "twice", "block.1.number"),
        ('department = "main"', 'department = "mian"', "no such department", "block.1.department"),
        ('number = "0931 555"', 'number = "abc"', "telephone number", "block.1.number"),
        ('number = "0931 555"', "", "missing", "block.1.number"),
        ('number = "0931 555"', 'number = "0931 555555555"', "block too long", "block.1.number"),
        ('number = "0931 555"', 'number = "0931 555"\nfirst = "10"', "unknown", "block.1.first"),
    ],
)
def test_one_mistake_is_one_problem(old: str, new: str, code: str, field: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_config(changed(old, new))
    assert (code, field) in [(problem.code, problem.field) for problem in refused.value.problems]


def test_a_second_level_is_refused_with_the_reason() -> None:
    second = changed('title = "Technik"', 'title = "T"\nmenu = { 1 = "main", 2 = "accounting" }')
    with pytest.raises(ConfigError) as refused:
        read_config(second)
    problems = refused.value.problems
    assert [(problem.code, problem.field) for problem in problems] == [
        ("second level", "department.main.menu.1"),
        ("second level", "department.support.menu.1"),
    ], "a circle of two departments is one, too"
    assert "There is only one level" in problems[0].text("en")
    assert "nur eine Ebene" in problems[0].text("de")


def test_nobody_remembers_five_choices() -> None:
    choices = ", ".join(f'{key} = "support"' for key in range(1, 6))
    with pytest.raises(ConfigError) as refused:
        read_config(changed(MENU, f"menu = {{ {choices} }}"))
    first = refused.value.problems[0]
    assert (first.code, first.field) == ("menu size", MENU_FIELD)


def test_a_department_in_no_menu_needs_a_number() -> None:
    with pytest.raises(ConfigError) as refused:
        read_config(changed(MENU, 'menu = { 1 = "support", 2 = "bert" }').replace('"bert" }', '"support" }'))
    codes = {(problem.code, problem.field) for problem in refused.value.problems}
    assert ("department without number", "department.accounting.numbers") in codes


def test_a_department_our_voice_cannot_announce_needs_a_prompt() -> None:
    office = OFFICE.replace('"accounting"', '"xenology"')
    with pytest.raises(ConfigError) as refused:
        read_config(office)
    (problem,) = refused.value.problems
    assert (problem.code, problem.field) == ("menu prompt", "department.main.menu.2")
    assert "menu-sales" in problem.text("de")
    named = office.replace('title = "Buchhaltung"', 'title = "B"\nmenu_prompt = "menu-xenology"')
    assert read_config(named).departments[2].menu_prompt == "menu-xenology"
