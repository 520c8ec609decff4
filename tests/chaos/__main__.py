"""The command behind `make soak`: break everything that can break, and count what is lost."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path

import click
from rich.console import Console

from appliance.telephony.debian_archive import PreparationError
from appliance.telephony.sandbox import AsteriskProgram, ensure_asterisk, shown_progress
from tests.bench.report import Results, Told, machine, markdown, tables
from tests.chaos import (
    clock_jumps,
    crash_states,
    failing_writes,
    fuzz,
    kill_matrix,
    kills,
    mail_faults,
    weeks,
)
from tests.chaos.chaos import Chaos, Part

# In the order they are tried and told; a name is what the command is given.
PARTS: dict[str, tuple[str, Part]] = {
    "crash-states": (crash_states.TITLE, crash_states.measured),
    "failing-writes": (failing_writes.TITLE, failing_writes.measured),
    "mail": (mail_faults.TITLE, mail_faults.measured),
    "kills": (kills.TITLE, kills.measured),
    "kill-matrix": (kill_matrix.TITLE, kill_matrix.measured),
    "clock": (clock_jumps.TITLE, clock_jumps.measured),
    "weeks": (weeks.TITLE, weeks.measured),
    "fuzz": (fuzz.TITLE, fuzz.measured),
}
_INTRODUCTION = """\
# Nothing is lost, whatever happens

Written by `make soak`; every part says when, where and how it was tried (`make soak ARGS=--help`, and the
part's own module in this folder). Counts, not seconds: the same seed tries the same things, except where a
kill or a network decides. Goals stay what they are, however little was tried.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option("--seed", type=int, default=1, show_default=True, help="Decides what is tried.")
@click.option("--size", type=click.IntRange(1), help="How much each part tries; if not said, its own goal.")
@click.option("--minutes", type=click.FloatRange(0.1), default=9.0, show_default=True,
              help="No part takes longer than about that.")  # fmt: skip
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False, exists=True),
              default=Path(__file__).parent,
              help="Where RESULTS.md and results.json are written; if not said, here.")  # fmt: skip
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON for a program to read.")
def main(
    parts: tuple[str, ...], seed: int, size: int | None, minutes: float, folder: Path, json_wanted: bool
) -> None:
    """Break what can break while people are promised things.

    The exit status is 1 when a promise is broken, or when less was tried than the goal wants.

    Without PARTS all are tried. Results of parts that are not tried now stay as they are.
    """
    results = Results(folder / "results.json")
    try:
        with shown_progress("Chaos") as progress:

            @cache
            def program() -> AsteriskProgram:
                return ensure_asterisk(progress)

            for name in parts or PARTS:
                title, part = PARTS[name]
                place = Path(tempfile.mkdtemp(prefix="fz-chaos-"))
                try:
                    figures = part(Chaos(program, place, seed, size, minutes, progress))
                finally:
                    shutil.rmtree(place, ignore_errors=True)
                options = f"--seed {seed}{f' --size {size}' if size else ''}"
                results.keep(name, Told(title, machine(program().version), options, figures))
                (folder / "RESULTS.md").write_text(
                    markdown([results.told[n] for n in PARTS if n in results.told], _INTRODUCTION), "utf-8"
                )
    except PreparationError as error:
        raise click.ClickException(str(error)) from error
    tried = {name: results.told[name] for name in parts or PARTS}
    if json_wanted:
        click.echo(json.dumps({name: asdict(told) for name, told in tried.items()}, indent=1))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for table in tables(tried.values()):
            console.print(table)
        console.print(f"Written: {folder / 'RESULTS.md'}")
    sys.exit(any(figure.is_missed for told in tried.values() for figure in told.figures))


if __name__ == "__main__":
    main()
