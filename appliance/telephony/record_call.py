"""The dialog of recording a prompt by phone: the page has let this phone ring, and somebody has picked up."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from appliance.telephony.call import Voice
from appliance.telephony.fastagi import CallerHungUp, CallerLeg

LONGEST_SECONDS = 120  # as long as an uploaded prompt may be


def record_prompt(
    leg: CallerLeg, prompts: Path, language: str, recording: Path, keep: Callable[[], bool]
) -> None:
    """Ask for the sentence, record it after the tone up to # or hanging up, and say whether it is kept.

    `keep` commits what stands in the file `recording` by now, and says whether that is a prompt now. Raises
    CallerHungUp; whoever hangs up after the tone has been asked to `keep` all the same.
    """
    voice = Voice(leg, prompts)
    leg.set("CHANNEL(language)", language)
    voice.hears("leave-message")
    with contextlib.suppress(CallerHungUp):
        leg.run("Record", str(recording), "0", str(LONGEST_SECONDS), "k")
    voice.hears("prompt-recorded" if keep() else "prompt-not-recorded")
