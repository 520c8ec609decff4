"""`freizeichen web` and `freizeichen users`: the page as a program of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli import main
from appliance.store import times, users
from appliance.store.database import open_store
from tests.web.busy_office import settings_of
from tests.web.visiting import DEADLINE_SECONDS, HERE, Stream, session_cookie, visitor
from webui import create_app

COMMAND = (sys.executable, "-m", "appliance.cli", "--state")
ENGLISH = {"LC_ALL": "C.UTF-8"}


def test_the_page_is_served_until_it_is_told_to_end(tmp_path: Path) -> None:
    store = settings_of(tmp_path).store
    db = open_store(store)
    command = [*COMMAND, str(tmp_path), "web", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
        assert found
        code = re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}", process.stdout.readline())
        assert code
        assert code[0] in process.stdout.readline(), "the same as an address"
        client = visitor(create_app(store))
        client.sign_in(db, "ada")
        stream = Stream(int(found[1]), session_cookie(client))
        stream.next_board()
        process.terminate()
        assert stream.ends()
        assert process.wait(DEADLINE_SECONDS) == 0
        stream.close()
    db.close()


@pytest.mark.parametrize(
    ("chosen", "told"), [("büro 4711 xy\n", "BÜRO-4711-XY"), ("kurz 1\n", ""), (None, "")], ids=str
)
def test_the_code_on_the_card_takes_the_box_over(tmp_path: Path, chosen: str | None, told: str) -> None:
    store, file = settings_of(tmp_path).store, tmp_path / "code.txt"
    db = open_store(store)
    if chosen is not None:
        file.write_text(chosen, "utf-8")
    command = [*COMMAND, str(tmp_path), "web", "--port", "0", "--code-file", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        code = process.stdout.readline().split()[-1]
        process.terminate()
    assert code == told if told else re.fullmatch(r"[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}", code)
    assert (
        users.link_user(db, "first start", users.read_code(chosen if told and chosen else code), times.now())
        == ""
    )
    db.close()


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    said = CliRunner(env=ENGLISH).invoke(main, ["--state", str(tmp_path), "web"])
    assert said.exit_code == 1
    assert "There is no store" in said.output
    assert not list(tmp_path.iterdir())


def test_a_store_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "freizeichen.db").write_bytes(b"no database at all" * 100)
    said = CliRunner(env=ENGLISH).invoke(main, ["--state", str(tmp_path), "web"])
    assert said.exit_code == 1
    assert "cannot be used" in said.output


def test_a_taken_port_is_told(tmp_path: Path, port: int) -> None:
    open_store(settings_of(tmp_path).store).close()
    said = CliRunner(env=ENGLISH).invoke(main, ["--state", str(tmp_path), "web", "--port", str(port)])
    assert said.exit_code == 1
    assert f"Port {port} cannot be had" in said.output


@pytest.mark.parametrize(("words", "role"), [(["Ada", "--admin"], "admin"), (["bert"], "agent")])
def test_a_link_from_the_console_lets_somebody_in(tmp_path: Path, words: list[str], role: str) -> None:
    settings = settings_of(tmp_path)
    db = open_store(settings.store)
    users.set_user(db, "bert", "agent")
    users.set_user(db, "root", "admin")
    said = CliRunner(env=ENGLISH).invoke(main, ["--state", str(tmp_path), "users", "link", *words])
    assert said.exit_code == 0
    client = visitor(create_app(settings.store))
    where = said.output.strip().removeprefix("http://127.0.0.1:8080")
    page = client.get(where).get_data(as_text=True)
    client.form_token = page.split('name="csrf_token" value="')[1].split('"')[0]
    assert client.post(where, data={}, headers=HERE).status_code == 303
    found = users.user(db, words[0])
    assert found
    assert found.role == role
    assert words[0] in CliRunner().invoke(main, ["--state", str(tmp_path), "users", "list"]).output
    db.close()


def test_a_link_for_nobody_is_refused(tmp_path: Path) -> None:
    open_store(settings_of(tmp_path).store).close()
    for words, sentence in (
        (["eve"], "Nobody signs in as 'eve'"),
        (["<b>", "--admin"], "is no name to sign in by"),
    ):
        said = CliRunner(env=ENGLISH).invoke(main, ["--state", str(tmp_path), "users", "link", *words])
        assert said.exit_code == 1
        assert sentence in said.output
