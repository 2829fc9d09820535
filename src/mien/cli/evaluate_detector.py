"""What `mien evaluate --task detect` does: a detector and photos with boxes in, scores out."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Any

import typer


def evaluate_detector(
    detector: str, data: Path, sources: list[str], people: bool, to: Path | None, json: bool, settings: dict[str, Any]
) -> None:
    from mien.cli.errors import tell
    from mien.datasets.photos import Photos, open_photos
    from mien.detectors import load_detector
    from mien.evaluation.detection import annotated, drawn_by_people, fitted_on, loosened, measured

    photos = open_photos(data)
    photos = photos.only(sources) if sources else photos
    if people:
        photos = Photos([p for p in photos if p.human is not None], photos.problems)
    truth = drawn_by_people if people else annotated
    given = load_detector(detector, **settings)
    fitted = set(photos.sources) & set(fitted_on(given))
    if fitted:
        typer.echo(f"{detector} was fitted on {', '.join(sorted(fitted))}: its scores there say little", err=True)
    every, score = loosened(given)
    found = [(every(image), photo) for image, photo in photos.pictures()]
    scores = measured(((faces, truth(photo)) for faces, photo in found), score)
    kinds = sorted({kind for photo in photos for kind in photo.kinds}) if people else []
    if len(kinds) > 1:
        scores["kinds"] = {k: measured(((f, drawn_by_people(photo, [k])) for f, photo in found), score) for k in kinds}
    tell(photos.problems, to)
    about = {
        "detector": detector,
        **settings,
        "sources": photos.sources,
        "fitted_on": sorted(fitted),
        "left_out": len(photos.problems),
        "problems": photos.problems,
    }
    report = {**about, **scores}
    if not report["images"]:
        raise ValueError(f"{data}: no photo with boxes drawn by people" if people else f"{data}: no photos")
    if to:
        to.mkdir(parents=True, exist_ok=True)
        (to / "report.json").write_text(dumps(report, indent=2) + "\n", encoding="utf-8")
        typer.echo(f"report: {to / 'report.json'}", err=True)
    if json:
        typer.echo(dumps(report, indent=2))
    else:
        _show(report)


def _show(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from mien.evaluation.detection import ALARMS

    table = Table("longer side", "faces", "AP", "recall", "false alarms", f"recall at {ALARMS}", box=None, pad_edge=False)
    cells = ("ap", "recall", "alarms_per_image", "recall_at_alarms")
    rows = {{"all": "8 and more", "readable": "20 and more"}.get(band, band): row for band, row in report["bands"].items()}
    rows |= {
        f"20 and more, {kind.replace('_', ' ')}": scores["bands"]["readable"] for kind, scores in report.get("kinds", {}).items()
    }
    for name, row in rows.items():
        table.add_row(name, f"{row['faces']:,}", *("" if row[c] is None else f"{row[c]:.3f}" for c in cells))
    Console().print(table)
    error = report["landmark_error"]
    said = "" if error is None else f"   half of the landmarks are off by less than {error:.3f} of the distance of the eyes"
    typer.echo(f"photos {report['images']:,}; false alarms are an image{said}")
