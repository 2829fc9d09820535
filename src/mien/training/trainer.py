"""Fit a classifier: config and tensors in, a run folder with the averaged weights and the history out."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from inspect import signature
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from mien.card import Preprocessing, as_input
from mien.datasets.balance import smote
from mien.labels import LabelSet
from mien.models import MODELS
from mien.models.layers import head_names, names
from mien.models.on_torch import trained
from mien.training.augment import Augment
from mien.training.balance import relearn_head, rows_of
from mien.training.config import ADAM, COSINE, LABELS, PLATEAU, SGD, SMOTE_EMBEDDINGS, VOTES, TrainConfig
from mien.training.drawing import drawn_in_an_epoch, order, ranks
from mien.training.dynamics import Dynamics, Record
from mien.training.goals import Goal, goals, outputs, reached
from mien.training.losses import soft_cross_entropy
from mien.training.mixing import Mix, mixed_targets, plan, unmixed
from mien.training.noise import noisy
from mien.training.run import Run, compiled, cosine
from mien.training.standardise import CHIPS, Standardise
from mien.training.tensors import Tensors

SEEN = 2_000
"""Training samples, at most, that are scored after an epoch, to be compared with those that are not fitted on."""


def network(config: TrainConfig, labels: LabelSet, heads: Sequence[str] = (LABELS, VOTES)) -> keras.Model:
    """The untrained net of a run: normalised chips in, {head: logits} out."""
    keras.utils.set_random_seed(config.seed)
    net = _built(config, {head: len(labels) for head in heads})
    if not config.standardise:
        return net
    chips = keras.Input(net.input_shape[1:], name="chips")
    return keras.Model(chips, net(Standardise(config.standardise, name="standardise")(chips)))


def _built(config: TrainConfig, heads: Mapping[str, int]) -> keras.Model:
    """Raises ValueError for options that the network does not take, with those that it does."""
    build, p = MODELS[config.model], config.preprocessing
    try:
        net: keras.Model = build(dict(heads), size=p.size, channels=p.depth, **config.options)
    except (TypeError, ValueError) as error:
        if not config.options:
            raise
        takes = [n for n, of in signature(build).parameters.items() if of.kind is of.KEYWORD_ONLY]
        raise ValueError(f"{config.model} cannot be built with {config.options}: {error}; options: {', '.join(takes)}") from error
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
        self.fitted, self.chosen = noisy(config, data["Training"]), data.get("PublicTest")
        if config.watches and self.chosen is None:
            raise ValueError("the schedule looks at PublicTest's accuracy, and the data has no split PublicTest (or val)")
        asked = bool(config.votes) and self.fitted.votes.any()
        self.heads = (LABELS, VOTES) if asked else (LABELS,)
        if not set(config.mirror) <= set(self.heads):
            raise ValueError(f"mirror is {', '.join(config.mirror)}; this run has the heads: {', '.join(self.heads)}")
        self.net = network(config, self.fitted.labels, self.heads)
        with computing_in(config.precision):
            self.raw = network(config, self.fitted.labels, self.heads)
        freeze(self.raw, config.trainable, self.heads)
        self._adapt()
        self.rows = rows_of(config, self.fitted)
        self.goals = goals(config, self.rows, self.fitted, self.heads)
        self.augment = Augment(config.augmentation, config.seed)
        drawn = drawn_in_an_epoch(config, self.fitted)
        self.steps = drawn // config.batch_size
        if self.steps < 1:
            raise ValueError(f"{drawn} training samples do not fill one batch of {config.batch_size}")
        self.record = Record(self.steps * config.batch_size * config.loss.views) if config.dynamics else None
        self.dynamics = Dynamics(self.run) if config.dynamics else None
        self.model = _trainee(self.raw, self.augment, config, self.goals, self.fitted, self.record)
        self.seen = self.fitted[np.sort(np.random.default_rng(config.seed).permutation(len(self.fitted))[:SEEN])]
        self.ranks = ranks(config, self.fitted)
        self.best: list[np.ndarray] = []
        self._compile()

    def _adapt(self) -> None:
        """Statistics of the training set into the net, where the config asks for them; what it cannot do is said now."""
        c = self.config
        if c.standardise:
            some = np.random.default_rng(c.seed).permutation(len(self.fitted))[:CHIPS]
            chips = c.preprocessing.normalised(self.fitted.chips[np.sort(some)].astype(np.float32))
            self.raw.get_layer("standardise").adapt(chips)
        relearns = f"sampling is {c.sampling}" if c.sampling == SMOTE_EMBEDDINGS else "" if c.loss.weight else "loss.weight is 0"
        if relearns and not isinstance(_head(self.raw), keras.layers.Dense):
            raise ValueError(f"{relearns}, but {c.model} has no dense layer of the classes; take resnet")
        if c.augmentation.mixes and len(self.raw.input_shape) == 5:
            raise ValueError(f"augmentation mixes chips, but {c.model} takes clips; set mixup and cutmix to 0")

    def _compile(self) -> None:
        c, rate = self.config, self._rate(0)
        if c.schedule.kind == COSINE:
            rate = cosine(c.learning_rate, c.warmup, c.epochs, self.steps)
        common = {"weight_decay": c.weight_decay or None, "global_clipnorm": c.clip or None}
        if c.optimizer == SGD:
            optimizer = keras.optimizers.SGD(rate, c.momentum, nesterov=True, **common)
        else:
            optimizer = (keras.optimizers.Adam if c.optimizer == ADAM else keras.optimizers.AdamW)(rate, **common)
        weights = {name: goal.weight for name, goal in self.goals.items()}
        losses = {name: goal.loss for name, goal in self.goals.items()}
        compiled(self.model, optimizer, losses, scaled=c.precision == "mixed_float16", loss_weights=weights)

    def _rate(self, number: int) -> Any:
        """The learning rate of an epoch, where it does not change within it; from the history alone."""
        c = self.config
        warm = min(1.0, (number + 1) / (c.warmup + 1))
        if c.schedule.kind != PLATEAU:
            return c.learning_rate * warm
        return c.learning_rate * warm * c.schedule.factor ** _plateaus(self._accuracies()[:number], c.schedule.patience)

    def epoch(self, number: int, callbacks: Sequence[keras.callbacks.Callback]) -> keras.callbacks.History:
        c, batch = self.config, self.config.batch_size
        if c.schedule.kind != COSINE:
            self.model.optimizer.learning_rate.assign(self._rate(number))
        self.augment.begin(number)
        drawn = order(c, self.rows, number, self.steps * batch, self.ranks)
        if c.loss.views > 1:
            drawn = np.tile(drawn.reshape(-1, batch), c.loss.views).ravel()
        batch *= c.loss.views
        chips: Any = self.rows.chips[drawn]
        targets = {name: goal.targets[drawn] for name, goal in self.goals.items()}
        mixing = c.augmentation.mixes and number < c.epochs - c.schedule.plain
        if c.augmentation.mixes:
            how = plan(c.augmentation, np.random.default_rng([c.seed, number, 1]), len(drawn)) if mixing else unmixed(len(drawn))
            chips, targets = [chips, how], {name: mixed_targets(t, how, batch) for name, t in targets.items()}
        if self.record:
            self.record.place.assign(0)
        done = self.model.fit(chips, targets, batch_size=batch, shuffle=False, verbose=0, callbacks=list(callbacks))
        if self.record and self.dynamics:
            seen = np.asarray(keras.ops.convert_to_numpy(self.record.seen))
            known = (drawn < len(self.fitted)) & (not mixing)  # what was mixed or made up is no sample
            self.dynamics.keep(number, drawn[known], seen[known], len(self.fitted))
        return done

    def enough(self) -> bool:
        patience, seen = self.config.schedule.stop_after, self._accuracies()
        return bool(patience and seen) and len(seen) - 1 - int(np.argmax(seen)) >= patience

    def end(self) -> None:
        if self.best:
            self.average = self.best
            self.net.set_weights(self.best)
        if self.dynamics:
            self.dynamics.join(self.fitted, len(self.history))

    def checkpoint(self) -> None:
        seen = self._accuracies()
        if self.config.schedule.stop_after and seen and int(np.argmax(seen)) == len(seen) - 1:
            self.best = [np.array(w) for w in self.average]
        super().checkpoint()

    def extra(self) -> dict[str, np.ndarray]:
        return {f"best_{i}": w for i, w in enumerate(self.best)}

    def restore_extra(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.best = [arrays[f"best_{i}"] for i in range(len(self.raw.weights))] if "best_0" in arrays else []

    def _accuracies(self) -> list[float]:
        return [row["accuracy"] for row in getattr(self, "history", ()) if row.get("accuracy") is not None]

    def relearn(self) -> None:
        """After the last epoch: the head, where the epochs did not learn it or `sampling` wants it learnt anew."""
        c = self.config
        if c.sampling != SMOTE_EMBEDDINGS and c.loss.weight:
            return
        head = _head(self.net)
        embed = keras.Model(self.net.inputs, {LABELS: head.input})
        x, y = predict(embed, self.fitted, c.preprocessing)[LABELS].astype(np.float32), self.fitted.targets
        relearn_head(head, *(smote(x, y, c.seed) if c.sampling == SMOTE_EMBEDDINGS else (x, y)))

    def scores(self) -> dict[str, float]:
        net, row = self.net, dict[str, float]()
        if not self.config.loss.weight:
            return row
        seen = predict(net, self.seen, self.config.preprocessing)
        row["accuracy_training"] = float((seen[LABELS].argmax(1) == self.seen.targets).mean())
        if self.chosen is None:
            return row
        data = self.chosen
        logits = predict(net, data, self.config.preprocessing)
        right = logits[LABELS].argmax(1) == data.targets
        row["accuracy"] = float(right.mean())
        for number in () if data.source is None else np.unique(data.source):
            row[f"accuracy_of_{number + 1}"] = float(right[data.source == number].mean())
        row["loss_public"] = _loss(logits[LABELS], data)
        if VOTES in logits:
            clear = data.votes.max(1) > 0.5
            right = logits[VOTES].argmax(1) == data.votes.argmax(1)
            row["accuracy_votes"] = float(right[clear].mean())
        return row

    def head_layers(self) -> Collection[str]:
        return head_names(self.raw, self.heads)

    @property
    def classes(self) -> str:
        return json.dumps(list(self.fitted.labels))

    def data_sha256(self) -> str:
        return self.fitted.sha256()


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Layers that are made inside compute in this precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def freeze(net: keras.Model, trainable: Sequence[str], heads: Sequence[str]) -> None:
    """Let only the layers of these names or patterns learn, and the heads; all, if there are none.

    Raises ValueError for a name that is no layer's."""
    if not trainable:
        return
    named = [(name, layer) for name, layer in zip(names(net), net.layers, strict=True) if layer.weights]
    for wanted in trainable:
        if not any(fnmatchcase(name, wanted) for name, _ in named):
            there = ", ".join(name for name, _ in named)
            raise ValueError(f"trainable is {wanted!r}, and no layer has such a name; there are: {there}")
    learning = head_names(net, heads)
    for name, layer in named:
        layer.trainable = name in learning or any(fnmatchcase(name, wanted) for wanted in trainable)


def frames_of(config: TrainConfig, labels: LabelSet) -> int:
    """How many frames the network takes at once; 0 where it takes a still."""
    shape = network(config, labels, (LABELS,)).input_shape
    return shape[1] if len(shape) == 5 else 0


def _trainee(
    net: keras.Model, augment: Augment, config: TrainConfig, wanted: Mapping[str, Goal], fitted: Tensors, record: Record | None
) -> keras.Model:
    """Gray levels in; varied, normalised and through the net; an output for each goal out, and what the labels' head said on
    the `record`.

    A net of clips is given clips, or stills, of which it then sees several variants as one."""
    p, shape = config.preprocessing, fitted.chips.shape[1:]
    inputs = [keras.Input(shape, dtype="uint8")]
    x = keras.layers.Rescaling(1.0)(inputs[0])
    frames = net.input_shape[1] if len(net.input_shape) == 5 else 0
    if frames:
        x = ops.reshape(x, (-1, *shape[1:])) if len(shape) == 4 else ops.repeat(x, frames, axis=0)
    x, mirrored = augment(x)
    if augment.augmentation.mixes:
        inputs.append(keras.Input((5,)))
        x = Mix()([x, inputs[1]])
    x = Normalise(p)(x)
    x = ops.reshape(x, (-1, *net.input_shape[1:])) if frames else x
    given = trained(outputs(net, wanted))(x)
    if record:
        given[LABELS] = record([given[LABELS], ops.reshape(mirrored, (-1, frames or 1))[:, :1]])
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], reached(config, given, wanted, len(fitted.labels)))


def _plateaus(accuracies: Sequence[float], patience: int) -> int:
    """How often so many epochs went by without a better one."""
    best, since, found = -1.0, 0, 0
    for accuracy in accuracies:
        best, since = (accuracy, 0) if accuracy > best else (best, since + 1)
        if since == patience:
            found, since = found + 1, 0
    return found


def _loss(logits: np.ndarray, data: Tensors) -> float:
    """Cross-entropy against the labels."""
    each = soft_cross_entropy(ops.one_hot(data.targets, logits.shape[1]), ops.convert_to_tensor(logits))
    return float(keras.ops.convert_to_numpy(each).mean())


def _head(net: keras.Model) -> Any:
    """The layer of the labels' logits, wherever it lies."""
    inner = net if LABELS in {layer.name for layer in net.layers} else net.layers[-1]
    return inner.get_layer(LABELS)


def predict(net: keras.Model, data: Tensors, preprocessing: Preprocessing, batch: int = 256) -> dict[str, np.ndarray]:
    """{head: logits (n, k)} of the net, in the order of the data."""

    def logits(chips: np.ndarray) -> dict[str, np.ndarray]:
        x = preprocessing.normalised(chips.reshape(-1, *chips.shape[-3:]).astype(np.float32))
        x = x.reshape(chips.shape) if chips.ndim == 5 else as_input(x, net.input_shape)
        return {head: keras.ops.convert_to_numpy(z) for head, z in net(x, training=False).items()}

    parts = [logits(data.chips[i : i + batch]) for i in range(0, len(data), batch)]
    return {head: np.concatenate([part[head] for part in parts]) for head in parts[0]}
