"""Matching: which agent is rung for which waiting caller. A pure decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from appliance.hotline.presence import Agent


@dataclass(frozen=True, slots=True)
class WaitingCaller:
    """A caller in line. `call` is the call number, `arrived` decides the order."""

    call: str
    department: str
    language: str
    arrived: datetime


def in_order(waiting: Iterable[WaitingCaller]) -> list[WaitingCaller]:
    """The line as it is served: oldest first, the call number deciding between equals."""
    return sorted(waiting, key=lambda caller: (caller.arrived, caller.call))


def match(
    waiting: Iterable[WaitingCaller], agents: Sequence[Agent], now: datetime
) -> list[tuple[WaitingCaller, Agent]]:
    """Choose whom to ring for whom, now.

    The oldest caller chooses first; among the free agents of the department those who speak
    the caller's language go before the others, then who has been idle longest. Each agent and
    each caller appears at most once, so nobody is rung for two calls, and a caller is passed
    over only when no free agent serves his department.
    """
    free = sorted((a for a in agents if a.is_free(now)), key=lambda agent: (agent.idle_since, agent.name))
    pairs = []
    for caller in in_order(waiting):
        able = [agent for agent in free if caller.department in agent.departments]
        if not able:
            continue
        chosen = min(able, key=lambda agent: caller.language not in agent.languages)
        free.remove(chosen)
        pairs.append((caller, chosen))
    return pairs


def position(call: str, waiting: Iterable[WaitingCaller]) -> int:
    """Place in the line of the caller's department, the next to be served being 1.

    Raises LookupError when the call does not wait.
    """
    line = in_order(waiting)
    caller = next((c for c in line if c.call == call), None)
    if caller is None:
        raise LookupError(call)
    return [c.call for c in line if c.department == caller.department].index(call) + 1
