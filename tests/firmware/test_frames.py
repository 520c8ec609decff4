"""Frames on both sides: whatever is on the cable, whole frames come through and nothing else does."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.panel import frames, messages
from appliance.panel.bundle import SOURCES
from appliance.panel.frames import Frame, encode
from appliance.panel.messages import Length, Press, State
from deskbox import frames as box_frames
from deskbox import messages as box_messages

VECTORS = json.loads((SOURCES / "vectors.json").read_text())
BY_NAME = {
    v["name"]: Frame(v["address"], v["kind"], v["sequence"], bytes.fromhex(v["payload"]))
    for v in VECTORS["frames"]
}
Taken = tuple[int, int, int, int, bytes]


def as_box(frame: Frame) -> Taken:
    return frame.version, frame.address, frame.kind, frame.sequence, frame.payload


def taken_by_both(pieces: list[bytes]) -> list[Frame]:
    """The frames of a stream that came in these pieces; both sides must agree."""
    ours, boxes = frames.Decoder(), box_frames.Decoder()
    found = [frame for piece in pieces for frame in ours.feed(piece)]
    assert [as_box(frame) for frame in found] == [frame for piece in pieces for frame in boxes.feed(piece)]
    return found


@pytest.mark.parametrize("vector", VECTORS["frames"], ids=lambda v: v["name"])
def test_frames_are_written_as_the_vectors_say(vector: dict[str, str]) -> None:
    frame = BY_NAME[vector["name"]]
    assert encode(frame).hex() == vector["bytes"]
    assert box_frames.encode(*as_box(frame)[1:]).hex() == vector["bytes"]
    assert taken_by_both([bytes.fromhex(vector["bytes"])]) == [frame]


@pytest.mark.parametrize("stream", VECTORS["streams"], ids=lambda v: v["name"])
def test_streams_are_read_as_the_vectors_say(stream: dict[str, str]) -> None:
    data = bytes.fromhex(stream["bytes"])
    expected = [BY_NAME[name] for name in stream["frames"]]
    assert taken_by_both([data]) == expected
    assert taken_by_both([data[i : i + 1] for i in range(len(data))]) == expected


def test_a_state_is_read_as_it_was_told() -> None:
    told = VECTORS["state"]
    payload = BY_NAME[told["frame"]].payload
    presses = tuple(
        Press(told["first"] + i, Length(length), shown, age / 10)
        for i, (length, shown, age) in enumerate(told["presses"])
    )
    assert messages.read_state(payload) == State(
        told["serial"], told["boot"], told["lamp"], told["picture"], told["down"], presses
    )
    assert payload == box_messages.state(
        bytes.fromhex(told["serial"]),
        told["boot"],
        told["lamp"],
        told["picture"],
        told["down"],
        told["first"],
        told["presses"],
    )


FRAMES = st.builds(
    Frame, st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=246)
)
NOISE = st.binary(max_size=300).map(lambda noise: b"\0" + noise + b"\0")


@given(sent=st.lists(FRAMES, max_size=4), noise=st.lists(NOISE, min_size=5, max_size=5), data=st.data())
def test_frames_come_through_any_noise_and_any_split(
    sent: list[Frame], noise: list[bytes], data: st.DataObject
) -> None:
    stream = noise[0] + b"".join(encode(frame) + noise[i + 1] for i, frame in enumerate(sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]
    assert taken_by_both(pieces) == sent


@given(frame=FRAMES, at=st.integers(0), bit=st.integers(0, 7))
def test_one_wrong_bit_is_never_another_frame(frame: Frame, at: int, bit: int) -> None:
    stream = bytearray(encode(frame))
    stream[1 + at % (len(stream) - 2)] ^= 1 << bit
    assert taken_by_both([bytes(stream), b"\0"]) == []


def test_what_is_too_long_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="247"):
        encode(Frame(1, 1, 1, bytes(247)))
    with pytest.raises(ValueError, match="too long"):
        box_frames.encode(1, 1, 1, bytes(247))


def test_noise_without_end_is_not_kept() -> None:
    ours, boxes = frames.Decoder(), box_frames.Decoder()
    for _ in range(1000):
        assert not list(ours.feed(b"x" * 1000))
        assert not boxes.feed(b"x" * 1000)
    assert len(ours._part) + len(boxes._part) < 600


@pytest.mark.parametrize("read", [messages.read_hello, messages.read_state, messages.read_update_state])
def test_a_payload_that_cannot_be_is_refused(read: object) -> None:
    noise = random.Random(1)
    refused = 0
    for _ in range(20_000):
        payload = noise.randbytes(noise.randrange(40))
        try:
            read(payload)  # type: ignore[operator]
        except ValueError:
            refused += 1
    assert refused > 15_000
