"""The goals, and the measured figures as a table, as JSON and as RESULTS.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from appliance.hotline.estimate import MOST_CALLS
from tests.estimate.erlang import MOST_OFF, Validation
from tests.estimate.measure import FORECASTS, Tally

MOST_RATIO = 0.75
MOST_BIAS = 0.10

_INTRODUCTION = """\
# How good the expected wait is

Written by `make estimate` ({options}).
The estimate (`appliance/hotline/estimate.py`) and the rule of what is announced (`announcement.py`) are asked
in simulated lines, and beside them app_queue's rule and the best possible forecast: that of one who knows the
true means of handling and patience. The goals in every scenario: an error of at most {ratio} of app_queue's,
a bias of at most {bias} % of the mean wait, and an announced wait that never rises while the place improves.

![Errors by scenario, and one wait](results.svg)

## The error
"""

_READING = """\
Root of the mean squared error of the forecasts made on entry and every 60 s, for callers on the telephone who
are served in the end, against the time they really waited from then on; how long those who hung up would have
waited nobody knows. *Ratio*: ours to app_queue's. *Unrounded*: ours to its hold time in seconds, which no
caller hears. *Of best*: the best possible forecast to app_queue's.

- *steady*, *near saturation*: 3 agents, load 0.90 and 0.95, exponential handling of 180 s, nobody gives up
- *overload*: 3 agents, load 1.10, patience exponential, 300 s on average
- *waves*: 5 agents, load between 0.7 and 1.3 every two hours, the same patience
- *long-tailed talk*: like overload, handling log-normal with a standard deviation of 1.3 means
- *large group*: 50 agents, load 0.98
- *office*: 2 to 4 agents, lunch, closing time, calls by the hour, log-normal talk, wrap-up, patience 420 s,
  15 % of those who wait choose a callback in their place
- *first office day*: the same, nothing but first days, without any history

The textbook lines are measured after 1000 calls. All learn from the last {most_calls}.

## The bias, and what rises
"""

_RISING = """\
Bias: the mean error as a share of the mean wait. Rose: the share of repeats in which more was announced than
before with no fewer agents present than then. Held back: the share in which our estimate had risen without
such a reason, so that no figure was announced.

## The simulated line against Erlang's formulas

Before anything is measured, the line must agree with the exact figures within {off} %.
"""


def missed(name: str, tally: Tally) -> list[str]:
    """The goals a scenario misses, as sentences."""
    found = []
    if tally.ratio("ours") > MOST_RATIO:
        found.append(
            f"{name}: the error is {tally.ratio('ours'):.2f} of app_queue's, the goal is {MOST_RATIO}"
        )
    if abs(tally.bias("ours")) > MOST_BIAS:
        found.append(
            f"{name}: the bias is {tally.bias('ours'):.1%} of the mean wait, the goal is {MOST_BIAS:.0%}"
        )
    if tally.rose:
        found.append(f"{name}: the announced wait rose {tally.rose} times, the goal is never")
    return found


def invalid(validation: Validation) -> list[str]:
    """What is wrong with the simulated line, as sentences."""
    if validation.off <= MOST_OFF:
        return []
    return [
        f"{validation.name}: the simulated line is off by {validation.off:.1%}, allowed are {MOST_OFF:.0%}"
    ]


@dataclass(frozen=True)
class _Sheet:
    """A table: what stands above each column, and the rows."""

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def for_terminal(self) -> Table:
        table = Table(*self.head, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for column in table.columns[1:]:
            column.justify = "right"
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        rows = (self.head, ("---", *["---:"] * (len(self.head) - 1)), *self.rows)
        return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _errors(tallies: dict[str, Tally]) -> _Sheet:
    return _Sheet(
        ("scenario", "wait s", "ours s", "app_queue", "best s", "ratio", "unrounded", "of best"),
        [
            (
                name,
                f"{tally.waited_seconds / tally.asked:.0f}",
                *(f"{tally.error_seconds(forecast):.1f}" for forecast in ("ours", "theirs", "best")),
                f"{tally.ratio('ours'):.3f}",
                f"{tally.ratio('ours', 'theirs_in_seconds'):.3f}",
                f"{tally.ratio('best'):.3f}",
            )
            for name, tally in tallies.items()
        ],
    )


def _rises(tallies: dict[str, Tally]) -> _Sheet:
    return _Sheet(
        ("scenario", "bias %", "app_queue", "rose %", "app_queue", "held back %"),
        [
            (
                name,
                *(f"{100 * tally.bias(forecast):+.1f}" for forecast in ("ours", "theirs")),
                *(f"{100 * number / tally.repeats:.1f}" for number in (tally.rose, tally.theirs_rose)),
                f"{100 * tally.held_back / tally.repeats:.2f}",
            )
            for name, tally in tallies.items()
        ],
    )


def _validations(validations: Sequence[Validation]) -> _Sheet:
    return _Sheet(
        ("case", "must wait", "exact", "wait s", "exact", "give up", "exact", "off %"),
        [
            (
                one.name,
                *(f"{figures.must_wait:.4f}" for figures in (one.simulated, one.exact)),
                *(f"{figures.mean_wait_seconds:.1f}" for figures in (one.simulated, one.exact)),
                *(f"{figures.give_up:.4f}" for figures in (one.simulated, one.exact)),
                f"{100 * one.off:.1f}",
            )
            for one in validations
        ],
    )


def tables(validations: Sequence[Validation], tallies: dict[str, Tally]) -> list[Table]:
    """All tables for a terminal; of the scenarios only when they were measured."""
    sheets = [_validations(validations), *([_errors(tallies), _rises(tallies)] if tallies else [])]
    return [sheet.for_terminal() for sheet in sheets]


def markdown(validations: Sequence[Validation], tallies: dict[str, Tally], options: str) -> str:
    """The text of RESULTS.md."""
    return "\n".join(
        (
            _INTRODUCTION.format(options=options, ratio=MOST_RATIO, bias=round(100 * MOST_BIAS)),
            _errors(tallies).markdown(),
            _READING.format(most_calls=MOST_CALLS),
            _rises(tallies).markdown(),
            _RISING.format(off=round(100 * MOST_OFF)),
            _validations(validations).markdown(),
        )
    )


def as_json(validations: Sequence[Validation], tallies: dict[str, Tally]) -> dict[str, Any]:
    """All figures, unrounded, for a program to read."""
    return {
        "validation": [
            {"case": one.name, "off": one.off, "simulated": asdict(one.simulated), "exact": asdict(one.exact)}
            for one in validations
        ],
        "scenarios": [
            {
                "scenario": name,
                "forecasts": tally.asked,
                "mean_wait_seconds": tally.waited_seconds / tally.asked,
                "error_seconds": {forecast: tally.error_seconds(forecast) for forecast in FORECASTS},
                "ratio": tally.ratio("ours"),
                "ratio_unrounded": tally.ratio("ours", "theirs_in_seconds"),
                "ratio_of_best": tally.ratio("best"),
                "bias": {forecast: tally.bias(forecast) for forecast in FORECASTS},
                "repeats": tally.repeats,
                "rose": tally.rose,
                "app_queue_rose": tally.theirs_rose,
                "held_back": tally.held_back,
            }
            for name, tally in tallies.items()
        ],
        "missed": [
            *(sentence for one in validations for sentence in invalid(one)),
            *(sentence for name, tally in tallies.items() for sentence in missed(name, tally)),
        ],
    }
