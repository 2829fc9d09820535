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
from mien.training.balance import log_prior, order, relearn_head, rows_of, soft_targets
from mien.training.config import LABELS, SMOTE_EMBEDDINGS, VOTES, TrainConfig
from mien.training.losses import soft_cross_entropy
from mien.training.mixing import Mix, mixed_targets, plan
from mien.training.run import Run, compiled, cosine
from mien.training.standardise import CHIPS, Standardise
from mien.training.tensors import Tensors


def network(config: TrainConfig, labels: LabelSet, heads: Sequence[str] = (LABELS, VOTES)) -> keras.Model:
    """The untrained net of a run: standardised chips in, {head: logits} out."""
    keras.utils.set_random_seed(config.seed)
    p = config.preprocessing
    net: keras.Model = MODELS[config.model](
        {head: len(labels) for head in heads}, size=p.size, channels=p.depth, **config.options
    )
    if not config.standardise:
        return net
    chips = keras.Input(net.input_shape[1:], name="chips")
    return keras.Model(chips, net(Standardise(config.standardise, name="standardise")(chips)))


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
        self.rows = rows_of(config, self.fitted)
        self.soft = soft_targets(config, self.rows)
        self.augment = Augment(config.augmentation, config.seed)
        self._adapt()
        self.model = _trainee(self.raw, self.augment, config.preprocessing)
        self.steps = len(self.fitted) // config.batch_size
        if self.steps < 1:
            raise ValueError(f"{len(self.fitted)} training samples do not fill one batch of {config.batch_size}")
        self._compile()

    def _adapt(self) -> None:
        """Statistics of the training set into the net, where the config asks for them."""
        c = self.config
        if c.standardise:
            some = np.random.default_rng(c.seed).permutation(len(self.fitted))[:CHIPS]
            chips = c.preprocessing.normalised(self.fitted.chips[np.sort(some)].astype(np.float32))
            self.raw.get_layer("standardise").adapt(chips)
        if c.sampling == SMOTE_EMBEDDINGS and not isinstance(_head(self.raw), keras.layers.Dense):
            raise ValueError(f"sampling is {c.sampling}, but {c.model} has no dense layer of the classes; take resnet")

    def _compile(self) -> None:
        c = self.config
        rate = cosine(c.learning_rate, c.warmup, c.epochs, self.steps)
        if c.optimizer == "sgd":
            optimizer = keras.optimizers.SGD(rate, c.momentum, nesterov=True, weight_decay=c.weight_decay or None)
        else:
            optimizer = keras.optimizers.Adam(rate, weight_decay=c.weight_decay or None)
        prior = (c.adjust_loss * log_prior(self.fitted)).astype(np.float32)
        losses: dict[str, Callable[[Any, Any], Any]] = {
            LABELS: lambda y, z: soft_cross_entropy(y, z + keras.ops.convert_to_tensor(prior)),
            VOTES: soft_cross_entropy,
        }
        weights = {LABELS: 1.0, VOTES: c.votes}
        chosen = {h: losses[h] for h in self.heads}
        compiled(self.model, optimizer, chosen, loss_weights={h: weights[h] for h in self.heads})

    def epoch(self, number: int, callbacks: Sequence[keras.callbacks.Callback]) -> keras.callbacks.History:
        c = self.config
        self.augment.begin(number)
        drawn = order(c, self.rows, number, self.steps * c.batch_size)
        chips: Any = self.rows.chips[drawn]
        targets = {LABELS: self.soft[drawn], VOTES: self.rows.votes[drawn]}
        if c.augmentation.mixes:
            how = plan(c.augmentation, np.random.default_rng([c.seed, number, 1]), len(drawn))
            chips, targets = [chips, how], {head: mixed_targets(t, how, c.batch_size) for head, t in targets.items()}
        return self.model.fit(
            chips,
            {head: targets[head] for head in self.heads},
            batch_size=c.batch_size,
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
        )

    def relearn(self) -> None:
        """After the last epoch: what `sampling` does to the trained net."""
        if self.config.sampling != SMOTE_EMBEDDINGS:
            return
        head = _head(self.net)
        embed = keras.Model(self.net.inputs, {LABELS: head.input})
        embeddings = predict(embed, self.fitted, self.config.preprocessing)[LABELS]
        relearn_head(head, embeddings, self.fitted.targets, self.config.seed)

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
    inputs = [keras.Input((preprocessing.size, preprocessing.size, preprocessing.depth), dtype="uint8")]
    x = augment(keras.layers.Rescaling(1.0)(inputs[0]))
    if augment.augmentation.mixes:
        inputs.append(keras.Input((5,)))
        x = Mix()([x, inputs[1]])
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], trained(net)(Normalise(preprocessing)(x)))


def _head(net: keras.Model) -> Any:
    """The layer of the labels' logits, wherever it lies."""
    inner = net if LABELS in {layer.name for layer in net.layers} else net.layers[-1]
    return inner.get_layer(LABELS)


def predict(net: keras.Model, data: Tensors, preprocessing: Preprocessing, batch: int = 256) -> dict[str, np.ndarray]:
    """{head: logits (n, k)} of the net, in the order of the data."""

    def logits(chips: np.ndarray) -> dict[str, np.ndarray]:
        said = net(preprocessing.normalised(chips.astype(np.float32)), training=False)
        return {head: keras.ops.convert_to_numpy(z) for head, z in said.items()}

    parts = [logits(data.chips[i : i + batch]) for i in range(0, len(data), batch)]
    return {head: np.concatenate([part[head] for part in parts]) for head in parts[0]}
