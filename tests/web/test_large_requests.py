"""Requests larger than they may be, over a real connection: answered in words, kept nowhere."""

from __future__ import annotations

import http.client
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database
from waitress import buffers  # type: ignore[import-untyped]

from appliance.office_page import BoxOfSettings
from appliance.store import own_prompts
from appliance.store.database import open_store
from tests.web.busy_office import settings_of
from tests.web.test_prompts_page import tone
from tests.web.visiting import Visitor, session_cookie, visitor, words
from webui import create_app, serve
from webui.prompts import LARGEST_UPLOAD_BYTES
from webui.texts import TEXTS

GIGABYTE = 1_000_000_000
PIECE = bytes(1_000_000)
BOUNDARY = "0123456789"


class Office:
    """A page on a port, and who is signed in to it."""

    def __init__(self, folder: Path) -> None:
        settings = settings_of(folder)
        self.folder = settings.store.parent
        self.db: Database = open_store(settings.store, durable=False)
        app = create_app(settings.store, box=BoxOfSettings(settings))
        self.client: Visitor = visitor(app)
        self.client.sign_in(self.db, "ada")
        self.server = serve(app)

    def sends(self, where: str, size: int, begin: bytes = b"", *, cookie: bool = True) -> tuple[int, str]:
        """Post so many bytes; the answer's status and words."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.putrequest("POST", where)
        for name, value in {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Content-Length": str(size),
            "Origin": f"http://127.0.0.1:{self.server.port}",
            "Accept-Language": "de",
            **({"Cookie": session_cookie(self.client)} if cookie else {}),
        }.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(begin)
        left = size - len(begin)
        while left:
            connection.send(PIECE[:left])
            left -= min(left, len(PIECE))
        answer = connection.getresponse()
        page = answer.read().decode()
        connection.close()
        return answer.status, words(page, "reason") if "reason" in page else page


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.server.close()
    office.db.close()


@pytest.fixture
def nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes a file for a body has failed."""

    def made(*_: Any, **__: Any) -> None:
        pytest.fail("it was kept")

    monkeypatch.setattr("webui.server.TemporaryFile", made)
    monkeypatch.setattr(tempfile, "TemporaryFile", made)
    monkeypatch.setattr(buffers.BytesIOBasedBuffer, "__init__", made)


@pytest.mark.usefixtures("nothing_is_kept")
def test_a_gigabyte_for_a_prompt_is_answered_with_a_sentence(office: Office) -> None:
    assert office.sends("/prompts/de/greeting", GIGABYTE) == (413, TEXTS["de"]("error.413"))
    assert own_prompts.newest(office.db) == {}


@pytest.mark.usefixtures("nothing_is_kept")
@pytest.mark.parametrize(
    "where", ["/sign-in", "/press", "/prompts/de/greeting", "/system/backup/upload", "/x"]
)
def test_a_stranger_cannot_fill_the_box(office: Office, where: str) -> None:
    status, _ = office.sends(where, 3_000_000, cookie=False)
    assert status in (401, 404, 413)


def test_nor_in_pieces_without_a_length(office: Office) -> None:
    with socket.create_connection(("127.0.0.1", office.server.port), timeout=60) as stranger:
        stranger.sendall(b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        stranger.sendall(b"4000\r\n" + bytes(0x4000) + b"\r\n")
        assert stranger.recv(100).startswith(b"HTTP/1.1 413")


def test_what_may_be_large_lies_on_the_boxes_own_disk(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []

    def made(mode: str, dir: Path) -> Any:  # noqa: A002 - its name
        folders.append(dir)
        return tempfile.TemporaryFile(mode, dir=dir)

    monkeypatch.setattr("webui.server.TemporaryFile", made)
    token = office.client.form_token
    sound = tone(12.0, 48000)
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    ).encode() + sound + f"\r\n--{BOUNDARY}--\r\n".encode()  # fmt: skip
    assert len(body) < LARGEST_UPLOAD_BYTES
    assert office.sends("/prompts/de/greeting", len(body), body)[0] == 303
    assert folders == [office.folder]
    assert own_prompts.newest(office.db)["greeting", "de"].has_sound
