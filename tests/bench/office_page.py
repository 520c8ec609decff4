"""The office's page on a busy day: how long a page takes to render, how big it is, how late news are.

Rendering is measured without a network (Flask's own client) on the busiest office of the page's tests; the
live delay from the commit in the store to the board in the browser's stream, over a real connection.
"""

from __future__ import annotations

import re
import statistics
import time

import numpy as np

from tests.bench.bench import Bench
from tests.bench.comparing import Figure
from tests.web.busy_office import busy_office
from tests.web.visiting import Stream, Visitor, session_cookie, visitor
from webui import create_app, serve

TITLE = "The office's page"
_PAGES = ("/", "/inbox", "/numbers")
_TIMES = 40
_LEAST_SECONDS = 0.05  # from one change to the next; uneven, not to follow the beat of whoever polls


def measured(bench: Bench) -> list[Figure]:
    """Render each page, then let the office change under an open one."""
    box, settings, db = busy_office(bench.folder)
    app = create_app(settings.store, box=box)
    client = visitor(app)
    client.sign_in(db, "ada")
    figures = []
    for page in _PAGES:
        seconds = []
        size = _size(client, page)
        for number in range(_TIMES):
            began = time.perf_counter()
            assert client.get(page).status_code == 200
            seconds.append(time.perf_counter() - began)
            bench.progress(f"{TITLE}: {page}", 100 * number // _TIMES)
        figures += [
            Figure(f"render {page}, p95", 1000 * float(np.quantile(seconds, 0.95)), "ms", at_most=50,
                   seen=f"p50 {1000 * statistics.median(seconds):.1f}"),
            Figure(f"size of {page} with what it loads", size / 1000, "KB", at_most=150),
        ]  # fmt: skip
    server = serve(app)
    stream = Stream(server.port, session_cookie(client))
    stream.next_board()
    dice, delays = np.random.default_rng(bench.seed), []
    for number in range(_TIMES):
        time.sleep(_LEAST_SECONDS + dice.uniform(0, 0.3))
        name = f"Name {number}."
        with db.conn:
            db.execute("UPDATE calls SET caller_name = ? WHERE call = '1700.1'", [name])
        began = time.perf_counter()
        while name not in stream.next_board():
            pass  # the clock alone changes the board, too
        delays.append(time.perf_counter() - began)
        bench.progress(f"{TITLE}: live", 100 * number // _TIMES)
    stream.close()
    server.close()
    db.close()
    return [
        *figures,
        Figure("live delay, p95", 1000 * float(np.quantile(delays, 0.95)), "ms", at_most=200,
               seen=f"p50 {1000 * statistics.median(delays):.1f}"),
    ]  # fmt: skip


def _size(client: Visitor, page: str) -> int:
    """Bytes of a page and of the styles, scripts and pictures it names."""
    answer = client.get(page)
    text = answer.get_data(as_text=True)
    parts = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', text))
    return len(answer.data) + sum(len(client.get(part).data) for part in parts)
