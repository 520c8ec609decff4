"""Ringing whoever is on duty for a closed department, one phone after the other, until somebody presses 1."""

from __future__ import annotations

from appliance.hotline.on_call import Duty, OnCall, OnCallPhone, Rung, line_has_channel
from appliance.telephony.call import Call, is_rejected

MESSAGE_KEY = "3"

# What a desk phone on duty that is not to be rung does, in Asterisk's device states.
_IN_A_CALL = frozenset({"INUSE", "BUSY", "RINGING", "RINGINUSE", "ONHOLD"})
_KEY_PRESSED = "CANCEL"  # what Dial says when the caller has pressed a key (or has hung up)
_KEYS_CONTEXT = "on-call-keys"

_RUNGS = {
    "ANSWER": Rung.NOT_TAKEN,  # unless CONFIRMED says otherwise
    "NOANSWER": Rung.NO_ANSWER,
    "BUSY": Rung.REFUSED,
    "DONTCALL": Rung.REFUSED,
    "": Rung.CALLER_GONE,  # he hung up before the phone was rung
}


def reach_on_call(call: Call, on_call: OnCall, *, shown: str, offers_message: bool) -> Duty:
    """Ring the phones on duty in order, until somebody takes the call or the caller wants to leave a message.

    Who has tried all of them, or found them in a call, is told so. A desk phone shows `shown`, an outside
    one the department's number. Asterisk keeps for whom a phone is rung: none rings for two at once, nor
    while its owner talks to a caller, be it the supervisor or the floor who rings.
    """
    rings = 0
    keys = MESSAGE_KEY if offers_message else ""
    for place, phone in enumerate(on_call.phones, 1):
        call.leg.set("PLACE", str(place - 1))  # the floor goes on with the one after it
        call.reaches("oncall")
        rung = hindrance(call, on_call, phone)
        if rung is None:
            call.leg.set("CALLERID(name)", shown)
            offered = ("on-call-trying", *(["offer-message"] if keys else []))
            rung = ring_phone(call, on_call, place, ("on-call-next",) if rings else offered, keys)
            rings += 1
        tell(call, phone, rung)
        if rung is Rung.TALKED:
            call.reaches("talked")
            return Duty.TALKED
        if rung is Rung.MESSAGE_WANTED:
            return Duty.MESSAGE_WANTED
    if on_call.phones:
        call.house.note("on-call not reached")
        call.hears("on-call-nobody" if rings else "on-call-busy")
    return Duty.NOT_REACHED


def hindrance(call: Call, on_call: OnCall, phone: OnCallPhone) -> Rung | None:
    """Why this phone cannot be rung now; None when it is kept for this caller."""
    if phone.number and not phone.destination:
        return Rung.NO_LINE
    if phone.number:
        busy = len(call.leg.get(f"CHANNELS({on_call.line_calls})").split())
        if not line_has_channel(on_call.channels, busy):
            return Rung.NO_LINE
    elif call.leg.get(f"DEVICE_STATE({phone.phone})") in _IN_A_CALL:
        return Rung.TALKS
    call.leg.set("ON_CALL", phone.name)
    if call.leg.get(f"TRYLOCK(on-call-{phone.name})") != "1":
        call.leg.set("ON_CALL", "")
        return Rung.TALKS
    return None


def ring_phone(call: Call, on_call: OnCall, place: int, prompts: tuple[str, ...], keys: str) -> Rung:
    """Ring the phone in this place while the caller hears prompts, then music; it is asked to press 1.

    Returns when the caller has pressed one of `keys`, when it was not taken or when the conversation is over.
    """
    phone = on_call.phones[place - 1]
    device = phone.destination or phone.phone
    shown_number = f"f({on_call.shown_number})" if phone.number else ""
    for variable in ("DIALSTATUS", "ANSWERED", "CONFIRMED"):
        call.leg.set(variable, "")
    call.house.note("on-call rings", phone.name)
    try:
        if call.hears(prompts, keys):
            return Rung.MESSAGE_WANTED
        call.leg.set("PLACE", str(place))
        call.leg.set("EXITCONTEXT", _KEYS_CONTEXT)
        call.leg.run(
            "Dial",
            device,
            str(on_call.ring_seconds),
            f"gt{'d' if keys else ''}m{shown_number}U(on-call^{on_call.department_prompt}^{phone.name})",
        )
    finally:  # also when the caller hung up: what became of it is told, and the phone is free again
        rung = result(call)
        call.leg.get(f"UNLOCK(on-call-{phone.name})")
        call.leg.set("ON_CALL", "")
        if call.leg.hung_up:
            tell(call, phone, rung)
    return rung


def result(call: Call) -> Rung:
    """How ringing a phone ended, from what Dial and the phone's own dialog have left."""
    status = call.leg.get("DIALSTATUS")
    if call.leg.get("CONFIRMED") == "yes":
        return Rung.TALKED
    if call.leg.hung_up:
        return Rung.CALLER_GONE
    if status == _KEY_PRESSED:
        return Rung.MESSAGE_WANTED
    if call.leg.get("ANSWERED") == "yes":
        return Rung.NOT_TAKEN
    if is_rejected(status, call.leg.get("HANGUPCAUSE")):
        return Rung.REFUSED
    return _RUNGS.get(status, Rung.UNREACHABLE)


def tell(call: Call, phone: OnCallPhone, rung: Rung) -> None:
    """Add to the story how it went with this phone."""
    match rung:
        case Rung.TALKED:
            call.house.note("conversation over", phone.name)
        case Rung.NO_ANSWER:
            call.house.note("on-call did not answer", phone.name)
        case Rung.REFUSED:
            call.house.note("on-call refused", phone.name)
        case Rung.NOT_TAKEN:
            call.house.note("on-call did not press 1", phone.name)
        case Rung.UNREACHABLE:
            call.house.note("on-call unreachable", phone.name)
        case Rung.CALLER_GONE:
            call.house.note("hung up while ringing", phone.name)
        case Rung.MESSAGE_WANTED:
            call.house.note("message chosen")
        case Rung.TALKS:
            call.house.note("on-call already talks", phone.name)
        case Rung.NO_LINE:
            call.house.note("no line for on-call", phone.name)
