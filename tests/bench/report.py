"""The measured figures as tables, as RESULTS.md, and kept from one run to the next."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from tests.bench.comparing import Figure

_INTRODUCTION = """\
# The product against what people would use instead

Written by `make bench`; every row says when, where and how it was measured (`make bench ARGS=--help`, and
the row's own module in this folder). Ours and theirs are measured in turn in one run. A ratio is that of the
medians (or of the quantile that is named), in brackets its 95 % bootstrap interval. Seconds depend on the
machine and on what else it does (see the load of each row): only ratios and counts can be compared with those
of another run, and on a busy machine even a ratio's 99th percentile is that of the neighbours.
"""


@dataclass(frozen=True, slots=True)
class Told:
    """One row's figures, and the circumstances of their measuring."""

    title: str
    machine: str
    options: str
    figures: list[Figure]


def machine(asterisk: str) -> str:
    """When and where: date, processor, load, kernel and versions."""
    names = (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith(("model name", "Model")))  # fmt: skip
    now = datetime.datetime.now(datetime.UTC)
    return (
        f"{now:%Y-%m-%d %H:%M} UTC, {os.cpu_count()} × {next(names, platform.machine())}, load before"
        f" {os.getloadavg()[0]:.1f}, Linux {platform.release()}, Python {platform.python_version()},"
        f" Asterisk {asterisk}, pyst2 {version('pyst2')}"
    )


class Results:
    """What was measured last in each row, in a JSON file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.told = self._read()

    def _read(self) -> dict[str, Told]:
        known = json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        return {
            name: Told(**row | {"figures": [Figure(**figure) for figure in row["figures"]]})
            for name, row in known.items()
        }

    def keep(self, name: str, told: Told) -> None:
        """Keep a row's figures in place of those known before; what another run has kept meanwhile stays."""
        self.told = self._read() | {name: told}
        rows = {name: asdict(row) for name, row in self.told.items()}
        self._file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


_HEAD = ("figure", "value", "goal", "", "seen")


def _cells(figures: Iterable[Figure]) -> Iterator[tuple[str, ...]]:
    for figure in figures:
        interval = "" if figure.low is None else f" ({figure.low:.3g} … {figure.high:.3g})"
        verdict = "" if not figure.goal else "missed" if figure.is_missed else "holds"
        value = f"{_number(figure.value)} {figure.unit}{interval}".strip()
        yield figure.name, value, figure.goal, verdict, figure.seen


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def markdown(rows: Sequence[Told], introduction: str = _INTRODUCTION) -> str:
    """RESULTS.md."""
    text = [introduction]
    for told in rows:
        lines = [_HEAD, ("---", "---", "---", "---", "---"), *_cells(told.figures)]
        table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
        text.append(f"## {told.title}\n\n{table}\n{told.machine}; {told.options}\n")
    return "\n".join(text)


def tables(rows: Iterable[Told]) -> Iterator[Table]:
    """For a terminal."""
    for told in rows:
        table = Table(*_HEAD, title=told.title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        for cells in _cells(told.figures):
            table.add_row(*cells, style="red" if cells[3] == "missed" else "")
        yield table
