"""The directory of states: what a lamp (BLF) on a desk phone can watch, and what it shows.

A phone subscribes to an extension of the dialplan's context `directory`: another phone's own extension,
the night code, ``hours-DEPARTMENT``, ``queue-DEPARTMENT`` or ``queue``. Asterisk lights it from device
states: its own ones of phones and queues, and custom ones, which it keeps while Python is away. Of
several devices the busiest shows (ast_devstate_aggregate_add in Asterisk's devicestate.c).

Most phones know dark, blinking and lit only, and show UNAVAILABLE as dark, like an idle phone. So
whoever cannot be reached is BUSY: lit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NIGHT_CODE = "*80"
"""Turns night mode on and off; its lamp is on in night mode."""

_NIGHT = "Custom:night"


@dataclass(frozen=True, slots=True)
class Entry:
    """An extension a phone may watch, and the devices whose states it shows."""

    extension: str
    devices: str


def directory(
    *, agents: Mapping[str, str], phones: Mapping[str, tuple[str, str]], departments: Iterable[str]
) -> list[Entry]:
    """Everything there is to watch: `agents` by name with their phone, `phones` with extension and device."""
    owners = {phone: agent for agent, phone in agents.items()}
    names = list(departments)
    entries = [Entry(NIGHT_CODE, _NIGHT)]
    for phone, (extension, device) in phones.items():
        presence = f"&{_presence(owners[phone])}" if phone in owners else ""
        entries.append(Entry(extension, f"{device}{presence}"))
    entries += [Entry(f"hours-{name}", _hours(name)) for name in names]
    waiting = {name: f"{_queue(name)}&Queue:{name}" for name in names}  # in our line, and in the floor's
    entries += [Entry(f"queue-{name}", devices) for name, devices in waiting.items()]
    entries.append(Entry("queue", "&".join(waiting.values())))
    return entries


def device_states(
    present: Mapping[str, bool], *, night: bool, is_open: Mapping[str, bool], waiting: Iterable[str]
) -> dict[str, str]:
    """The state of every custom device; `waiting` are the departments in which a caller waits for an agent.

    For an agent who is `present` it is his phone that shows.
    """
    queues = set(waiting)
    return {
        _NIGHT: "INUSE" if night else "NOT_INUSE",
        **{_presence(agent): "NOT_INUSE" if is_present else "BUSY" for agent, is_present in present.items()},
        **{_hours(name): "NOT_INUSE" if opened else "BUSY" for name, opened in is_open.items()},
        **{_queue(name): "INUSE" if name in queues else "NOT_INUSE" for name in is_open},
    }


def _presence(agent: str) -> str:
    return f"Custom:presence-{agent}"


def _hours(department: str) -> str:
    return f"Custom:hours-{department}"


def _queue(department: str) -> str:
    return f"Custom:queue-{department}"
