"""`mien sweep`: runs that differ in fields of their config in; a table, a picture and the best run out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SHOWN = 20
"""Runs that ended, and such that failed, at most, in the table on the terminal."""


def sweep(
    run: Annotated[Path, typer.Option(metavar="DIR", help="The sweep's folder, one run folder a trial within.")],
    over: Annotated[
        list[str],
        typer.Option(metavar="NAME=VALUES", help="A field and what it may be: A,B,C or LOW..HIGH or log:LOW..HIGH. Repeat it."),
    ],
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="TOML or JSON: what all runs share.")] = None,
    data: Annotated[list[Path], typer.Option(metavar="FILE|DIR", help="Any form of `mien data`.")] = [],  # noqa: B006
    labels: Annotated[
        list[Path], typer.Option(metavar="FILE", help="Label map of the data; of several, one for each in turn.")
    ] = [],  # noqa: B006
    weight: Annotated[
        list[float],
        typer.Option(min=0, help="How often in an epoch each sample comes, 0.5 every other time; one for each --data in turn."),
    ] = [],  # noqa: B006
    trials: Annotated[int, typer.Option(min=1, help="Runs; of a grid, all there are.")] = 20,
    grid: Annotated[bool, typer.Option("--grid", help="Try all combinations, instead of what Optuna chooses.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    metric: Annotated[str, typer.Option(help="accuracy or macro_f1, on PublicTest.")] = "accuracy",
    prune: Annotated[bool, typer.Option("--prune", help="Stop runs that are worse than the median on their way.")] = False,
    settings: Annotated[
        list[str], typer.Option("--set", metavar="NAME=VALUE", help="Any field of the runs' config that all share.")
    ] = [],  # noqa: B006
    seed: Annotated[int, typer.Option(min=0, help="Of what is tried.")] = 0,
) -> None:
    """Train many nets that differ in some fields, and compare them on PublicTest.

    A sweep that was stopped goes on when it is called again, half-trained runs after their last epoch."""
    from dataclasses import replace

    from mien.cli.running import ask_for_keras, sources_of
    from mien.training.config import read_file
    from mien.training.job import fields_and_sources
    from mien.training.sweep import METRICS, PICTURE, TABLE, Sweep, prepared, range_of, table
    from mien.training.sweep import run as work

    ask_for_keras("mien sweep")
    if metric not in METRICS:
        raise ValueError(f"--metric is {metric!r}; wanted {' or '.join(METRICS)}")
    file = read_file(config) if config else {}
    if file.get("stages"):
        raise ValueError(f"{config}: a sweep is over runs of one stage; leave stages out")
    fields, there = fields_and_sources(file)
    sources = sources_of(data, labels, weight) or there
    if not sources:
        raise ValueError("no data to learn from; give --data, or data in the config")
    asked = Sweep(fields, tuple(settings), sources, dict(map(range_of, over)), trials, metric, prune, seed, grid)
    asked = replace(asked, trials=len(asked.grid())) if grid else asked
    with prepared(asked, run):
        work(run, workers)
        rows = table(run)
    if not rows:
        raise ValueError(f"{run}: no run ended; what went wrong is said above")
    _show(rows, metric)
    failed = [str(row["failed"]) for row in rows if row["failed"]]
    if len(failed) == len(rows):
        raise ValueError(f"{run}: all {len(rows)} runs failed, the first one: {failed[0]}")
    some = f", {len(failed)} of them failed" if failed else ""
    typer.echo(
        f"{len(rows)} runs{some}: {run / TABLE}, {run / PICTURE}; the best: mien evaluate {run / rows[0]['run']} --data DATA"
    )


def _show(rows: list[dict[str, object]], metric: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    names = [name for name in rows[0] if name not in (metric, "pruned", "failed", "run")]
    shown = Table(*names, metric, "run", box=None, pad_edge=False)
    ended, failed = [row for row in rows if not row["failed"]], [row for row in rows if row["failed"]]
    for row in [*ended[:SHOWN], *failed[:SHOWN]]:
        score = f"failed: {row['failed']}" if row["failed"] else "stopped early" if row["pruned"] else f"{row[metric]:.4f}"
        said = (f"{row[name]:.3g}" if isinstance(row[name], float) else str(row[name]) for name in names)
        shown.add_row(*said, escape(score), str(row["run"]))
    Console().print(shown)
