"""The command behind `make estimate`: validate the simulated line, measure, tell, keep."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console

from appliance.telephony.sandbox import shown_progress
from tests.estimate.erlang import CASES, Validation, validated
from tests.estimate.measure import Tally, measured
from tests.estimate.plot import picture
from tests.estimate.report import as_json, invalid, markdown, missed, tables
from tests.estimate.scenarios import OFFICE, SCENARIOS

# At a load of 0.9 it takes as many until the mean wait is known to 1 %.
_VALIDATION_CALLS = 4_000_000

Result = TypeVar("Result")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--seed", type=int, default=1, show_default=True, help="The first seed; the same makes the same calls."
)
@click.option(
    "--seeds", type=click.IntRange(1), default=5, show_default=True, help="How many, one after the other."
)
@click.option(
    "--calls", type=click.IntRange(2000), default=40_000, show_default=True, help="Per scenario and seed."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(__file__).parent,
    help="Where RESULTS.md and results.svg are written; beside this program if not said.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON for a program to read.")
def main(seed: int, seeds: int, calls: int, folder: Path, json_wanted: bool) -> None:
    """Measure the expected wait against app_queue's; exit status 1 when a goal is missed."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:  # it has a thread for progress
        validations = _all(
            "checking the simulated line",
            [pool.submit(validated, case, seed, _VALIDATION_CALLS) for case in CASES],
        )
        wrong = [sentence for validation in validations for sentence in invalid(validation)]
        tallies = dict[str, Tally]()
        if not wrong:
            seen = _all(
                "measuring",
                [pool.submit(measured, name, range(seed, seed + seeds), calls) for name in SCENARIOS],
            )
            tallies = dict(zip(SCENARIOS, seen, strict=True))
    wrong += [sentence for name, tally in tallies.items() for sentence in missed(name, tally)]
    if tallies:
        options = f"--seed {seed} --seeds {seeds} --calls {calls}"
        (folder / "RESULTS.md").write_text(markdown(validations, tallies, options), encoding="utf-8")
        (folder / "results.svg").write_text(picture(tallies, tallies[OFFICE].longest), encoding="utf-8")
    if json_wanted:
        click.echo(json.dumps(as_json(validations, tallies), indent=1))
    else:
        _tell(validations, tallies, wrong, folder)
    sys.exit(bool(wrong))


def _all(title: str, asked: Sequence[Future[Result]]) -> list[Result]:
    """The results in the order they were asked for, with progress while they are computed."""
    with shown_progress("Estimate") as progress:
        progress(title, 0)
        for done, _ in enumerate(as_completed(asked), start=1):
            progress(title, 100 * done // len(asked))
    return [one.result() for one in asked]


def _tell(
    validations: Sequence[Validation], tallies: dict[str, Tally], wrong: Sequence[str], folder: Path
) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for table in tables(validations, tallies):
        console.print(table)
    for sentence in wrong:
        console.print(f"[red]{sentence}[/]")
    if not wrong:
        console.print("Every goal is met.")
    if tallies:
        console.print(f"Table and picture: {folder / 'RESULTS.md'}, {folder / 'results.svg'}")


if __name__ == "__main__":
    main()
