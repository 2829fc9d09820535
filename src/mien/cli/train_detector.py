"""What `mien train --task detect` does: photos with boxes in, a run folder with a detector out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mien.cli.errors import tell
from mien.cli.running import bars, resumed, typed

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mien.training.detection.config import DetectConfig


def train_detector(
    data: Path, run: Path, resume: bool, close_ups: Path | None, given: dict[str, Any], settings: Sequence[str] = ()
) -> None:
    """`given`: options of the command line that are fields of DetectConfig."""
    from mien.boxes import longer_side
    from mien.datasets.photos import open_photos, some_readable
    from mien.evaluation.detection import READABLE
    from mien.training.detection.config import DetectConfig
    from mien.training.detection.finish import finish, scored
    from mien.training.detection.trainer import DetectorTrainer
    from mien.training.overrides import overridden

    if resume:
        config = resumed(DetectConfig.load(run / "config.json"), given, settings)
    else:
        config = overridden(replace(DetectConfig(), **given), settings)
    photos = open_photos(data)
    tell(photos.problems, run)
    chosen = photos.only(config.choose) if config.choose else None
    if chosen is not None:
        large = [p for p in chosen if (longer_side(p.box[~p.ignore]) >= READABLE[0]).any()]
        some_readable(large, f"of {READABLE[0]:.0f} pixels to choose on, in {', '.join(config.choose)}")
    fitted = photos.without(set(config.hold_out) | set(config.choose)).completed()

    def score(net: keras.Model) -> dict[str, float]:
        return scored(net, chosen) if chosen else {}

    trainer = DetectorTrainer(config, fitted, run, _chips(close_ups), score)
    with bars(trainer) as (callbacks, report):
        trainer.fit(callbacks, report)
    tell(list(trainer.scenes.broken.values()), run, before=photos.problems)
    card = finish(trainer, chosen, _command(config, data, run, close_ups))
    for name, measured in card.metrics.items():
        r = measured["bands"]["readable"]
        typer.echo(
            f"{name}: {r['faces']} faces of 20 pixels or more, AP {r['ap']:.4f}, recall {r['recall']:.4f} "
            f"with {r['alarms_per_image']:.4f} false alarms an image at score {card.score}"
        )
    there = "detector, card and report are" if chosen else "detector and card are"
    typer.echo(f"{there} in {run}; try: mien predict PHOTO --detector {run}")


def _chips(close_ups: Path | None) -> np.ndarray | None:
    """Faces that fill their picture, of the split Training, as the close-ups of the scenes."""
    if close_ups is None:
        return None
    from mien.card import Preprocessing
    from mien.datasets import open_dataset
    from mien.training.tensors import read

    splits = read(open_dataset(close_ups), Preprocessing())
    if "Training" not in splits:
        raise ValueError(f"{close_ups}: no samples in the split Training")
    return splits["Training"].chips[..., 0]


def _command(config: DetectConfig, data: Path, run: Path, close_ups: Path | None) -> str:
    """What to type to get this detector again, wherever the data lies."""
    from mien.training.detection.config import DetectConfig
    from mien.training.overrides import differences

    words = ["--task", "detect", "--data", data.name, "--run", run.name]
    words += ["--close-ups", close_ups.name] if close_ups else []
    names = (
        "epochs", "batch_size", "scenes_an_epoch", "side", "last_side", "learning_rate", "mine", "seed", "start",
        "hold_out", "choose",
    )  # fmt: skip
    words += typed(config, DetectConfig(), names)
    words += [word for other in differences(config, DetectConfig(), (*names, "evaluate_every")) for word in ("--set", other)]
    return "mien train " + shlex.join(words)
