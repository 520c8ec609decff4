"""A prompt recorded by phone: the page wishes for it, a phone rings, what is spoken becomes the prompt."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from appliance.language import say_in
from appliance.settings import Settings
from appliance.store import own_prompts, times, wishes
from appliance.store.database import open_store
from appliance.store.office import device_of, office_facts
from appliance.store.wishes import Wish
from appliance.telephony.fastagi import CallerLeg
from appliance.telephony.manager import ActionRefused, ManagerError, ManagerLink
from appliance.telephony.prompts.recordings import UnusableRecording, to_prompt
from appliance.telephony.record_call import LONGEST_SECONDS, record_prompt

log = logging.getLogger(__name__)

KIND: Final = "record prompt"
_RING_SECONDS: Final = 25.0
_SOON: Final = timedelta(seconds=30)  # later, nobody stands beside the phone any more
_LONGEST: Final = timedelta(seconds=_RING_SECONDS + LONGEST_SECONDS + 60)
# Why the phone did not come to the dialog, in the words of the manager link.
_REFUSALS: Final = {"no answer": "no answer", "busy": "busy", "hung up": "busy"}


class RecordingPrompts:
    """Rings the phones the page asks for, and takes whoever picks up through the recording."""

    def __init__(self, settings: Settings, orders: ManagerLink) -> None:
        self._settings = settings
        self._orders = orders
        self._begun: set[int] = set()

    def look(self, db: Database) -> None:
        """Begin what is wished for; what is too old, or was begun and never ended, is answered so."""
        open_wishes = wishes.unanswered(db, KIND)
        for wish in open_wishes:
            age = times.now() - times.from_text(wish.asked_at)
            if age > (_LONGEST if wish.id in self._begun else _SOON):
                wishes.answer(db, wish.id, "failed")
            elif wish.id not in self._begun:
                self._begun.add(wish.id)
                threading.Thread(
                    target=self._ring, args=(wish,), name=f"record-{wish.id}", daemon=True
                ).start()
        if not open_wishes:
            self._begun.clear()
            for left in self._settings.prompt_recordings.glob("*.wav"):
                left.unlink(missing_ok=True)

    def take_leg(self, leg: CallerLeg) -> None:
        """Somebody has picked up: the rest is the dialog's."""
        db = open_store(self._settings.store)
        try:
            number = leg.argument(1)
            wish = wishes.wish(db, int(number)) if number.isdecimal() else None
            if wish is not None and wish.kind == KIND and wish.answer is None:
                self._record(db, leg, wish)
        finally:
            db.close()

    def _record(self, db: Database, leg: CallerLeg, wish: Wish) -> None:
        recording = self._settings.prompt_recordings / f"{wish.id}.wav"
        result = "hung up"

        def keep() -> bool:
            nonlocal result
            result = self._keep(db, wish, recording)
            return result == "done"

        try:
            record_prompt(leg, self._settings.prompts, office_facts(db).language, recording, keep)
        finally:
            wishes.answer(db, wish.id, result)
            recording.unlink(missing_ok=True)

    def _keep(self, db: Database, wish: Wish, recording: Path) -> str:
        """Commit what was spoken as an upload is; what came of it, in the words of the page."""
        try:
            sound = to_prompt(recording.read_bytes())
        except FileNotFoundError:
            return "silent"
        except UnusableRecording as error:
            return error.reason
        own_prompts.set_sound(db, wish.values["prompt"], wish.values["language"], sound, wish.by, times.now())
        return "done"

    def _ring(self, wish: Wish) -> None:
        db = open_store(self._settings.store)
        try:
            if refused := self._originate(db, wish):
                wishes.answer(db, wish.id, refused)
        finally:
            db.close()

    def _originate(self, db: Database, wish: Wish) -> str:
        """Ring the phone; why it was not picked up, '' when it was."""
        device = device_of(db, str(wish.values["phone"]))
        if not device:
            return "unreachable"
        title = say_in(office_facts(db).language, "Ansage aufnehmen", "Record a prompt")
        where = {"Context": "record-prompt", "Exten": "s", "Priority": "1", "CallerID": f'"{title}" <*84>'}
        try:
            self._orders.originate(
                device, where, variables={"WISH": str(wish.id)}, ring_seconds=_RING_SECONDS
            )
        except ActionRefused as error:
            return _REFUSALS.get(error.message, "unreachable")
        except ManagerError as error:
            log.warning("nobody knows whether %s was rung: %s", device, error)
            return "failed"
        return ""
