"""What a caller keys in: a ticket number, and the number to be called back at."""

from __future__ import annotations

import sqlite3

from appliance.hotline.tickets import TicketRule
from appliance.telephony.call import DIGITS, WAKE_KEY, Call

_TRIES = 4
_SILENT_TRIES = 2
_CONFIRM, _ANOTHER, _BACK = "1", "2", "*"
_CONFIRM_SECONDS = 5.0
_KEYPAD = DIGITS + "*#" + WAKE_KEY


def ask_for_ticket(call: Call, rule: TicketRule) -> str:
    """Let a waiting caller key in a ticket or customer number while the line moves on.

    Returns a choice he pressed instead (a single 2 or 3), or the wake key when an agent has become
    free; else ''. What has been keyed in by then is kept as it is: better half a number on the
    agent's display than none.
    """
    for prompt in ("ticket", "ticket-unknown"):
        first = call.hears(prompt, _KEYPAD)
        entry = call.keys_in(first, rule.longest)
        if entry.digits and (entry.woken or rule.accepts(entry.digits)):
            call.leg.set("TICKET", entry.digits)
            call.house.keep_ticket(entry.digits)
            return WAKE_KEY if entry.woken else call.hears("ticket-thanks", WAKE_KEY)
        if entry.woken:
            return WAKE_KEY
        if entry.digits in ("", "2", "3"):
            return entry.digits
    return ""


def ask_for_callback(call: Call, confirm: str) -> bool:
    """Agree on a callback: to the caller's number, or to one he keys in, read back and confirmed.

    `confirm` is the prompt that says what the keys do, the star key too. True when it is on disk, and is
    to be promised now. False when it is not: he does not want it, an agent has become free, or no number
    was agreed on.
    """
    number, complaint = call.house.number_of_caller()
    keyed_in, silent = False, 0
    for _ in range(_TRIES):
        if number:
            key = read_back(call, number, confirm, keyed_in=keyed_in)
            if key == _CONFIRM:
                return keep_callback(call, number)
            if key in (_BACK, WAKE_KEY):
                return False
            if key == _ANOTHER:
                number, complaint = "", ""
            silent += not key
        else:
            key = call.hears([complaint, "callback-enter"] if complaint else "callback-enter", _KEYPAD)
            entry = call.keys_in(key)
            if entry.woken or (key == _BACK and not entry.digits):
                return False
            number, complaint = call.house.number_keyed_in(entry.digits)
            keyed_in = True
            silent += not entry.digits
        if silent == _SILENT_TRIES:
            return False
    return False


def read_back(call: Call, number: str, confirm: str, *, keyed_in: bool) -> str:
    """Say the number digit by digit and what to press; returns the key, '' for none.

    While a keyed-in number is said, a 1 confirms nothing: it may be a digit that came late.
    """
    digits = [f"digit-{digit}" for digit in call.house.spoken_number(number)]
    others = _ANOTHER + _BACK + WAKE_KEY
    key = call.hears(["callback-to", *digits], others if keyed_in else _CONFIRM + others)
    return key or call.hears(confirm, _CONFIRM + others) or call.leg.wait_key(_CONFIRM_SECONDS)


def keep_callback(call: Call, number: str) -> bool:
    """Commit the callback; from then on the floor would promise it, too."""
    try:
        call.house.promise_callback(number)
    except (OSError, sqlite3.Error):
        call.hears("callback-failed")
        return False
    call.reaches("promised")
    return True
