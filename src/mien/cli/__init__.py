"""The command line: one file a command. `mien` and `python -m mien` start here."""

from __future__ import annotations

from typing import Annotated

import typer

from mien import __version__
from mien.cli import (
    audit,
    data,
    data_audit,
    data_collect,
    data_parts,
    data_versions,
    detectors,
    evaluate,
    feedback,
    feedback_ask,
    feedback_cycle,
    feedback_drift,
    feedback_models,
    feedback_review,
    keys,
    models,
    predict,
    serve,
    sweep,
    train,
)

app = typer.Typer(
    help="Reads facial expressions: from a folder of faces to a measured model, from a photo to an answer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command()(predict.predict)
app.command()(serve.serve)
app.command()(train.train)
app.command()(sweep.sweep)
app.command()(evaluate.evaluate)
app.command()(detectors.detectors)
for command in (
    data.convert, data_parts.stats, data_audit.audit, data_audit.folds, data_audit.ease, data_audit.clean, data_versions.log,
    data_versions.diff, data_versions.checkout, data_versions.add, data_parts.split, data_parts.balance, data_parts.sheet,
    data_collect.collect, data_collect.gather, data_collect.forget,
):  # fmt: skip
    data.app.command()(command)
app.add_typer(data.app, name="data")
for which in (
    feedback_models.models,
    feedback_models.promote,
    feedback_models.rollback,
    feedback_models.gate,
    feedback_ask.ask,
    feedback_review.review,
    feedback_ask.forget,
    feedback_drift.drift,
    feedback_cycle.cycle,
):
    feedback.app.command()(which)
app.add_typer(feedback.app, name="feedback")
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.command()(audit.audit)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mien {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it and stop.")] = False,
) -> None: ...


def main() -> None:
    """Run a command; what a user can mend ends in one line, never in a traceback."""
    from mien.cli.errors import told

    with told():
        app()
