"""The command behind `make bench`: measure row by row, tell, keep."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from appliance.telephony.debian_archive import PreparationError
from appliance.telephony.sandbox import ensure_asterisk, shown_progress
from tests.bench import (
    agent_free,
    bridged_calls,
    call_set_up,
    calls_per_second,
    durable_writes,
    growth,
    manager_events,
    office_page,
    resources,
    sip_flood,
)
from tests.bench.bench import Bench, Row
from tests.bench.report import Results, Told, machine, markdown, tables

# In the order they are measured and told; a name is what the command is given.
ROWS: dict[str, tuple[str, Row]] = {
    "setup": (call_set_up.TITLE, call_set_up.measured),
    "rate": (calls_per_second.TITLE, calls_per_second.measured),
    "free": (agent_free.TITLE, agent_free.measured),
    "manager": (manager_events.TITLE, manager_events.measured),
    "writes": (durable_writes.TITLE, durable_writes.measured),
    "resources": (resources.TITLE, resources.measured),
    "bridged": (bridged_calls.TITLE, bridged_calls.measured),
    "page": (office_page.TITLE, office_page.measured),
    "growth": (growth.TITLE, growth.measured),
    "flood": (sip_flood.TITLE, sip_flood.measured),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("rows", nargs=-1, type=click.Choice(list(ROWS)))
@click.option("--pairs", type=click.IntRange(2), default=5, show_default=True,
              help="How often ours and theirs are measured in turn.")  # fmt: skip
@click.option(
    "--seed", type=int, default=1, show_default=True, help="For the bootstrap and for generated data."
)
@click.option("--full", is_flag=True, help="Longer steps and more samples.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False, exists=True),
              default=Path(__file__).parent,
              help="Where RESULTS.md and results.json are written; if not said, here.")  # fmt: skip
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON for a program to read.")
def main(rows: tuple[str, ...], pairs: int, seed: int, full: bool, folder: Path, json_wanted: bool) -> None:
    """Measure the product against what people would use instead; exit status 1 when a goal is missed.

    Without ROWS all are measured. Results of rows that are not measured now stay as they are.
    """
    results = Results(folder / "results.json")
    try:
        with shown_progress("Bench") as progress:
            program = ensure_asterisk(progress)
            for name in rows or ROWS:
                title, row = ROWS[name]
                place = Path(tempfile.mkdtemp(prefix="fz-bench-"))
                try:
                    figures = row(Bench(program, place, pairs, seed, full, progress))
                finally:
                    shutil.rmtree(place, ignore_errors=True)
                options = f"--pairs {pairs} --seed {seed}{' --full' if full else ''}"
                results.keep(name, Told(title, machine(program.version), options, figures))
                known = [results.told[name] for name in ROWS if name in results.told]
                (folder / "RESULTS.md").write_text(markdown(known), "utf-8")
    except PreparationError as error:
        raise click.ClickException(str(error)) from error
    measured = {name: results.told[name] for name in rows or ROWS}
    (folder / "RESULTS.md").write_text(
        markdown([results.told[n] for n in ROWS if n in results.told]), "utf-8"
    )
    if json_wanted:
        click.echo(json.dumps({name: asdict(told) for name, told in measured.items()}, indent=1))
    else:
        console = Console(highlight=False, soft_wrap=True)
        for table in tables(measured.values()):
            console.print(table)
        console.print(f"Written: {folder / 'RESULTS.md'}")
    sys.exit(any(figure.is_missed for told in measured.values() for figure in told.figures))


if __name__ == "__main__":
    main()
