"""`mien keys`: who may use a server that others can reach."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from mien.errors import printable

app = typer.Typer(help="Make, list and revoke the keys of a server's clients.", no_args_is_help=True)
Data = Annotated[str, typer.Option(metavar="DIR", help="Of the server's database.")]


def opened(data: str):  # type: ignore[no-untyped-def]
    """The store in this folder, or in a server's own."""
    from mien.feedback.store import Store
    from mien.serving.settings import data_folder, settings

    return Store(data or settings().data or data_folder())


def _keys(data: str):  # type: ignore[no-untyped-def]
    from mien.feedback.keys import Keys

    return Keys(opened(data))


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    scope: Annotated[
        list[str], typer.Option(help="predict, live, feedback, sessions, review, dashboard; all but the last two by default.")
    ] = [],  # noqa: B006
    data: Data = "",
) -> None:
    """Make a key and show it, this once."""
    from mien.feedback.keys import USUAL

    keys = _keys(data)
    token = keys.create(name, scope or USUAL)
    keys.store.note("command line", "create key", keys.of(token).id, name=name)
    typer.echo(token)
    typer.echo("Keep it: it cannot be shown again. Clients send it as `Authorization: Bearer KEY`.", err=True)


@app.command("list")
def list_keys(json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False, data: Data = "") -> None:
    """The keys, without their secrets."""
    from json import dumps

    rows = [
        {"id": k.id, "name": k.name, "scopes": sorted(k.scopes), "created": day(k.created), "revoked": day(k.revoked)}
        for k in _keys(data).all()
    ]
    if json:
        typer.echo(dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("key", "name", "may", "made", "revoked", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["id"], Text(printable(row["name"])), ", ".join(row["scopes"]), row["created"], row["revoked"] or "")
    Console().print(table if rows else "no keys; make one: mien keys create NAME")


@app.command()
def revoke(id: Annotated[str, typer.Argument(help="As mien keys list shows it.")], data: Data = "") -> None:
    """Refuse a key from now on."""
    keys = _keys(data)
    keys.revoke(id)
    keys.store.note("command line", "revoke key", id)
    typer.echo(f"{id} is refused from now on")


def day(time: float | None) -> str | None:
    """As people read it."""
    return None if time is None else datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")
