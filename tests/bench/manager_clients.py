"""One manager client in a process of its own: `python manager_clients.py CLIENT PORT EVENTS WANTED`.

Prints JSON: events a second, and events a second of CPU. CLIENT is ours, pyst2 or panoramisk. It reads
what `manager_server` sends after the login; with WANTED 0 nobody has asked for these events, and only the
last one, of another name, is looked at.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time

_LAST = "BenchOver"
_HEADER = "Interface"  # every handler reads one
_LIBRARIES = {"ours": "appliance.telephony.manager", "pyst2": "asterisk.manager", "panoramisk": "panoramisk"}
_NAME = "QueueMemberStatus"


def main(client: str, port: int, events: int, wanted: bool) -> None:
    """Connect, count, tell."""
    importlib.import_module(_LIBRARIES[client])
    over = threading.Event()
    count = 0

    def see(name: str, _header: str | None) -> None:
        nonlocal count
        count += 1
        if name == _LAST:
            over.set()

    began, cpu = time.perf_counter(), time.process_time()
    {"ours": _ours, "pyst2": _pyst2, "panoramisk": _panoramisk}[client](port, see, over, wanted)
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    if wanted and count < events:
        raise SystemExit(f"{client} has seen {count} of {events} events")
    print(json.dumps({"per_second": events / seconds, "per_cpu_second": events / used}))


def _ours(port: int, see, over: threading.Event, wanted: bool) -> None:  # type: ignore[no-untyped-def]
    from appliance.telephony.manager import ManagerLink

    link = ManagerLink(
        "127.0.0.1", port, "events", "secret",
        name="bench",
        wanted_events=(_NAME, _LAST) if wanted else (_LAST,),
        on_event=lambda event: see(event.name, event.headers.get(_HEADER)),
    )  # fmt: skip
    link.start()
    over.wait()
    link.stop()


def _pyst2(port: int, see, over: threading.Event, wanted: bool) -> None:  # type: ignore[no-untyped-def]
    import asterisk.manager

    manager = asterisk.manager.Manager()
    manager.connect("127.0.0.1", port)
    for name in (_NAME, _LAST) if wanted else (_LAST,):
        manager.register_event(name, lambda event, _manager: see(event.name, event.get_header(_HEADER)))
    manager.login("events", "secret")
    over.wait()


def _panoramisk(port: int, see, over: threading.Event, wanted: bool) -> None:  # type: ignore[no-untyped-def]
    import asyncio

    from panoramisk import Manager

    async def listen() -> None:
        manager = Manager(host="127.0.0.1", port=port, username="events", secret="secret")
        for name in (_NAME, _LAST) if wanted else (_LAST,):
            manager.register_event(name, lambda _manager, event: see(event.event, event[_HEADER]))
        await manager.connect()
        while not over.is_set():
            await asyncio.sleep(0.001)

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(listen())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1")
    sys.stdout.flush()
    os._exit(0)  # pyst2's threads never end
