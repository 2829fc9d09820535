"""`mien train`: labelled faces in, a run folder with a model that serves out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mien.cli.running import ask_for_keras, ask_for_the_right_folder

DETECT = "To detect"
DATA = (
    "Any form of `mien data`: .npz, .csv, .parquet, .mien, a folder with one folder a class; to detect: photos with "
    "annotations.json, WIDER FACE's .txt or COCO's .json."
)


class Task(StrEnum):
    """What a net learns."""

    classify = "classify"
    detect = "detect"


def train(
    data: Annotated[list[Path], typer.Option(metavar="FILE|DIR", help=DATA)] = [],  # noqa: B006
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run folder: config, history, checkpoint, model, card, report.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML or JSON: fields of the run's config, data, run, stages. Options go before it."),
    ] = None,
    labels: Annotated[
        list[Path], typer.Option(metavar="FILE", help="Label map of the data; of several, one for each in turn.")
    ] = [],  # noqa: B006
    weight: Annotated[
        list[float],
        typer.Option(min=0, help="How often in an epoch each sample comes, 0.5 every other time; one for each --data in turn."),
    ] = [],  # noqa: B006
    folds: Annotated[int, typer.Option(min=0, help="Train so many nets, each on all folds but one, and compare them.")] = 0,
    dynamics: Annotated[
        bool, typer.Option("--dynamics", help="Keep what the net says of each sample in each epoch, for mien feedback score.")
    ] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write the history for TensorBoard, too.")] = False,
    task: Annotated[Task, typer.Option(help="Name expressions, or find faces.")] = Task.classify,
    model: Annotated[str | None, typer.Option(help="A network of `mien models list`. [default: resnet]")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="[default: 60; to detect: 90]")] = None,
    batch_size: Annotated[int | None, typer.Option(min=2, help="[default: 128; to detect: 16]")] = None,
    optimizer: Annotated[str | None, typer.Option(help="sgd, adam or adamw. [default: the network's]")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At its top. [default: the network's]")] = None,
    votes: Annotated[
        float | None,
        typer.Option(min=0, help="Weight of a second head trained on people's votes; 0: none. [default: the network's]"),
    ] = None,
    adjust: Annotated[
        float | None, typer.Option(min=0, help="Logit adjustment towards rare classes; 0: none. [default: 0]")
    ] = None,
    mirror: Annotated[
        list[str],
        typer.Option(metavar="HEAD", help="labels or votes: average each face with its mirror image, at twice the time."),
    ] = [],  # noqa: B006
    seed: Annotated[int | None, typer.Option(help="[default: 0]")] = None,
    start: Annotated[Path | None, typer.Option(metavar="RUN", help="Begin with the weights of this run, of any data.")] = None,
    evaluate_every: Annotated[int | None, typer.Option(min=1, metavar="EPOCHS", help="[default: 1; to detect: 10]")] = None,
    hold_out: Annotated[
        list[str], typer.Option(metavar="SOURCE", help="Photos that are not fitted on.", rich_help_panel=DETECT)
    ] = [],  # noqa: B006
    choose: Annotated[
        list[str],
        typer.Option(metavar="SOURCE", help="Nor these: they choose the threshold.", rich_help_panel=DETECT),
    ] = [],  # noqa: B006
    close_ups: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="Labelled faces that are pasted large into the scenes.", rich_help_panel=DETECT),
    ] = None,
    scenes_an_epoch: Annotated[int | None, typer.Option(min=2, help="[default: 4096]", rich_help_panel=DETECT)] = None,
    side: Annotated[int | None, typer.Option(help="Pixels of a scene. [default: 192]", rich_help_panel=DETECT)] = None,
    last_side: Annotated[
        int | None, typer.Option(help="In the last quarter of the epochs. [default: 320]", rich_help_panel=DETECT)
    ] = None,
    mine: Annotated[
        float | None,
        typer.Option(
            help="Share of the epochs after which the net's false alarms are shown to it; 1: never. [default: 0.5]",
            rich_help_panel=DETECT,
        ),
    ] = None,
    settings: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any field of the run's config, such as class_weights=inverse, sampling=smote, augmentation.mixup=0.2, "
            "preprocessing.illumination=clahe; repeat it for several.",
        ),
    ] = [],  # noqa: B006
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped, to the same result.")] = False,
) -> None:
    """Train a network on faces sorted by expression, or on photos with boxes around the faces.

    Fits on the split Training and chooses on PublicTest; PrivateTest is not looked at. Stop it at any time, with
    Ctrl-C or harder, and call it again with `--resume`: at most one epoch is lost. KERAS_BACKEND picks tensorflow, jax or torch.
    """
    ask_for_keras()
    started = None if start is None else str(start)
    if task is Task.detect:
        from mien.cli.train_detector import train_detector

        refuse(
            "classify", model=model, optimizer=optimizer, votes=votes, adjust=adjust, mirror=mirror, config=config, labels=labels,
            weight=weight, folds=folds or None, tensorboard=tensorboard, dynamics=dynamics,
        )  # fmt: skip
        if len(data) != 1 or run is None:
            raise ValueError("to find faces, one --data and --run are wanted")
        ask_for_the_right_folder(run, resume)
        options = {
            "epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed,
            "hold_out": tuple(hold_out) or None, "choose": tuple(choose) or None, "scenes_an_epoch": scenes_an_epoch,
            "evaluate_every": evaluate_every, "start": started, "side": side, "last_side": last_side, "mine": mine,
        }  # fmt: skip
        train_detector(data[0], run, resume, close_ups, _given(options), settings)
        return
    refuse(
        "detect", hold_out=hold_out, choose=choose, close_ups=close_ups, scenes_an_epoch=scenes_an_epoch, side=side,
        last_side=last_side, mine=mine,
    )  # fmt: skip
    from mien.cli.train_classifier import Asked, train_classifier

    given = {
        "epochs": epochs, "batch_size": batch_size, "optimizer": optimizer, "learning_rate": learning_rate,
        "votes": votes, "seed": seed, "evaluate_every": evaluate_every, "adjust": adjust, "mirror": tuple(mirror) or None,
        "start": started, "model": model, "dynamics": dynamics or None,
    }  # fmt: skip
    asked = Asked(tuple(data), tuple(labels), tuple(weight), run, config, _given(given), tuple(settings), folds, tensorboard)
    train_classifier(asked, resume)


def refuse(task: str, **options: Any) -> None:
    """Raises ValueError for an option that only another task has."""
    given = [name for name, value in options.items() if value is not None and value is not False and value != []]
    if given:
        raise ValueError(f"--{given[0].replace('_', '-')} is an option of --task {task}")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
