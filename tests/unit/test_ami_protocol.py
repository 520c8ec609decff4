"""The bytes of the manager interface: whatever is cut, repeated, garbage or meant to do harm."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.telephony.ami_protocol import (
    LINE_LIMIT_BYTES,
    Headers,
    MessageReader,
    ProtocolError,
    encode_action,
)

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
SPOKEN = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=60)
NAMES = st.text("abcXYZ-_0123", min_size=1, max_size=12)


def read(data: bytes, *wanted: str, awaited: tuple[str, ...] = ()) -> list[Headers]:
    return MessageReader(wanted).feed(GREETING + data, awaited)


def event(name: str, *lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in (f"Event: {name}", *lines, "")).encode()


# --- headers


def test_a_header_is_found_in_any_case_and_its_first_value_counts() -> None:
    headers = Headers([("Variable", "a=1"), ("Queue", "sales"), ("VARIABLE", "b=2")])
    assert headers["variable"] == "a=1"
    assert headers.all("Variable") == ("a=1", "b=2")
    assert headers.get("QUEUE") == "sales"
    assert headers.get("Nothing") is None
    assert headers.all("Nothing") == ()
    assert list(headers) == ["Variable", "Queue"]
    assert len(headers) == 2


# --- reading


def test_the_greeting_is_kept_and_is_no_message() -> None:
    reader = MessageReader()
    assert reader.feed(GREETING[:-1]) == []
    assert reader.greeting is None
    assert reader.feed(GREETING[-1:] + b"Response: Success\r\n\r\n") == [{"Response": "Success"}]
    assert reader.greeting == "Asterisk Call Manager/11.0.0"


@pytest.mark.parametrize(
    "hello", [b"SSH-2.0-OpenSSH_9.2\r\n", b"A", b"\xff", b"Asterisk Call\r\n", GREETING[:-2] + b"x" * 300]
)
def test_what_does_not_greet_as_asterisk_is_refused(hello: bytes) -> None:
    reader = MessageReader()
    if hello == b"A":  # may still become the greeting
        assert reader.feed(hello) == []
        hello = b"B"
    with pytest.raises(ProtocolError, match="greeting"):
        reader.feed(hello)


def test_only_wanted_events_come_out_but_every_response() -> None:
    data = (
        event("Newexten", "A: 1")
        + b"Response: Success\r\n\r\n"
        + event("Hangup", "B: 2")
        + event("HangupRequest")
    )
    messages = read(data, "Hangup")
    assert [dict(found) for found in messages] == [{"Response": "Success"}, {"Event": "Hangup", "B": "2"}]


def test_an_unwanted_event_comes_out_when_somebody_awaits_its_action_id() -> None:
    data = event("QueueMember", "ActionID: x-1", "Name: a") + event(
        "QueueMember", "ActionID: x-10", "Name: b"
    )
    assert [found["Name"] for found in read(data, awaited=("x-10",))] == ["b"]
    assert [found["Name"] for found in read(data, awaited=("x-1",))] == ["a"]
    assert read(event("QueueMember", "Note: ActionID: x-1"), awaited=("x-1",)) == []


def test_every_output_line_of_a_command_is_kept_with_its_indentation() -> None:
    data = b"Response: Success\r\nOutput: \r\nOutput:   two\r\nOutput: a: b\r\n\r\n"
    assert read(data)[0].all("Output") == ("", "  two", "a: b")


def test_bytes_that_are_no_utf8_are_replaced_and_not_dropped() -> None:
    assert read(b"Event: E\r\nName: M\xfcller\r\n\r\n", "E")[0]["Name"] == "M\ufffdller"


def test_garbage_between_messages_costs_no_message() -> None:
    garbage = b"\x00\xff\xfe no colon\r\n: no name\r\n\r\n\r\n\r\n"
    messages = read(garbage + event("E", "A: 1") + garbage + event("E", "A: 2"), "E")
    assert [found["A"] for found in messages] == ["1", "2"]


def test_an_event_behind_garbage_in_the_same_message_is_filtered_like_any_other() -> None:
    data = b"\xffgarbage\r\n" + event("E", "A: 1")
    assert [found["A"] for found in read(data, "E")] == ["1"]
    assert read(data, "Other") == []
    assert read(data) == []


def test_a_message_may_be_as_long_as_the_limit_and_not_longer() -> None:
    def of_length(size: int) -> bytes:
        return b"Event: E\r\nA: " + b"x" * (size - 13)

    reader = MessageReader(["E"], limit_bytes=1000)
    assert len(reader.feed(GREETING + of_length(1000 - 4) + b"\r\n\r\n")) == 1
    with pytest.raises(ProtocolError, match="1000 bytes"):
        MessageReader(["E"], limit_bytes=1000).feed(GREETING + of_length(1001) + b"\r\n\r\n")
    with pytest.raises(ProtocolError, match="1000 bytes"):
        MessageReader(limit_bytes=1000).feed(GREETING + of_length(1001))


def test_a_long_message_in_small_pieces_is_stopped_as_soon_as_it_is_too_long() -> None:
    reader = MessageReader(limit_bytes=1000)
    reader.feed(GREETING)
    for _ in range(100):
        assert reader.feed(b"Output: xx") == []
    with pytest.raises(ProtocolError):
        reader.feed(b"O")


STREAM = (
    GREETING
    + b"Response: Success\r\nActionID: 1\r\n\r\n"
    + event("Hangup", "CallerIDName: Jürgen 🎉 Größe", "ChanVariable: a=ä", "ChanVariable: b=2")
    + event("VarSet", "Value: ß")
    + event("Hangup", "Cause-txt: ")
    + b"\r\n\r\nno colon\xc3\r\n\r\n"
    + event("QueueMember", "ActionID: x-1", "Name: 東京")
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
@example(list(range(len(STREAM))))
def test_where_the_stream_is_cut_makes_no_difference(cuts: list[int]) -> None:
    whole = MessageReader(["Hangup"]).feed(STREAM, ("x-1",))
    assert len(whole) == 4
    reader = MessageReader(["Hangup"])
    borders = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(borders)]
    assert [found.pairs for piece in pieces for found in reader.feed(piece, ("x-1",))] == [
        found.pairs for found in whole
    ]
    assert whole[1]["CallerIDName"] == "Jürgen 🎉 Größe"
    assert whole[3]["Name"] == "東京"


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_no_bytes_at_all_can_do_more_than_end_the_connection(chunks: list[bytes]) -> None:
    reader = MessageReader(["E"], limit_bytes=300)
    reader.feed(GREETING)
    try:
        for chunk in chunks:
            reader.feed(chunk, ("1",))
    except ProtocolError:
        return
    # Once the garbage is closed by an empty line the next event is whole.
    assert any(found.get("A") == "1" for found in reader.feed(b"\r\n\r\n" + event("E", "A: 1")))


# --- writing


def test_an_action_is_written_line_by_line() -> None:
    data = encode_action("Originate", "id-1", {"Channel": "PJSIP/ä", "Variable": ["a=1", "b=2"], "Data": ""})
    assert data.decode() == (
        "Action: Originate\r\nActionID: id-1\r\nChannel: PJSIP/ä\r\n"
        "Variable: a=1\r\nVariable: b=2\r\nData: \r\n\r\n"
    )


@pytest.mark.parametrize(
    "bad", ["\r", "\n", "\0", "x\r\n\r\nAction: Command\r\nCommand: core stop now", "a\nb"]
)
def test_a_line_break_or_nul_is_refused_wherever_it_stands(bad: str) -> None:
    for action, action_id, headers in (
        (bad, "1", {}),
        ("A", bad, {}),
        ("A", "1", {bad: "x"}),
        ("A", "1", {"X": bad}),
        ("A", "1", {"X": ["good", bad]}),
    ):
        with pytest.raises(ValueError, match=r"line break|header name"):
            encode_action(action, action_id, headers)


@pytest.mark.parametrize("name", ["", "A:B", "A B", "Name\t", "ActionID", "action"])
def test_a_header_name_that_means_something_else_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="header"):
        encode_action("A", "1", {name: "x"})


def test_a_refusal_does_not_tell_the_secret() -> None:
    with pytest.raises(ValueError, match="Secret") as refusal:
        encode_action("Login", "1", {"Secret": "pass\nword"})
    assert "word" not in str(refusal.value)


def test_a_line_longer_than_asterisk_takes_is_refused() -> None:
    longest = "x" * (LINE_LIMIT_BYTES - len("X: \r\n"))
    assert encode_action("A", "1", {"X": longest})
    with pytest.raises(ValueError, match="longer"):
        encode_action("A", "1", {"X": longest + "x"})
    with pytest.raises(ValueError, match="longer"):
        encode_action("A", "1", {"X": "ä" * (LINE_LIMIT_BYTES // 2)})


def test_text_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        encode_action("A", "1", {"X": "\udcff"})


@given(st.dictionaries(NAMES, SPOKEN | st.lists(SPOKEN, max_size=3), max_size=5))
def test_what_is_written_is_read_back_and_nothing_is_added(headers: dict[str, str | list[str]]) -> None:
    data = encode_action("Do", "id", headers)
    (found,) = read(data)
    expected = [("Action", "Do"), ("ActionID", "id")]
    for name, values in headers.items():
        expected += [(name, value) for value in ([values] if isinstance(values, str) else values)]
    assert list(found.pairs) == expected
    assert data.count(b"\r\n\r\n") == 1


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=40), max_size=4))
def test_any_text_is_either_refused_or_stays_within_its_line(headers: dict[str, str]) -> None:
    try:
        data = encode_action("Do", "id", headers)
    except ValueError:
        return
    assert data.count(b"\n") == data.count(b"\r") == len(headers) + 3
    assert data.endswith(b"\r\n\r\n")
