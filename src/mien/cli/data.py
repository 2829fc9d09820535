"""`mien data`: labelled faces from any form into any other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mien.cli.errors import FAILED, tell

app = typer.Typer(help="Convert, look through and mend sets of labelled faces.", no_args_is_help=True)


@app.callback()
def _main() -> None: ...


@app.command()
def convert(
    source: Annotated[
        Path, typer.Argument(metavar="FROM", help="A .npz, .csv or .parquet, or a folder with one folder a class.")
    ],
    target: Annotated[Path, typer.Argument(metavar="TO", help="The same; the ending says which, none is a folder.")],
) -> None:
    """Write a dataset in another form: the same pixels, labels, splits and order.

    A run that was stopped goes on when it is called again. Exits 1 when something had to be left out; it is named."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from mien.datasets import open_dataset
    from mien.datasets.convert import convert as write

    dataset = open_dataset(source)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(source.name, total=len(dataset))
        wrong = write(dataset, source, target, lambda done: progress.update(bar, completed=done))
    problems = [*dataset.problems, *wrong]
    tell(problems)
    left_out = f", {len(problems):,} left out" if problems else ""
    typer.echo(f"{target}: {len(dataset) - len(problems):,} faces{left_out}")
    raise typer.Exit(FAILED if problems else 0)
