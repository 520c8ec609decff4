"""The manager link against a server that is slow, silent, wrong, cut off or gone."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from appliance.telephony.ami_protocol import MESSAGE_LIMIT_BYTES
from appliance.telephony.manager import (
    ActionRefused,
    Event,
    LinkTiming,
    ManagerLink,
    ManagerLost,
    ManagerTimeout,
)
from tests.unit.fake_ami import FULLY_BOOTED, GREETING, Action, FakeAmi, Peer, message

QUICK = LinkTiming(
    answer_seconds=5.0, ping_seconds=60.0, first_pause_seconds=0.01, longest_pause_seconds=0.05
)
IMPATIENT = LinkTiming(
    answer_seconds=0.2, ping_seconds=0.05, first_pause_seconds=0.01, longest_pause_seconds=0.05
)


class Diary:
    """Notes what a link calls back, in order, and waits for it."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.threads: set[str] = set()
        self._changed = threading.Condition()

    def note(self, entry: str) -> None:
        with self._changed:
            self.entries.append(entry)
            self.threads.add(threading.current_thread().name)
            self._changed.notify_all()

    def on_event(self, event: Event) -> None:
        self.note(f"{event.name} {event.headers.get('A', '')}".strip())

    def wait_for(self, *entries: str) -> None:
        """Wait until all of these are noted, one after the other (others may stand between)."""

        def all_there() -> bool:
            rest = iter(self.entries)
            return all(entry in rest for entry in entries)

        with self._changed:
            assert self._changed.wait_for(all_there, 5), f"{entries} not in {self.entries}"


@contextmanager
def linked(server: FakeAmi, diary: Diary | None = None, **more: Any) -> Iterator[ManagerLink]:
    diary = diary or Diary()
    settings: dict[str, Any] = {
        "name": "test",
        "wanted_events": {"E"},
        "on_event": diary.on_event,
        "on_connected": lambda: diary.note("connected"),
        "on_lost": lambda: diary.note("lost"),
        "timing": QUICK,
        **more,
    }
    link = ManagerLink(server.host, server.port, "hotline", "secret", **settings)
    link.start()
    try:
        yield link
    finally:
        link.stop()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("ami-")]


@contextmanager
def connected(*behaviours: Callable[[Peer], None], **more: Any) -> Iterator[ManagerLink]:
    """A link that is logged in at a server of these behaviours."""
    with FakeAmi(*behaviours) as server, linked(server, **more) as link:
        assert link.wait_connected(5)
        yield link


def serving(**answers: Callable[[Action], bytes]) -> Callable[[Peer], None]:
    def behave(peer: Peer) -> None:
        peer.let_in()
        peer.serve(answers)

    return behave


def e(number: object) -> bytes:
    return message("Event: E", f"A: {number}")


# --- actions and answers


def test_it_logs_in_with_user_and_secret() -> None:
    logins = []

    def behave(peer: Peer) -> None:
        logins.append(peer.let_in())
        peer.serve()

    with connected(behave) as link:
        assert link.connected
    assert (logins[0]["Action"], logins[0]["Username"], logins[0]["Secret"]) == ("Login", "hotline", "secret")
    assert not link.connected


def test_nothing_is_asked_of_an_asterisk_that_is_still_starting() -> None:
    started = threading.Event()
    asked_too_early: list[str] = []

    def behave(peer: Peer) -> None:
        peer.let_in_while_starting()
        ping = peer.read()
        assert ping["Action"] == "Ping"
        peer.send(ping.answer())
        asked_too_early.extend(["connected"] * link.connected)
        with pytest.raises(ManagerLost):
            link.send("CoreStatus")
        started.set()
        peer.send(FULLY_BOOTED)
        peer.serve()

    with FakeAmi(behave) as server:
        link = ManagerLink(server.host, server.port, "hotline", "secret", name="test", timing=IMPATIENT)
        link.start()
        try:
            assert link.wait_connected(10)
            assert started.is_set()
            assert link.send("CoreStatus")["Response"] == "Success"
        finally:
            link.stop()
    assert asked_too_early == []


def test_it_is_lost_when_asterisk_goes_while_starting() -> None:
    def behave(peer: Peer) -> None:
        peer.let_in_while_starting()

    with FakeAmi(behave, serving()) as server, linked(server) as link:
        assert link.wait_connected(10)
        assert server.connections == 2


def test_an_action_gets_its_answer() -> None:
    with connected(serving(Getvar=lambda action: action.answer(f"Value: {action['Variable']}!"))) as link:
        answer = link.send("Getvar", {"Variable": "ÄÖÜ"})
    assert answer["value"] == "ÄÖÜ!"
    assert answer["Response"] == "Success"


def test_headers_of_one_action_do_not_leak_into_the_next() -> None:
    seen: list[Action] = []

    def remember(action: Action) -> bytes:
        seen.append(action)
        return action.answer()

    with connected(serving(One=remember, Two=remember)) as link:
        link.send("One", {"Channel": "PJSIP/1"})
        link.send("Two")
    assert "Channel" not in seen[1]
    assert seen[0]["ActionID"] != seen[1]["ActionID"]


def test_every_line_a_command_prints_arrives() -> None:
    with connected(
        serving(Command=lambda action: action.answer("Output: a", "Output:  b", "Output: "))
    ) as link:
        assert link.send("Command", {"Command": "core show version"}).all("Output") == ("a", " b", "")


def test_answers_in_the_wrong_order_reach_who_asked() -> None:
    def behave(peer: Peer) -> None:
        peer.let_in()
        actions = [peer.read() for _ in range(20)]
        for action in reversed(actions):
            peer.send(action.answer(f"Value: {action['Variable']}"))
        peer.serve()

    with connected(behave) as link, ThreadPoolExecutor(20) as pool:
        values = pool.map(lambda n: link.send("Getvar", {"Variable": str(n)})["Value"], range(20))
        assert list(values) == [str(n) for n in range(20)]


def test_only_the_first_response_counts_and_an_event_is_none() -> None:
    def chatter(action: Action) -> bytes:
        return action.event("Progress") + action.answer("Value: right") + action.answer("Value: again")

    with connected(serving(Getvar=chatter)) as link:
        assert [link.send("Getvar")["Value"] for _ in range(50)] == ["right"] * 50


def test_an_error_is_raised_with_what_asterisk_says() -> None:
    refuse = serving(QueueAdd=lambda action: action.answer("Message: No such queue", response="Error"))
    with connected(refuse) as link:
        with pytest.raises(ActionRefused, match="QueueAdd: No such queue") as refusal:
            link.send("QueueAdd", {"Queue": "x"})
        assert link.send("Ping")
    assert refusal.value.message == "No such queue"


def test_a_line_break_is_refused_before_anything_is_sent() -> None:
    seen: list[Action] = []

    def remember(action: Action) -> bytes:
        seen.append(action)
        return action.answer()

    with connected(serving(Setvar=remember, After=remember)) as link:
        with pytest.raises(ValueError, match="line break"):
            link.send("Setvar", {"Value": 'x" <1>\r\n\r\nAction: Command\r\nCommand: core stop now'})
        link.send("After")
    assert [action["Action"] for action in seen] == ["After"]


def test_an_answer_that_comes_too_late_is_dropped() -> None:
    too_late = threading.Event()

    def behave(peer: Peer) -> None:
        peer.let_in()
        slow = peer.read()
        assert too_late.wait(5)
        peer.send(slow.answer("Value: late") + slow.event("E", "A: late") + e("fresh"))
        peer.serve({"Getvar": lambda action: action.answer("Value: right")})

    diary = Diary()
    with connected(behave, diary=diary) as link:
        with pytest.raises(ManagerTimeout, match=r"Getvar: no answer within 0\.05 s"):
            link.send("Getvar", timeout_seconds=0.05)
        too_late.set()
        assert link.send("Getvar")["Value"] == "right"
        diary.wait_for("E fresh")
    assert diary.entries == ["connected", "E fresh"]


def test_a_list_is_collected_by_its_action_id_and_is_no_news() -> None:
    def members(action: Action) -> bytes:
        other = message("Event: QueueMember", "ActionID: somebody-else", "Name: wrong")
        one, two = (action.event("QueueMember", f"Name: {name}") for name in ("Anna", "Jürgen"))
        same = action.event("E", "A: part of the list")
        end = action.event("QueueStatusComplete", "EventList: Complete", "ListItems: 2")
        return action.answer("EventList: start") + one + other + same + two + end

    diary = Diary()
    with connected(serving(QueueStatus=members), diary=diary) as link:
        events = link.send_list("QueueStatus", {"Queue": "sales"})
        assert link.send_list("QueueStatus")
    assert [(event.name, event.headers.get("name")) for event in events] == [
        ("QueueMember", "Anna"),
        ("E", None),
        ("QueueMember", "Jürgen"),
    ]
    assert "E part of the list" not in diary.entries


def test_a_list_that_is_refused_or_never_ends() -> None:
    behave = serving(
        Refused=lambda action: action.answer("Message: no", response="Error"),
        Endless=lambda action: action.answer("EventList: start") + action.event("Item"),
    )
    with connected(behave) as link:
        with pytest.raises(ActionRefused, match="no"):
            link.send_list("Refused")
        with pytest.raises(ManagerTimeout):
            link.send_list("Endless", timeout_seconds=0.05)


@pytest.mark.parametrize("early", [False, True], ids=["response first", "event first"])
def test_originate_waits_for_the_outcome(early: bool) -> None:
    orders: list[Action] = []

    def call(action: Action) -> bytes:
        orders.append(action)
        parts = [
            action.answer("Message: Originate successfully queued"),
            action.event("OriginateResponse", "Response: Success", "Reason: 4", "Uniqueid: 1.2"),
        ]
        return b"".join(reversed(parts) if early else parts)

    with connected(serving(Originate=call)) as link:
        headers = {"Context": "in", "Exten": "1", "Priority": "1"}
        variables = {"NAME": 'a,b="c" \\', "__DID": "12"}
        event = link.originate("Local/1@x", headers, variables=variables, ring_seconds=1.5)
    assert event["Uniqueid"] == "1.2"
    assert (orders[0]["Async"], orders[0]["Timeout"], orders[0]["Exten"]) == ("true", "1500", "1")
    assert 'Variable: NAME=a\\,b=\\"c\\" \\\\' in orders[0].lines
    assert "Variable: __DID=12" in orders[0].lines


def test_originate_tells_why_nobody_was_reached() -> None:
    def busy(action: Action) -> bytes:
        return action.answer() + action.event("OriginateResponse", "Response: Failure", "Reason: 5")

    with connected(serving(Originate=busy)) as link:
        with pytest.raises(ActionRefused, match="Originate PJSIP/9: busy"):
            link.originate("PJSIP/9", {"Application": "Wait"})
        with pytest.raises(ValueError, match="variable name"):
            link.originate("PJSIP/9", {"Application": "Wait"}, variables={"A=1,B": "2"})


# --- events


def test_events_arrive_in_order_on_one_thread_between_connected_and_lost() -> None:
    def behave(peer: Peer) -> None:
        peer.send(GREETING + e("before the login is answered"))
        login = peer.read()
        peer.send(login.answer() + FULLY_BOOTED + b"".join(map(e, range(500))))

    diary = Diary()
    with FakeAmi(behave, serving()) as server, linked(server, diary):
        diary.wait_for("lost", "connected")
    expected = ["connected", "E before the login is answered", *(f"E {n}" for n in range(500))]
    assert diary.entries == [*expected, "lost", "connected"]
    assert diary.threads == {"ami-test-events"}


def test_unwanted_events_do_not_arrive() -> None:
    def behave(peer: Peer) -> None:
        peer.let_in()
        peer.send(message("Event: VarSet", "A: 1") * 100 + message("Event: EE") + e("wanted"))
        peer.serve()

    diary = Diary()
    with connected(behave, diary=diary):
        diary.wait_for("E wanted")
    assert diary.entries == ["connected", "E wanted"]


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 7, 100])
def test_text_survives_wherever_the_stream_is_cut(piece_bytes: int) -> None:
    def behave(peer: Peer) -> None:
        peer.let_in()
        peer.send(e("Größe 🎉 東京") + message("Event: Other", "A: ß") + e("ende"), piece_bytes=piece_bytes)
        peer.serve()

    diary = Diary()
    with connected(behave, diary=diary):
        diary.wait_for("E ende")
    assert diary.entries == ["connected", "E Größe 🎉 東京", "E ende"]


def test_garbage_and_channel_variables_do_not_stop_the_reader() -> None:
    def behave(peer: Peer) -> None:
        peer.let_in()
        peer.send(
            b"\xff\x00\xfe\r\n\r\n"
            + message("Event: E", "ChanVariable: x", "A: M")
            + b"Event: E\r\nA: \xfc\r\n\r\n"
        )
        peer.send(message("Response: Success", "ActionID: nobody's") + message("Response: Error") + e("end"))
        peer.serve()

    diary = Diary()
    with connected(behave, diary=diary) as link:
        diary.wait_for("E M", "E \ufffd", "E end")
        assert link.send("Ping")


def test_an_error_in_a_handler_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()

    def handler(event: Event) -> None:
        if event["A"] == "bad":
            raise RuntimeError("a handler broke")
        diary.on_event(event)

    def behave(peer: Peer) -> None:
        peer.let_in()
        peer.send(e("bad") + e("good"))
        peer.serve()

    with connected(behave, diary=diary, on_event=handler) as link:
        diary.wait_for("E good")
        assert link.send("Ping")
    assert "a handler broke" in caplog.text


def test_a_slow_handler_holds_neither_the_socket_nor_answers_and_may_send_itself() -> None:
    answered = threading.Event()
    diary = Diary()

    def handler(event: Event) -> None:
        assert answered.wait(5)
        link.send("Ping")
        diary.on_event(event)

    def behave(peer: Peer) -> None:
        peer.let_in()
        peer.send(b"".join(map(e, range(3))))
        peer.send(message("Event: VarSet", "Value: " + "x" * 10_000) * 1000)  # more than a socket holds
        peer.serve()

    with connected(behave, diary=diary, on_event=handler) as link:
        assert link.send("Ping")
        answered.set()
        diary.wait_for("E 0", "E 1", "E 2")


# --- connections that end


def test_a_connection_that_is_closed_is_made_again() -> None:
    def behave(peer: Peer) -> None:
        peer.let_in()
        peer.send(e("last words"))

    diary = Diary()
    with FakeAmi(behave, behave, serving()) as server, linked(server, diary) as link:
        diary.wait_for("connected", "E last words", "lost", "connected", "E last words", "lost", "connected")
        assert link.wait_connected(5)
        assert link.send("Ping")


def test_who_waits_when_the_connection_ends_is_told_at_once() -> None:
    def behave(peer: Peer) -> None:
        peer.let_in()
        peer.read()
        peer.send(b"Response: Succ")  # cut in the middle

    began = time.monotonic()
    with connected(behave, serving()) as link, pytest.raises(ManagerLost, match="connection lost"):
        link.send("Ping", timeout_seconds=30)
    assert time.monotonic() - began < 5


def test_without_a_connection_an_action_fails_at_once() -> None:
    with FakeAmi(Peer.wait_until_gone) as server, linked(server) as link:
        assert not link.connected
        assert not link.wait_connected(0.05)
        with pytest.raises(ManagerLost, match="test is not connected"):
            link.send("Ping")


def test_nobody_listening_yet_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    link = ManagerLink("127.0.0.1", port, "u", "s", name="early", timing=QUICK)
    link.start()
    assert not link.wait_connected(0.3)
    link.stop()
    # Tried many times, told once.
    assert caplog.text.count("Connection refused") == 1


def no_greeting(peer: Peer) -> None:
    peer.wait_until_gone()


def half_a_greeting(peer: Peer) -> None:
    peer.send(GREETING[:10])
    peer.wait_until_gone()


def no_answer_to_the_login(peer: Peer) -> None:
    peer.send(GREETING)
    peer.wait_until_gone()


@pytest.mark.parametrize("silent", [no_greeting, half_a_greeting, no_answer_to_the_login])
def test_a_silent_peer_is_given_up_and_tried_again(silent: Callable[[Peer], None]) -> None:
    with FakeAmi(silent, serving()) as server, linked(server, timing=IMPATIENT) as link:
        assert link.wait_connected(5)
        assert server.connections >= 2


def test_a_dead_connection_is_lost_and_made_again() -> None:
    def die(peer: Peer) -> None:
        peer.let_in()
        peer.read()
        peer.wait_until_gone()

    diary = Diary()
    with FakeAmi(die, serving()) as server, linked(server, diary, timing=IMPATIENT):
        diary.wait_for("connected", "lost", "connected")


def test_quiet_alone_does_not_end_a_connection() -> None:
    def behave(peer: Peer) -> None:
        peer.let_in()
        peer.read()
        peer.serve()

    diary = Diary()
    with connected(behave, diary=diary, timing=LinkTiming(answer_seconds=0.05)) as link:
        with pytest.raises(ManagerTimeout):
            link.send("Ignored", timeout_seconds=0.2)
        assert link.send("Ping")
    assert diary.entries == ["connected"]


def test_pings_keep_a_living_connection() -> None:
    pings = Diary()

    def ping(action: Action) -> bytes:
        pings.note("ping")
        return action.answer("Ping: Pong")

    diary = Diary()
    with connected(serving(Ping=ping), diary=diary, timing=LinkTiming(ping_seconds=0.02)):
        pings.wait_for(*["ping"] * 5)
    assert diary.entries == ["connected"]


def test_a_peer_that_no_longer_reads_cannot_hold_an_action_for_ever() -> None:
    given_up = threading.Event()

    def behave(peer: Peer) -> None:
        peer.let_in()
        assert given_up.wait(10)

    diary = Diary()
    timing = LinkTiming(answer_seconds=0.2, first_pause_seconds=0.01)
    with FakeAmi(behave, serving()) as server, linked(server, diary, timing=timing) as link:
        assert link.wait_connected(5)
        with pytest.raises(ManagerLost, match="could not be sent"):
            link.send("Setvar", {"Variable": ["x" * 1000] * 20_000})
        diary.wait_for("connected", "lost", "connected")
        given_up.set()


def test_a_message_without_end_costs_the_connection_and_not_the_memory() -> None:
    def flood(peer: Peer) -> None:
        peer.let_in()
        peer.send(b"Event: E\r\nA: " + b"x" * (MESSAGE_LIMIT_BYTES + 1))
        peer.wait_until_gone()

    diary = Diary()
    with FakeAmi(flood, serving()) as server, linked(server, diary) as link:
        diary.wait_for("connected", "lost", "connected")
        assert link.send("Ping")


def test_a_big_event_within_the_limit_arrives() -> None:
    def behave(peer: Peer) -> None:
        peer.let_in()
        peer.send(message("Event: E", "A: big", "Value: " + "ä" * 400_000), piece_bytes=10_001)
        peer.serve()

    diary = Diary()
    with connected(behave, diary=diary):
        diary.wait_for("E big")


def test_the_secret_is_not_given_to_a_stranger() -> None:
    heard = []

    def stranger(peer: Peer) -> None:
        peer.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        heard.append(peer.read())

    with FakeAmi(stranger, serving()) as server, linked(server) as link:
        assert link.wait_connected(5)
    assert heard == []


def test_a_refused_login_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(peer: Peer) -> None:
        peer.send(GREETING)
        peer.send(peer.read().answer("Message: Authentication failed", response="Error"))

    diary = Diary()
    with FakeAmi(refuse, refuse, serving()) as server, linked(server, diary) as link:
        assert link.wait_connected(5)
        diary.wait_for("connected")
    assert diary.entries == ["connected"]
    assert caplog.text.count("Authentication failed") == 1
    assert "secret" not in caplog.text


# --- stopping


def test_a_link_that_was_never_started_can_be_stopped() -> None:
    ManagerLink("127.0.0.1", 1, "u", "s", name="idle").stop()


def test_it_stops_at_once_while_connected_and_calls_nobody_any_more() -> None:
    diary = Diary()
    began = time.monotonic()
    with connected(serving(), diary=diary):
        diary.wait_for("connected")
    assert time.monotonic() - began < 2
    assert diary.entries == ["connected"]


def test_it_stops_at_once_while_the_peer_is_silent() -> None:
    timing = LinkTiming(60, 60, 60, 60)
    reached = threading.Event()

    def silent(peer: Peer) -> None:
        reached.set()
        peer.wait_until_gone()

    with FakeAmi(silent) as server, linked(server, timing=timing):
        assert reached.wait(5)
        began = time.monotonic()
    assert time.monotonic() - began < 2


def test_it_stops_at_once_while_the_network_swallows_the_connection() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # A full backlog: the kernel drops further attempts, as a host that is switched off does.
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        host, port = listener.getsockname()
        link = ManagerLink(host, port, "u", "s", name="swallowed", timing=LinkTiming(60, 60, 60, 60))
        link.start()
        assert not link.wait_connected(0.1)
        began = time.monotonic()
        link.stop()
        assert time.monotonic() - began < 2


def test_a_handler_may_stop_the_link_and_is_not_called_again() -> None:
    stopped = threading.Semaphore(0)
    dispatchers = []

    def stop(_: Event) -> None:
        dispatchers.append(threading.current_thread())
        link.stop()
        stopped.release()

    def behave(peer: Peer) -> None:
        peer.let_in()
        peer.send(e(1) + e(2) + e(3))
        peer.serve()

    with FakeAmi(behave) as server:
        link = ManagerLink(server.host, server.port, "u", "s", name="x", wanted_events={"E"}, on_event=stop)
        link.start()
        assert stopped.acquire(timeout=5)
        dispatchers[0].join(5)
    assert len(dispatchers) == 1


def test_an_event_can_be_made_from_plain_values() -> None:
    event = Event("UserEvent", {"Name": "x", "Variable": ["a", "b"]})
    assert event.name == "UserEvent"
    assert event["name"] == "x"
    assert event.headers.all("variable") == ("a", "b")
