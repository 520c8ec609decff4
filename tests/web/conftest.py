"""An office for the page, and visitors of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.store.database import open_store
from tests.unit.seed import NEW_DEPARTMENT, NEW_OFFICE
from tests.web.set_up_office import SetUpOffice, set_up_office
from tests.web.visiting import Visitor, lamp, session_cookie, visitor
from webui import create_app, serve


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    """A small office whose supervisor has just shown its lamps."""
    db = open_store(path, durable=False)
    with db.conn:
        db.execute(f"{NEW_OFFICE} (1, 'Kanzlei Weiß', 'de', 'DE', '0931', 'Europe/Berlin', 90)")
        for name, title in (("front", "Empfang"), ("support", "Technik")):
            db.execute(
                f"{NEW_DEPARTMENT} (?, ?, 'de', ?, 'greeting', 0, 20, 10, 120)",
                [name, title, f"{name}@example.org"],
            )
        for number, department in (("+4993155510", "front"), ("+4993155511", "support")):
            db.execute("INSERT INTO numbers (number, department) VALUES (?, ?)", [number, department])
        for name, title, extension in (("anna", "Anna Beck", "21"), ("bob", "Bob Öz", "22")):
            db.execute("INSERT INTO phones VALUES (?, ?, 'secret')", [f"desk-{name}", extension])
            db.execute("INSERT INTO agents VALUES (?, ?, ?)", [name, title, f"desk-{name}"])
            db.execute("INSERT INTO serves VALUES (?, 'front')", [name])
        db.execute("INSERT INTO presence (agent, state, reason) VALUES ('anna', 'available', 'button')")
        db.execute("INSERT INTO presence (agent, state, reason) VALUES ('bob', 'away', 'no answer')")
    lamp(db, "supervisor", "green")
    lamp(db, "asterisk", "green")
    lamp(db, "agent:anna", "green")
    lamp(db, "agent:bob", "amber blinking")
    lamp(db, "night", "off")
    lamp(db, "message", "on")
    lamp(db, "callback", "off")
    lamp(db, "line:1", "red")
    yield db
    db.close()


@pytest.fixture
def client(path: Path, db: Database) -> Visitor:
    """The admin's browser."""
    client = visitor(create_app(path))
    client.sign_in(db, "ada")
    return client


@pytest.fixture
def port(path: Path, db: Database) -> Iterator[int]:  # noqa: ARG001 - the office is there
    """The page behind a real server."""
    server = serve(create_app(path))
    yield server.port
    server.close()


@pytest.fixture
def cookie(client: Visitor) -> str:
    """The admin's session, as a browser sends it."""
    return session_cookie(client)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[SetUpOffice]:
    """An office that is set up as the example says, for tests of forms."""
    office = set_up_office(tmp_path)
    yield office
    office.db.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[SetUpOffice]:
    """An office in which nothing is set up yet."""
    office = set_up_office(tmp_path, empty=True)
    yield office
    office.db.close()
