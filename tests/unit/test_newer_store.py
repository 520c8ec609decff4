"""After going back to the version before, the store may have columns this one does not know."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.store import boxes, ledger, people, times, users
from appliance.store.config import export_config, import_config, read_config, write_config
from appliance.store.database import open_store
from appliance.store.office import card_devices, put_on_cards

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = (REPOSITORY / "appliance/config_example.toml").read_text("utf-8")


@pytest.fixture
def db(tmp_path: Path) -> Database:
    """The store of a newer version: each table has a column more, and an unknown migration is done."""
    newer = open_store(tmp_path / "freizeichen.db", durable=False)
    for table in newer.table_names():
        if "sqlite_" not in table:
            newer.execute(f"ALTER TABLE {table} ADD COLUMN of_tomorrow TEXT NOT NULL DEFAULT ''")
    newer.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
        " VALUES ('freizeichen', 'm999_of_tomorrow', '2030-01-01')"
    )
    newer.conn.commit()
    newer.close()
    return open_store(tmp_path / "freizeichen.db", durable=False)


def test_settings_are_saved_and_read(db: Database) -> None:
    config = read_config(EXAMPLE)
    import_config(db, config)
    assert write_config(export_config(db)) == write_config(config)
    import_config(db, config)  # which compares with what is there


def test_what_goes_on_is_written(db: Database) -> None:
    import_config(db, read_config(EXAMPLE))
    now = times.now()
    people.show_lamps(db, {"anna": "on"}, now)
    put_on_cards(db, {"desk_1": "DAHDI/1"})
    assert card_devices(db) == ["DAHDI/1"]
    boxes.begin_pairing(db, next(iter(export_config(db).agents)).name, now)
    ledger.move_cursor(db, "call records", "17")
    assert ledger.cursor(db, "call records") == "17"


def test_people_sign_in(db: Database) -> None:
    code = users.new_link(db, "first start", times.now() + timedelta(hours=1))
    assert users.link_user(db, "first start", code, times.now()) == ""
    users.make_first_admin(db, "ada", "a long password")
    token = users.begin_session(db, "ada", times.now())
    assert users.session_user(db, token, times.now()) == users.User("ada", "admin", "")
    assert users.page_secret(db) == users.page_secret(db)


def test_no_row_is_written_without_the_names_of_its_columns() -> None:
    nameless = re.compile(r"INSERT\s+(OR\s+\w+\s+)?INTO\s+\w+\s+(VALUES|SELECT)\b")
    assert nameless.search("INSERT OR REPLACE INTO lamps\n  VALUES (?)")
    for package in ("appliance", "webui"):
        for file in (REPOSITORY / package).rglob("*.py"):
            assert not nameless.search(file.read_text("utf-8")), file
