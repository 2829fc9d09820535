"""`mien data log`, `diff`, `checkout`: the versions of a dataset, what is between them, and how to get one back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.data import Json, Target, opened, written
from mien.errors import printable

if TYPE_CHECKING:
    from mien.datasets.versions import Store

Folder = Annotated[Path, typer.Argument(metavar="FOLDER.mien", help="Where versions are kept.")]


def log(folder: Folder, json: Json = False) -> None:
    """List the versions, the newest first."""
    from dataclasses import asdict
    from json import dumps

    from mien.datasets.versions import DIGITS

    versions = _store(folder).log()
    if json:
        typer.echo(dumps([asdict(version) for version in versions], indent=2))
        return
    for version in versions:
        changes = ", ".join(f"{n:,} {change}" for change, n in version.changes.items() if n)
        typer.echo(f"{version.id[:DIGITS]}  {version.created[:19]}  {version.actor}  {version.samples:,} samples ({changes})")
        typer.echo(f"    {printable(version.reason)}" + (f", from {version.source}" if version.source else ""))


def diff(
    folder: Folder,
    before: Annotated[str, typer.Argument(metavar="[BEFORE]", help="Beginning of an id. [default: the parent]")] = "",
    after: Annotated[str, typer.Argument(metavar="[AFTER]", help="[default: the newest]")] = "",
    json: Json = False,
) -> None:
    """Show which samples two versions differ in: added, removed, changed, with the reason where there is one."""
    from json import dumps

    from mien.datasets.versions import compare

    store = _store(folder)
    new = store.version(after)
    if not before or store.version(before).id == new.parent:
        changes = store.changes(new.id)
    else:
        rows = [{row.key: row for row in store.rows(id)} for id in (store.version(before).id, new.id)]
        changes = compare(*rows)
    if json:
        typer.echo(dumps(changes, indent=2))
        return
    for change in changes:
        reason = f"  ({printable(change['reason'])})" if change["reason"] else ""
        told = " -> ".join(text for text in (change["before"], change["after"]) if text)
        typer.echo(f"{change['change']}  {printable(change['key'])}  {printable(told)}{reason}")


def checkout(
    folder: Folder,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Beginning of its id.")],
    target: Target,
) -> None:
    """Get a version back, as a dataset of its own."""
    place = folder.with_name(f"{folder.name}@{_store(folder).version(version).id}")
    written(opened(place), place, target)


def _store(folder: Path) -> Store:
    from mien.datasets.versions import Store, is_store

    if not is_store(folder):
        raise FileNotFoundError(f"{folder} is no folder of versions; mien data clean makes one")
    return Store(folder)
