"""The FastAGI side against a scripted Asterisk: what it may send, in whatever order and state."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import Callable

import pytest
from asterisk.agi import AGIError
from hypothesis import given
from hypothesis import strategies as st

from appliance.telephony.fastagi import CallerHungUp, CallerLeg, FastAgiServer

HELLO = (
    "agi_network: yes\nagi_network_script: call\nagi_channel: PJSIP/line-00000001\nagi_callerid: unknown\n"
    "agi_calleridname: Jürgen: Groß\nagi_arg_1: 17.4\nagi_arg_2: 093155510\n\n"
)


def leg(answers: str | bytes) -> tuple[CallerLeg, io.BytesIO]:
    sent = io.BytesIO()
    raw = answers.encode() if isinstance(answers, str) else answers
    return CallerLeg(io.BytesIO(HELLO.encode() + raw), sent), sent


def test_what_asterisk_tells_of_the_call() -> None:
    caller, _ = leg("")
    assert caller.channel == "PJSIP/line-00000001"
    assert (caller.argument(1), caller.argument(2), caller.argument(3)) == ("17.4", "093155510", "")
    assert caller.caller_id() == ("", "Jürgen: Groß")


def test_commands_and_answers() -> None:
    caller, sent = leg("200 result=51 endpos=800\n200 result=1 (ANSWER)\n200 result=0\n200 result=1\n")
    assert caller.play("/prompts/greeting", "3") == "3"
    assert caller.get("DIALSTATUS") == "ANSWER"
    assert caller.wait_key(0.5) == ""
    caller.set("CALLERID(name)", "Technik")
    assert sent.getvalue().decode().splitlines() == [
        'STREAM FILE /prompts/greeting "3" 0',
        "GET VARIABLE DIALSTATUS",
        "WAIT FOR DIGIT 500",
        'SET VARIABLE "CALLERID(name)" "Technik"',
    ]


def test_what_the_dialplan_has_told_along_is_not_asked_until_it_may_have_changed() -> None:
    hello = HELLO.replace("\n\n", "\nagi_arg_3: STEP=arrived\nagi_arg_4: TICKET=\nagi_arg_5: TO=a=b\n\n")
    answers = "200 result=1\n200 result=1 (greeted)\n200 result=0\n200 result=1 (4711)\n"
    sent = io.BytesIO()
    caller = CallerLeg(io.BytesIO((hello + answers).encode()), sent)
    assert (caller.get("STEP"), caller.get("TICKET"), caller.get("TO")) == ("arrived", "", "a=b")
    caller.set("TICKET", "")  # it is that already
    assert sent.getvalue() == b""
    caller.set("STEP", "greeted")
    assert caller.get("STEP") == "greeted"
    caller.run("Dial", "PJSIP/desk_1")
    assert caller.get("TICKET") == "4711", "an application may have changed anything"
    asked = [line.split()[0] for line in sent.getvalue().decode().splitlines()]
    assert asked == ["SET", "GET", "EXEC", "GET"]


@pytest.mark.parametrize(
    "answers",
    [
        "200 result=-1 endpos=0\n",
        "511 Command Not Permitted on a dead channel or intercept routine\n",
        "",
        "200 res",
    ],
)
def test_a_caller_who_is_gone(answers: str) -> None:
    caller, _ = leg(answers)
    with pytest.raises(CallerHungUp):
        caller.play("/prompts/greeting")
    assert caller.hung_up


def test_the_hangup_line_does_not_shift_the_answers() -> None:
    caller, _ = leg("HANGUP\n200 result=1 (NOANSWER)\n")
    assert caller.get("DIALSTATUS") == "NOANSWER"
    assert caller.hung_up
    with pytest.raises(CallerHungUp):
        caller.play("/prompts/greeting")


@pytest.mark.parametrize(
    "answers",
    [
        "510 Invalid or unknown command\n",
        "520-Invalid command syntax.  Proper usage follows:\nUsage\n520 End of proper usage.\n",
        "garbage\n",
    ],
)
def test_a_refused_command_is_an_error_and_the_next_is_answered(answers: str) -> None:
    caller, _ = leg(answers + "200 result=1 (x)\n")
    with pytest.raises(AGIError):
        caller.run("Nonsense")
    assert caller.get("X") == "x"


@given(st.text(), st.text())
def test_no_text_becomes_a_second_command_or_leaves_its_quotes(name: str, value: str) -> None:
    caller, sent = leg("200 result=1\n")
    caller.set(name, value)
    line = sent.getvalue().decode()
    assert line.count("\n") == 1
    assert "\r" not in line
    assert line.count('"') == 4
    assert "\\" not in line


def test_a_line_break_elsewhere_is_refused() -> None:
    caller, sent = leg("")
    with pytest.raises(ValueError, match="line break"):
        caller.play("/prompts/x\nHANGUP")
    assert sent.getvalue() == b""


@pytest.fixture
def serve() -> Callable[[Callable[[CallerLeg], None]], int]:
    servers = []

    def start(take_call: Callable[[CallerLeg], None]) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        server = FastAgiServer(port, {"call": take_call})
        server.start()
        servers.append(server)
        return port

    yield start  # type: ignore[misc]
    for server in servers:
        server.stop()


def test_each_call_has_a_thread_of_its_own(serve: Callable[[Callable[[CallerLeg], None]], int]) -> None:
    both_in = threading.Barrier(2, timeout=5)
    seen = []

    def take_call(caller: CallerLeg) -> None:
        both_in.wait()
        seen.append(caller.get("X"))

    port = serve(take_call)
    ends = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
    for end in ends:
        end.sendall(HELLO.encode())
    for number, end in enumerate(ends):
        assert end.recv(100) == b"GET VARIABLE X\n"
        end.sendall(f"200 result=1 ({number})\n".encode())
        assert end.recv(100) == b"", "the dialog is over: Asterisk goes on in the dialplan"
        end.close()
    assert sorted(seen) == ["0", "1"]


def test_a_dialog_that_fails_closes_only_its_own_call(
    serve: Callable[[Callable[[CallerLeg], None]], int], caplog: pytest.LogCaptureFixture
) -> None:
    def take_call(caller: CallerLeg) -> None:
        if caller.get("X") == "bad":
            raise RuntimeError("broken")

    port = serve(take_call)
    for value in ("bad", "good"):
        with socket.create_connection(("127.0.0.1", port)) as end:
            end.sendall(HELLO.encode())
            end.recv(100)
            end.sendall(f"200 result=1 ({value})\n".encode())
            assert end.recv(100) == b""
    assert "the floor takes over" in caplog.text


def test_garbage_and_silence_at_the_door(serve: Callable[[Callable[[CallerLeg], None]], int]) -> None:
    taken = threading.Event()
    port = serve(lambda _caller: taken.set())
    with (
        socket.create_connection(("127.0.0.1", port)) as end,
        contextlib.suppress(OSError),  # the door may be shut before all is said
    ):
        end.sendall(b"\xff\xfe" * 20_000)
        end.shutdown(socket.SHUT_WR)
        assert end.recv(100) == b""
    assert not taken.is_set()
    with socket.create_connection(("127.0.0.1", port)) as end:
        end.sendall(HELLO.encode())
        assert taken.wait(5)


@pytest.mark.parametrize("hello", [HELLO.replace(": call\n", ": nonsense\n"), "agi_network: yes\n\n"])
def test_a_dialog_there_is_not_is_one_sentence_in_the_log_and_the_floor_goes_on(
    serve: Callable[[Callable[[CallerLeg], None]], int], caplog: pytest.LogCaptureFixture, hello: str
) -> None:
    port = serve(lambda _caller: pytest.fail("the wrong dialog"))
    with socket.create_connection(("127.0.0.1", port)) as end:
        end.sendall(hello.encode())
        assert end.recv(100) == b""
    (record,) = caplog.records
    assert "a dialog there is not" in record.getMessage()
    assert record.exc_info is None


def test_each_dialog_is_asked_for_by_its_name() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    taken: list[str] = []
    server = FastAgiServer(
        port, {"call": lambda _: taken.append("call"), "callback": lambda _: taken.append("callback")}
    )
    server.start()
    for name in ("callback", "call"):
        with socket.create_connection(("127.0.0.1", port)) as end:
            end.sendall(HELLO.replace(": call\n", f": {name}\n").encode())
            assert end.recv(100) == b""
    server.stop()
    assert taken == ["callback", "call"]
