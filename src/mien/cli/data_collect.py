"""`mien data collect`: a person's expressions from a camera, with their consent, as a new version of a dataset."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.data_versions import added, existing, labels_of_store
from mien.cli.errors import complain

if TYPE_CHECKING:
    from mien.datasets import Sample
    from mien.datasets.collect import Session
    from mien.datasets.versions import Store
    from mien.labels import LabelSet

ASKED = (
    "Small pictures of your face ({side} x {side} pixels) will be kept in {store}, under the name {subject!r}, to train a\n"
    "program that reads expressions. Nothing else is kept, nothing is sent anywhere, and they can be removed again:\n"
    "mien data forget {store} {subject}"
)
WORDS = "I agree that small pictures of my face are kept to train a program that reads expressions."
LOOKED = 600
"""Frames, at most, in which one expression is waited for."""


def collect(
    store: Annotated[Path, typer.Argument(metavar="FOLDER.mien", help="The dataset; it gets a new version.")],
    subject: Annotated[str, typer.Option(help="Whose face it is: a number or a made-up name, not a person's own.")],
    camera: Annotated[str, typer.Option(metavar="SOURCE", help="A camera, or a video.")] = "camera:0",
    expressions: Annotated[
        str, typer.Option(metavar="A,B", help="Which to ask for. [default: the dataset's, or FER2013's seven]")
    ] = "",
    each: Annotated[int, typer.Option(min=1, help="Pictures of each.")] = 10,
) -> None:
    """Collect faces of one person: asks for consent, says which expression to show, takes pictures, keeps whose they are.

    Nothing is kept without a `yes`, nor of frames with no face or several."""
    from mien.datasets.collect import SIDE, Session
    from mien.datasets.versions import Store

    versions = Store(store)
    labels = labels_of_store(versions)
    versions.ask_for_consent(subject)
    asked = [name.strip() for name in expressions.split(",") if name.strip()] or list(labels)
    asked = list(dict.fromkeys(labels[labels.index(name)] for name in asked))
    if not subject.strip():
        raise ValueError("whose faces are they? give --subject, such as a number or a made-up name")
    typer.echo(ASKED.format(side=SIDE, store=store, subject=subject))
    if typer.prompt("Do you agree? Type yes, or anything else to stop", default="no").strip().lower() != "yes":
        typer.echo("Nothing was kept.")
        return
    session = Session(subject, WORDS, labels)
    new = [sample for name in asked for sample in _shown(session, camera, name, each)]
    if not new or typer.prompt(f"{len(new)} pictures. Keep them? Type yes", default="no").strip().lower() != "yes":
        typer.echo("Nothing was kept.")
        return
    reason = f"collected from {subject} in session {session.id}; consent: {WORDS}"
    added(versions, new, labels, reason, {}, camera)


def _shown(session: Session, camera: str, name: str, each: int) -> list[Sample]:
    """What was taken of one expression, after the person is ready."""
    from rich.console import Console

    from mien.sources import frames

    typer.prompt(f"Show: {name}. Press Enter when you do", default="", show_default=False)
    said = Console(stderr=True)
    with said.status(f"{name}: look into the camera") as status:
        taken = list(session.taken(islice(frames(camera), LOOKED), name, each, lambda why: status.update(f"{name}: {why}")))
    typer.echo(f"  {len(taken)} of {each} pictures")
    return taken


def forget(
    store: Annotated[Path, typer.Argument(metavar="FOLDER.mien", help="Where versions are kept.")],
    subject: Annotated[str, typer.Argument(help="Who is to be taken out.")],
) -> None:
    """Take a person who takes consent back out of every version for good: the one command that deletes."""
    gone = existing(store).forget(subject)
    typer.echo(f"{store}: {gone:,} samples of {subject} are gone, from every version")


def gather(
    store: Annotated[Path, typer.Argument(metavar="FOLDER.mien", help="The dataset; it gets a new version.")],
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The server's data folder. [default: as `mien serve` has it]")
    ] = None,
) -> None:
    """Take in what people gave on the server's pages: faces that were collected there, and corrections with a picture."""
    from mien.datasets.versions import Store
    from mien.feedback.corrections import Corrections
    from mien.feedback.store import Store as Kept
    from mien.serving.settings import data_folder

    folder = data or data_folder()
    if not folder.is_dir():
        raise FileNotFoundError(f"no data folder at {folder}; mien serve --check names the one it uses")
    versions = Store(store)
    labels = labels_of_store(versions)
    there = {row.key for row in versions.rows()} if versions.head else set()
    kept = Kept(folder)
    found = [_given(row, png, labels) for row, png in Corrections(kept, ()).collected()]
    kept.close()
    new = [sample for sample, _ in found if sample.key not in there and _agreed(versions, sample)]
    if not new:
        typer.echo(f"{store}: nothing new in {folder}")
        return
    reasons = {sample.key: reason for sample, reason in found}
    added(versions, new, labels, "given on the server's pages", reasons, str(folder))


def _agreed(versions: Store, sample: Sample) -> bool:
    try:
        versions.ask_for_consent(sample.subject)
    except ValueError as error:
        complain(f"left out: {sample.key}: {error}")
        return False
    return True


def _given(row: dict[str, Any], png: bytes, labels: LabelSet) -> tuple[Sample, str]:
    """A correction with a picture as a sample, and what is kept as the reason why it is there."""
    from mien.datasets import Sample
    from mien.datasets.base import SPLITS, as_stored
    from mien.feedback.intake import KEYS, consent

    sample = Sample(as_stored(png), labels.index(row["expression"]), SPLITS[0], f"{KEYS}{row['id']}", None, row["subject"])
    return sample, consent(row)
