"""`mien feedback ask` and `forget`: which faces of live sessions people are asked about, and who is taken out again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.feedback_models import Data, shelf


def ask(
    store: Data = None,
    faces: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="Faces there are already, which nobody is asked about. [default: the store's]"),
    ] = None,
    questions: Annotated[int, typer.Option(min=0, help="At most so many.")] = 50,
    agreed: Annotated[int, typer.Option(min=0, help="So many, at most, on which all models agree.")] = 210,
) -> None:
    """Choose faces of live sessions whose people agreed to be recorded: those that a person should name, and those that all
    models and the track agree on.

    `mien feedback cycle` does it, too. They wait for `mien feedback review`, or for the page /review."""
    from mien.datasets import open_dataset
    from mien.feedback.cycle import FACES
    from mien.feedback.proposals import Proposing, proposed
    from mien.feedback.tables import AGREEMENT, QUESTION

    with shelf(store) as s:
        folder = faces or s.folder.parent / FACES
        there = open_dataset(folder) if folder.exists() else None
        made = proposed(s.store, there, Proposing(questions=questions, agreed=agreed))
    typer.echo(f"{made[QUESTION]:,} to ask about, {made[AGREEMENT]:,} on which all models agree")


def forget(
    subject: Annotated[str, typer.Argument(help="A name that was given with the faces, or the id of a session.")],
    store: Data = None,
) -> None:
    """Erase a person's, or a session's, faces for good: corrections and pictures, and the faces that are learnt from."""
    from mien.datasets.versions import Store as Versions
    from mien.datasets.versions import is_store, user
    from mien.feedback.corrections import Corrections
    from mien.feedback.cycle import ACTOR, FACES, LOCK
    from mien.feedback.intake import erased
    from mien.feedback.sessions import Sessions
    from mien.locks import alone

    with shelf(store) as s, alone(s.folder.parent / LOCK, ACTOR):
        given = Corrections(s.store, ()).forget(subject)
        with suppress(LookupError):  # most subjects are no session
            Sessions(s.store).erase(subject)
        path, gone = s.folder.parent / FACES, 0
        if is_store(path):
            versions = Versions(path)
            gone = versions.erase(versions.keys_of(subject).union(erased(s.store, versions)))
        if not given and not gone:
            raise ValueError(f"nothing is kept of {subject!r}")
        s.store.note(user(), "forget", subject, corrections=given, faces=gone)
    typer.echo(f"{given:,} corrections and {gone:,} faces of {subject} are gone; models that learnt from them are as they were")
