"""How a caller stands in line for whom no agent is free. A pure decision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from appliance.hotline.estimate import History, expected_wait_seconds
from appliance.hotline.matching import WaitingCaller, ahead_of, others_serve, serves
from appliance.hotline.presence import Agent, Presence
from appliance.hotline.ringing import Chance


def standing(
    caller: WaitingCaller,
    waiting: Iterable[WaitingCaller],
    agents: Sequence[Agent],
    now: datetime,
    *,
    history: History,
    is_open: bool,
    phones_known: bool = True,
) -> Chance:
    """His position and expected wait; `waiting` are those in line nobody is chosen for yet.

    While it is not known what the phones do, whoever is available counts: he will be rung when it is.
    """
    others = others_serve(caller, agents, now)
    able = [
        a
        for a in agents
        if (a.is_present() or (not phones_known and a.presence is Presence.AVAILABLE))
        and serves(a, caller)
        and (others or caller.language in a.languages)
    ]
    ahead = len(ahead_of(caller, waiting, agents))
    return Chance(
        agents=len(able),
        position=ahead + 1,
        wait_seconds=expected_wait_seconds(ahead, len(able), history),
        is_open=is_open,
    )


def reserved(caller: WaitingCaller, agent: Agent) -> Chance:
    """The chance of a caller for whom this agent is chosen."""
    understood = caller.handed_over or caller.language in agent.languages
    return Chance(agent.name, agent.phone, understood, agents=1)
