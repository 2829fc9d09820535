"""What every training run does, whatever it learns: epochs, the average of the weights, checkpoints, going on after a stop.

A subclass makes the nets and says what an epoch is. Kill it at any moment and call it again with the same folder: it
goes on after the last whole epoch, with the same order of samples and the same augmentation, to the same result.
"""

from __future__ import annotations

import csv
import json
import os
import time
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import keras
import numpy as np

from mien.models.layers import weight_names

AVERAGE_EVERY = 8
"""Steps between two updates of the moving average of the weights: as good as every step, and free."""


class Config(Protocol):
    """What a run needs to know of its config."""

    @property
    def epochs(self) -> int: ...

    @property
    def batch_size(self) -> int: ...

    @property
    def ema(self) -> float: ...

    @property
    def evaluate_every(self) -> int: ...

    @property
    def start(self) -> str: ...

    def save(self, path: Path) -> None: ...


C = TypeVar("C", bound=Config)


class Run(ABC, Generic[C]):
    """`fit()` starts the run in its folder or goes on with it; afterwards `net` holds the averaged weights.

    `raw` is the net that is trained, `model` is what Keras trains (raw with what comes before and after it)."""

    config: C
    run: Path
    net: keras.Model
    raw: keras.Model
    model: keras.Model
    steps: int
    """Batches an epoch."""
    average: list[np.ndarray]
    history: list[dict[str, Any]]

    @abstractmethod
    def epoch(self, number: int, callbacks: Sequence[keras.callbacks.Callback]) -> keras.callbacks.History:
        """Train one epoch of `steps` batches; what `model.fit` returns."""

    @abstractmethod
    def scores(self) -> dict[str, float]:
        """Of `net`, with the averaged weights, on what is not fitted on; for the history, every `evaluate_every` epochs."""

    @abstractmethod
    def data_sha256(self) -> str:
        """Over what is fitted on: a checkpoint is only gone on with when it is the same."""

    def fit(
        self,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        report: Callable[[dict[str, Any]], None] = lambda row: None,
    ) -> None:
        """Train to the last epoch; `report` gets each epoch's row of the history."""
        if self.config.start and not (self.run / "checkpoint.npz").exists():
            self.raw.set_weights(self.begun_with(Path(self.config.start)))
        self.run.mkdir(parents=True, exist_ok=True)
        self.config.save(self.run / "config.json")
        self.history = []
        self.average = [np.array(w) for w in self.raw.get_weights()]
        self.restore()
        averaging = keras.callbacks.LambdaCallback(on_train_batch_end=self._average)
        for number in range(len(self.history), self.config.epochs):
            if self.enough():
                break
            row = self._row(number, [averaging, *callbacks])
            self._ask_for_numbers(row, number)
            self.history.append(row)
            self.checkpoint()
            report(row)
        self.end()

    def _ask_for_numbers(self, row: Mapping[str, Any], number: int) -> None:
        """Before anything is written down. Raises ValueError where a score or a weight is no finite number any more."""
        scores = [value for value in row.values() if isinstance(value, float)]
        if np.isfinite(scores).all() and all(np.isfinite(w).all() for w in self.raw.get_weights()):
            return
        kept = f"; epoch {number} is kept, to go on from: --start {self.run} and another --run" if number else ""
        raise ValueError(f"the loss is {row['loss']} after epoch {number + 1}: try a lower --learning-rate{kept}")

    def enough(self) -> bool:
        """Whether to stop before the last epoch."""
        return False

    def end(self) -> None:
        """What is done after the last epoch, also of a run that had ended before."""

    def begun_with(self, run: Path) -> list[np.ndarray]:
        """The weights that another run kept, for this net's in their order; heads that it had not, or of other classes, begin
        anew. Raises ValueError where there are none, or they are of another network."""
        if not (run / "checkpoint.npz").is_file():
            raise ValueError(f"{run} is no run to start from: there is no checkpoint.npz in it")
        arrays = read_checkpoint(run / "checkpoint.npz")
        kind = "best" if "best_0" in arrays else "average"
        kept = [arrays[name] for i in range(len(arrays)) if (name := f"{kind}_{i}") in arrays]
        names, heads = weight_names(self.raw), self.head_layers()
        there = dict(zip(arrays.get("names", np.array(names)).tolist(), kept, strict=False))
        alike = str(arrays.get("classes", self.classes)) == self.classes
        out = []
        for name, own in zip(names, self.raw.get_weights(), strict=True):
            found, head = there.get(name), name.rpartition("/")[0] in heads
            if found is not None and found.shape == own.shape and (alike or not head):
                out.append(found)
            elif head:
                out.append(own)
            else:
                raise ValueError(f"{run} is a run of another network; start from one with the same model and options")
        return out

    def head_layers(self) -> Collection[str]:
        """Layers, by `names`, that a run that is begun with need not have, or may have of other classes."""
        return ()

    @property
    def classes(self) -> str:
        """What the heads are of, for runs that begin with this one."""
        return ""

    def _row(self, number: int, callbacks: Sequence[keras.callbacks.Callback]) -> dict[str, Any]:
        """Train an epoch: its row of the history."""
        c, start = self.config, time.perf_counter()
        done = self.epoch(number, callbacks)
        row = {
            "epoch": number + 1,
            "learning_rate": float(self.model.optimizer.learning_rate),
            "loss": done.history["loss"][0],
            "images_per_second": self.steps * c.batch_size / (time.perf_counter() - start),
        }
        self.averaged()
        due = (number + 1) % c.evaluate_every == 0 or number + 1 == c.epochs
        return row | (self.scores() if due else {})

    def _average(self, batch: int, logs: Any = None) -> None:
        if batch % AVERAGE_EVERY or not self.config.ema:
            return
        step = len(self.history) * self.steps + batch
        momentum = min(self.config.ema**AVERAGE_EVERY, (1 + step) / (10 + step))  # early weights are soon forgotten
        for mean, now in zip(self.average, self.raw.get_weights(), strict=True):
            mean *= momentum
            mean += (1 - momentum) * now

    def averaged(self) -> keras.Model:
        """The net with the weights that would be kept if the run ended now."""
        if not self.config.ema:
            self.average = [np.array(w) for w in self.raw.get_weights()]
        self.net.set_weights(self.average)
        return self.net

    def checkpoint(self) -> None:
        """Weights, their average, the optimizer's state and the history, whole or not at all."""
        arrays: dict[str, Any] = {f"{name}_{i}": _array(v) for name, group in self._state() for i, v in enumerate(group)}
        arrays |= {f"average_{i}": w for i, w in enumerate(self.average)}
        arrays |= self.extra()
        arrays |= {"names": np.array(weight_names(self.raw)), "classes": np.array(self.classes)}
        arrays["history"] = np.array(json.dumps(self.history))
        arrays["data"] = np.array(self.data_sha256())
        new = self.run / "checkpoint.new.npz"
        try:
            np.savez(new, **arrays)
        except OSError as error:
            new.unlink(missing_ok=True)
            whole = f"that of epoch {len(self.history) - 1} is whole" if len(self.history) > 1 else "there is none before it"
            raise OSError(
                f"the checkpoint of epoch {len(self.history)} could not be written to {self.run}: {error}; {whole}"
            ) from error
        os.replace(new, self.run / "checkpoint.npz")
        write_history(self.history, self.run / "history.csv")

    def restore(self) -> None:
        """Go back to the last checkpoint, if there is one. Raises ValueError when it is another net's or other data's."""
        path = self.run / "checkpoint.npz"
        if not path.exists():
            return
        arrays = read_checkpoint(path)
        if str(arrays["data"]) != self.data_sha256():
            raise ValueError(f"{path} was trained on other data; give the same --data (and --close-ups), or another run folder")
        for prefix, variables in self._state():
            for i, variable in enumerate(variables):
                value = arrays.get(f"{prefix}_{i}")
                if value is None or value.shape != tuple(variable.shape):
                    raise ValueError(f"{path} is a checkpoint of another network; remove it or give another run folder")
                variable.assign(value)
        self.average = [arrays[f"average_{i}"] for i in range(len(self.raw.weights))]
        self.history = json.loads(str(arrays["history"]))
        self.restore_extra(arrays)
        self.net.set_weights(self.average)

    def extra(self) -> dict[str, np.ndarray]:
        """What a kind of run keeps in its checkpoint beside the weights."""
        return {}

    def restore_extra(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take it back."""

    def _state(self) -> tuple[tuple[str, Sequence[Any]], ...]:
        return ("model", self.model.variables), ("optimizer", self.model.optimizer.variables)


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Raises ValueError for a file that is damaged, or no checkpoint."""
    try:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged and cannot be gone on with ({error}); remove it to begin anew") from error
    if missing := [name for name in ("data", "history", "average_0") if name not in arrays]:
        raise ValueError(f"{path} is no checkpoint of a run: there is no {missing[0]} in it; remove it to begin anew")
    return arrays


def compiled(model: keras.Model, optimizer: keras.optimizers.Optimizer, loss: Any, *, scaled: bool = False, **more: Any) -> None:
    """Ready to train, and to take a checkpoint: the optimizer has its variables; scales and biases do not decay.

    `scaled`: losses are made large before their gradients are computed in 16 bits, which would be lost there else."""
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias", "centers"])
    optimizer = keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer
    model.compile(optimizer, loss, jit_compile=False, **more)
    model.optimizer.build(model.trainable_variables)


def cosine(learning_rate: float, warmup: float, epochs: int, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up to the learning rate over `warmup` epochs of so many steps, then along a cosine to zero."""
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        max(int((epochs - warmup) * steps), 1),
        warmup_target=learning_rate,
        warmup_steps=max(int(warmup * steps), 1),
    )


def _array(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable))


def write_history(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    names = list(dict.fromkeys(name for row in history for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(history)
