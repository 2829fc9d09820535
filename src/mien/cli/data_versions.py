"""`mien data log`, `diff`, `checkout`: the versions of a dataset, what is between them, and how to get one back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.data import Json, Labels, Source, Target, opened, written
from mien.cli.errors import FAILED, complain, tell
from mien.errors import printable

if TYPE_CHECKING:
    from mien.datasets import Sample
    from mien.datasets.versions import Store
    from mien.labels import LabelSet

Folder = Annotated[Path, typer.Argument(metavar="FOLDER.mien", help="Where versions are kept.")]


def log(folder: Folder, json: Json = False) -> None:
    """List the versions, the newest first."""
    from dataclasses import asdict
    from json import dumps

    from mien.datasets.versions import DIGITS

    versions = existing(folder).log()
    if json:
        typer.echo(dumps([asdict(version) for version in versions], indent=2))
        return
    for version in versions:
        said = version.changes | {"forgotten since": version.forgotten}
        changes = ", ".join(f"{n:,} {change}" for change, n in said.items() if n)
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

    changes = existing(folder).between(before, after)
    if json:
        typer.echo(dumps(changes, indent=2))
        return
    for change in changes:
        reason = f"  ({printable(change['reason'])})" if change["reason"] else ""
        told = " -> ".join(text for text in (change["before"], change["after"]) if text)
        typer.echo(f"{change['change']}  {printable(change['key'])}  {printable(told)}{reason}")
    if not changes:
        typer.echo("no difference")


def checkout(
    folder: Folder,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Beginning of its id.")],
    target: Target,
) -> None:
    """Get a version back, as a dataset of its own."""
    place = folder.with_name(f"{folder.name}@{existing(folder).version(version).id}")
    written(opened(place), place, target)


def existing(folder: Path) -> Store:
    from mien.datasets.versions import Store, is_store

    if not is_store(folder):
        raise FileNotFoundError(f"{folder} is no folder of versions; mien data clean makes one")
    return Store(folder)


def add(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER.mien", help="Where versions are kept; made if it is not there.")],
    source: Source,
    reason: Annotated[str, typer.Option(help="Kept with the version.")] = "",
    labels: Labels = None,
) -> None:
    """Make a new version with the samples of another dataset added behind those there are.

    Their keys begin with its name. Classes are matched by name; those that the versions do not have are an error."""
    from mien.datasets.versions import Store, VersionedDataset
    from mien.datasets.votes import votes_for

    versions, dataset = Store(folder), opened(source, labels)
    classes = labels_of_store(versions) if versions.head else dataset.labels
    place = [classes.index(name) for name in dataset.labels if name in classes]
    if missing := [name for name in dataset.labels if name not in classes]:
        raise ValueError(
            f"{folder} has no class named {', '.join(missing)}; it has: {', '.join(classes)}; --labels can rename them"
        )
    voters = VersionedDataset(folder).vote_labels if versions.head else dataset.vote_labels
    if any(name not in (voters or ()) for name in dataset.vote_labels or ()):
        complain(f"votes of {source.name} are left out: they are for {', '.join(dataset.vote_labels or ())}; in {folder} "
                 f"they are for {', '.join(voters) if voters else 'nothing'}")  # fmt: skip
    new = (
        replace(s, key=f"{source.name}/{s.key}", label=place[s.label], votes=votes_for(s.votes, dataset.vote_labels, voters))
        for s in dataset
    )
    added(versions, new, classes, reason or f"added {source.name}", {}, source.name, voters)
    tell(dataset.problems, file=folder.with_name(f"{folder.name}.left_out.txt"))
    raise typer.Exit(FAILED if dataset.problems else 0)


def added(
    versions: Store,
    new: Iterable[Sample],
    labels: LabelSet,
    reason: str,
    reasons: dict[str, str],
    source: str,
    voters: LabelSet | None = None,
) -> None:
    """A version of what there is and these samples, whose votes are for the names of those there are; `voters` where there
    are none yet. Says so."""
    from mien.datasets.versions import ADDED, DIGITS, VersionedDataset

    old = VersionedDataset(versions.path) if versions.head else None
    samples = chain(old.whole() if old else (), new)
    made = versions.commit(samples, labels, old.vote_labels if old else voters, reason, reasons=reasons, source=source)
    typer.echo(f"{versions.path}: {made.id[:DIGITS]}, {made.samples:,} samples, {made.changes[ADDED]:,} of them new")


def labels_of_store(versions: Store) -> LabelSet:
    """The dataset's; FER2013's where there is none yet."""
    from mien.labels import FER2013, LabelSet

    return LabelSet(versions.version().labels) if versions.head else FER2013
