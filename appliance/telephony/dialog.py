"""The dialog of one call: from the greeting to a conversation, a callback or a message.

Reads from top to bottom. What is keyed in is asked for in `asking.py`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from appliance.hotline.announcement import Said, announcement
from appliance.hotline.departments import Department
from appliance.hotline.numbers import clean_caller_name
from appliance.hotline.on_call import Duty
from appliance.hotline.ringing import Chance, Ring
from appliance.hotline.transfers import Colleague, OutsideNumber
from appliance.telephony.asking import ask_for_callback, ask_for_ticket
from appliance.telephony.call import WAKE_KEY, Call, House, Place, is_rejected
from appliance.telephony.fastagi import CallerHungUp, CallerLeg
from appliance.telephony.on_call_ring import reach_on_call

_CALLBACK_KEY = "2"
_MESSAGE_KEY = "3"
_LOOK_SECONDS = 5.0  # the wake key is a hint; this often we look whether it was lost
_SILENT_SECONDS = 90.0  # with music alone; then a word, so that nobody feels forgotten
_CHOOSING_SECONDS = 4.0
_RING_OUTSIDE_SECONDS = 40
_PUTS_DOWN_SECONDS = 3.0  # who has just transferred may still have the receiver at his ear
_PUTS_DOWN_LOOK_SECONDS = 0.2
_SILENCE_SECONDS = 5  # this much silence ends a message
_LONGEST_WAIT_SPOKEN = 15  # minutes, to the agent


_RING_RESULTS = {
    "ANSWER": Ring.TALKED,
    "NOANSWER": Ring.NO_ANSWER,
    "BUSY": Ring.REFUSED,
    "DONTCALL": Ring.REFUSED,
    "CANCEL": Ring.CALLER_GONE,
    "": Ring.CALLER_GONE,  # he hung up before the phone was rung
}

_RING_STEPS = {
    Ring.TALKED: "conversation over",
    Ring.NO_ANSWER: "agent did not answer",
    Ring.REFUSED: "agent refused",
    Ring.UNREACHABLE: "phone unreachable",
    Ring.CALLER_GONE: "chooses while it rings",  # who hangs up is not here any more
}


def take_call(leg: CallerLeg, house: House) -> None:
    """Take one call: greet, look whether it is open and who is free, ring, wait, call back later, or record.

    Raises CallerHungUp when the caller goes; what was reached until then is in the story.
    """
    call = Call(leg, house)
    department = house.department(leg.get("DEPARTMENT"))
    if department is None:
        house.note("unassigned told")
        call.hears("unassigned-number")
        call.reaches("done")
        return
    step = leg.get("STEP")
    waits = step == "waiting"  # the floor has kept him in line while we were away
    transferred = step in ("transferred", "returned")  # a colleague has handed him over, or has tried to
    called_back = step == "talked"  # by an agent who has hung up now
    if transferred or called_back:
        department = replace(department, language=leg.get("CHANNEL(language)"))
    else:
        leg.set("CHANNEL(language)", department.language)
    if not (waits or transferred or called_back):
        call.hears(department.greeting)
        call.reaches("greeted")
        house.note("greeted")
        department = choose_department(call, department)

    if step == "transferred":
        served, department = hand_over(call, department)
    elif step == "returned":
        served = go_back(call, department)
    elif called_back or ring_dialled_agent(call, department):
        served = True
    elif waits or department.is_open:
        served = reach_an_agent(call, department)
    else:
        house.note("closed told")
        call.hears(("closed", *department.reopening))
        served = reach_on_duty(call, department)
    while served and leg.get("STEP") == "talked" and house.was_left_alone():
        served = go_back(call, department)
    if not served:
        take_message(call, department)
    call.reaches("done")


def choose_department(call: Call, department: Department) -> Department:
    """The menu of a main number; every key works while it plays, each choice is said in its own language.

    Who presses nothing, or a key that means nothing, stays with the main number: every agent serves it.
    """
    if not department.menu:
        return department
    keys = "".join(choice.key for choice in department.menu)
    key = ""
    for choice in department.menu:
        call.leg.set("CHANNEL(language)", choice.language)
        key = key or call.hears((choice.prompt, f"press-{choice.key}"), keys)
    key = key or call.leg.wait_key(_CHOOSING_SECONDS)
    names = {choice.key: choice.department for choice in department.menu}
    chosen = call.house.department(names.get(key, ""))
    if chosen is None:
        call.house.note("chooses nothing", key)
    else:
        call.house.enter_department(chosen)
    department = chosen or department
    call.leg.set("CHANNEL(language)", department.language)
    return department


def ring_dialled_agent(call: Call, department: Department) -> bool:
    """Ring the agent whose extension was dialled, if he is free; True when they have talked.

    That he is not free he says himself, where he has recorded it in the caller's language.
    """
    agent = call.leg.get("AGENT")
    if not agent:
        return False
    if ring_this_agent(call, department, agent):
        return True
    call.leg.set("AGENT", "")
    call.hears(call.house.own_words(agent, department.language) or "agent-not-free")
    return False


def reach_an_agent(call: Call, department: Department) -> bool:
    """Ring the agents who are free, one at a time, and wait while all are in a call.

    True when the caller has talked to somebody or will be called back; False when a message is
    what is left: nobody is there, or it is what the caller wants. Whom waiting is not offered leaves
    the line before he is asked, and whom a callback is promised before he is told, so that no agent is
    kept for somebody who is not listening for him.
    Who waits when the department closes is told, and keeps his place while somebody is there.
    While an agent's phone rings for him he may choose, too; who then leaves no number stands in line
    again where he stood.
    """
    call.reaches("waiting")
    wait, agreed = Wait(department), False
    with call.house.place_in_line(department) as place:
        while True:
            chance = place.look()
            if chance.agent:
                result = ring(
                    call, department, place, chance, keys=wait.choices(_CALLBACK_KEY + _MESSAGE_KEY)
                )
                if result is Ring.TALKED:
                    return True
                if result is Ring.CALLER_GONE:
                    break
            elif not chance.somebody_present:
                call.house.note("nobody present told")
                call.hears("nobody-present")
                break
            else:
                key = speak(call, wait, chance)
                if not key and not department.offers_wait:
                    break
                key = key or ticket_key(call, wait, chance) or wait_with_music(call, wait, place)
                if key == _MESSAGE_KEY and department.offers_message:
                    return False
                if key == _CALLBACK_KEY and department.offers_callback:
                    agreed = ask_for_callback(call, confirm_while_waiting(department))
                    if agreed:
                        break
    if agreed:
        call.hears(callback_prompts(is_open=chance.is_open).promise)
        return True
    if chance.agent:
        return chooses_while_ringing(call, department)
    if not chance.is_open:
        return reach_on_duty(call, department)
    return offer_what_is_left(call, department, is_open=True)


def chooses_while_ringing(call: Call, department: Department) -> bool:
    """The caller has pressed a key while an agent's phone rang. Returns what `reach_an_agent` does."""
    if call.leg.get("EXTEN") == _MESSAGE_KEY:
        return False
    if not ask_for_callback(call, confirm_while_waiting(department)):
        return reach_an_agent(call, department)
    now = call.house.department(department.name) or department
    call.hears(callback_prompts(is_open=now.is_open).promise)
    return True


def reach_on_duty(call: Call, department: Department) -> bool:
    """It is closed: ring whoever is on duty, where there is a rota, else offer what is left.

    True when nothing more is to do; False when a message is what is left, or what the caller wants.
    """
    duty = reach_on_call(
        call,
        call.house.on_call(department),
        shown=shown_to_agent(call, department, 0),
        offers_message=department.offers_message,
    )
    if duty is Duty.NOT_REACHED:
        return offer_what_is_left(call, department, is_open=False)
    return duty is Duty.TALKED


def hand_over(call: Call, department: Department) -> tuple[bool, Department]:
    """Put a transferred caller through to whom his agent has named; who cannot be reached there goes back.

    Returns what `reach_an_agent` does, and the department he belongs to now.
    """
    target = call.house.transfer_target(call.leg.get("TO"), department)
    if isinstance(target, Department) and call.house.is_staffed(target):
        call.house.enter_department(target, handed_over=True)
        target = replace(target, language=department.language)
        return reach_an_agent(call, target), target
    if isinstance(target, Colleague) and ring_this_agent(call, department, target.agent, handed_over=True):
        return True, department
    if isinstance(target, OutsideNumber) and ring_outside(call, department, target):
        return True, department
    return go_back(call, department), department


def go_back(call: Call, department: Department) -> bool:
    """Nobody has taken the caller over: ring who wanted to hand him over, else he is in line by his age.

    Returns what `reach_an_agent` does.
    """
    call.house.note("not taken over")
    call.reaches("waiting")
    call.hears("transfer-back")
    colleague = call.house.transferred_by()
    returned = ("agent-returned",)
    if colleague and ring_this_agent(call, department, colleague.agent, returned, handed_over=True):
        return True
    return reach_an_agent(call, department)


def ring_this_agent(
    call: Call, department: Department, agent: str, told: tuple[str, ...] = (), *, handed_over: bool = False
) -> bool:
    """Ring this one agent, if he is there and free; True when it came to a conversation.

    Handed over to him, the caller waits a moment until his receiver is down.
    """
    with call.house.place_in_line(department, agent, handed_over=handed_over) as place:
        chance = free_soon(call, place) if handed_over else place.look()
        if not chance.agent:
            call.house.note("agent not free", agent)
            return False
        return ring(call, department, place, chance, told) is Ring.TALKED


def ring_outside(call: Call, department: Department, target: OutsideNumber) -> bool:
    """Ring a number outside, which sees the office's own; True when it came to a conversation."""
    callers_number, _ = call.leg.caller_id()
    call.house.note("outside rings", target.number)
    call.leg.set("CALLERID(num)", target.shown_number)
    call.leg.set("DIALSTATUS", "")
    call.reaches("ringing")
    call.leg.run(
        "Dial",
        target.destination,
        str(_RING_OUTSIDE_SECONDS),
        f"gm(connecting-{department.language})",
    )
    call.leg.set("CALLERID(num)", callers_number)
    answered = call.leg.get("DIALSTATUS") == "ANSWER"
    call.house.note("conversation outside over" if answered else "outside not reached", target.number)
    call.reaches("talked" if answered else "waiting")
    return answered


def free_soon(call: Call, place: Place) -> Chance:
    """Give somebody who is present a moment to put his receiver down; the caller hears music."""
    chance = place.look()
    if chance.agent or not chance.somebody_present:
        return chance
    until = time.monotonic() + _PUTS_DOWN_SECONDS
    call.leg.music(True)
    try:
        while not chance.agent and time.monotonic() < until:
            call.leg.wait_key(_PUTS_DOWN_LOOK_SECONDS)
            chance = place.look()
    finally:
        if not call.leg.hung_up:
            call.leg.music(False)
    return chance


@dataclass(slots=True)
class Wait:
    """What a waiting caller has been told and asked so far."""

    department: Department
    said: Said | None = None
    told_busy: bool = False
    told_closing: bool = False
    asked_ticket: bool = False
    spoken_at: float = field(default_factory=time.monotonic)

    def choices(self, among: str = WAKE_KEY + "1" + _CALLBACK_KEY + _MESSAGE_KEY) -> str:
        """Which keys `among` these do something: the choices the department offers, and our own."""
        offers = {
            "1": self.department.offers_wait,
            _CALLBACK_KEY: self.department.offers_callback,
            _MESSAGE_KEY: self.department.offers_message,
        }
        return "".join(key for key in among if offers.get(key, True))

    def news(self, chance: Chance) -> tuple[tuple[str, ...], Said] | None:
        """What is new about place and expected wait, as prompts and what is told with them."""
        return announcement(
            self.said,
            position=chance.position,
            agents=chance.agents,
            wait_seconds=chance.wait_seconds,
            seconds_since_last=time.monotonic() - self.spoken_at,
            with_position=self.department.announce_position,
        )

    def is_closing(self, chance: Chance) -> bool:
        """Whether the department has closed and the caller has not been told yet."""
        return not chance.is_open and not self.told_closing

    def is_long_silent(self) -> bool:
        """Whether it is time for a word even though nothing is new."""
        return time.monotonic() - self.spoken_at >= _SILENT_SECONDS


def speak(call: Call, wait: Wait, chance: Chance) -> str:
    """Tell a waiting caller what there is to tell, and the choices; returns the key that interrupted."""
    prompts: list[str] = []
    if not wait.told_busy:
        call.house.note("waits")
        call.house.note("all busy told")
        prompts.append("all-busy")
    elif wait.is_long_silent():
        prompts.append("still-waiting")
    if closing := wait.is_closing(chance):
        call.house.note("closing told")
        prompts.append("closing")
        wait.told_closing = True
    if news := wait.news(chance):
        told, wait.said = news
        prompts += told
        call.house.note("told", " ".join(told))
    if not prompts:
        return ""
    if not wait.told_busy or closing or "still-waiting" in prompts:
        prompts += offers(wait.department, is_open=chance.is_open)
    wait.told_busy = True
    try:
        return call.hears(prompts, wait.choices())
    finally:
        wait.spoken_at = time.monotonic()


class CallbackPrompts(NamedTuple):
    """How a callback is offered and promised: in his place in line, or at the next opening."""

    offer: str
    promise: str


def callback_prompts(*, is_open: bool) -> CallbackPrompts:
    """The sentences about a callback that are true now."""
    if is_open:
        return CallbackPrompts("offer-callback", "callback-promised")
    return CallbackPrompts("offer-callback-opening", "callback-promised-opening")


def confirm_while_waiting(department: Department) -> str:
    """What the keys do when his number has been read back to somebody in line."""
    return "callback-confirm" if department.offers_wait else "callback-confirm-only"


def offers(department: Department, *, is_open: bool) -> list[str]:
    """The prompts that offer what the department offers while nobody is free."""
    choices = (
        ("offer-wait", department.offers_wait),
        (callback_prompts(is_open=is_open).offer, department.offers_callback),
        ("offer-message", department.offers_message),
    )
    return [prompt for prompt, offered in choices if offered] + list(department.extra_prompts)


def ticket_key(call: Call, wait: Wait, chance: Chance) -> str:
    """Ask for the ticket number, once, where the line is long enough; returns the choice pressed instead."""
    department = wait.department
    if wait.asked_ticket or not 0 < department.ticket_from <= chance.position:
        return ""
    wait.asked_ticket = True
    return ask_for_ticket(call, department.ticket_rule)


def wait_with_music(call: Call, wait: Wait, place: Place) -> str:
    """Music until a key that does something, a chance, or until there is something to say."""
    call.leg.music(True)
    try:
        while True:
            key = call.leg.wait_key(_LOOK_SECONDS)
            if key and key in wait.choices():
                return key
            chance = place.look()
            if chance.agent or not chance.somebody_present or wait.is_closing(chance):
                return ""
            if wait.news(chance) or wait.is_long_silent():
                return ""
    finally:
        if not call.leg.hung_up:
            call.leg.music(False)


def offer_what_is_left(call: Call, department: Department, *, is_open: bool) -> bool:
    """Where waiting is not: a callback or a message. True when nothing more is to do."""
    call.reaches("message")
    if not department.offers_callback:
        return False
    offer, promise = callback_prompts(is_open=is_open)
    keys = _CALLBACK_KEY + (_MESSAGE_KEY if department.offers_message else "")
    prompts = [offer, *(["offer-message"] if department.offers_message else []), *department.extra_prompts]
    key = call.hears(prompts, keys) or call.leg.wait_key(_CHOOSING_SECONDS)
    confirm = "callback-confirm-closed" if department.offers_message else "callback-confirm-only"
    if key == _CALLBACK_KEY and ask_for_callback(call, confirm):
        call.hears(promise)
        return True
    if department.offers_message:
        return False
    call.hears("goodbye")
    return True


def ring(
    call: Call,
    department: Department,
    place: Place,
    chance: Chance,
    told: tuple[str, ...] = (),
    *,
    keys: str = "",
) -> Ring:
    """Ring this one agent while the caller hears that he is being connected, then music.

    The agent who picks up is `told` these prompts, then what is to know of the caller.

    Returns when it was not answered, when the conversation is over, or, with CALLER_GONE, when the caller
    has pressed one of these `keys`; it is EXTEN then.
    """
    waited_minutes = too_long_minutes(call, department)
    if waited_minutes:
        call.house.note("waited longer than promised", str(waited_minutes))
    call.leg.set("CALLERID(name)", shown_to_agent(call, department, waited_minutes))
    ticket = call.leg.get("TICKET") if department.announce_ticket else ""
    if not chance.speaks_language:
        call.hears("other-language")
    call.house.note("agent rings", chance.agent)
    call.leg.set("DIALSTATUS", "")
    call.leg.set("EXITCONTEXT", f"ring-keys-{keys}")
    call.reaches("ringing")
    try:
        call.leg.run(
            "Dial",
            chance.phone,
            str(department.ring_seconds),
            f"gt{'d' if keys else ''}m(connecting-{department.language})"
            + spoken_to_agent(ticket, waited_minutes, told),
        )
    finally:  # also when the caller hung up: then he leaves the line, which frees the agent, or was talking
        result = ring_result(call.leg.get("DIALSTATUS"), call.leg.get("HANGUPCAUSE"))
        if result is not Ring.CALLER_GONE:
            place.report(result)
    call.house.note(_RING_STEPS[result], chance.agent)
    call.reaches("talked" if result is Ring.TALKED else "waiting")
    return result


def ring_result(status: str, cause: str) -> Ring:
    """How ringing an agent ended, from Dial's status and the cause with which the phone was hung up."""
    if is_rejected(status, cause):
        return Ring.REFUSED
    return _RING_RESULTS.get(status, Ring.UNREACHABLE)


def too_long_minutes(call: Call, department: Department) -> int:
    """How many minutes this caller has waited, if that is longer than promised; else 0."""
    waited_seconds = call.house.waited_seconds()
    return round(waited_seconds / 60) if 0 < department.promise_seconds < waited_seconds else 0


def shown_to_agent(call: Call, department: Department, waited_minutes: int) -> str:
    """What the agent's phone shows: department, ticket, a wait longer than promised, the caller's name."""
    name = call.house.caller_name()
    facts = [department.title, call.leg.get("TICKET"), f"{waited_minutes} min" if waited_minutes else ""]
    about = " ".join(fact for fact in facts if fact)
    return clean_caller_name(f"{about}: {name}" if name else about)


def spoken_to_agent(ticket: str, waited_minutes: int, told: tuple[str, ...] = ()) -> str:
    """The option of Dial that tells the agent what he should know of this caller, before they talk."""
    prompts = [*told, *(["agent-ticket", *(f"digit-{digit}" for digit in ticket)] if ticket else [])]
    if waited_minutes > _LONGEST_WAIT_SPOKEN:
        prompts.append(f"waited-over-{_LONGEST_WAIT_SPOKEN}")
    elif waited_minutes >= 2:
        prompts.append(f"waited-{waited_minutes}")
    return f"U(agent^{'&'.join(prompts)})" if prompts else ""


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
