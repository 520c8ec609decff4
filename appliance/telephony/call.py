"""One call as its dialog sees it: the caller's leg, the house he called, and the words to speak with."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from appliance.hotline.departments import Department
from appliance.hotline.on_call import OnCall
from appliance.hotline.ringing import Chance, Ring
from appliance.hotline.transfers import Colleague, Target
from appliance.telephony.fastagi import CallerLeg

WAKE_KEY = "D"  # sent to a waiting caller's channel by us; no telephone has it
DIGITS = "0123456789"
_CALL_REJECTED = "21"
_LONGEST_ENTRY = 40
_LONGEST_ENTRY_SECONDS = 45.0
_FIRST_KEY_SECONDS = 6.0
_NEXT_KEY_SECONDS = 4.0
_GRACE_SECONDS = 2.0  # an agent is free while somebody is keying in: he may finish, but not for long
_GRACE_NEXT_KEY_SECONDS = 1.0


def is_rejected(status: str, cause: str) -> bool:
    """Whether a phone was declined, from Dial's status and the cause (ITU-T Q.850) it was hung up with.

    What a phone says then (SIP 603) Dial takes for unreachable.
    """
    return status == "CHANUNAVAIL" and cause == _CALL_REJECTED


class Place(Protocol):
    """A caller's place in line; keeps its age whatever the caller does."""

    def look(self) -> Chance:
        """Who will take this caller, as of now, or how he stands in line."""

    def report(self, result: Ring) -> None:
        """Tell how ringing the agent of the last chance ended."""


class House(Protocol):
    """What one call needs of the house it comes into."""

    def department(self, name: str) -> Department | None:
        """The department of this name, None when there is none."""

    def enter_department(self, department: Department, *, handed_over: bool = False) -> None:
        """Commit that the caller is with this department from now on; handed over, he keeps his language.

        Raises sqlite3.Error when it cannot be kept.
        """

    def place_in_line(
        self, department: Department, agent: str = "", *, handed_over: bool = False
    ) -> AbstractContextManager[Place]:
        """Stand in line until the context ends; in the old place, for somebody we owe a callback.

        With `agent` only for him; handed over to him, also while he is in wrap-up.
        """

    def on_call(self, department: Department) -> OnCall:
        """Who is rung now while the department is closed."""

    def own_words(self, agent: str, language: str) -> str:
        """The prompt with which this agent says himself that he is not free; '' when there is none."""

    def waited_seconds(self) -> float:
        """How long this person has been waiting for an agent, an earlier call counted; 0 after a talk."""

    def transfer_target(self, dialled: str, department: Department) -> Target | None:
        """Whom an agent means by the number he transfers a caller to; None for one that may not be."""

    def transferred_by(self) -> Colleague | None:
        """Who has handed the caller over, or wanted to; None when that is unknown."""

    def is_staffed(self, department: Department) -> bool:
        """Whether the department is open and somebody of it is there."""

    def was_left_alone(self) -> bool:
        """Whether his agents hung up while he was being handed over, or was on hold."""

    def caller_name(self) -> str:
        """The caller's name as the line has delivered it, '' for none."""

    def note(self, step: str, detail: str = "") -> None:
        """Add a step to the call's story."""

    def keep_message(self) -> float | None:
        """Make the recording durable; its seconds, or None when nothing was said.

        Raises OSError or sqlite3.Error when it cannot be kept.
        """

    def keep_ticket(self, digits: str) -> None:
        """Commit the ticket or customer number the caller keyed in."""

    def number_of_caller(self) -> tuple[str, str]:
        """The caller's number (E.164) to call back; or '' and the prompt that says why there is none."""

    def number_keyed_in(self, digits: str) -> tuple[str, str]:
        """The number (E.164) that was keyed in to call back; or '' and the prompt that says why not."""

    def spoken_number(self, number: str) -> str:
        """The digits in which a person here would dial this number."""

    def promise_callback(self, number: str) -> None:
        """Commit that this person is called back at `number` in his place in line.

        Raises OSError or sqlite3.Error when it cannot be kept.
        """

    @property
    def recording(self) -> Path:
        """The file a voice message of this call is recorded to."""

    @property
    def prompts(self) -> Path:
        """Folder of the prompts in force."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody has keyed in; `woken` when an agent became free meanwhile."""

    digits: str
    woken: bool = False


class Voice:
    """Speaks to the person at the other end of a leg, and listens to the keys he presses."""

    def __init__(self, leg: CallerLeg, prompts: Path) -> None:
        self.leg = leg
        self.prompts = prompts

    def hears(self, prompts: str | Iterable[str], keys: str = "") -> str:
        """Play one or several prompts in the caller's language; returns the key that interrupted, or ''."""
        for prompt in (prompts,) if isinstance(prompts, str) else prompts:
            if key := self.leg.play(str(self.prompts / prompt), keys):
                return key
        return ""

    def keys_in(self, first: str, enough: int | None = None) -> Entry:
        """Collect digits until #, a pause, or `enough` of them; `first` is the key already pressed.

        * begins anew. When an agent becomes free he who has begun may finish within two seconds. Of an
        endless entry the first 40 digits are kept, which are no number of anything.
        """
        digits, woken = "", False
        patience, until = _FIRST_KEY_SECONDS, time.monotonic() + _LONGEST_ENTRY_SECONDS
        key = first or self._next_key(patience, until)
        while key not in ("", "#"):
            if key == WAKE_KEY:
                if not digits:
                    return Entry("", woken=True)
                woken, patience, until = True, _GRACE_NEXT_KEY_SECONDS, time.monotonic() + _GRACE_SECONDS
            elif key == "*":
                digits = ""
            elif key in DIGITS:
                digits = (digits + key)[:_LONGEST_ENTRY]
                patience = min(patience, _NEXT_KEY_SECONDS)
            if enough is not None and len(digits) >= enough:
                break
            key = self._next_key(patience, until)
        return Entry(digits, woken)

    def _next_key(self, patience_seconds: float, until: float) -> str:
        remaining = min(patience_seconds, until - time.monotonic())
        return self.leg.wait_key(remaining) if remaining > 0 else ""


class Call(Voice):
    """A caller's leg together with the house: the words the dialog of a call is written in."""

    def __init__(self, leg: CallerLeg, house: House) -> None:
        super().__init__(leg, house.prompts)
        self.house = house

    def reaches(self, step: str) -> None:
        """Mark how far the caller has come: the floor goes on from here should we be lost."""
        self.leg.set("STEP", step)
