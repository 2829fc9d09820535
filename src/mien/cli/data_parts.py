"""`mien data stats`, `split`, `balance`, `sheet`: count a set, part it, even its classes out, see what augmentation does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mien.cli.data import Json, Labels, Source, Target, opened, progress, written
from mien.cli.errors import FAILED, complain, tell


def stats(
    source: Source,
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Write counts.png, mean_faces.png and stats.json here.")] = None,
    json: Json = False,
    labels: Labels = None,
) -> None:
    """Count samples by class and split; sizes, light, people, and the weights that would even the classes out."""
    from json import dumps

    from mien.datasets.stats import counts_png, faces_png
    from mien.datasets.stats import stats as count

    dataset = opened(source, labels)
    with progress(source.name, len(dataset)) as step:
        found = count(dataset, step)
    told = found.to_dict() | {"left_out": len(dataset.problems)}
    if to:
        to.mkdir(parents=True, exist_ok=True)
        (to / "counts.png").write_bytes(counts_png(found))
        (to / "mean_faces.png").write_bytes(faces_png(found))
        (to / "stats.json").write_text(dumps(told, indent=2) + "\n", encoding="utf-8")
    tell(dataset.problems, to)
    if json:
        typer.echo(dumps(told, indent=2))
    else:
        _show(told)
    raise typer.Exit(FAILED if dataset.problems else 0)


def _show(told: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    counts = told["counts"]
    table = Table("class", *counts, "all", "brightness", "contrast", "weight", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name in next(iter(counts.values()), {}):
        row, light = [split[name] for split in counts.values()], told["light"].get(name, {})
        seen = [f"{light[k]:.0f}" if light else "" for k in ("brightness", "contrast")]
        weight = told["class_weights"]["inverse"][name]
        table.add_row(name, *(f"{n:,}" for n in (*row, sum(row))), *seen, f"{weight:.2f}")
    Console().print(table)
    sizes = ", ".join(f"{n:,} of {size}" for size, n in list(told["sizes"].items())[:5])
    typer.echo(f"{told['samples']:,} samples; {sizes}; {told['coloured']:,} in colour")
    if told["empty_classes"]:
        typer.echo(f"no samples of: {', '.join(told['empty_classes'])}")
    people = told["subjects"]
    if people["known"]:
        typer.echo(
            f"{people['known']:,} people with {people['fewest']:,} to {people['most']:,} samples each, "
            f"{people['expressions_each']} expressions on average; {people['in_several_splits']:,} of them in several splits"
        )


VALIDATION = TEST = 0.1


def split(
    source: Source,
    target: Target,
    validation: Annotated[float, typer.Option(min=0, max=0.99, help="Share that becomes PublicTest.")] = VALIDATION,
    test: Annotated[float, typer.Option(min=0, max=0.99, help="Share that becomes PrivateTest.")] = TEST,
    within: Annotated[list[str], typer.Option(metavar="SPLIT", help="Part only this one anew; repeat it for several.")] = [],  # noqa: B006
    folds: Annotated[int, typer.Option(min=0, help="Into so many folds instead; see --fold.")] = 0,
    fold: Annotated[int, typer.Option(min=0, help="The fold that becomes PublicTest; the others are Training.")] = 0,
    seed: Annotated[int, typer.Option(help="Another one parts otherwise.")] = 0,
    labels: Labels = None,
) -> None:
    """Part a set into Training, PublicTest and PrivateTest.

    A person's faces stay together, and so do copies of a picture. Where a sample goes depends on it alone, so that samples
    added later move no old one."""
    from mien.datasets.base import split_named
    from mien.datasets.split import Parted, Split

    if folds and (validation, test) != (VALIDATION, TEST):
        raise ValueError(
            "--folds parts into folds, without --validation and --test; part a test set off first, then --within Training"
        )
    rule = Split(validation, test, seed, tuple(split_named(name) for name in within), folds, fold)
    parted = Parted(opened(source, labels), rule)
    try:
        written(parted, source, target, rule, labels)
    finally:
        if parted.apart:
            complain(
                f"{parted.apart:,} pictures are in several splits: their copies are said to be of several people, or were not "
                "parted anew; mien data audit shows them"
            )


def balance(
    source: Source,
    target: Target,
    by: Annotated[str, typer.Option(help="oversample: repeat samples; smote: make new ones between others.")] = "oversample",
    seed: Annotated[int, typer.Option(help="Which are repeated, or where new ones lie.")] = 0,
    labels: Labels = None,
) -> None:
    """Make all classes of Training as large as its largest; the other splits stay as they are.

    To weigh classes, or draw rare ones more often while training, the set need not be changed: `class_weights` and `sampling`
    of the training's config."""
    from mien.datasets.balance import Balanced

    written(Balanced(opened(source, labels), by, seed), source, target, by, seed, labels)


def sheet(
    source: Source,
    to: Annotated[Path, typer.Option(metavar="FILE.png", help="Where to write it.")],
    model: Annotated[str, typer.Option(help="Whose recipe: resnet or mini_xception.")] = "resnet",
    faces: Annotated[int, typer.Option(min=1, max=100, help="Rows.")] = 8,
    times: Annotated[int, typer.Option(min=1, max=100, help="Variants of each.")] = 10,
    seed: Annotated[int, typer.Option(help="Another one varies otherwise.")] = 0,
    settings: Annotated[
        list[str], typer.Option("--set", metavar="NAME=VALUE", help="As in training, such as augmentation.mixup=0.2.")
    ] = [],  # noqa: B006
    labels: Labels = None,
) -> None:
    """Write a picture of what augmentation does: a face a row, first as it is, then as training may see it."""
    from mien.cli.running import ask_for_keras

    ask_for_keras("mien data sheet")
    from mien.training.sheet import contact_sheet

    if to.suffix.lower() != ".png":
        raise ValueError(f"{to}: the sheet is a picture in PNG; give a name that ends so")
    png, shown = contact_sheet(opened(source, labels), model, faces, times, seed, settings)
    to.write_bytes(png)
    typer.echo(f"{to}: {shown} faces as they are and {times} times as training may see them")
