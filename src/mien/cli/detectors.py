"""`mien detectors`: which there are, whether they are installed, where their weights come from."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

SEE = "How faces are looked for"
LongestSide = Annotated[
    int | None,
    typer.Option(
        min=64, help="Pixels to which a larger picture is shrunk for the detector; more finds smaller faces.", rich_help_panel=SEE
    ),
]
Score = Annotated[
    float | None, typer.Option(min=0.01, max=0.99, help="From which on a box counts as a face.", rich_help_panel=SEE)
]
Tiles = Annotated[
    int | None,
    typer.Option(min=1, max=16, help="Look at N x N overlapping parts, too, for crowds.", metavar="N", rich_help_panel=SEE),
]


def seen(longest_side: int | None, score: float | None, tiles: int | None) -> dict[str, Any]:
    """The settings of a detector that were given."""
    given = {"longest_side": longest_side, "score": score, "tiles": tiles}
    return {name: value for name, value in given.items() if value is not None}


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

    numbers = (Column(name, justify="right") for name in ("ms", "MB"))
    table = Table("detector", "there", *numbers, "licence", Column("weights", overflow="fold"), box=None, pad_edge=False)
    for row in rows:
        ms = "" if row["ms"] is None else f"{row['ms']:.1f}"
        megabytes = "" if row["size"] is None else f"{row['size'] / 1e6:.1f}"
        there = "yes" if row["installed"] and not row["wrong"] else "no"
        name = row["name"] + (" *" if row["default"] else "")
        table.add_row(*map(Text, (name, there, ms, megabytes, row["licence"], row["weights"])))  # [dlib] is no markup
    Console().print(table)
    typer.echo("* default; ms: one 640x480 picture without a face, on this machine; MB: of the weights")
    for row in rows:
        if not row["installed"] or row["wrong"]:
            typer.echo(f"{row['name']}: {row['wrong'] or row['install']}")


FIELDS = ("method", "weights", "size", "licence", "install", "installed")


def _row(info: Any, name: str, default: bool, time_it: bool) -> dict[str, Any]:
    """`size` is in bytes. A detector that another package adds is not described further."""
    blank = {**dict.fromkeys(FIELDS, ""), "size": None, "installed": True}
    known = {} if info is None else {field: getattr(info, field) for field in FIELDS}
    row: dict[str, Any] = {"name": name, "default": default, **blank, **known}
    took, wrong = _milliseconds(name) if time_it and row["installed"] else (None, "")
    return {**row, "ms": took, "wrong": wrong}


def _milliseconds(name: str, runs: int = 5) -> tuple[float | None, str]:
    """Of one picture; or, for a detector that does not work, what is wrong."""
    import numpy as np

    from mien.detectors import load_detector

    picture = np.random.default_rng(0).integers(0, 256, (15, 20, 3), np.uint8).repeat(32, 0).repeat(32, 1)
    try:
        detector = load_detector(name)
        detector(picture)
    except Exception as error:  # weights of others, opened by libraries of others
        return None, f"broken: {(str(error) or type(error).__name__).splitlines()[0]}"
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        detector(picture)
        times.append(time.perf_counter() - start)
    return sorted(times)[runs // 2] * 1e3, ""
