"""`mien data audit` and `clean`: what is wrong with a set, and a new version of it without that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.data import Json, Labels, Source, opened, progress
from mien.cli.errors import FAILED, complain, tell

if TYPE_CHECKING:
    import numpy as np

ACTIONS, REPORT = "actions.csv", "report.html"
Store = Annotated[
    Path | None,
    typer.Option("--store", metavar="FOLDER.mien", help="Where versions are kept. [default: beside the data, by its name]"),
]


def audit(
    source: Source,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a report with pictures and the proposed actions here.")
    ] = None,
    json: Json = False,
    near: Annotated[bool, typer.Option("--near/--no-near", help="Look for nearly the same pictures, too.")] = True,
    faces: Annotated[bool, typer.Option("--faces", help="Count the samples in which the detector finds no face.")] = False,
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npy", help="Out-of-fold probabilities, a row a sample: finds wrong labels by confident learning."
        ),
    ] = None,
    labels: Labels = None,
) -> None:
    """Find unreadable, blank, repeated, dark, pale and blurred faces, copies across splits, labels that others contradict.

    Nothing is changed: look at the report, edit the actions, and give them to `mien data clean`."""
    from json import dumps

    from mien.datasets.audit import actions, summary, write_actions
    from mien.datasets.audit import audit as look_through
    from mien.datasets.audit_report import report

    dataset = opened(source, labels)
    with progress(source.name, len(dataset)) as step:
        found = look_through(dataset, alike=near, faces=_detector(faces), predictions=_array(predictions), step=step)
    told = summary(found)
    if to:
        to.mkdir(parents=True, exist_ok=True)
        write_actions(actions(found), to / ACTIONS)
        (to / REPORT).write_text(report(found, told, dataset, source.name), encoding="utf-8")
        (to / "audit.json").write_text(dumps(told, indent=2) + "\n", encoding="utf-8")
    tell(found.problems, to)
    if json:
        typer.echo(dumps(told, indent=2))
    else:
        _show(told)
    if to:
        typer.echo(f"see {to / REPORT}; edit {to / ACTIONS}, then: mien data clean {source} --apply {to / ACTIONS}", err=True)
    raise typer.Exit(FAILED if found.problems else 0)


def folds(
    source: Source,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the runs; out_of_fold.npy will be in it.")],
    folds: Annotated[int, typer.Option(min=2, help="Nets that are trained, each on all other folds.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Of each; labels that are wrong are learnt last.")] = 15,
    settings: Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="Any field of the runs' config.")] = [],  # noqa: B006
    labels: Labels = None,
) -> None:
    """Train nets on parts of a set and let each judge the rest: what `mien data audit --predictions` finds wrong labels by.

    A run that was stopped goes on when it is called again."""
    from mien.cli.running import ask_for_keras

    ask_for_keras("mien data folds")
    from dataclasses import replace

    from mien.training.config import RECIPES
    from mien.training.folds import out_of_fold
    from mien.training.kept import save
    from mien.training.overrides import overridden

    config = overridden(replace(RECIPES["resnet"], epochs=epochs, votes=0.0, evaluate_every=epochs), settings)
    dataset = opened(source, labels)
    to.mkdir(parents=True, exist_ok=True)

    def report(fold: int, row: dict[str, Any]) -> None:
        typer.echo(f"fold {fold + 1} of {folds}, epoch {row['epoch']} of {config.epochs}: loss {row['loss']:.3f}", err=True)

    probability = out_of_fold(dataset, config, folds, to, report)
    tell(dataset.problems, to)
    save(to / "out_of_fold.npy", probability)
    typer.echo(f"see what they doubt: mien data audit {source} --predictions {to / 'out_of_fold.npy'} --to {to / 'audit'}")


def ease(
    source: Source,
    to: Annotated[Path, typer.Option(metavar="DIR", help="ease.csv, hardest.png and the classifiers' runs will be in it.")],
    folds: Annotated[int, typer.Option(min=2, help="K: a base classifier is trained on each of so many parts.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="M: with other parts so many times.")] = 2,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="From this share of right answers on a face is easy.")] = 0.5,
    epochs: Annotated[int, typer.Option(min=1, help="Of each classifier.")] = 12,
    settings: Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="Any field of the runs' config.")] = [],  # noqa: B006
    labels: Labels = None,
) -> None:
    """Find out how easily each training face is told: R(x), the share of many small nets that are right about it.

    The dissertation's ease degree. Train the easy ones first with `mien train --set curriculum.ease=DIR/ease.csv`. A run that
    was stopped goes on when it is called again."""
    from mien.cli.running import ask_for_keras
    from mien.page import pyplot

    ask_for_keras("mien data ease")
    pyplot()  # is it there? It draws what is found at last
    from dataclasses import replace

    from mien.datasets.ease import write_ease
    from mien.training.config import RECIPES
    from mien.training.difficulty import BASE, hardest
    from mien.training.difficulty import ease as measured
    from mien.training.overrides import overridden
    from mien.training.tensors import read

    config = overridden(replace(RECIPES["resnet"], options=BASE, epochs=epochs, votes=0.0), settings)
    dataset = opened(source, labels)
    samples = read(dataset, config.preprocessing).get("Training")
    if samples is None:
        raise ValueError(f"{source}: no samples in the split Training")
    to.mkdir(parents=True, exist_ok=True)

    def report(number: int, row: dict[str, Any]) -> None:
        if row["epoch"] == config.epochs:
            typer.echo(f"classifier {number + 1} of {folds * repeats}: loss {row['loss']:.3f}", err=True)

    found = measured(samples, config, folds, repeats, to, report)
    tell(dataset.problems, to)
    names = [samples.labels[target] for target in samples.targets]
    write_ease(to / "ease.csv", samples.keys.tolist(), names, found.degree, threshold)  # type: ignore[union-attr]
    (to / "hardest.png").write_bytes(hardest(samples, found.degree))
    for i, name in enumerate(samples.labels):
        mine = found.degree[samples.targets == i]
        if len(mine):
            typer.echo(f"{name}: {(mine >= threshold).sum():,} easy, {(mine < threshold).sum():,} difficult; R {mine.mean():.3f}")
    typer.echo(
        f"see {to / 'ease.csv'}, {to / 'hardest.png'}; mien train --set curriculum.ease={to / 'ease.csv'} begins with the easy"
    )
    raise typer.Exit(FAILED if dataset.problems else 0)


def _detector(wanted: bool) -> Any:
    from mien.detectors import load_detector

    return load_detector() if wanted else None


def _array(path: Path | None) -> np.ndarray | None:
    import numpy as np

    if path is None:
        return None
    try:
        found = np.load(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no .npy file of probabilities: {error}") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
        raise ValueError(f"{path}: finite numbers in one array were wanted, as in a .npy file")
    return found


def _show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from mien.datasets.audit_report import NAMES, in_words

    table = Table("found", "samples", box=None, pad_edge=False)
    for name, said in NAMES.items():
        if found[name]:
            table.add_row(said, f"{found[name]:,}")
    for pair, n in found["cross_split"].items():
        first, second = pair.split("/")
        if n:
            table.add_row(f"of {second}, pictures that are in {first}, too", f"{n:,}")
    Console().print(table)
    if found["empty_classes"]:
        typer.echo(f"no samples of: {', '.join(found['empty_classes'])}")
    proposed = in_words(found["proposed"])
    typer.echo(f"{found['samples']:,} samples; proposed: {proposed or 'nothing'}")


def clean(
    source: Source,
    apply: Annotated[Path, typer.Option("--apply", metavar="ACTIONS.csv", help="As `mien data audit --to` wrote it, or edited.")],
    store: Store = None,
    reason: Annotated[str, typer.Option(help="Kept with the version.")] = "",
    labels: Labels = None,
) -> None:
    """Make a new version in which the actions `remove` and `relabel` are done; the data itself is not touched.

    Versions can be listed, compared and got back: `mien data log`, `diff`, `checkout`."""
    from mien.datasets.audit import read_actions
    from mien.datasets.base import VERSIONED
    from mien.datasets.clean import Cleaned, by_key
    from mien.datasets.versions import DIGITS, VersionedDataset, is_store
    from mien.datasets.versions import Store as Versions

    actions = by_key(read_actions(apply), apply)
    dataset = opened(source, labels)
    place = source if is_store(source) else store or source.with_name(source.name + VERSIONED)
    versions = Versions(place)
    if not is_store(source) and versions.head:
        raise FileExistsError(f"{place} has versions already: mien data clean {place} --apply {apply}; or give another --store")
    if not versions.head:
        with progress(source.name, len(dataset)) as step:
            first = versions.commit(_counted(dataset, step), dataset.labels, dataset.vote_labels, "imported", source=source.name)
        tell(dataset.problems, file=place.with_name(f"{place.name}.left_out.txt"))
        typer.echo(f"{place}: {first.id[:DIGITS]}, {first.samples:,} samples, as they are in {source.name}")
    now, before = VersionedDataset(place), versions.head
    cleaned = Cleaned(now.whole(), now.labels, actions)
    made = versions.commit(cleaned, now.labels, now.vote_labels, reason or f"cleaned by {apply.name}", reasons=cleaned.reasons)
    for problem in cleaned.problems:
        complain(f"not done: {problem}")
    done = ", ".join(f"{n:,} {change}" for change, n in made.changes.items() if n) if made.id != before else ""
    typer.echo(f"{place}: {made.id[:DIGITS]}, {made.samples:,} samples; {done or 'nothing changed'}")
    typer.echo(f"use it as data, such as: mien data convert {place} cleaned.npz", err=True)
    raise typer.Exit(FAILED if cleaned.problems or dataset.problems else 0)


def _counted(dataset: Any, step: Any) -> Any:
    for number, sample in enumerate(dataset, 1):
        step(number)
        yield sample
