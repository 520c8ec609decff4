"""systemd hears that calls can be taken, and hears of us only while every thread turns."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.service_manager import Turns, news, notify, stuck
from appliance.settings import Settings
from appliance.simulator.office import free_port
from appliance.supervisor import _TURN_SECONDS
from tests.unit.fake_ami import FakeAmi, Peer
from tests.unit.seed import seeded_store

UNIT = Path(__file__).parents[2] / "image-build/root/usr/lib/systemd/system/freizeichen.service"


# Deciding


def test_who_turned_in_time_is_not_stuck() -> None:
    assert stuck({"a": 10.0, "b": 4.0}, {"a": 5.0, "b": 11.0}, 15.0) == []


def test_those_stuck_longest_come_first() -> None:
    turned = {"a": 10.0, "b": 2.0, "c": 14.0}
    assert stuck(turned, {"a": 1.0, "b": 1.0, "c": 5.0}, 15.0) == ["b", "a"]


def test_a_turn_counts_from_its_own_time() -> None:
    now = [0.0]
    turns = Turns({"switchboard": 2.0, "outbox": 9.0}, clock=lambda: now[0])
    turn = turns.of("switchboard")
    now[0] = 3.0
    assert turns.stuck() == ["switchboard"]
    turn()
    assert turns.stuck() == []
    now[0] = 10.0
    assert turns.stuck() == ["switchboard", "outbox"]


def test_a_thread_nobody_watches_is_refused() -> None:
    with pytest.raises(KeyError):
        Turns({"switchboard": 2.0}).of("swichboard")()


@given(ready=st.booleans(), was=st.booleans(), names=st.lists(st.sampled_from(["switchboard", "outbox"])))
def test_the_watchdog_is_fed_only_while_nothing_is_stuck(ready: bool, was: bool, names: list[str]) -> None:
    lines = news(is_ready=ready, was_ready=was, stuck_threads=names, words="…")
    assert ("WATCHDOG=1" in lines) == (not names)
    assert ("READY=1" in lines) == (ready and not was and not names)
    assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in lines) == (
        not ready and not was and not names
    )
    assert "STATUS=…" in lines


def test_the_watchdog_of_the_unit_lasts_several_feedings() -> None:
    from appliance.service_manager import FEED_SECONDS

    told = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if line.startswith("Watchdog"))
    assert int(told["WatchdogSec"]) >= 4 * FEED_SECONDS


# Telling


class Listener:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.settimeout(30)

    def hears(self) -> list[str]:
        """The lines of the next message."""
        return self._socket.recv(4096).decode().splitlines()

    def hears_with(self, line: str) -> list[str]:
        """The next message with a line that begins so."""
        while True:
            lines = self.hears()
            if any(told.startswith(line) for told in lines):
                return lines

    def close(self) -> None:
        """Nobody listens any more."""
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(
        str(tmp_path / "notify") if request.param == "file" else f"@freizeichen-test-{os.getpid()}"
    )
    yield listener
    listener.close()


def test_lines_arrive_as_one_message(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", listener.address)
    notify("READY=1", "STATUS=Nimmt Anrufe an. ☎")
    assert listener.hears() == ["READY=1", "STATUS=Nimmt Anrufe an. ☎"]


def test_telling_nobody_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")


def test_a_systemd_that_does_not_read_is_not_waited_for(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", listener.address)
    for _ in range(2000):  # far more than a socket holds
        notify("WATCHDOG=1")
    assert listener.hears() == ["WATCHDOG=1"]


# A whole supervisor, and one of its threads that really hangs

_PROGRAM = """
import signal, sys, threading
from pathlib import Path
import appliance.mail.outbox as outbox
import appliance.supervisor as program
from appliance.settings import read_settings

outbox._IDLE_SECONDS = 0.2
program.FEED_SECONDS = 0.1
program._TURN_SECONDS = dict.fromkeys(program._TURN_SECONDS, 3.0)
supervisor = program.Supervisor(read_settings(Path(sys.argv[1])))

def hang(*_):
    threading.Event().wait()

def make_it_hang(*_):
    match sys.argv[2]:
        case "switchboard":
            supervisor.switchboard._inbox.put(hang)
        case "bookkeeper":
            supervisor.bookkeeper._inbox.put(hang)
        case "housekeeping":
            supervisor._chores = {hang: 0.0}
        case "outbox":
            supervisor.outbox._deliver_due = hang
        case "fastagi":
            supervisor._server._server.service_actions = hang

signal.signal(signal.SIGUSR1, make_it_hang)
supervisor.run()
"""


def asterisk(peer: Peer) -> None:
    """An Asterisk without calls."""
    peer.let_in()
    empty = "EventList: Complete"
    peer.serve(
        {
            "DeviceStateList": lambda a: a.answer() + a.event("DeviceStateListComplete", empty),
            "CoreShowChannels": lambda a: a.answer() + a.event("CoreShowChannelsComplete", empty),
        }
    )


@contextmanager
def running_supervisor(
    state: Path, listener: Listener, manager_port: int, hanging: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """The supervisor as systemd starts it."""
    Settings(state, manager_port=manager_port, fastagi_port=free_port()).write()
    seeded_store(state / "freizeichen.db").close()
    (state / "asterisk" / "log").mkdir(parents=True)
    environment = {**os.environ, "NOTIFY_SOCKET": listener.address, "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(state), hanging],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(str(tmp_path / "notify"))
    yield listener
    listener.close()


@pytest.mark.parametrize("thread", list(_TURN_SECONDS))
def test_a_thread_that_hangs_stops_the_feeding(thread: str, tmp_path: Path, systemd: Listener) -> None:
    with FakeAmi(asterisk) as ami, running_supervisor(tmp_path / "box", systemd, ami.port, thread) as process:
        first = systemd.hears_with("READY=1")
        assert "STATUS=Takes calls." in first
        assert "WATCHDOG=1" in systemd.hears()
        process.send_signal(signal.SIGUSR1)
        lines = systemd.hears_with("STATUS=Stuck")
        assert thread in lines[0]
        for _ in range(5):
            assert "WATCHDOG=1" not in systemd.hears()
        process.send_signal(signal.SIGABRT)  # as systemd does then
        assert process.stderr
        assert "hang" in process.stderr.read()  # where it hangs is told
        assert process.wait() == -signal.SIGABRT


def test_ready_means_that_asterisk_answers(tmp_path: Path, systemd: Listener) -> None:
    with ExitStack() as stack:
        port = free_port()
        process = stack.enter_context(running_supervisor(tmp_path / "box", systemd, port))
        for _ in range(5):
            lines = systemd.hears()
            assert "STATUS=Waits for Asterisk." in lines
            assert "WATCHDOG=1" in lines
            assert "EXTEND_TIMEOUT_USEC=30000000" in lines
            assert "READY=1" not in lines
        ami = stack.enter_context(FakeAmi(asterisk, port=port))
        assert "STATUS=Takes calls." in systemd.hears_with("READY=1")
        process.send_signal(signal.SIGTERM)
        assert systemd.hears_with("STOPPING=1")
        assert process.wait(20) == 0
        assert ami.connections >= 2


def test_ready_is_said_once_and_an_asterisk_that_left_is_told(tmp_path: Path, systemd: Listener) -> None:
    with FakeAmi(asterisk) as ami, running_supervisor(tmp_path / "box", systemd, ami.port):
        systemd.hears_with("READY=1")
        ami.hang_up()
        lines = systemd.hears_with("STATUS=Waits for Asterisk.")
        assert "WATCHDOG=1" in lines
        assert "READY=1" not in systemd.hears_with("STATUS=Takes calls.")
