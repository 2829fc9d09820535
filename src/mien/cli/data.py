"""`mien data`: labelled faces from any form into any other, looked through, cleaned, counted, parted, balanced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.errors import FAILED, complain, tell

if TYPE_CHECKING:
    from mien.datasets import Dataset

app = typer.Typer(help="Convert, look through and mend sets of labelled faces.", no_args_is_help=True)
FORMS = "A .npz, .csv or .parquet, a folder with one folder a class, an archive of those, or versions (.mien, .mien@ID)."
Source = Annotated[Path, typer.Argument(metavar="DATA", help=FORMS)]
Target = Annotated[Path, typer.Argument(metavar="TO", help="The ending says in which form, none is a folder.")]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="YAML or JSON: what the data says -> a class, or null to leave it out."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def opened(path: Path, labels: Path | None = None) -> Dataset:
    """The dataset; classes that are no usual expressions are told."""
    from mien.datasets import open_dataset
    from mien.datasets.label_map import read_label_map

    dataset = open_dataset(path, read_label_map(labels) if labels else None)
    if odd := odd_names(dataset.labels):
        complain(f"classes beyond the usual: {', '.join(odd)}; --labels can rename them, or leave them out")
    return dataset


def odd_names(labels: Iterable[str]) -> list[str]:
    """Names that are no usual expression."""
    from mien.labels import CKPLUS

    return [name for name in labels if name not in CKPLUS]


@contextmanager
def progress(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error; `step(done)` moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task(name, total=total)
        yield lambda done: bars.update(bar, completed=done)


def written(dataset: Dataset, source: Path, target: Path, *how: object) -> None:
    """Write a dataset in the form of the target's ending; says what was left out, and exits 1 for it.

    `how`: what else decides the result, so that a stopped run is gone on with only where it is the same; of a file, what is
    in it."""
    from mien.datasets.convert import Seen
    from mien.datasets.convert import convert as write
    from mien.labels import FERPLUS

    seen = Seen(dataset)
    with progress(source.name, len(dataset)) as step:
        count, wrong = write(
            seen, source, target, step, repr([one.read_bytes() if isinstance(one, Path) else one for one in how])
        )
    problems = [*dataset.problems, *wrong]
    tell(problems, file=target.with_name(f"{target.name}.left_out.txt"))
    if dataset.vote_labels and target.suffix.lower() == ".csv":
        complain("people's votes are not in a csv; .npz, .parquet and folders hold them")
    if dataset.vote_labels not in (None, FERPLUS) and target.suffix.lower() == ".npz":
        complain("people's votes are not in the .npz, which holds those for FER+'s names alone; .parquet and folders hold all")
    if empty := dataset.labels.without(seen.classes):
        complain(f"no samples of: {', '.join(empty)}")
    left_out = f", {len(problems):,} problems" if problems else ""
    typer.echo(f"{target}: {count:,} faces{left_out}")
    raise typer.Exit(FAILED if problems else 0)


def convert(source: Source, target: Target, labels: Labels = None) -> None:
    """Write a dataset in another form: the same pixels, labels, splits and order.

    A run that was stopped goes on when it is called again. Exits 1 when something had to be left out; it is named."""
    written(opened(source, labels), source, target, labels)
