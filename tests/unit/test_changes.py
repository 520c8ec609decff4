"""Who changed what: every way to change something leaves one row; undoing is checked like any change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.store import boxes, changes, night, own_prompts, people, times, users
from appliance.store.changes import BY_COMMAND, BY_PANEL, SECRET, Author, Difference, by_page
from appliance.store.config import export_config, import_config, read_config
from appliance.store.database import open_store
from appliance.store.undoing import CannotUndo, can_undo, undo

EXAMPLE = Path(__file__).parents[2] / "appliance" / "config_example.toml"
ADA = by_page("ada")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """The example's office."""
    db = open_store(tmp_path / "store.db", durable=False)
    import_config(db, read_config(EXAMPLE.read_text("utf-8")))
    yield db
    db.close()


def last(db: Database) -> changes.Change:
    return changes.newest(db, 1)[0]


def take_back(db: Database, number: int, by: Author = ADA) -> None:
    undo(db, number, by, times.now())


def refusal(db: Database, number: int) -> CannotUndo:
    before = list(db.query("SELECT * FROM changes")), export_config(db), users.users(db)
    with pytest.raises(CannotUndo) as error:
        take_back(db, number)
    assert (list(db.query("SELECT * FROM changes")), export_config(db), users.users(db)) == before
    return error.value


def retitle(db: Database, title: str) -> int:
    config = export_config(db)
    first = replace(config.departments[0], title=title)
    import_config(db, replace(config, departments=(first, *config.departments[1:])), ADA)
    return last(db).id


def test_the_first_setup_is_one_row_and_stays(db: Database) -> None:
    found = last(db)
    assert (found.by, found.subject) == (BY_COMMAND, "setup")
    assert found.differences == (Difference(("setup",), None, "Musterbüro"),)
    assert not can_undo(found)
    assert refusal(db, found.id).reason == "first"


def test_a_setup_that_changes_nothing_leaves_no_row(db: Database) -> None:
    number = last(db).id
    import_config(db, export_config(db), ADA)
    assert last(db).id == number


def test_a_setting_is_named_with_before_and_after_and_comes_back(db: Database) -> None:
    before = export_config(db)
    number = retitle(db, "Hilfe")
    assert last(db).by == ADA
    assert last(db).differences == (Difference(("department", "support", "title"), "Technik", "Hilfe"),)
    take_back(db, number)
    assert export_config(db) == before
    assert last(db).undoes == number
    undone = changes.change(db, number)
    assert undone
    assert undone.undone
    assert refusal(db, number).reason == "undone already"
    take_back(db, last(db).id)  # and an undoing can be undone
    assert export_config(db).departments[0].title == "Hilfe"


def test_what_was_changed_again_is_not_undone(db: Database) -> None:
    number = retitle(db, "Hilfe")
    retitle(db, "Rat und Hilfe")
    assert refusal(db, number).reason == "changed since"


def test_an_agent_who_was_removed_comes_back_unless_it_no_longer_fits(db: Database) -> None:
    config = export_config(db)
    gone = config.agents[-1]
    import_config(db, replace(config, agents=config.agents[:-1], rotas=()), ADA)
    number = last(db).id
    take_back(db, number)
    assert export_config(db).agents == config.agents
    import_config(db, replace(config, agents=config.agents[:-1], rotas=()), ADA)
    number = last(db).id
    shrunk = export_config(db)
    other = replace(shrunk.agents[0], phone=gone.phone)
    import_config(db, replace(shrunk, agents=(other, *shrunk.agents[1:])), ADA)
    refused = refusal(db, number)
    assert refused.reason == "does not fit"
    assert refused.details["en"][0].startswith(f"agent.{gone.name}.phone: ")
    assert "line" not in refused.details["en"][0]


def test_secrets_are_masked_and_do_not_come_back(db: Database) -> None:
    config = export_config(db)
    phone = replace(config.phones[0], secret="ein-ganz-anderes-9")
    mail = replace(config.mail, password="streng geheim")
    import_config(db, replace(config, phones=(phone, *config.phones[1:]), mail=mail), ADA)
    found = last(db)
    assert Difference(("phone", phone.name, "secret"), SECRET, SECRET) in found.differences
    assert found.differences[0].path == ("mail", "password")
    assert found.differences[0].after == SECRET
    kept = db.execute("SELECT group_concat(differences) FROM changes").fetchone()[0]
    for secret in ("streng geheim", "ein-ganz-anderes-9", config.phones[0].secret):
        assert secret not in kept
    assert not can_undo(found)
    assert refusal(db, found.id).reason == "secret"


def test_the_night_switch_by_page_panel_and_command(db: Database) -> None:
    for by, mode in ((ADA, "night"), (BY_PANEL, "day"), (BY_COMMAND, "auto"), (ADA, "auto")):
        night.set_night_mode(db, mode, by, times.now())
    found = changes.newest(db, 10, subject="night")
    assert [(each.by, each.differences[0].before, each.differences[0].after) for each in found] == [
        (BY_COMMAND, "day", "auto"),
        (BY_PANEL, "night", "day"),
        (ADA, "auto", "night"),
    ]
    assert refusal(db, found[1].id).reason == "changed since"
    take_back(db, found[0].id)
    assert night.night_mode(db) == "day"


def test_the_night_switch_by_phone_code_as_the_dialplan_writes_it(db: Database) -> None:
    with db.conn:
        db.execute("UPDATE night_switch SET mode = 'night' WHERE id = 1")
    assert last(db).by == Author("", "phone")
    with db.conn:
        db.execute("UPDATE night_switch SET changed_by = 'phone desk_1' WHERE id = 1")
    assert last(db).by == Author("desk_1", "phone")
    assert last(db).differences == (Difference(("night",), "auto", "night"),)
    take_back(db, last(db).id)
    assert night.night_mode(db) == "auto"
    assert last(db).by == ADA


def test_users_made_changed_and_removed(db: Database) -> None:
    users.set_user(db, "ada", "admin")
    users.set_user(db, "bob", "agent", "bert", ADA)
    made = last(db).id
    users.set_user(db, "Bob", "admin", "bert", ADA)
    assert last(db).differences == (Difference(("user", "bob", "role"), "agent", "admin"),)
    take_back(db, last(db).id)
    assert users.user(db, "bob") == users.User("bob", "agent", "bert")
    users.remove_user(db, "bob", ADA)
    take_back(db, last(db).id)
    assert users.user(db, "bob") == users.User("bob", "agent", "bert")
    take_back(db, made)
    assert users.user(db, "bob") is None


def test_a_password_is_noted_and_never_kept(db: Database) -> None:
    users.make_first_admin(db, "ada", "kurz und gut")
    assert last(db).differences == (Difference(("user", "ada", "password"), SECRET, SECRET),)
    assert last(db).by == ADA
    assert refusal(db, last(db).id).reason == "secret"
    assert "kurz und gut" not in repr(list(db.query("SELECT * FROM changes")))


def test_the_last_admin_stays_and_nobody_undoes_himself(db: Database) -> None:
    users.set_user(db, "ada", "agent")
    users.set_user(db, "ada", "admin")
    assert refusal(db, last(db).id).reason == "last admin"
    users.set_user(db, "eve", "admin")
    users.set_user(db, "bob", "admin")
    made = last(db).id
    with pytest.raises(CannotUndo, match="yourself"):
        take_back(db, made, by_page("Bob"))


def test_a_recording_is_undone_once_and_only_the_newest(db: Database) -> None:
    own_prompts.set_sound(db, "greeting", "de", b"one", ADA, times.now())
    first = last(db)
    own_prompts.set_sound(db, "greeting", "de", b"two", ADA, times.now())
    second = last(db)
    assert first.differences == (Difference(("prompt", "de", "greeting"), "built in", "own"),)
    assert refusal(db, first.id).reason == "changed since"
    take_back(db, second.id)
    assert own_prompts.sound(db, "greeting", "de") == b"one"
    take_back(db, first.id)
    assert own_prompts.sound(db, "greeting", "de") is None
    assert not can_undo(last(db))
    own_prompts.set_sound(db, "greeting", "de", b"three", ADA, times.now())
    third = last(db)
    newest = own_prompts.newest(db)["greeting", "de"]
    assert own_prompts.undo(db, "greeting", "de", newest.id, ADA)  # the prompt's own page does the same
    undone = changes.change(db, third.id)
    assert undone
    assert undone.undone


def test_a_change_that_is_gone_and_changes_that_are_old(db: Database) -> None:
    retitle(db, "Hilfe")
    assert refusal(db, 10**6).reason == "gone"
    changes.forget(db, times.now())
    assert changes.newest(db, 10) == []
    assert people.agents(db)


def test_a_box_is_whose_it_was_again(db: Database) -> None:
    boxes.note_there(db, "0a0a", "/dev/x", "1", times.now())
    boxes.pair(db, "0a0a", "anna")
    paired = last(db).id
    take_back(db, paired)
    assert boxes.all_boxes(db)[0].agent == ""
    assert last(db).undoes == paired
    assert refusal(db, paired).reason == "undone already"


def test_a_box_that_is_somebody_elses_by_now_stays_that(db: Database) -> None:
    boxes.note_there(db, "0a0a", "/dev/x", "1", times.now())
    boxes.pair(db, "0a0a", "anna")
    paired = last(db).id
    boxes.pair(db, "0a0a", "bert")
    assert refusal(db, paired).reason == "changed since"
    unpaired = last(db).id
    with db.conn:
        db.execute("DELETE FROM agents WHERE name = 'anna'")
    assert refusal(db, unpaired).reason == "changed since", "it was of somebody who is not here any more"
