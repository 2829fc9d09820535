"""`mien evaluate`: a model and a labelled set in, scores out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mien.cli.detectors import LongestSide, Score, Tiles, seen
from mien.cli.errors import tell
from mien.cli.train import DATA, DETECT, Task, refuse


def evaluate(
    model: Annotated[str, typer.Argument(help="A packaged model, a run folder or a card; to detect: a detector.")],
    data: Annotated[Path, typer.Option(metavar="FILE|DIR", help=DATA)],
    task: Annotated[Task, typer.Option(help="Name expressions, or find faces.")] = Task.classify,
    split: Annotated[
        list[str] | None,
        typer.Option(help="Splits to score; repeat it for several. [default: PublicTest, or all]"),
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(help="flip or ten_crop: average what is said of several views of each face, at as many times the cost."),
    ] = None,
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Write report.html, report.json and pictures here.")] = None,
    json: Annotated[bool, typer.Option("--json", help="All scores as JSON.")] = False,
    source: Annotated[
        list[str], typer.Option(metavar="SOURCE", help="Only photos from there; repeat it for several.", rich_help_panel=DETECT)
    ] = [],  # noqa: B006
    people: Annotated[bool, typer.Option("--people", help="Only boxes that people drew.", rich_help_panel=DETECT)] = False,
    longest_side: LongestSide = None,
    score: Score = None,
    tiles: Tiles = None,
) -> None:
    """Score a model: accuracy, precision, recall and F1 of each class, macro-F1, calibration error, confusion.

    With `--task detect`, a detector: average precision and recall by size of the face, false alarms, landmark error.

    An item of the data that cannot be read is named and left out.
    """
    from json import dumps

    if task is Task.detect:
        from mien.cli.evaluate_detector import evaluate_detector

        refuse("classify", split=split, views=views)
        evaluate_detector(model, data, source, people, to, json, seen(longest_side, score, tiles))
        return
    refuse("detect", source=source, people=people, longest_side=longest_side, score=score, tiles=tiles)

    from mien.classifiers import load_classifier
    from mien.datasets import open_dataset
    from mien.evaluation.measure import measure
    from mien.evaluation.views import Views

    if to:
        from mien.page import pyplot

        pyplot()  # its absence is said before the work, not after
    classifier = load_classifier(model)
    dataset = open_dataset(data)
    measured = measure(Views(classifier, views) if views else classifier, dataset, split)
    tell(dataset.problems, to)
    if to:
        from mien.evaluation.report import write_report

        write_report(to, classifier.card, measured)
        typer.echo(f"report: {to / 'report.html'}", err=True)
    if json:
        left_out = {"left_out": len(dataset.problems), "problems": dataset.problems}
        typer.echo(dumps({"model": classifier.card.name, **left_out, "splits": measured}, indent=2))
    else:
        _show(measured)


def _show(measured: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    for name, s in measured.items():
        table = Table("class", "faces", "precision", "recall", "F1", box=None, pad_edge=False, title=name, title_justify="left")
        for label, row in s["classes"].items():
            table.add_row(label, f"{row['n']:,}", *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1")))
        Console().print(table)
        low, high = s["accuracy_interval"]
        typer.echo(
            f"accuracy {s['accuracy']:.4f} ({low:.3f} to {high:.3f})   macro-F1 {s['macro_f1']:.4f}   ECE {s['ece']:.4f} "
            f"(p {s['calibrated_p']:.3f} of a calibrated model)   faces {s['n']:,}"
        )
        if s["deduplicated"]["n"] < s["n"]:
            d = s["deduplicated"]
            typer.echo(f"without copies of earlier rows and of other splits: accuracy {d['accuracy']:.4f}   faces {d['n']:,}")
        if "votes" in s:
            typer.echo(f"against what most people saw: accuracy {s['votes']['accuracy']:.4f}   faces {s['votes']['n']:,}")
