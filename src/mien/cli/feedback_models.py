"""`mien feedback models`, `promote` and `rollback`: which model of a store answers."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mien.feedback.shelf import Shelf

Data = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="The server's data folder. [default: as `mien serve` has it]")
]
Why = Annotated[str, typer.Option("--reason", help="Kept in the audit log.")]


@contextmanager
def shelf(folder: Path | None) -> Iterator[Shelf]:
    from mien.feedback.shelf import Shelf
    from mien.feedback.store import Store
    from mien.serving.settings import data_folder

    store = Store(folder or data_folder())
    try:
        yield Shelf(store)
    finally:
        store.close()


def models(store: Data = None) -> None:
    """The models that a store keeps, and which of them answers."""
    from rich.console import Console
    from rich.table import Table

    from mien.card import ModelCard

    with shelf(store) as s:
        now, told = s.current, {row["model"]: row for row in reversed(s.history())}
        shown = Table("", "version", "name", "PublicTest", "promoted", "because", box=None, pad_edge=False)
        for version in ("", *s.versions()):
            card, row = ModelCard.load(s.card(version)), told.get(version)
            score = card.metrics.get("PublicTest", {}).get("accuracy")
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["time"])) if row else ""
            shown.add_row(
                "answers" if version == now else "", version or "packaged", card.name, "" if score is None else f"{score:.3f}",
                when, row["reason"] if row else "",
            )  # fmt: skip
        Console().print(shown)


def promote(
    model: Annotated[str, typer.Argument(metavar="RUN|VERSION", help="A run folder, a card, or a version that is kept.")],
    store: Data = None,
    reason: Why = "by hand",
) -> None:
    """Let a model answer from now on, without comparing it (`mien feedback gate` does). A running server takes it in a second."""
    from mien.datasets.versions import user

    with shelf(store) as s:
        version = model if model in s.versions() else s.add(model)
        s.promote(version, user(), reason)
        typer.echo(f"{version} answers now")


def rollback(store: Data = None, reason: Why = "") -> None:
    """Take the last promotion back: the model before answers again."""
    from mien.datasets.versions import user

    with shelf(store) as s:
        gone, now = s.roll_back(user(), reason)
        typer.echo(f"{gone} was taken back; {now or 'the packaged model'} answers now")


def gate(
    challenger: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a card or a packaged model.")],
    data: Annotated[Path, typer.Option(metavar="FILE|DIR", help="Faces that neither was fitted to.")],
    champion: Annotated[
        str, typer.Option(metavar="RUN", help="What it is compared with. [default: the store's that answers now]")
    ] = "",
    split: Annotated[str, typer.Option(help="Of the data.")] = "PublicTest",
    store: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="One object with all intervals.")] = False,
) -> None:
    """Compare two models on the same faces, copies left out: exit status 0 where the first may take the other's place, else 1."""
    from json import dumps

    from mien.cli.errors import FAILED
    from mien.datasets import open_dataset
    from mien.feedback.holdout import faces_of, judged

    if champion:
        before = champion
    else:
        with shelf(store) as s:
            before = str(s.card(s.current))
    verdict = judged(before, challenger, faces_of(open_dataset(data), split))
    typer.echo(dumps(verdict.to_dict(), indent=2) if as_json else "\n".join(verdict.told()))
    raise typer.Exit(0 if verdict.passed else FAILED)
