"""Calls one after the other at a single agent's phone: each waits in line until the one before is over."""

from __future__ import annotations

import itertools
import random
import time

from tests.bench.offices import DIALLED
from tests.bench.telephones import Dialog, Telephones

QUEUE = """
[support]
strategy = rrmemory
timeout = 20
retry = 1
wrapuptime = 0
ringinuse = no
announce-frequency = 0
member => PJSIP/desk_1
"""
DIALPLAN = """
[from-line]
exten => _[+0-9]!,1,Set(CHANNEL(language)=de)
 same => n,Answer()
 same => n,Playback(${PROMPTS}/greeting)
 same => n,Queue(support,t)
 same => n,Hangup()
"""
_IN_LINE_SECONDS = 0.5  # until then a new caller surely stands in line
_POLLS_SECONDS = 1.0  # app_queue looks once in a second: hanging up must not follow its beat
_PICKS_UP_SECONDS = 0.3
_numbers = itertools.count(1_000_000)


class QueueCalls:
    """A chain of calls; the agent always talks to the last caller who has rung."""

    def __init__(self, telephones: Telephones, seed: int) -> None:
        self._telephones = telephones
        self._dice = random.Random(seed)
        self._talking = self._talk(self._dial())

    def _dial(self) -> Dialog:
        return self._telephones.call(DIALLED, f"+49170{next(_numbers)}")

    def _talk(self, caller: Dialog) -> tuple[Dialog, Dialog]:
        phone = self._telephones.wait_for(
            f"the phone rings for {caller.number}", lambda: self._telephones.ringing_for(caller.number)
        )
        time.sleep(_PICKS_UP_SECONDS)
        self._telephones.answer(phone)
        return caller, phone

    def next_call(self) -> float:
        """Somebody calls and waits, the agent hangs up; seconds until his phone rings for who waits."""
        waiting = self._dial()
        before, phone = self._talking
        time.sleep(_IN_LINE_SECONDS + self._dice.uniform(0, _POLLS_SECONDS))
        hung_up_at = self._telephones.hang_up(phone)
        self._talking = self._talk(waiting)
        self._telephones.wait_for("the call before is over", lambda: before.ended_at)
        return self._talking[1].started_at - hung_up_at

    def end(self) -> None:
        """The last caller hangs up."""
        caller, phone = self._talking
        self._telephones.hang_up(caller)
        self._telephones.wait_for("the phone is hung up", lambda: phone.ended_at)
