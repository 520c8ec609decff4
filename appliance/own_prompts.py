"""Brings the office's own recordings from the store to where Asterisk plays them."""

from __future__ import annotations

import logging
import re

from sqlite_utils import Database

from appliance.mail import files
from appliance.settings import Settings
from appliance.store import own_prompts, times
from appliance.telephony.prompts.install import install_again
from appliance.telephony.prompts.recordings import as_wav

log = logging.getLogger(__name__)

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*")


def bring_into_force(db: Database, settings: Settings) -> int:
    """Write what is not in force yet as files, each whole or not at all; then switch to the new set.

    Returns how many changed. Raises OSError; then the old set is in force and the store says so.
    """
    changes = [own for own in own_prompts.not_in_force(db) if _KEY.fullmatch(own.prompt)]
    if not changes:
        return 0
    unused = []
    for own in changes:
        file = settings.own_recordings / own.language / f"{own.prompt}.wav"
        sound = own_prompts.sound(db, own.prompt, own.language)
        if sound is None:
            unused.append(file)
        else:
            files.make_folder(file.parent)
            files.write_durably(file, as_wav(sound))
            file.chmod(0o644)  # Asterisk is another user
    recordings = settings.own_recordings
    for passed_over in install_again(settings.prompts, recordings=recordings, without=unused):
        log.warning("%s is not played: %s", passed_over.path, passed_over.english)
    for file in unused:
        files.remove(file)  # behind the switch: until then callers hear it
    own_prompts.note_in_force(db, [own.id for own in changes], times.now())
    log.info("callers hear %d changed prompts from now on", len(changes))
    return len(changes)
