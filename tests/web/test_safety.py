"""What the page refuses, and that nothing a caller says can do harm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlite_utils import Database

from tests.web.visiting import (
    HERE,
    Visitor,
    add_call,
    add_missed,
    add_step,
    ago,
    get,
    lamp,
    owe,
    owed,
    post,
    presses,
    words,
)
from webui.texts import TEXTS


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", "http://localhost:81", "https://localhost.evil.example",
     "localhost", "http://evil.example/localhost", "http://[", "file://localhost"],
)  # fmt: skip
def test_a_foreign_page_cannot_press(client: Visitor, db: Database, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    add_call(db, "c1", ended_at=ago(1))
    callback = owe(db, "c1", "+4917612345678")
    add_missed(db, "c2", caller="+4917612345679")
    for where in ("/press", "/call", "/call-back", "/cancel-callback", "/", "/nowhere"):
        response = post(client, where, headers, button="agent:anna", call="c2", callback=str(callback))
        assert response.status_code == 403, where
        assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.403")
    assert presses(db) == []
    assert owed(db) == [("+4917612345678", "waiting", 0)]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "BREW"])
def test_every_unsafe_method_is_watched(client: Visitor, method: str) -> None:
    assert client.open("/press", method=method).status_code == 403
    assert client.open("/press", method=method, headers=HERE).status_code == 405


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_host_name_is_refused(client: Visitor, method: str) -> None:
    """A foreign name that resolves to this machine (DNS rebinding) reaches nothing."""
    headers = {"Host": "evil.example", "Origin": "http://evil.example"}
    response = client.open("/press" if method == "POST" else "/", method=method, headers=headers)
    assert response.status_code == 400
    assert "Anna Beck" not in response.get_data(as_text=True)
    assert client.get("/sign-in", headers={"Host": "127.0.0.1:8080"}).status_code == 200


@pytest.mark.parametrize("where", ["/", "/board", "/nowhere", "/press", "/static/board.js"])
def test_every_answer_carries_the_protecting_headers(client: Visitor, where: str) -> None:
    headers = client.get(where).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_nothing_in_the_page_needs_more_than_the_policy_allows(client: Visitor, db: Database) -> None:
    add_call(db, "c1")
    page = get(client)
    assert not re.search(
        r"<style|<script(?! src=\"/static/)|\sstyle=|\son[a-z]+=|javascript:|https?://", page
    )


def test_what_callers_and_mail_servers_say_is_escaped(client: Visitor, db: Database) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    add_call(db, evil, caller_name=evil, caller=evil, department=evil, dialled=evil)
    add_call(db, "ended", outcome="talked", caller_name=evil, department="", dialled=evil)
    add_step(db, evil, evil, evil)
    add_step(db, evil, "talks", evil)
    add_step(db, evil, "told", evil)
    add_call(db, "owed", caller="+4915112345678", caller_name=evil, department=evil, ticket=evil)
    owe(db, "owed", "+4915112345678", attempts=1, result=evil, next_attempt_at=ago(-60))
    add_missed(db, evil + "missed", caller="+4915112345679", caller_name=evil, department=evil, ticket=evil)
    lamp(db, f"line:{evil}", evil)
    with db.conn:
        db.execute("UPDATE agents SET title = ? WHERE name = 'anna'", [evil])
        db.execute("UPDATE presence SET reason = ? WHERE agent = 'anna'", [evil])
        db.execute("UPDATE office SET name = ?", [evil])
        db.execute("UPDATE departments SET title = ?", [evil])
        db.execute("INSERT INTO messages VALUES (1, 'c', ?, ?, ?, ?, 1, 's')", [evil, evil, evil, ago(1)])
        db.execute(
            "INSERT INTO outbox (message, message_id, recipient, language, attempts, last_error)"
            " VALUES (1, 'm', ?, 'de', 1, ?)", [evil, evil],
        )  # fmt: skip
    page = get(client)
    assert page.count("&lt;script&gt;alert(1)") > 20
    assert "<img" not in page
    assert page.count("<script") == 1


def test_a_broken_store_is_told_in_words(path: Path, client: Visitor) -> None:
    path.write_bytes(b"no database at all" * 100)
    for leftover in path.parent.glob("store.db-*"):
        leftover.unlink()
    response = client.get("/")
    assert response.status_code == 500
    assert words(response.get_data(as_text=True), "reason") == TEXTS["de"]("error.500")


def test_an_unknown_page_says_so(client: Visitor) -> None:
    response = client.get("/nowhere?lang=en")
    assert response.status_code == 404
    assert words(response.get_data(as_text=True), "reason") == TEXTS["en"]("error.404")
