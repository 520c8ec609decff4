"""The demo before and beside its story: whose folder it empties, which port it takes, what it revives."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from appliance.cli import main
from appliance.simulator import demo
from appliance.simulator.demo import CALLERS, Caretaker, Part, People, page_port
from appliance.simulator.demo_folder import MARK, DemoRefused, demo_folder
from appliance.simulator.exchange import NotHappened


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def console() -> tuple[Console, io.StringIO]:
    written = io.StringIO()
    return Console(file=written, soft_wrap=True), written


# The folder


def test_a_new_or_an_empty_folder_is_taken(tmp_path: Path) -> None:
    for folder in (tmp_path / "new" / "demo", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with demo_folder(folder):
            assert "freizeichen demo" in (folder / MARK).read_text()


def test_what_an_earlier_demo_left_is_removed_and_what_links_lead_to_stays(tmp_path: Path) -> None:
    folder, outside = tmp_path / "demo", tmp_path / "outside"
    outside.mkdir()
    (outside / "letter").touch()
    with demo_folder(folder):
        (folder / "box" / "spool").mkdir(parents=True)
        (folder / "box" / "spool" / "old.wav").touch()
        (folder / "link").symlink_to(outside)
        (folder / ".hidden").touch()
    with demo_folder(folder):
        assert [entry.name for entry in folder.iterdir()] == [MARK]
    assert (outside / "letter").exists()


@pytest.mark.parametrize("name", ["letter", ".hidden", "box/freizeichen.db"])
def test_a_folder_with_anything_else_in_it_stays_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("dear")
    for locale, sentence in (("C.UTF-8", "no demo has made"), ("de_DE.UTF-8", "keine Vorführung angelegt")):
        told = CliRunner(env={"LC_ALL": locale}).invoke(main, ["demo", "--folder", str(tmp_path), "--once"])
        assert told.exit_code == 1
        assert sentence in told.output
        assert str(tmp_path) in told.output
    assert (tmp_path / name).read_text() == "dear"
    assert not (tmp_path / MARK).exists()


def test_a_second_demo_in_the_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with demo_folder(tmp_path):
        (tmp_path / "box").mkdir()
        for locale, sentence in (("C.UTF-8", "A demo already runs in"), ("de_DE.UTF-8", "läuft schon eine")):
            told = CliRunner(env={"LC_ALL": locale}).invoke(main, ["demo", "--folder", str(tmp_path)])
            assert told.exit_code == 1
            assert sentence in told.output
        assert (tmp_path / "box").is_dir()
    with demo_folder(tmp_path):
        assert not (tmp_path / "box").exists()


@pytest.mark.parametrize("name", ["file", "file/within"])
def test_a_folder_that_cannot_be_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("dear")
    with pytest.raises(DemoRefused, match="cannot be used"), demo_folder(tmp_path / name):
        pass
    assert (tmp_path / "file").read_text() == "dear"


def test_a_mark_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    letter = tmp_path / "letter"
    letter.write_text("dear")
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / MARK).symlink_to(letter)
    with pytest.raises(DemoRefused), demo_folder(folder):
        pass
    assert letter.read_text() == "dear"


# The port


def test_the_usual_port_taken_is_told_and_another_one_found(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "USUAL_PORT", taken)
    said, written = console()
    with page_port(said, None) as page:
        assert page.getsockname()[1] not in (0, taken)
    assert f"Port {taken} is taken" in written.getvalue()


def test_a_free_port_is_taken_without_a_word() -> None:
    said, written = console()
    with page_port(said, 0) as page:
        port = page.getsockname()[1]
    with page_port(said, port) as page:
        assert page.getsockname()[1] == port
    assert written.getvalue() == ""


def test_a_port_asked_for_and_taken_is_told_before_the_story(
    taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "ensure_asterisk", lambda _progress: pytest.fail("the story was prepared"))
    for locale, sentence in (("C.UTF-8", "cannot be had"), ("de_DE.UTF-8", "nicht zu haben")):
        words = ["demo", "--folder", str(tmp_path / "demo"), "--port", str(taken)]
        told = CliRunner(env={"LC_ALL": locale}).invoke(main, words)
        assert told.exit_code == 1
        assert f"Port {taken} " in told.output
        assert sentence in told.output


# Who calls from the page


def test_callers_can_be_told_apart() -> None:
    assert len({number for number, _ in CALLERS}) == len({name for _, name in CALLERS}) == len(CALLERS) >= 8
    assert all(number.startswith("+493023125") for number, _ in CALLERS), "numbers nobody has"


def test_every_call_from_the_page_is_somebody_elses() -> None:
    called: list[tuple[str, str]] = []

    class Nobody:
        """An office in which no call comes to anything."""

        exchange = None

        def caller(self, number: str, name: str) -> Nobody:
            called.append((number, name))
            return self

        def dials(self, _number: str) -> None:
            raise NotHappened("nobody is there")

        def phone_names(self) -> list[str]:
            return []

    people = People(Nobody())  # type: ignore[arg-type]
    for _ in CALLERS:
        people.place_call("+4993155510")
    people.end()
    assert tuple(called) == CALLERS


# What is started again


def test_what_died_is_started_again_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_DOWN_FOR_SECONDS", 0.0)
    running, started = {"supervisor": False, "asterisk": True}, []

    def part(name: str) -> Part:
        return Part(name, name.capitalize(), lambda: running[name], lambda: started.append(name))

    said, written = console()
    Caretaker(said, [part("asterisk"), part("supervisor")]).look()
    assert started == ["supervisor"]
    gone, again = written.getvalue().splitlines()
    assert "Supervisor is gone" in gone
    assert "Supervisor runs again" in again
    running["supervisor"] = True
    Caretaker(said, [part("asterisk"), part("supervisor")]).look()
    assert started == ["supervisor"]
