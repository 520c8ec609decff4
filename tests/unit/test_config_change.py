"""Changing a part of the settings: all of it right or nothing changed, and how far a change has come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.store import config_change, times
from appliance.store.changes import by_page
from appliance.store.config import ConfigError, import_config, read_config
from appliance.store.config_change import (
    Document,
    change,
    digest,
    not_in_force,
    note_in_force,
    note_refused,
    read_document,
    standing,
    write_numbers_whole,
)
from appliance.store.database import open_store

EXAMPLE = Path(__file__).parents[2] / "appliance" / "config_example.toml"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """The example's office, with the rota that stands in its comments."""
    text, rota = EXAMPLE.read_text("utf-8").split("# [[rota]]")
    db = open_store(tmp_path / "store.db", durable=False)
    rota = rota.replace("\n# ", "\n")
    import_config(db, read_config(f"{text}[[rota]]{rota}"))
    yield db
    db.close()


def save(db: Database, **settings: object) -> None:
    """Somebody changes the first department."""

    def edit(document: Document) -> None:
        document["department"][0] |= settings

    change(db, edit, by_page("ada"))


def test_a_document_means_what_the_store_holds(db: Database) -> None:
    before = read_document(db)
    assert set(before) == {"office", "mail", "transfer", "department", "block", "phone", "agent", "rota"}
    change(db, lambda _document: None, by_page("ada"))
    assert read_document(db) == before
    change(db, lambda document: write_numbers_whole(db, document), by_page("ada"))
    assert read_document(db) == before


def test_what_cannot_be_changes_nothing_and_says_where(db: Database) -> None:
    before = read_document(db)
    with pytest.raises(ConfigError) as refused:
        save(db, title="", hours={"mon": "8"}, numbers=["0931 55520", "x"])
    paths = {problem.path for problem in refused.value.problems}
    assert ("department", 0, "title") in paths
    assert ("department", 0, "hours", "mon") in paths
    assert ("department", 0, "numbers", 1) in paths
    taken = next(problem for problem in refused.value.problems if problem.code == "twice")
    assert (taken.path, taken.values["where"]) == (("department", 1, "numbers", 0), '"support"')
    assert read_document(db) == before
    assert db.execute("SELECT count(*) FROM changes").fetchone()[0] == 1, "that it was set up"


def test_a_secret_is_in_no_problem(db: Database) -> None:
    def edit(document: Document) -> None:
        document["phone"][0]["secret"] = "kurz!"

    with pytest.raises(ConfigError) as refused:
        change(db, edit, by_page("ada"))
    assert "kurz!" not in repr(refused.value.problems)


def test_a_digest_is_another_one_whenever_something_differs() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert len({digest(part) for part in (None, {}, {"a": 1}, {"a": "1"}, {"a": [1]})}) == 5


def test_a_change_is_in_force_when_that_is_noted_and_never_by_an_older_one(db: Database) -> None:
    first = not_in_force(db)
    note_in_force(db, first, times.now())
    assert (not_in_force(db), standing(db).refused) == (0, "")
    save(db, title="Hilfe")
    assert standing(db).in_force_at is None
    note_in_force(db, first, times.now())
    note_refused(db, first, "phone desk_1")
    assert standing(db).in_force_at is None, "what came into force was the one before"
    second = not_in_force(db)
    note_refused(db, second, "phone desk_1")
    assert (not_in_force(db), standing(db).refused) == (0, "phone desk_1")
    save(db, title="Technik")
    assert (not_in_force(db), standing(db).refused) == (second + 1, "")


def test_nothing_set_up_is_an_empty_document(tmp_path: Path) -> None:
    db = open_store(tmp_path / "empty.db", durable=False)
    assert read_document(db) == {}
    assert not_in_force(db) == 0
    assert config_change.standing(db).saved_at is None
    db.close()
