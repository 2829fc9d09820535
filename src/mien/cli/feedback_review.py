"""`mien feedback review`: the corrections that wait for a person's word, in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.feedback_models import Data, shelf

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from rich.console import Console
    from rich.text import Text

    from mien.feedback.review import Question, Reviews
    from mien.labels import LabelSet

SIDE = 40
"""Of the picture in the terminal: so many columns, half as many lines."""


def review(
    store: Data = None,
    show: Annotated[bool, typer.Option("--list", help="List what waits, and ask nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same list as JSON.")] = False,
) -> None:
    """Say what the faces show that people corrected and that are not believed yet: one after another, the least sure first.

    In pictures, with undo: the page /review of `mien serve`."""
    import tempfile
    from pathlib import Path

    from mien.card import ModelCard
    from mien.feedback.review import Reviews

    with shelf(store) as s:
        labels = ModelCard.load(s.card(s.current)).labels
        reviews = Reviews(s.store, labels)
        if show or as_json:
            _list(reviews.queue(), as_json)
            return
        with tempfile.TemporaryDirectory() as folder:
            _ask(reviews, labels, Path(folder) / "face.png")


def _list(waiting: list[Question], as_json: bool) -> None:
    if as_json:
        from json import dumps

        names = ("id", "client", "expression", "given", "created", "note")
        rows = [{name: q.offered.row[name] for name in names} | {"why": q.why} for q in waiting]
        typer.echo(dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    from mien.errors import printable

    table = Table("correction", "from", "said to be", "waits because", box=None, pad_edge=False)
    for q in waiting:
        row = q.offered.row
        table.add_row(row["id"][:8], printable(row["client"]), printable(row["expression"]), printable(q.why))
    Console().print(table if waiting else "nothing waits")


def _ask(reviews: Reviews, labels: LabelSet, file: Path) -> None:
    """Until nothing waits, or `q`; the end of what is typed is one, too. `file`: where a face is put that cannot be shown."""
    from rich.console import Console

    from mien.datasets.versions import user

    console, actor = Console(), user()
    keys = {str(i): name for i, name in enumerate(labels, 1)}
    said = "  ".join(f"{key} {name}" for key, name in keys.items()) + "  x none, or not clear  s skip  z undo  q stop"
    waiting = reviews.queue()
    done: list[Question] = []
    if not waiting:
        typer.echo("nothing waits")
    while waiting:
        _pictured(console, waiting[0].offered.image, file)
        console.print(f"{len(waiting)} wait. What does this face show?\n{said}", highlight=False)
        answer = _typed()
        if answer == "q":
            break
        if answer == "s":
            waiting.pop(0)
        elif answer == "z" and done:
            waiting.insert(0, done.pop())
            reviews.decide(waiting[0].offered.row["id"], actor, "reopened")
        elif answer == "x" or answer in keys:
            decision, name = ("rejected", "") if answer == "x" else ("accepted", keys[answer])
            try:
                reviews.decide(waiting[0].offered.row["id"], actor, decision, name)
                done.append(waiting[0])
            except LookupError as error:  # its person erased it meanwhile
                typer.echo(str(error), err=True)
            waiting.pop(0)
        else:
            typer.echo(f"{answer!r} is none of these", err=True)
    if done:
        typer.echo(f"{len(done)} decided; the next mien feedback cycle learns from those that were accepted")


def _typed() -> str:
    try:
        return input("> ").strip().lower()
    except EOFError:
        return "q"


def _pictured(console: Console, image: np.ndarray, file: Path) -> None:
    """The picture in the terminal's colours; where it has none, a file."""
    if console.color_system and sys.stdout.isatty():
        console.print(blocks(image))
        return
    from mien.image import encode

    file.write_bytes(encode(image))
    typer.echo(f"the face: {file}")


def blocks(image: np.ndarray) -> Text:
    """uint8 (h, w) or RGB (h, w, 3) as half blocks: the upper pixel is a character's colour, the lower one its ground."""
    import numpy as np
    from rich.text import Text

    from mien.image import resize

    small = resize(image, SIDE, SIDE).reshape(SIDE, SIDE, -1)
    small = np.broadcast_to(small, (SIDE, SIDE, 3))
    text = Text()
    for upper, lower in zip(small[::2], small[1::2], strict=True):
        for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
            text.append("▀", "rgb({},{},{}) on rgb({},{},{})".format(*above, *below))
        text.append("\n")
    return text
