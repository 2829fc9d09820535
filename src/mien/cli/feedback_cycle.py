"""`mien feedback cycle`: the whole loop, once or on a schedule."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mien.datasets import Dataset
    from mien.training.config import TrainConfig


def cycle(
    data: Annotated[Path, typer.Option(metavar="FILE|DIR", help="What the faces begin with, and the hold-out is from.")],
    store: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The server's data folder. [default: as `mien serve` has it]")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="TOML or JSON: how the new net is trained.")] = None,
    settings: Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="Any field of that config.")] = [],  # noqa: B006
    watch: Annotated[
        list[str],
        typer.Option(
            "--watch", metavar="NAME=VALUE", help="Fields of the config of the small net that is watched for wrong labels."
        ),
    ] = [],  # noqa: B006
    split: Annotated[str, typer.Option(help="Of the data, to compare models on.")] = "PublicTest",
    people: Annotated[
        bool | None,
        typer.Option("--people/--labels", help="Learn what most people saw, or the data's own labels. [default: votes, if any]"),
    ] = None,
    monitor: Annotated[
        Path | None, typer.Option(metavar="DIR", help="What mien feedback monitor fitted. [default: the packaged one]")
    ] = None,
    how: Annotated[str, typer.Option(help="With labels that are likely wrong: remove, relabel or look.")] = "remove",
    threshold: Annotated[float, typer.Option(help="P(mislabelled) from which on that is done.")] = 0.5,
    share: Annotated[float, typer.Option(help="Of each class, at most.")] = 0.2,
    floor: Annotated[int, typer.Option(help="Samples that each class keeps.")] = 200,
    sure: Annotated[float, typer.Option(help="Share of the draws in which a new model must be better.")] = 0.9,
    every: Annotated[
        float, typer.Option(min=0, metavar="HOURS", help="Begin another one so long after the last began; 0: once.")
    ] = 0,
) -> None:
    """Take in corrections, find and mend wrong labels, retrain, compare, and promote the new model if it is better.

    Stop it at any time, with Ctrl-C or harder, and call it again: it goes on. A running server takes a promoted model in a
    second; `mien feedback rollback` takes it back."""
    from mien.cli.running import ask_for_keras
    from mien.feedback.curation import Policy
    from mien.feedback.cycle import Cycle, Plan
    from mien.feedback.gate import Rules
    from mien.serving.settings import data_folder

    ask_for_keras("mien feedback cycle")
    policy = Policy(how=how, threshold=threshold, share=share, floor=floor)
    fit = _Fit(config, tuple(settings), tuple(watch))
    plan = Plan(data, fit, split, people, policy, Rules(sure=sure), monitor=monitor)
    folder = store or data_folder()
    while True:
        begun = time.monotonic()
        state = Cycle(folder, plan, lambda text: typer.echo(text, err=True)).run()
        typer.echo(f"cycle {state.number}: {'promoted ' + state.challenger if state.passed else 'the model stays'}")
        if not every:
            return
        time.sleep(max(0.0, every * 3600 - (time.monotonic() - begun)))


class _Fit:
    """Trains as the command line asks for."""

    def __init__(self, file: Path | None, settings: tuple[str, ...], watch: tuple[str, ...]) -> None:
        """Raises ValueError for what is no config, before anything is begun."""
        from dataclasses import replace

        from mien.training.config import from_mapping, read_file, watcher
        from mien.training.overrides import overridden

        fields = {k: v for k, v in (read_file(file) if file else {}).items() if k not in ("data", "run", "stages")}
        self.config = overridden(from_mapping(fields), settings)
        self.watched = replace(overridden(watcher(), watch), dynamics=True)

    def __call__(self, run: Path, dataset: Dataset, watched: bool) -> None:
        from mien.cli.running import bars
        from mien.datasets.dynamics import FILE
        from mien.training.finish import finish
        from mien.training.tensors import read
        from mien.training.trainer import Trainer

        if (run / (FILE if watched else "card.json")).exists():
            return
        config: TrainConfig = self.watched if watched else self.config
        splits = read(dataset, config.preprocessing)
        if "Training" not in splits:
            raise ValueError("the faces of the store have no sample to learn from")
        trainer = Trainer(config, splits, run)
        with bars(trainer) as (callbacks, report):
            trainer.fit(callbacks, report)
        if not watched:
            finish(trainer, splits, "mien feedback cycle")
