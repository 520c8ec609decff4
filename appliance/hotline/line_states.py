"""What a line to the exchange can do at this moment, and what keeps it from more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from appliance.hotline.lamps import Pattern
from appliance.hotline.presence import PhoneState

SIP = "sip"
"""The kind of a line over the network; the others are those of cards."""

PATIENCE = timedelta(seconds=60)
"""A trouble that ends within this time, such as a cable plugged into another socket, troubles nobody."""

MAIL_PAUSE = timedelta(hours=1)
"""A line that comes and goes is written about this often, not each time."""


class Trouble(StrEnum):
    """Why a line, or a part of it, carries no calls."""

    NONE = ""
    CARD_MISSING = "card missing"
    NOT_TAKEN = "not taken over"
    """Asterisk does not know its channels: it was set up after Asterisk started, or the driver refused it."""
    NO_SIGNAL = "no signal"
    """Layer 1: the cable, or the other end's power."""
    NO_LINK = "no link"
    """Layer 2: there is a signal, but nobody speaks ISDN on it."""
    PARTLY = "partly without signal"
    STUCK = "channel stuck"
    """A channel is in use for a call that is over; it is lost until Asterisk starts anew."""
    UNREACHABLE = "unreachable"
    """Over the network: the other end does not answer when it is asked."""
    UNKNOWN = "unknown"
    """Asterisk does not answer."""


_WORDS = {
    Trouble.CARD_MISSING: ("die Karte oder ihr Anschluss ist nicht da", "its card or port is not there"),
    Trouble.NOT_TAKEN: (
        "Asterisk kennt sie noch nicht, dazu muss es neu starten (das beendet Gespräche)",
        "Asterisk does not know it yet and must be restarted for that (this ends calls)",
    ),
    Trouble.NO_SIGNAL: ("kein Signal, bitte das Kabel prüfen", "no signal, check the cable"),
    Trouble.NO_LINK: (
        "Signal ist da, aber die Vermittlung antwortet nicht (Anschlussart prüfen)",
        "there is a signal, but the exchange does not answer (check the kind of line)",
    ),
    Trouble.PARTLY: ("ein Teil der Anschlüsse hat kein Signal", "some of its ports have no signal"),
    Trouble.STUCK: (
        "ein Kanal hängt: belegt ohne Gespräch (ein Neustart von Asterisk hilft, beendet aber Gespräche)",
        "a channel is stuck, in use without a call (restarting Asterisk helps, but ends calls)",
    ),
    Trouble.UNREACHABLE: (
        "die Vermittlung antwortet nicht (Netz, Adresse oder Router prüfen)",
        "the exchange does not answer (check the network, the address, the router)",
    ),
    Trouble.UNKNOWN: ("ihr Zustand ist unbekannt", "its state is not known"),
}


@dataclass(frozen=True, slots=True)
class LineState:
    """A line as it is now. `channels` is how many calls it could carry, `free` how many more it can take.

    Over the network both may be 0 for no known limit.
    """

    line: str
    kind: str
    channels: int
    busy: int
    free: int
    trouble: Trouble = Trouble.NONE
    since: datetime | None = None

    @property
    def all_busy(self) -> bool:
        """Whether a caller outside would hear the busy tone because all channels are in use."""
        return self.trouble is Trouble.NONE and self.channels > 0 and self.free == 0

    @property
    def phone_state(self) -> PhoneState:
        """What its own lamp goes by: like a telephone, it is in use, free or not to be reached."""
        if self.trouble not in (Trouble.NONE, Trouble.PARTLY, Trouble.STUCK):
            return PhoneState.UNREACHABLE
        return PhoneState.IN_CALL if self.busy else PhoneState.IDLE


def in_words(trouble: Trouble, language: str) -> str:
    """What is wrong, as the end of a sentence in German ('de') or English; '' for nothing."""
    german, english = _WORDS.get(trouble, ("", ""))
    return german if language == "de" else english


def lasting(states: Iterable[LineState], now: datetime, patience: timedelta = PATIENCE) -> list[LineState]:
    """The lines whose trouble has lasted so long that somebody should look."""
    return [state for state in states if state.trouble and state.since and now - state.since >= patience]


def to_be_mailed(
    states: Iterable[LineState],
    now: datetime,
    patience: timedelta,
    mailed: Mapping[str, tuple[datetime, datetime]],
) -> list[LineState]:
    """The lines in trouble the office is to be written about now.

    `mailed` says of a line since when it had the trouble that was written about last, and when that was.
    """
    known = {line: (since, at) for line, (since, at) in mailed.items() if at <= now}  # the clock was set back
    return [
        state
        for state in lasting(states, now, patience)
        if state.line not in known
        or (state.since != known[state.line][0] and now - known[state.line][1] >= MAIL_PAUSE)
    ]


def lines_lamp(states: Iterable[LineState], now: datetime, patience: timedelta = PATIENCE) -> Pattern:
    """The lamp of all lines together.

    Green: all can take calls. Amber: every channel of some line is in use. Blinking amber: a trouble has
    just begun. Red: a line has had a trouble for a while. Off: there are no lines.
    """
    known = list(states)
    if lasting(known, now, patience):
        return Pattern.RED
    if any(state.trouble for state in known):
        return Pattern.AMBER_BLINKING
    if any(state.all_busy for state in known):
        return Pattern.AMBER
    return Pattern.GREEN if known else Pattern.OFF
