"""Fit a classifier: config and tensors in, a run folder with the averaged weights and the history out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mien.card import Preprocessing
from mien.labels import LabelSet
from mien.models import MODELS
from mien.models.on_torch import trained
from mien.training.augmentation import Augment
from mien.training.config import LABELS, VOTES, TrainConfig
from mien.training.losses import smoothed_cross_entropy, soft_cross_entropy
from mien.training.run import Run, compiled, cosine
from mien.training.tensors import Tensors


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


class Trainer(Run[TrainConfig]):
    """A run that learns expressions from chips."""

    def __init__(self, config: TrainConfig, data: Mapping[str, Tensors], run: Path) -> None:
        self.config, self.run = config, Path(run)
        self.fitted, self.chosen = data["Training"], data.get("PublicTest")
        asked = bool(config.votes) and self.fitted.votes.any()
        self.heads = (LABELS, VOTES) if asked else (LABELS,)
        if not set(config.mirror) <= set(self.heads):
            raise ValueError(f"mirror is {', '.join(config.mirror)}; this run has the heads: {', '.join(self.heads)}")
        self.net = network(config, self.fitted.labels, self.heads)
        self.raw = network(config, self.fitted.labels, self.heads)
        self.augment = Augment(config.augmentation, config.seed)
        self.model = _trainee(self.raw, self.augment, config.preprocessing)
        self.steps = len(self.fitted) // config.batch_size
        if self.steps < 1:
            raise ValueError(f"{len(self.fitted)} training samples do not fill one batch of {config.batch_size}")
        self._compile()

    def _compile(self) -> None:
        c = self.config
        rate = cosine(c.learning_rate, c.warmup, c.epochs, self.steps)
        if c.optimizer == "sgd":
            optimizer = keras.optimizers.SGD(rate, c.momentum, nesterov=True, weight_decay=c.weight_decay or None)
        else:
            optimizer = keras.optimizers.Adam(rate, weight_decay=c.weight_decay or None)
        losses: dict[str, Callable[[Any, Any], Any]] = {
            LABELS: lambda y, z: smoothed_cross_entropy(keras.ops.cast(y, "int32"), z, c.label_smoothing),
            VOTES: soft_cross_entropy,
        }
        weights = {LABELS: 1.0, VOTES: c.votes}
        chosen = {h: losses[h] for h in self.heads}
        compiled(self.model, optimizer, chosen, loss_weights={h: weights[h] for h in self.heads})

    def epoch(self, number: int, callbacks: Sequence[keras.callbacks.Callback]) -> keras.callbacks.History:
        c = self.config
        self.augment.begin(number)
        order = np.random.default_rng([c.seed, number]).permutation(len(self.fitted))[: self.steps * c.batch_size]
        batch = self.fitted[order]
        targets = {LABELS: batch.targets, VOTES: batch.votes}
        return self.model.fit(
            batch.chips,
            {head: targets[head] for head in self.heads},
            batch_size=c.batch_size,
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
        )

    def scores(self) -> dict[str, float]:
        data = self.chosen
        if data is None:
            return {}
        logits = predict(self.averaged(), data, self.config.preprocessing)
        row = {"accuracy": float((logits[LABELS].argmax(1) == data.targets).mean())}
        if VOTES in logits:
            clear = data.votes.max(1) > 0.5
            right = logits[VOTES].argmax(1) == data.votes.argmax(1)
            row["accuracy_votes"] = float(right[clear].mean())
        return row

    def data_sha256(self) -> str:
        return self.fitted.sha256()


def _trainee(net: keras.Model, augment: Augment, preprocessing: Preprocessing) -> keras.Model:
    chips = keras.Input((preprocessing.size, preprocessing.size, preprocessing.depth), dtype="uint8")
    x = augment(keras.layers.Rescaling(1.0)(chips))
    return keras.Model(chips, trained(net)(Normalise(preprocessing)(x)))


def predict(net: keras.Model, data: Tensors, preprocessing: Preprocessing, batch: int = 256) -> dict[str, np.ndarray]:
    """{head: logits (n, k)} of the net, in the order of the data."""

    def logits(chips: np.ndarray) -> dict[str, np.ndarray]:
        said = net(preprocessing.normalised(chips.astype(np.float32)), training=False)
        return {head: keras.ops.convert_to_numpy(z) for head, z in said.items()}

    parts = [logits(data.chips[i : i + batch]) for i in range(0, len(data), batch)]
    return {head: np.concatenate([part[head] for part in parts]) for head in parts[0]}
