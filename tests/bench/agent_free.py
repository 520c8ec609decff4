"""From the agent's BYE to the INVITE at his phone for the caller who waits; against app_queue."""

from __future__ import annotations

from tests.bench.bench import Bench
from tests.bench.comparing import Figure, at, compared
from tests.bench.offices import Bare, Product, running
from tests.bench.queue_calls import DIALPLAN, QUEUE, QueueCalls

TITLE = "An agent becomes free: until his phone rings for who waits"
_CALLS = 8


def measured(bench: Bench) -> list[Figure]:
    """Rounds of calls that wait, ours and app_queue's in turn."""
    product = Product(bench.folder / "product", bench.program, agents=1)
    bare = Bare(bench.folder / "bare", bench.program, 1, DIALPLAN, QUEUE)
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    with running(product) as our_phones, running(bare) as their_phones:
        product.everybody()
        for number in bench.rounds(TITLE):
            for telephones, rounds in ((our_phones, ours), (their_phones, theirs)):
                calls = QueueCalls(telephones, bench.seed + number)
                rounds.append([1000 * calls.next_call() for _ in range(_CALLS * (3 if bench.full else 1))])
                calls.end()
            bench.done(TITLE, number)
    return [
        Figure("p99", at(0.99, ours), "ms", at_most=150),
        compared("p99, to app_queue", ours, theirs, unit="ms", quantile=0.99, at_most=0.2, seed=bench.seed),
        compared("p50, to app_queue", ours, theirs, unit="ms", seed=bench.seed),
    ]
