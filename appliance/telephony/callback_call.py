"""The dialog of one attempt to call somebody back: the agent first, then the customer."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from appliance.hotline.callbacks import Result
from appliance.hotline.ringing import Ring
from appliance.telephony.call import Voice
from appliance.telephony.fastagi import CallerHungUp, CallerLeg

_TAKE_KEY = "1"
_ASKED_TIMES = 3
_ANSWER_SECONDS = 4.0
_RING_SECONDS = 45

_RESULTS = {
    "BUSY": Result.BUSY,
    "NOANSWER": Result.NO_ANSWER,
    "CANCEL": Result.NO_ANSWER,
    "ANSWER": Result.NOT_CONFIRMED,  # unless CONFIRMED says otherwise
}
_SENTENCES = {
    Result.BUSY: "agent-customer-busy",
    Result.NO_ANSWER: "agent-customer-no-answer",
    Result.NOT_CONFIRMED: "agent-customer-machine",
    Result.NO_LINE: "agent-customer-no-answer",
}


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """Whom an attempt is for. `shown_number` is the office's own, as the customer's phone shows it;
    `destination` is what Dial is told. `call` is the one in which `department` was asked for it, by
    somebody who is in line since `arrived`.

    With `confirmation` the customer must press 1 before he is connected; he is told that he had asked for
    it, or, where the office has `ordered` it, that he had called. After the `last` attempt there is none.
    """

    number: str
    call: str
    department: str
    arrived: datetime
    spoken_digits: str
    ticket: str
    language: str
    shown_number: str
    destination: str
    confirmation: bool
    ordered: bool = False
    last: bool = False


class Attempt(Protocol):
    """What the dialog of one attempt needs of the house."""

    @property
    def prompts(self) -> Path:
        """Folder of the prompts in force."""

    def customer(self) -> CustomerFacts | None:
        """Whom this attempt is for; None when the request is settled already."""

    def may_dial(self) -> bool:
        """Commit that the customer is dialled now; False when that must not be."""

    def result(self, result: Result) -> None:
        """Commit how dialling the customer ended, as far as it is not for Asterisk's records to tell."""

    def over(self, ring: Ring) -> None:
        """Tell how it ended for the agent: he is in wrap-up, refused, or free again."""


def call_back(leg: CallerLeg, attempt: Attempt) -> None:
    """Tell the agent who has picked up whom it is about; when he presses 1, dial the customer.

    Raises CallerHungUp when the agent hangs up; what was reached until then is on disk.
    """
    agent = Voice(leg, attempt.prompts)
    ring = Ring.REFUSED
    try:
        customer = attempt.customer()
        if customer is None:
            ring = Ring.CALLER_GONE
            agent.hears("agent-gone")
        elif not takes_it(agent, customer):
            agent.hears("agent-not-now")
        elif not attempt.may_dial():
            ring = Ring.CALLER_GONE
            agent.hears("agent-gone")
        else:
            ring = Ring.CALLER_GONE
            agent.hears("agent-dialling")
            result = dial(agent, customer, attempt)
            if result is Result.TALKED:
                ring = Ring.TALKED
            else:
                agent.hears(
                    (_SENTENCES[result], "agent-last-attempt" if customer.last else "agent-tries-again")
                )
    finally:
        attempt.over(ring)


def takes_it(agent: Voice, customer: CustomerFacts) -> bool:
    """Say number and ticket, and ask the agent to press 1."""
    about = ["agent-number", *(f"digit-{digit}" for digit in customer.spoken_digits)]
    if customer.ticket:
        about += ["agent-ticket", *(f"digit-{digit}" for digit in customer.ticket)]
    for _ in range(_ASKED_TIMES):
        keys = _TAKE_KEY + "*#"
        key = agent.hears(["agent-callback", *about], keys) or agent.leg.wait_key(_ANSWER_SECONDS)
        if key:
            return key == _TAKE_KEY
    return False


def dial(agent: Voice, customer: CustomerFacts, attempt: Attempt) -> Result:
    """Dial the customer and return when it did not come to a conversation, or when that is over.

    Also when it was the agent who hung up: how it ended is the same then. From here on the agent may hand
    him over (T, for it is the agent who calls), and he is not cut off when the agent is gone (F).
    """
    agent.leg.set("CALLERID(num)", customer.shown_number)
    agent.leg.set("CALLERID(name)", "")
    agent.leg.set("CONFIRMED", "" if customer.confirmation else "yes")
    facts = (
        customer.call,
        customer.department,
        customer.ticket,
        f"{customer.arrived.timestamp():.3f}",
        customer.language,
        customer.number,
    )
    options = f"gTb(called-back^facts^1({'^'.join(facts)}))F(called-back^over^1)"
    if customer.confirmation:
        options += f"U(customer^{customer.language}{'^ordered' if customer.ordered else ''})"
    with contextlib.suppress(CallerHungUp):
        agent.leg.run("Dial", customer.destination, str(_RING_SECONDS), options)
    status = agent.leg.get("DIALSTATUS")
    talked = status == "ANSWER" and agent.leg.get("CONFIRMED") == "yes"
    result = Result.TALKED if talked else _RESULTS.get(status, Result.NO_LINE)
    if not talked and agent.leg.get("ANSWERED") == "yes":
        result = Result.NOT_CONFIRMED
    attempt.result(result)
    return result
