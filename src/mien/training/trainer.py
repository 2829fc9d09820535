"""Fit a network: config and tensors in, a run folder with the averaged weights and the history out.

Kill it at any moment and call it again with the same folder: it goes on after the last whole epoch, with the same
order of samples and the same augmentation, to the same result.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mien.card import Preprocessing
from mien.labels import LabelSet
from mien.models import MODELS
from mien.training.augmentation import Augment
from mien.training.config import LABELS, VOTES, TrainConfig
from mien.training.losses import smoothed_cross_entropy, soft_cross_entropy
from mien.training.tensors import Tensors

AVERAGE_EVERY = 8
"""Steps between two updates of the moving average of the weights: as good as every step, and free."""


def network(config: TrainConfig, labels: LabelSet, heads: Sequence[str] = (LABELS, VOTES)) -> keras.Model:
    """The untrained net of a run: standardised chips in, {head: logits} out."""
    keras.utils.set_random_seed(config.seed)
    p = config.preprocessing
    net: keras.Model = MODELS[config.model](
        {head: len(labels) for head in heads}, size=p.size, channels=p.depth, **config.options
    )
    return net


@keras.saving.register_keras_serializable("mien")
class Normalise(keras.layers.Layer):
    """The card's normalisation as a layer, so that training cannot differ from serving."""

    def __init__(self, preprocessing: Preprocessing, **more: Any) -> None:
        super().__init__(**more)
        self.preprocessing = preprocessing

    def call(self, x: Any) -> Any:
        return self.preprocessing.normalised(x, keras.ops)


class Trainer:
    """One run. `fit()` starts it or goes on with it; `net` holds the averaged weights."""

    def __init__(self, config: TrainConfig, data: Mapping[str, Tensors], run: Path) -> None:
        self.config, self.run = config, Path(run)
        self.fitted, self.chosen = data["Training"], data.get("PublicTest")
        asked = bool(config.votes) and self.fitted.votes.any()
        self.heads = (LABELS, VOTES) if asked else (LABELS,)
        if not set(config.mirror) <= set(self.heads):
            raise ValueError(f"mirror is {', '.join(config.mirror)}; this run has the heads: {', '.join(self.heads)}")
        self.net = network(config, self.fitted.labels, self.heads)
        raw = network(config, self.fitted.labels, self.heads)
        self.augment = Augment(config.augmentation, config.seed)
        self.model = _trainee(raw, self.augment, config.preprocessing)
        self.steps = len(self.fitted) // config.batch_size
        if self.steps < 1:
            raise ValueError(f"{len(self.fitted)} training samples do not fill one batch of {config.batch_size}")
        self._compile()
        self.average = [np.array(w) for w in raw.get_weights()]
        self.raw = raw
        self.history: list[dict[str, Any]] = []

    def _compile(self) -> None:
        c = self.config
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(int((c.epochs - c.warmup) * self.steps), 1), warmup_target=c.learning_rate,
            warmup_steps=max(int(c.warmup * self.steps), 1),
        )  # fmt: skip
        if c.optimizer == "sgd":
            optimizer = keras.optimizers.SGD(rate, c.momentum, nesterov=True, weight_decay=c.weight_decay or None)
        else:
            optimizer = keras.optimizers.Adam(rate, weight_decay=c.weight_decay or None)
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        losses: dict[str, Callable[[Any, Any], Any]] = {
            LABELS: lambda y, z: smoothed_cross_entropy(keras.ops.cast(y, "int32"), z, c.label_smoothing),
            VOTES: soft_cross_entropy,
        }
        weights = {LABELS: 1.0, VOTES: c.votes}
        self.model.compile(
            optimizer,
            {h: losses[h] for h in self.heads},
            loss_weights={h: weights[h] for h in self.heads},
            jit_compile=False,
        )
        optimizer.build(self.model.trainable_variables)

    def fit(
        self,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        report: Callable[[dict[str, Any]], None] = lambda row: None,
    ) -> None:
        """Train to the last epoch; `report` gets each epoch's row of the history."""
        self.run.mkdir(parents=True, exist_ok=True)
        self.config.save(self.run / "config.json")
        self.restore()
        for epoch in range(len(self.history), self.config.epochs):
            row = self._epoch(epoch, callbacks)
            self.history.append(row)
            self.checkpoint()
            report(row)
        self.net.set_weights(self.average)

    def _epoch(self, epoch: int, callbacks: Sequence[keras.callbacks.Callback]) -> dict[str, Any]:
        c, start = self.config, time.perf_counter()
        self.augment.begin(epoch)
        order = np.random.default_rng([c.seed, epoch]).permutation(len(self.fitted))[: self.steps * c.batch_size]
        batch = self.fitted[order]
        targets = {LABELS: batch.targets, VOTES: batch.votes}
        done = self.model.fit(
            batch.chips,
            {head: targets[head] for head in self.heads},
            batch_size=c.batch_size,
            shuffle=False,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=self._average), *callbacks],
        )
        if not c.ema:
            self.average = [np.array(w) for w in self.raw.get_weights()]
        seconds = time.perf_counter() - start
        row = {
            "epoch": epoch + 1,
            "learning_rate": float(self.model.optimizer.learning_rate),
            "loss": done.history["loss"][0],
            "images_per_second": len(order) / seconds,
        }
        if self.chosen is not None and ((epoch + 1) % c.evaluate_every == 0 or epoch + 1 == c.epochs):
            row |= self._score(self.chosen)
        return row

    def _average(self, batch: int, logs: Any = None) -> None:
        if batch % AVERAGE_EVERY or not self.config.ema:
            return
        step = len(self.history) * self.steps + batch
        momentum = min(self.config.ema**AVERAGE_EVERY, (1 + step) / (10 + step))  # early weights are soon forgotten
        for mean, now in zip(self.average, self.raw.get_weights(), strict=True):
            mean *= momentum
            mean += (1 - momentum) * now

    def _score(self, data: Tensors) -> dict[str, float]:
        self.net.set_weights(self.average)
        logits = predict(self.net, data, self.config.preprocessing)
        row = {"accuracy": float((logits[LABELS].argmax(1) == data.targets).mean())}
        if VOTES in logits:
            clear = data.votes.max(1) > 0.5
            right = logits[VOTES].argmax(1) == data.votes.argmax(1)
            row["accuracy_votes"] = float(right[clear].mean())
        return row

    def checkpoint(self) -> None:
        """Weights, their average, the optimizer's state and the history, whole or not at all."""
        arrays: dict[str, Any] = {
            f"model_{i}": np.asarray(keras.ops.convert_to_numpy(v)) for i, v in enumerate(self.model.variables)
        }
        arrays |= {
            f"optimizer_{i}": np.asarray(keras.ops.convert_to_numpy(v)) for i, v in enumerate(self.model.optimizer.variables)
        }
        arrays |= {f"average_{i}": w for i, w in enumerate(self.average)}
        arrays["history"] = np.array(json.dumps(self.history))
        arrays["data"] = np.array(self.fitted.sha256())
        new = self.run / "checkpoint.new.npz"
        np.savez(new, **arrays)
        os.replace(new, self.run / "checkpoint.npz")
        write_history(self.history, self.run / "history.csv")

    def restore(self) -> None:
        """Go back to the last checkpoint, if there is one. Raises ValueError when it is another net's or other data's."""
        path = self.run / "checkpoint.npz"
        if not path.exists():
            return
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        if str(arrays["data"]) != self.fitted.sha256():
            raise ValueError(f"{path} was trained on other data; give the same data or another run folder")
        for prefix, variables in (("model", self.model.variables), ("optimizer", self.model.optimizer.variables)):
            for i, variable in enumerate(variables):
                value = arrays.get(f"{prefix}_{i}")
                if value is None or value.shape != tuple(variable.shape):
                    raise ValueError(f"{path} is a checkpoint of another network; remove it or give another run folder")
                variable.assign(value)
        self.average = [arrays[f"average_{i}"] for i in range(len(self.average))]
        self.history = json.loads(str(arrays["history"]))
        self.net.set_weights(self.average)


def _trainee(net: keras.Model, augment: Augment, preprocessing: Preprocessing) -> keras.Model:
    chips = keras.Input((preprocessing.size, preprocessing.size, preprocessing.depth), dtype="uint8")
    x = augment(keras.layers.Rescaling(1.0)(chips))
    return keras.Model(chips, net(Normalise(preprocessing)(x)))


def predict(net: keras.Model, data: Tensors, preprocessing: Preprocessing, batch: int = 256) -> dict[str, np.ndarray]:
    """{head: logits (n, k)} of the net, in the order of the data."""
    parts = [
        {h: keras.ops.convert_to_numpy(z) for h, z in net(preprocessing(data.chips[i : i + batch]), training=False).items()}
        for i in range(0, len(data), batch)
    ]
    return {head: np.concatenate([part[head] for part in parts]) for head in parts[0]}


def write_history(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    names = list(dict.fromkeys(name for row in history for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(history)
