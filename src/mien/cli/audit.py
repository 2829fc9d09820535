"""`mien audit`: who did what on a server: starts, keys, recordings, erasures."""

from __future__ import annotations

from typing import Annotated

import typer

from mien.cli.keys import Data, day, opened
from mien.errors import printable


def audit(
    last: Annotated[int, typer.Option(min=1, help="So many lines, the newest at the end.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="A JSON object a line, with all details.")] = False,
    data: Data = "",
) -> None:
    """Show a server's audit log: starts with their purpose, keys, recordings, exports, erasures."""
    from json import dumps

    lines = opened(data).notes(last)
    if json:
        for line in lines:
            typer.echo(dumps({name: value for name, value in line.items() if name != "id"}))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("time", "who", "did", "to", "more", box=None, pad_edge=False)
    for line in lines:
        more = ", ".join(f"{name}: {value}" for name, value in (line["detail"] or {}).items() if value)
        table.add_row(day(line["time"]), line["actor"], line["action"], *(Text(printable(t)) for t in (line["subject"], more)))
    Console().print(table if lines else "nothing happened here yet")
