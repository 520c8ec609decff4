"""The dialog of one call: from the greeting to a conversation or a message. Reads from top to bottom."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from appliance.hotline.departments import Department
from appliance.hotline.numbers import clean_caller_name
from appliance.hotline.ringing import Chance, Ring
from appliance.telephony.fastagi import CallerHungUp, CallerLeg

WAKE_KEY = "D"  # sent to a waiting caller's channel by us; no telephone has it
_MESSAGE_KEY = "3"
_LOOK_SECONDS = 5.0  # the wake key is a hint; this often we look whether it was lost
_LOOKS_BEFORE_A_WORD = 6
_SILENCE_SECONDS = 5  # this much silence ends a message


_RING_RESULTS = {
    "ANSWER": Ring.TALKED,
    "NOANSWER": Ring.NO_ANSWER,
    "BUSY": Ring.REFUSED,
    "DONTCALL": Ring.REFUSED,
    "CANCEL": Ring.CALLER_GONE,
}


_RING_STEPS = {
    Ring.TALKED: "conversation over",
    Ring.NO_ANSWER: "agent did not answer",
    Ring.REFUSED: "agent refused",
    Ring.UNREACHABLE: "phone unreachable",
    Ring.CALLER_GONE: "hung up while ringing",
}


class Place(Protocol):
    """A caller's place in line; keeps its age whatever the caller does."""

    def look(self) -> Chance:
        """Who will take this caller, as of now."""

    def report(self, result: Ring) -> None:
        """Tell how ringing the agent of the last chance ended."""


class House(Protocol):
    """What one call needs of the house it comes into."""

    def department(self, dialled: str) -> Department | None:
        """The department a number belongs to, None for a number that is not ours."""

    def place_in_line(self, department: Department) -> AbstractContextManager[Place]:
        """Stand in line until the context ends."""

    def note(self, step: str, detail: str = "") -> None:
        """Add a step to the call's story."""

    def keep_message(self) -> float | None:
        """Make the recording durable; its seconds, or None when nothing was said.

        Raises OSError or sqlite3.Error when it cannot be kept.
        """

    @property
    def recording(self) -> Path:
        """The file a voice message of this call is recorded to."""

    @property
    def prompts(self) -> Path:
        """Folder of the prompts in force."""


class Call:
    """A caller's leg together with the house: the words the dialog is written in."""

    def __init__(self, leg: CallerLeg, house: House) -> None:
        self.leg = leg
        self.house = house
        self.step = leg.get("STEP") or "arrived"

    def reaches(self, step: str) -> None:
        """Mark how far the caller has come: the floor goes on from here should we be lost."""
        self.step = step
        self.leg.set("STEP", step)

    def hears(self, prompt: str, keys: str = "") -> str:
        """Play a prompt in the caller's language; returns the key that interrupted it, or ''."""
        return self.leg.play(str(self.house.prompts / prompt), keys)


def take_call(leg: CallerLeg, house: House) -> None:
    """Take one call: greet, look whether it is open and who is free, ring, wait, or take a message.

    Raises CallerHungUp when the caller goes; what was reached until then is in the story.
    """
    call = Call(leg, house)
    department = house.department(leg.argument(2))
    if department is None:
        house.note("unassigned told")
        call.hears("unassigned-number")
        call.reaches("done")
        return
    leg.set("CHANNEL(language)", department.language)

    call.hears(department.greeting)
    call.reaches("greeted")
    house.note("greeted")

    if not department.is_open:
        house.note("closed told")
        call.hears("closed")
    elif reach_an_agent(call, department):
        call.reaches("done")
        return
    take_message(call, department)
    call.reaches("done")


def reach_an_agent(call: Call, department: Department) -> bool:
    """Ring the agents who are free, one at a time, and wait while all are in a call.

    True when the caller has talked to somebody; False when a message is what is left, because
    nobody is there or the caller wants to leave one.
    """
    call.reaches("waiting")
    told_busy = False
    with call.house.place_in_line(department) as place:
        while True:
            chance = place.look()
            if chance.agent:
                if ring(call, department, place, chance) is Ring.TALKED:
                    return True
            elif not chance.somebody_present:
                call.house.note("nobody present told")
                call.hears("nobody-present")
                return False
            else:
                if not told_busy:
                    call.house.note("all busy told")
                    key = call.hears("all-busy", _MESSAGE_KEY + WAKE_KEY) or call.hears(
                        "offer-wait", _MESSAGE_KEY + WAKE_KEY
                    )
                else:
                    key = call.hears("still-waiting", _MESSAGE_KEY + WAKE_KEY)
                told_busy = True
                if (key or wait_with_music(call, place)) == _MESSAGE_KEY:
                    return False


def wait_with_music(call: Call, place: Place) -> str:
    """Music until the message key, a chance, or until it is time for a word."""
    call.leg.music(True)
    try:
        for _ in range(_LOOKS_BEFORE_A_WORD):
            key = call.leg.wait_key(_LOOK_SECONDS)
            if key == _MESSAGE_KEY:
                return key
            chance = place.look()
            if chance.agent or not chance.somebody_present:
                break
        return ""
    finally:
        if not call.leg.hung_up:
            call.leg.music(False)


def ring(call: Call, department: Department, place: Place, chance: Chance) -> Ring:
    """Ring this one agent while the caller hears that he is being connected, then music.

    Returns when it was not answered or when the conversation is over.
    """
    _, name = call.leg.caller_id()
    call.leg.set(
        "CALLERID(name)", clean_caller_name(f"{department.title}: {name}" if name else department.title)
    )
    call.house.note("agent rings", chance.agent)
    call.reaches("ringing")
    try:
        call.leg.run(
            "Dial",
            f"PJSIP/{chance.phone}",
            str(department.ring_seconds),
            f"gm(connecting-{department.language})",
        )
    finally:  # also when the caller hung up: the agent is free again or in wrap-up
        result = _RING_RESULTS.get(call.leg.get("DIALSTATUS"), Ring.UNREACHABLE)
        place.report(result)
    call.house.note(_RING_STEPS[result], chance.agent)
    call.reaches("talked" if result is Ring.TALKED else "waiting")
    return result


def take_message(call: Call, department: Department) -> None:
    """Record a message and make it durable before saying so; two chances for a silent one."""
    for first_prompt in ("leave-message", "message-too-short"):
        call.house.note("leaves message")
        call.reaches("message")
        call.hears(first_prompt)
        call.reaches("recording")
        try:
            call.leg.run(
                "Record",
                str(call.house.recording),
                str(_SILENCE_SECONDS),
                str(department.message_seconds),
                "k",
            )
        except CallerHungUp:
            keep(call)
            raise
        if keep(call):
            call.hears("message-thanks")
            return
    call.hears("goodbye")


def keep(call: Call) -> bool:
    """Put the message on disk; only then may anybody say it is kept."""
    seconds = call.house.keep_message()
    call.house.note("message kept" if seconds else "message too short", f"{seconds or 0:.1f}")
    return bool(seconds)
