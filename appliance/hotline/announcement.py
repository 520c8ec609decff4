"""What a waiting caller is told of place and expected wait, and when. Pure decisions."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

# The expected wait in seconds from which on each prompt is true; the last that fits is said.
# "About two minutes" is anything nearer to two than to another figure that is spoken, "more
# than ten minutes" begins where "about ten" would be a minute short.
_WAIT_PROMPTS = (
    (0.0, "wait-under-1"),
    (45.0, "wait-1"),
    (90.0, "wait-2"),
    (150.0, "wait-3"),
    (210.0, "wait-4"),
    (270.0, "wait-5"),
    (330.0, "wait-6"),
    (390.0, "wait-7"),
    (450.0, "wait-8"),
    (540.0, "wait-10"),
    (660.0, "wait-over-10"),
    (1200.0, "wait-over-20"),
    (1800.0, "wait-over-30"),
)
_MOST_POSITION = 20
_LONGER = "wait-longer"

# Nobody wants the music interrupted at every step of a quick line.
PAUSE_SECONDS = 20.0

WAIT_KEYS = tuple(key for _, key in _WAIT_PROMPTS)
POSITION_KEYS = (*(f"position-{n}" for n in range(1, _MOST_POSITION + 1)), f"position-over-{_MOST_POSITION}")
ANNOUNCEMENT_KEYS = (*WAIT_KEYS, _LONGER, *POSITION_KEYS)


@dataclass(frozen=True, slots=True)
class Said:
    """What a caller was last told and goes by.

    `position` and `step` are the best told so far, as indices of `POSITION_KEYS` and
    `WAIT_KEYS`; `step` is None while no wait was told. `agents` were present when it was.
    """

    position: int
    step: int | None
    agents: int


def wait_step(wait_seconds: float) -> int:
    """The index in `WAIT_KEYS` of what is said for an expected wait."""
    return bisect_right(_WAIT_PROMPTS, wait_seconds, key=lambda prompt: prompt[0]) - 1


def announcement(
    last: Said | None,
    *,
    position: int,
    agents: int,
    wait_seconds: float | None,
    seconds_since_last: float,
    with_position: bool = True,
) -> tuple[tuple[str, ...], Said] | None:
    """The prompts to be said now and what is said by them, or None when it is better to be silent.

    `last` is None on entry: then everything known is told. Afterwards the caller hears of
    it when the place or the wait has improved by what can be heard, `PAUSE_SECONDS` apart.
    A wait above the one told before is said only when fewer agents are present than there were
    then, after the sentence that says so. Otherwise it is not said, and neither is the old one,
    which is too short now. `position` counts from 1; `wait_seconds` is None when unknown.
    """
    place = min(position, len(POSITION_KEYS)) - 1
    step = None if wait_seconds is None else wait_step(wait_seconds)
    if last is None:
        return _told(place if with_position else None, step, Said(place, step, agents))
    if seconds_since_last < PAUSE_SECONDS:
        return None

    longer = step is not None and last.step is not None and step > last.step
    if longer and agents >= last.agents:
        step = None
    news = step is not None and step != last.step
    if not news and not (with_position and place < last.position):
        return None
    said = Said(
        min(place, last.position),
        last.step if step is None else step,
        last.agents if step is None else agents,
    )
    shown_place = place if with_position and place <= last.position else None
    return _told(shown_place, step, said, longer=longer and step is not None)


def _told(
    place: int | None, step: int | None, said: Said, *, longer: bool = False
) -> tuple[tuple[str, ...], Said] | None:
    """The prompts in the order they are said, None when there is nothing to say."""
    prompts = (
        *((_LONGER,) if longer else ()),
        *(() if place is None else (POSITION_KEYS[place],)),
        *(() if step is None else (WAIT_KEYS[step],)),
    )
    return (prompts, said) if prompts else None
