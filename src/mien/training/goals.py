"""What a net is trained towards: a config and rows in; for each goal an output, its targets, its loss and weight out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from mien.card import softmax
from mien.classifiers.onnx import OnnxClassifier
from mien.models.layers import embedding
from mien.training.balance import log_prior, soft_targets, weighed
from mien.training.config import FOCAL, LABELS, VOTES, Distillation, TrainConfig
from mien.training.losses import distilled, focal, soft_cross_entropy
from mien.training.metric import METRIC_LOSSES, measured
from mien.training.tensors import Tensors
from mien.weights import find_card

METRIC, TEACHER = "metric", "teacher"


@dataclass(frozen=True)
class Goal:
    """One output of what is trained, and how far it is from what it should be."""

    targets: np.ndarray
    """A row for each sample that is drawn from."""
    loss: Callable[[Any, Any], Any]
    """Targets and outputs of a batch -> a number each."""
    weight: float


def goals(config: TrainConfig, rows: Tensors, fitted: Tensors, heads: tuple[str, ...]) -> dict[str, Goal]:
    """By the name of the output. `fitted` are the samples, `rows` they and what was made up between them."""
    c, d = config, config.distil
    own = c.loss.weight * c.loss.views * (1 - d.weight if d.teachers else 1.0)
    found = {}
    if own:
        found[LABELS] = Goal(weighed(c, rows, soft_targets(c, rows)), _of_labels(c, fitted), own)
    if d.teachers and c.loss.weight:
        weight = c.loss.weight * c.loss.views * d.weight
        found[TEACHER] = Goal(weighed(c, rows, said_by(d, rows)), distilled(d.temperature), weight)
    if VOTES in heads:
        found[VOTES] = Goal(weighed(c, rows, rows.votes), soft_cross_entropy, c.votes * c.loss.views)
    if c.loss.metric:
        weight = c.loss.metric_weight * c.loss.views
        found[METRIC] = Goal(rows.targets.astype(np.int32), METRIC_LOSSES[c.loss.metric], weight)
    return found


def outputs(net: keras.Model, wanted: Mapping[str, Goal]) -> keras.Model:
    """The net with an output for each goal that reads its embedding, too."""
    more = {METRIC: embedding(net, LABELS)} if METRIC in wanted else {}
    return keras.Model(net.input, {**net.output, **more}) if more else net


def reached(config: TrainConfig, given: Mapping[str, Any], wanted: Mapping[str, Goal], classes: int) -> dict[str, Any]:
    """What the net with `outputs` gives, as the goals' losses read it."""
    seen = dict(given)
    if TEACHER in wanted:
        seen[TEACHER] = layers.Identity(name=TEACHER)(given[LABELS])
    if METRIC in wanted:
        seen[METRIC] = measured(config.loss.metric, given[METRIC], classes, wanted[METRIC].weight)
    return {name: seen[name] for name in wanted}


def _of_labels(c: TrainConfig, fitted: Tensors) -> Callable[[Any, Any], Any]:
    plain = focal(c.loss.gamma) if c.loss.kind == FOCAL else soft_cross_entropy
    if not c.adjust_loss:
        return plain
    prior = (c.adjust_loss * log_prior(fitted)).astype(np.float32)
    return lambda y, z: plain(y, ops.cast(z, "float32") + ops.convert_to_tensor(prior))


def said_by(distil: Distillation, rows: Tensors) -> np.ndarray:
    """float32 (n, k): the mean of the teachers' probabilities at the temperature, of the chips as they are.

    Raises ValueError for a teacher of other labels."""
    total = np.zeros((len(rows), len(rows.labels)))
    for name in distil.teachers:
        teacher = OnnxClassifier(find_card(name))
        if teacher.labels != rows.labels:
            raise ValueError(f"the teacher {name} knows {', '.join(teacher.labels)}; this run has {', '.join(rows.labels)}")
        for i in range(0, len(rows), 256):
            total[i : i + 256] += softmax(teacher.logits(_plain(rows.chips[i : i + 256])) / distil.temperature)
    return (total / len(distil.teachers)).astype(np.float32)


def _plain(chips: np.ndarray) -> np.ndarray:
    """(n, h, w, c), or the last frames of clips, in the form that classifiers take."""
    chips = chips[:, -1] if chips.ndim == 5 else chips
    return chips[..., 0] if chips.shape[3] == 1 else chips
