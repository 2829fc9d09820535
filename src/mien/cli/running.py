"""What the commands that train share: Keras asked for, a run's folder looked at, its options compared, its progress shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from rich.progress import ProgressColumn, Task
from rich.text import Text

from mien.errors import needs

if TYPE_CHECKING:
    from mien.training.job import Source
    from mien.training.run import Run

T = TypeVar("T")


def ask_for_the_right_folder(run: Path, resume: bool) -> None:
    if (run / "config.json").exists() != resume:
        hint = "there is no run to go on with" if resume else "there is a run already; add --resume, or give another folder"
        raise ValueError(f"{run}: {hint}")


def ask_for_keras(what: str = "mien train") -> None:
    """Without importing it, which takes seconds: what is wrong with a command is said before."""
    import os
    from importlib.util import find_spec

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    backends = [os.environ["KERAS_BACKEND"]] if os.environ.get("KERAS_BACKEND") else ["tensorflow", "torch", "jax"]
    if not find_spec("keras") or not any(map(find_spec, backends)):
        raise needs("train", f"{what} (Keras 3 with TensorFlow)")


def sources_of(data: Sequence[Path], labels: Sequence[Path], weights: Sequence[float]) -> tuple[Source, ...]:
    """--data with --labels and --weight. Raises ValueError where there is not one of these for each."""
    from mien.training.job import Source

    for name, values in (("labels", labels), ("weight", weights)):
        if values and len(values) != len(data):
            raise ValueError(f"{len(values)} of --{name} for {len(data)} of --data; give one for each, in turn")
    return tuple(map(Source, data, labels or (None,) * len(data), weights or (1.0,) * len(data)))


FREE = ("adjust", "mirror", "evaluate_every")
"""Options that do not change how the net is trained, so they may be others when a run goes on."""


def resumed(config: T, given: dict[str, Any], settings: Sequence[str] = ()) -> T:
    """The stopped run's own config. Raises ValueError for an option that would make it another run."""
    from mien.training.overrides import differences, overridden

    for other in differences(overridden(config, settings), config):
        raise ValueError(f"--set {other}: this run has another value; start another run for that")
    for name, value in given.items():
        if name not in FREE and getattr(config, name) != value:
            raise ValueError(f"--{name.replace('_', '-')} {value}: this run has {getattr(config, name)}; start another for that")
    return replace(config, **given)  # type: ignore[type-var]


def typed(config: object, recipe: object, names: Sequence[str]) -> list[str]:
    """The options in which a config differs from its recipe, as words of a command; a tuple is an option for each.

    A run to start from is named as its folder is, wherever that lies."""
    words = []
    for name in names:
        value = getattr(config, name)
        value = Path(value).name if name == "start" else value
        if value != getattr(recipe, name):
            words += [
                w for v in (value if isinstance(value, tuple) else (value,)) for w in (f"--{name.replace('_', '-')}", str(v))
            ]
    return words


@contextmanager
def bars(trainer: Run[Any]) -> Iterator[tuple[list[Any], Any]]:
    """A bar for the epochs and one for the batches on a terminal; a line an epoch elsewhere."""
    import keras
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)

    def line(row: dict[str, Any]) -> None:
        names = {
            "accuracy": "PublicTest", "accuracy_votes": "votes", "ap": "AP", "recall_at_alarms": "recall at 0.1 false alarms",
            "images_per_second": "images/s",
        }  # fmt: skip
        shown = "  ".join(f"{names.get(k, k)} {v:.4g}" for k, v in row.items() if k in ("loss", *names) and v is not None)
        (console.print if console.is_terminal else lambda text: typer.echo(text, err=True))(f"epoch {row['epoch']}  {shown}")

    if not console.is_terminal:
        yield [], line
        return
    speed = _Speed(trainer.config.batch_size)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), speed, TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        whole = progress.add_task("run", total=trainer.config.epochs * trainer.steps)

        def step(batch: int, logs: Any = None) -> None:
            progress.update(whole, completed=len(trainer.history) * trainer.steps + batch + 1)

        yield [keras.callbacks.LambdaCallback(on_train_batch_end=step)], line


class _Speed(ProgressColumn):
    """Images a second."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.batch = batch

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed * self.batch:,.0f} images/s" if task.speed else "")
