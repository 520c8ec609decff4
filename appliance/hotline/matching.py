"""Matching: which agent is rung for which waiting caller. A pure decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from appliance.hotline.presence import Agent


@dataclass(frozen=True, slots=True)
class WaitingCaller:
    """A person in line, on the telephone or to be called back.

    `call` is the call number, `arrived` decides the order. Before `others_from` only agents of
    the caller's language serve him; None: whoever is free. `agent` is the only one who serves somebody
    who has dialled him directly or is `handed_over` to him by a colleague, '' any.
    """

    call: str
    department: str
    language: str
    arrived: datetime
    others_from: datetime | None = None
    agent: str = ""
    handed_over: bool = False


def in_order(waiting: Iterable[WaitingCaller]) -> list[WaitingCaller]:
    """The line as it is served: oldest first, the call number deciding between equals."""
    return sorted(waiting, key=lambda caller: (caller.arrived, caller.call))


def match(
    waiting: Iterable[WaitingCaller], agents: Sequence[Agent], now: datetime
) -> list[tuple[WaitingCaller, Agent]]:
    """Choose whom to ring for whom, now.

    The oldest caller chooses first; among the free agents who may serve him those who speak
    his language go before the others, then who has been idle longest. Each agent and
    each caller appears at most once, so nobody is rung for two calls, and a caller is passed
    over only when no free agent may serve him. Whoever is handed over may be so to somebody in wrap-up.
    """
    free = sorted(
        (a for a in agents if a.takes_transfers()), key=lambda agent: (agent.idle_since, agent.name)
    )
    pairs = []
    for caller in in_order(waiting):
        if not free:
            break
        others = others_serve(caller, agents, now)
        able = [
            a
            for a in free
            if serves(a, caller)
            and (caller.handed_over or a.is_free(now))
            and (others or caller.language in a.languages)
        ]
        if not able:
            continue
        chosen = min(able, key=lambda agent: caller.language not in agent.languages)
        free.remove(chosen)
        pairs.append((caller, chosen))
    return pairs


def serves(agent: Agent, caller: WaitingCaller) -> bool:
    """Whether the caller's department is one of the agent's, or the agent the one he has dialled."""
    return caller.agent == agent.name if caller.agent else caller.department in agent.departments


def others_serve(caller: WaitingCaller, agents: Iterable[Agent], now: datetime) -> bool:
    """Whether agents of another language may take this caller.

    That is so from a set time on, and at once when nobody present speaks his language: waiting
    would be for nothing.
    """
    if caller.agent or caller.others_from is None or now >= caller.others_from:
        return True
    return not any(a.is_present() and serves(a, caller) and caller.language in a.languages for a in agents)


def ahead_of(
    caller: WaitingCaller, waiting: Iterable[WaitingCaller], agents: Iterable[Agent]
) -> list[WaitingCaller]:
    """Who is served before this caller: those before him in line who need one of his agents, too."""
    rivals = {
        department for a in agents if a.is_present() and serves(a, caller) for department in a.departments
    }
    place = (caller.arrived, caller.call)
    return [c for c in in_order(waiting) if (c.arrived, c.call) < place and c.department in rivals]
