"""Rare classes in training: a config and tensors in; the rows, the targets or the head that make them count out."""

from __future__ import annotations

import keras
import numpy as np

from mien.datasets.balance import class_weights, oversampled, smote
from mien.errors import needs
from mien.training.config import OVERSAMPLE, SMOTE, TrainConfig
from mien.training.tensors import Tensors


def counts(data: Tensors) -> np.ndarray:
    """Samples of each class (k,)."""
    return np.bincount(data.targets, minlength=len(data.labels))


def log_prior(data: Tensors) -> np.ndarray:
    """Logarithm of each class's share of the labels (k,)."""
    return np.log(np.maximum(counts(data) / max(len(data), 1), 1e-9))


def rows_of(config: TrainConfig, fitted: Tensors) -> Tensors:
    """What is drawn from: the samples, or with SMOTE on pixels (Chawla et al. 2002) the made-up ones too."""
    if config.sampling != SMOTE:
        return fitted
    x, targets = smote(fitted.chips.reshape(len(fitted), -1).astype(np.float32), fitted.targets, config.seed)
    more = len(x) - len(fitted)
    return Tensors(
        np.rint(x).clip(0, 255).astype(np.uint8).reshape(-1, *fitted.chips.shape[1:]),
        targets,
        np.pad(fitted.votes, ((0, more), (0, 0))),
        np.pad(fitted.plurality, (0, more), constant_values=-1),
        fitted.labels,
    )


def order(config: TrainConfig, rows: Tensors, epoch: int, n: int) -> np.ndarray:
    """The rows (n,) of an epoch: each once, or as often as its set's weight says, or, oversampling, so that all classes come
    equally often."""
    draw = np.random.default_rng([config.seed, epoch])
    if config.sampling == OVERSAMPLE:
        return draw.permutation(oversampled(rows.targets, draw))[:n]
    if not config.data_weights:
        return draw.permutation(len(rows))[:n]
    source = np.zeros(len(rows), int) if rows.source is None else rows.source
    parts = [_times(draw.permutation(np.flatnonzero(source == i)), w) for i, w in enumerate(config.data_weights)]
    return draw.permutation(np.concatenate(parts))[:n]


def drawn_in_an_epoch(config: TrainConfig, fitted: Tensors) -> int:
    """How many samples come in an epoch."""
    if not config.data_weights:
        return len(fitted)
    sizes = np.bincount(np.zeros(len(fitted), int) if fitted.source is None else fitted.source)
    if len(sizes) != len(config.data_weights):
        raise ValueError(f"data_weights has {len(config.data_weights)} numbers for {len(sizes)} sets of data")
    return sum(len(_times(np.arange(size), w)) for size, w in zip(sizes, config.data_weights, strict=True))


def _times(rows: np.ndarray, weight: float) -> np.ndarray:
    """So many times each of the rows, of a fraction the first ones."""
    return np.resize(rows, round(len(rows) * weight))


def soft_targets(config: TrainConfig, rows: Tensors) -> np.ndarray:
    """float32 (n, k): the label with `label_smoothing` of its mass spread evenly (Szegedy et al. 2016), times its class's
    weight."""
    k = len(rows.labels)
    soft = np.eye(k)[rows.targets] * (1 - config.label_smoothing) + config.label_smoothing / k
    if config.class_weights:
        soft *= class_weights(counts(rows), config.class_weights)[rows.targets, None]
    return soft.astype(np.float32)


def relearn_head(head: keras.layers.Layer, embeddings: np.ndarray, targets: np.ndarray) -> None:
    """Fit the dense layer of the classes anew: a logistic regression on embeddings (n, d)."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise needs("data", "fitting the head to the embedding (scikit-learn)") from None
    fitted = LogisticRegression(C=0.1, max_iter=300).fit(embeddings, targets)
    kernel, bias = (np.array(w) for w in head.get_weights())
    kernel[:], bias[:] = 0, -30.0  # of classes without samples
    learnt = fitted.classes_ if len(fitted.classes_) > 2 else fitted.classes_[1:]  # of two, only the second has coefficients
    kernel[:, fitted.classes_], bias[fitted.classes_] = 0, 0
    kernel[:, learnt], bias[learnt] = fitted.coef_.T, fitted.intercept_
    head.set_weights([kernel, bias])
