"""The goals, and the measured figures as a table, as JSON and as RESULTS.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from tests.estimate.erlang import MOST_OFF, Validation
from tests.estimate.measure import FORECASTS, Tally

MOST_RATIO = 0.75
MOST_BIAS = 0.10

_VALIDATION_HEAD = ("case", "must wait", "exact", "mean wait s", "exact", "give up", "exact", "worst off %")
_HEAD = (
    *("scenario", "mean wait s", "error s: ours", "app_queue", "best", "ours/app_queue", "unrounded", "best/app_queue"),
    *("bias %: ours", "app_queue", "rose %: ours", "app_queue", "held back %"),
)

_INTRODUCTION = """\
# How good the expected wait is

Written by `make estimate` ({options}). The estimate (`appliance/hotline/estimate.py`) and the rule of what is
announced (`announcement.py`) are asked in simulated lines, and beside them app_queue's rule and the best possible
forecast: that of one who knows the true means of talk and patience. The goals: an error of at most {ratio} of
app_queue's and a bias of at most {bias:.0%} of the mean wait in every scenario, and an announced wait that never rises.

![Errors by scenario, and one wait](results.svg)
"""

_READING = """\
*Error* is the root of the mean squared error of all forecasts, made on entry and every 60 s, to callers on the telephone who are
served in the end, against the time they really waited from then on; of callers who hang up nobody knows it. *Bias* is
the mean error. *Unrounded* compares with app_queue's hold time in seconds, which no caller hears. *Rose* is the share of
repeats in which more was announced than before with no fewer agents present. *Held back* is the share of repeats in which the
estimate had risen without such a reason, so that no figure was announced. The office has 3 to 4 agents, lunch, closing time,
log-normal talk, 15 % callbacks in their place in line; all lines start without history, the textbook ones are measured after 1000 calls,
the office also on nothing but first days.
"""

_VALIDATED = """\
## The simulated line against Erlang's formulas

Before anything is measured, the same line must agree with the exact figures within 2 %.
"""


def missed(name: str, tally: Tally) -> list[str]:
    """The goals a scenario misses, as sentences."""
    found = []
    if tally.ratio("ours") > MOST_RATIO:
        found.append(f"{name}: the error is {tally.ratio('ours'):.2f} of app_queue's, the goal is {MOST_RATIO}")
    if abs(tally.bias("ours")) > MOST_BIAS:
        found.append(f"{name}: the bias is {tally.bias('ours'):.1%} of the mean wait, the goal is {MOST_BIAS:.0%}")
    if tally.rose:
        found.append(f"{name}: the announced wait rose {tally.rose} times, the goal is never")
    return found


def invalid(validation: Validation) -> list[str]:
    """What is wrong with the simulated line, as sentences."""
    if validation.off <= MOST_OFF:
        return []
    return [f"{validation.name}: the simulated line is off by {validation.off:.1%}, allowed are {MOST_OFF:.0%}"]


def _validation_cells(validation: Validation) -> tuple[str, ...]:
    seen, true = validation.simulated, validation.exact
    return (
        validation.name,
        *(f"{seen.must_wait:.4f}", f"{true.must_wait:.4f}"),
        *(f"{seen.mean_wait_seconds:.1f}", f"{true.mean_wait_seconds:.1f}"),
        *(f"{seen.give_up:.4f}", f"{true.give_up:.4f}"),
        f"{100 * validation.off:.1f}",
    )


def _cells(name: str, tally: Tally) -> tuple[str, ...]:
    return (
        name,
        f"{tally.waited_seconds / tally.asked:.0f}",
        *(f"{tally.error_seconds(forecast):.1f}" for forecast in ("ours", "theirs", "best")),
        f"{tally.ratio('ours'):.3f}",
        f"{tally.ratio('ours', 'theirs_in_seconds'):.3f}",
        f"{tally.ratio('best'):.3f}",
        f"{100 * tally.bias('ours'):+.1f}",
        f"{100 * tally.bias('theirs'):+.1f}",
        *(f"{100 * number / tally.repeats:.1f}" for number in (tally.rose, tally.theirs_rose)),
        f"{100 * tally.held_back / tally.repeats:.2f}",
    )


def tables(validations: Sequence[Validation], tallies: dict[str, Tally]) -> list[Table]:
    """Both tables for a terminal."""
    made = []
    for head, rows in _both(validations, tallies):
        table = Table(*head)
        for column in table.columns[1:]:
            column.justify = "right"
        for row in rows:
            table.add_row(*row)
        made.append(table)
    return made


def markdown(validations: Sequence[Validation], tallies: dict[str, Tally], options: str) -> str:
    """The text of RESULTS.md."""
    validation, measured = (
        "\n".join(
            "| " + " | ".join(row) + " |" for row in (head, ("---", *["---:"] * (len(head) - 1)), *rows)
        )
        for head, rows in _both(validations, tallies)
    )
    introduction = _INTRODUCTION.format(options=options, ratio=MOST_RATIO, bias=MOST_BIAS)
    return "\n".join((introduction, f"{measured}\n", _READING, _VALIDATED, f"{validation}\n"))


def _both(
    validations: Sequence[Validation], tallies: dict[str, Tally]
) -> tuple[tuple[tuple[str, ...], list[tuple[str, ...]]], ...]:
    return (
        (_VALIDATION_HEAD, [_validation_cells(validation) for validation in validations]),
        (_HEAD, [_cells(name, tally) for name, tally in tallies.items()]),
    )


def as_json(validations: Sequence[Validation], tallies: dict[str, Tally]) -> dict[str, Any]:
    """All figures, unrounded, for a program to read."""
    return {
        "validation": [
            {"case": one.name, "off": one.off, "simulated": vars(one.simulated), "exact": vars(one.exact)}
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
