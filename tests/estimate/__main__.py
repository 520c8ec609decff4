"""The command behind `make estimate`: validate the simulated line, measure, tell, keep."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from appliance.telephony.sandbox import shown_progress
from tests.estimate.erlang import CASES, Validation, validated
from tests.estimate.measure import Tally, measured
from tests.estimate.plot import picture
from tests.estimate.report import as_json, invalid, markdown, missed, tables
from tests.estimate.scenarios import SCENARIOS

# Erlang's means take so many calls more than a comparison of forecasts in the same line.
_VALIDATION_CALLS = 100
_COURSE_OF = "office: callbacks, lunch, closing"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", type=int, default=1, show_default=True, help="The first seed; the same makes the same calls.")
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="How many, one after the other.")
@click.option("--calls", type=click.IntRange(2000), default=40_000, show_default=True, help="Per scenario and seed.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(__file__).parent,
    help="Where RESULTS.md and results.svg are written; beside this program if not said.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON for a program to read.")
def main(seed: int, seeds: int, calls: int, folder: Path, json_wanted: bool) -> None:
    """Measure the expected wait against app_queue's; exit status 1 when a goal is missed."""
    with ProcessPoolExecutor() as pool:
        validations = _all(
            "checking the simulated line",
            [pool.submit(validated, case, seed, _VALIDATION_CALLS * calls) for case in CASES],
        )
        wrong = [sentence for validation in validations for sentence in invalid(validation)]
        tallies = dict[str, Tally]()
        if not wrong:
            seen = _all(
                "measuring",
                [pool.submit(measured, scenario, range(seed, seed + seeds), calls) for scenario in SCENARIOS],
            )
            tallies = {scenario.name: tally for scenario, tally in zip(SCENARIOS, seen, strict=True)}
    wrong += [sentence for name, tally in tallies.items() for sentence in missed(name, tally)]
    if tallies:
        options = f"--seed {seed} --seeds {seeds} --calls {calls}"
        (folder / "RESULTS.md").write_text(markdown(validations, tallies, options), encoding="utf-8")
        (folder / "results.svg").write_text(picture(tallies, tallies[_COURSE_OF].longest), encoding="utf-8")
    _tell(validations, tallies, wrong, folder, json_wanted=json_wanted)
    sys.exit(bool(wrong))
