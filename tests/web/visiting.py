"""Visiting the page in tests: an office's store, a client that is signed in, reading what a page says."""

from __future__ import annotations

import http.client
import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlite_utils import Database
from werkzeug.test import TestResponse

from appliance.store import callbacks, times, users

HERE = {"Origin": "http://localhost"}
DEADLINE_SECONDS = 10


class Visitor(FlaskClient):
    """A browser as Flask's tests have it; its forms carry the token that our pages put in them."""

    form_token = ""

    def post(self, *args: Any, data: Any = None, **more: Any) -> TestResponse:
        if isinstance(data, dict) and self.form_token:
            data = {"csrf_token": self.form_token, **data}
        return super().post(*args, data=data, **more)

    def sign_in(self, db: Database, name: str, role: str = "admin", agent: str = "") -> str:
        """Be signed in as a user, who is made; returns the session's secret."""
        users.set_user(db, name, role, agent)
        return self.carry(users.begin_session(db, name, times.now()))

    def carry(self, secret: str) -> str:
        """Have this session's cookie, whoever's it is."""
        with self.session_transaction() as session:
            session["token"], session["csrf_token"] = secret, "0" * 40
        key = self.application.secret_key
        self.form_token = str(URLSafeTimedSerializer(key, salt="wtf-csrf-token").dumps("0" * 40))
        return secret


def visitor(app: Flask) -> Visitor:
    """A browser nobody is signed in with."""
    app.test_client_class = Visitor
    client = app.test_client()
    assert isinstance(client, Visitor)
    return client


def ago(seconds: float) -> str:
    return times.to_text(times.now() - timedelta(seconds=seconds))


def lamp(db: Database, name: str, pattern: str, *, seconds_ago: float = 0) -> None:
    with db.conn:
        db.execute("INSERT OR REPLACE INTO lamps VALUES (?, ?, ?)", [name, pattern, ago(seconds_ago)])


def add_call(db: Database, call: str, *, outcome: str = "", started: float = 60, **columns: str) -> None:
    row = {
        "call": call,
        "dialled": "55510",
        "department": "front",
        "caller": "+4917612345678",
        "started_at": ago(started),
        "outcome": outcome,
        "ended_at": ago(started - 30) if outcome else "",
        **columns,
    }
    names = ", ".join(row)
    with db.conn:
        db.execute(f"INSERT INTO calls ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def add_step(db: Database, call: str, step: str, detail: str = "") -> None:
    with db.conn:
        db.execute("INSERT INTO steps (call, step, detail) VALUES (?, ?, ?)", [call, step, detail])


def add_missed(db: Database, call: str, *, waited: float = 65, **columns: str) -> None:
    """A call whose caller hung up a minute ago after waiting so many seconds."""
    add_call(db, call, outcome="hung up", started=70 + waited, waits_since=ago(60 + waited), **columns)
    with db.conn:
        db.execute("UPDATE calls SET ended_at = ? WHERE call = ?", [ago(60), call])


def owe(db: Database, call: str, number: str, arrived: float = 600, /, **columns: object) -> int:
    """The caller of this call, which is over, is to be called back."""
    callback = callbacks.request(
        db, call, number, arrived=times.now() - timedelta(seconds=arrived), now=times.now()
    )
    with db.conn:
        db.execute("UPDATE calls SET ended_at = ?, outcome = '' WHERE call = ?", [ago(1), call])
        for name, value in columns.items():
            db.execute(f"UPDATE callbacks SET {name} = ? WHERE id = ?", [value, callback])
    return callback


def owed(db: Database) -> list[tuple[str, str, int]]:
    """The callbacks there are: number, state, attempts."""
    return db.execute("SELECT number, state, attempts FROM callbacks ORDER BY id").fetchall()


def presses(db: Database) -> list[str]:
    rows = db.execute("SELECT button, press FROM presses ORDER BY id").fetchall()
    return [button + (":home" if press == "long" else "") for button, press in rows]


VOID = ("br", "meta", "link", "input")


class Words(HTMLParser):
    """The text of the element with an id, or of the whole page; void elements do not nest."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted, self.depth, self.text, self.attributes = wanted, 0, "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        if self.depth or dict(attrs).get("id") == self.wanted:
            self.depth += 1
            self.attributes += " ".join(f"{name}={value}" for name, value in attrs) + "\n"

    def handle_endtag(self, tag: str) -> None:
        self.depth -= bool(self.depth) and tag not in VOID

    def handle_data(self, data: str) -> None:
        if self.depth:
            self.text += f" {data}"


def element(page: str, identity: str) -> Words:
    """The element with this id; fails when there is none."""
    words = Words(identity)
    words.feed(page)
    assert words.attributes, f"no element {identity}"
    words.text = " ".join(words.text.split())
    return words


def words(page: str, identity: str) -> str:
    return element(page, identity).text


def get(client: FlaskClient, language: str = "de") -> str:
    response = client.get(f"/?lang={language}")
    assert response.status_code == 200
    return response.get_data(as_text=True)


def post(client: FlaskClient, where: str, headers: dict[str, str] | None = None, **form: str) -> TestResponse:
    return client.post(where, data=form, headers=HERE if headers is None else headers)


class Stream:
    """A page's live stream over a real connection."""

    def __init__(self, port: int, cookie: str, address: str = "/live") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)
        self.connection.request("GET", address, headers={"Cookie": cookie})
        self.answer = self.connection.getresponse()

    def next_board(self) -> str:
        """The next picture; the beats between are passed over."""
        kind, data = "", []
        while raw := self.answer.readline().decode():
            # As a browser does: a lone carriage return ends a line, too.
            for line in re.split("[\r\n]", raw.removesuffix("\n")):
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    data.append(value)
                elif not line and kind == "board":
                    return "\n".join(data)
                elif not line:
                    kind, data = "", []
        raise AssertionError("the stream ended")

    def ends(self) -> bool:
        """Whether nothing more comes; waits for the end."""
        return self.answer.read()[-1:] in (b"", b"\n")

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


def session_cookie(client: Visitor) -> str:
    """What this browser sends with every request."""
    cookie = client.get_cookie("freizeichen")
    assert cookie
    return f"freizeichen={cookie.value}"
