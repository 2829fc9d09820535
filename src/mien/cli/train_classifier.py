"""`mien train` of a net that names expressions: what was asked for in, one run or several that build on each other out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mien.cli.errors import complain, tell
from mien.cli.running import FREE, ask_for_the_right_folder, bars, resumed, sources_of, typed

if TYPE_CHECKING:
    from mien.card import ModelCard
    from mien.training.config import TrainConfig
    from mien.training.job import Stage
    from mien.training.tensors import Tensors

PLAN = "plan.json"
"""In the folder of several folds: what they are of."""


@dataclass(frozen=True)
class Asked:
    """The command line."""

    data: tuple[Path, ...]
    labels: tuple[Path, ...]
    weights: tuple[float, ...]
    run: Path | None
    file: Path | None
    """The config file."""
    given: dict[str, Any]
    """Options that are fields of the config."""
    settings: tuple[str, ...]
    """--set."""
    folds: int
    tensorboard: bool


def train_classifier(asked: Asked, resume: bool) -> None:
    """Run the job; what is done of it, where it goes on, is passed over."""
    from mien.training.config import read_file

    file = read_file(asked.file) if asked.file else {}
    if not isinstance(file.get("run", ""), str):
        raise ValueError(f"{asked.file}: run is {file['run']!r}; wanted the path of a folder")
    run = asked.run or (Path(file["run"]) if isinstance(file.get("run"), str) else None)
    if run is None:
        raise ValueError("no run folder; give --run, or run in the config")
    stages = _stages(asked, file, run, resume)
    begun = [s for s in stages if (s.folder / "config.json").exists()]
    if resume and not begun and not asked.folds:
        raise ValueError(f"{run}: there is no run to go on with")
    if not resume:
        for stage in stages:
            ask_for_the_right_folder(stage.folder, resume)
    if asked.folds:
        _folds(asked, stages, run, resume)
        return
    if len(stages) > 1:
        _ask_for_layers(stages)
    for number, stage in enumerate(stages, 1):
        if len(stages) > 1:
            typer.echo(f"stage {number} of {len(stages)}: {stage.folder}" + (" (done)" if stage.done else ""), err=True)
        if not (stage.done and len(stages) > 1):
            _told(_run(stage, asked), stage.folder)
    typer.echo(f"model, cards and report are in {run}; try: mien predict PHOTO --model {run}")


def _stages(asked: Asked, file: Mapping[str, Any], run: Path, resume: bool) -> list[Stage]:
    from mien.training.config import TrainConfig, from_mapping
    from mien.training.job import fields_and_sources, stages_of
    from mien.training.overrides import merged, overridden

    fields, there = fields_and_sources(file)
    sources = sources_of(asked.data, asked.labels, asked.weights) or there
    said = file.get("stages", [])
    if not isinstance(said, list) or not all(isinstance(one, Mapping) for one in said):
        raise ValueError(f"{asked.file}: stages must be tables, [[stages]] in TOML")
    saved = run / "config.json"
    if resume and not asked.file and saved.exists():
        config = resumed(TrainConfig.load(saved), asked.given, asked.settings)
        return stages_of(config, [], sources, run)
    config = from_mapping({**fields, **({"model": asked.given["model"]} if "model" in asked.given else {})})
    stages = stages_of(overridden(merged(config, asked.given), asked.settings), said, sources, run)
    for stage in (s for s in stages if resume and (s.folder / "config.json").exists()):
        _ask_for_the_same(stage)
    return stages


def _ask_for_layers(stages: list[Stage]) -> None:
    """Before anything is trained: raises ValueError for a stage whose network cannot be built, or has no such layers."""
    from mien.labels import FER2013
    from mien.training.config import LABELS
    from mien.training.trainer import freeze, network

    for stage in stages:
        freeze(network(stage.config, FER2013, (LABELS,)), stage.config.trainable, (LABELS,))


def _ask_for_the_same(stage: Stage) -> None:
    """Raises ValueError where a run that was begun has another config."""
    from mien.training.config import TrainConfig
    from mien.training.overrides import differences

    for other in differences(stage.config, TrainConfig.load(stage.folder / "config.json"), FREE):
        raise ValueError(f"{stage.folder}: this run has another value than {other}; start another run for that")


def _run(stage: Stage, asked: Asked, parts: Mapping[str, Tensors] | None = None) -> dict[str, ModelCard]:
    """Fit one net, or go on with it: its cards; `parts`: the data, where it is read already."""
    from mien.training.finish import finish
    from mien.training.job import as_taken, tensors_of
    from mien.training.trainer import Trainer

    config = stage.config
    splits, problems = tensors_of(config, stage.sources) if parts is None else (as_taken(config, parts), [])
    tell(problems, stage.folder)
    if empty := splits["Training"].labels.without(splits["Training"].targets.tolist()):
        complain(f"no samples of {', '.join(empty)}: the net will not say so")
    trainer = Trainer(config, splits, stage.folder)
    with bars(trainer) as (callbacks, report):
        trainer.fit(callbacks, _also(report, stage.folder) if asked.tensorboard else report)
    return finish(trainer, splits, _command(stage))


def _also(report: Callable[[dict[str, Any]], None], folder: Path) -> Callable[[dict[str, Any]], None]:
    from mien.training.tensorboard import Board

    board = Board(folder / "tensorboard")

    def both(row: dict[str, Any]) -> None:
        report(row)
        board(row)

    return both


def _told(cards: Mapping[str, Any], folder: Path) -> None:
    if not any(card.metrics for card in cards.values()):
        complain("there is no split PublicTest to choose on: confidence is not calibrated, and no answer is called unsure")
    for card in cards.values():
        said = {k: v for k, v in card.metrics.get("PublicTest", {}).items() if isinstance(v, float)}
        if said:
            typer.echo(f"{card.output}: " + "  ".join(f"{name} {value:.4f}" for name, value in said.items()))
    for note in json.loads((folder / "report.json").read_text(encoding="utf-8"))["notes"]:
        typer.echo(note)


def _folds(asked: Asked, stages: list[Stage], run: Path, resume: bool) -> None:
    """A net a fold, each scored on its own; their scores and how far they are apart."""
    import numpy as np

    from mien.training.folds import parted

    if len(stages) > 1:
        raise ValueError("--folds trains nets of one stage; give a config without stages")
    if (run / PLAN).exists() != resume or (any(run.glob("fold*")) and not resume):
        hint = "there are no folds to go on with" if resume else "folds are there already; add --resume, or give another folder"
        raise ValueError(f"{run}: {hint}")
    whole = stages[0]
    first: Any = parted(whole.sources, whole.config, asked.folds, 0)
    _note_plan(run, whole, asked.folds, first[0])
    found: list[dict[str, float]] = []
    for fold in range(asked.folds):
        stage = replace(whole, folder=run / f"fold{fold}")
        typer.echo(f"fold {fold + 1} of {asked.folds}: {stage.folder}" + (" (done)" if stage.done else ""), err=True)
        if not stage.done:
            splits, problems = first or parted(whole.sources, whole.config, asked.folds, fold)
            tell(problems, stage.folder)
            _run(stage, asked, splits)
        first = None  # of the first fold alone, and large
        scored = json.loads((stage.folder / "report.json").read_text(encoding="utf-8"))["splits"]["PublicTest"]
        found.append({name: scored[name] for name in ("accuracy", "macro_f1", "ece")})
    told = {name: [row[name] for row in found] for name in found[0]}
    summary = {name: {"mean": float(np.mean(v)), "deviation": float(np.std(v, ddof=1)), "folds": v} for name, v in told.items()}
    (run / "folds.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    for name, of in summary.items():
        typer.echo(f"{name} {of['mean']:.4f}, deviation over {asked.folds} folds {of['deviation']:.4f}")


def _note_plan(run: Path, whole: Stage, folds: int, first: Mapping[str, Tensors]) -> None:
    """What is compared, into the folder. Raises ValueError where folds of another config, number or data are there; the first
    fold's parts together are all of the data."""
    from mien.training.kept import CONFIG, same_or_new

    data = {"sha256": {split: tensors.sha256() for split, tensors in first.items()}, "classes": list(first["Training"].labels)}
    same_or_new(run / PLAN, {"folds": folds, "data": data, CONFIG: whole.config}, used=False)


def _command(stage: Stage) -> str:
    """What to type to get this model again, wherever the data lies."""
    from mien.training.config import recipe
    from mien.training.overrides import differences

    config: TrainConfig = stage.config
    usual = recipe(config.model)
    names = ("epochs", "batch_size", "optimizer", "learning_rate", "votes", "seed", "start", "adjust", "mirror")
    words = [w for source in stage.sources for w in ("--data", source.path.name)]
    words += [w for source in stage.sources if source.labels for w in ("--labels", source.labels.name)]
    words += ["--run", stage.folder.name, "--model", config.model, *typed(config, usual, names)]
    words += [word for other in differences(config, usual, (*names, *FREE)) for word in ("--set", other)]
    return "mien train " + shlex.join(words)
