"""What every part of the chaos is given."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from appliance.telephony.sandbox import AsteriskProgram
from tests.bench.comparing import Figure

W = TypeVar("W")
R = TypeVar("R")
_MOST_WORKERS = 4


@dataclass(frozen=True)
class Chaos:
    """How much to try, and where. `minutes` bounds a part that goes on as long as there is time."""

    program: Callable[[], AsteriskProgram]
    folder: Path
    seed: int
    size: int | None
    minutes: float
    progress: Callable[[str, int], None]


Part = Callable[[Chaos], list[Figure]]


def in_parallel(
    work: Callable[[W], R], each: Iterable[W], *, chunk: int = 8, waiting: bool = False
) -> Iterator[R]:
    """Do it to each in as many processes as there are processors (`waiting`: twice); results as they come.

    Of what the product logs nothing is shown there: half of it is broken on purpose.
    """
    workers = min(os.cpu_count() or 1, _MOST_WORKERS) * (2 if waiting else 1)
    with multiprocessing.get_context("fork").Pool(workers, logging.disable, (logging.CRITICAL,)) as pool:
        yield from pool.imap_unordered(work, each, chunksize=chunk)


def shown(faults: Counter[str]) -> str:
    """The commonest faults, for a person."""
    return "; ".join(f"{count} × {fault}" for fault, count in faults.most_common(3)).replace("|", "/")
