"""`mien detectors`: which there are, whether they are installed, where their weights come from."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer


def detectors(
    json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    time_them: Annotated[bool, typer.Option("--time/--no-time", help="Measure each on a 640x480 picture, here and now.")] = True,
) -> None:
    """List the face detectors."""
    from json import dumps

    from mien.detectors import DEFAULT, DETECTORS, INFO

    rows = [_row(INFO.get(name), name, name == DEFAULT, time_them) for name in DETECTORS]
    if json:
        typer.echo(dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table("detector", "installed", "ms", Column("weights from", overflow="fold"), "licence", box=None, pad_edge=False)
    for row in rows:
        ms = "" if row["ms"] is None else f"{row['ms']:.1f}"
        there = row["wrong"] or ("yes" if row["installed"] else f"no: {row['install']}")
        cells = (row["name"] + (" *" if row["default"] else ""), there, ms, row["weights"], row["licence"])
        table.add_row(*map(Text, cells))  # [dlib] is no markup
    Console().print(table)
    typer.echo("* default; ms: one 640x480 picture without a face, on this machine")


def _row(info: Any, name: str, default: bool, time_it: bool) -> dict[str, Any]:
    known = {} if info is None else {k: getattr(info, k) for k in ("method", "weights", "licence", "install", "installed")}
    row = {"name": name, "default": default, "installed": True, "method": "", "weights": "", "licence": "", "install": ""} | known
    took, wrong = _milliseconds(name) if time_it and row["installed"] else (None, "")
    return {**row, "ms": took, "wrong": wrong}


def _milliseconds(name: str, runs: int = 5) -> tuple[float | None, str]:
    """Of one picture; or, for a detector that does not work, what is wrong."""
    import numpy as np

    from mien.detectors import load_detector

    detector = load_detector(name)
    picture = np.random.default_rng(0).integers(0, 256, (15, 20, 3), np.uint8).repeat(32, 0).repeat(32, 1)
    try:
        detector(picture)
    except Exception as error:  # weights of others, opened by libraries of others
        return None, f"broken: {str(error).splitlines()[0]}"
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        detector(picture)
        times.append(time.perf_counter() - start)
    return sorted(times)[runs // 2] * 1e3, ""
