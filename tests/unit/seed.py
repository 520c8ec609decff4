"""A small office straight in the store, for tests of what works on it."""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database

from appliance.store.database import open_store

# What a row must say; everything else has a default.
NEW_OFFICE = "INSERT INTO office (id, name, language, country, area_code, time_zone, retention_days) VALUES"
NEW_DEPARTMENT = (
    "INSERT INTO departments (name, title, language, mailbox, greeting, always_open, "
    "ring_seconds, wrap_up_seconds, message_seconds) VALUES"
)

_SEED = f"""
{NEW_OFFICE} (1, 'Musterbüro', 'de', 'DE', '931', 'Europe/Berlin', 90);
{NEW_DEPARTMENT}
  ('support', 'Technik', 'de', 't@x.example', 'greeting', 1, 20, 5, 60),
  ('office', 'Office', 'en', 'o@x.example', 'greeting', 0, 20, 0, 60);
INSERT INTO numbers (number, department) VALUES ('+4993155510', 'support'), ('+4993155520', 'office');
INSERT INTO dialled_forms VALUES ('093155510', '+4993155510'), ('093155520', '+4993155520');
INSERT INTO phones VALUES ('desk_1', '21', 'geheim-1234'), ('desk_2', '22', 'geheim-1234');
INSERT INTO agents VALUES ('anna', 'Anna Berg', 'desk_1'), ('bert', 'Bert Blum', 'desk_2');
INSERT INTO serves VALUES ('anna', 'support'), ('bert', 'support'), ('anna', 'office');
INSERT INTO speaks VALUES ('anna', 'de'), ('anna', 'en'), ('bert', 'de');
INSERT INTO presence (agent, state, since) VALUES
  ('anna', 'available', '2020-01-01T08:00:00.000Z'),
  ('bert', 'available', '2020-01-01T07:00:00.000Z');
"""


def seeded_store(path: Path) -> Database:
    """Department support (anna, bert) and office (anna), everybody available; one number each."""
    db = open_store(path)
    for statement in _SEED.split(";\n"):
        if statement.strip():
            db.execute(statement)
    return db
