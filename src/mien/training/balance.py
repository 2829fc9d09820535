"""Rare classes in training: a config and tensors in; the rows, the targets or the head that make them count out."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from mien.datasets.balance import class_weights, smote
from mien.datasets.ease import by_keys
from mien.errors import needs
from mien.training.config import SMOTE, TrainConfig
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


def soft_targets(config: TrainConfig, rows: Tensors) -> np.ndarray:
    """float32 (n, k): the label with `label_smoothing` of its mass spread evenly (Szegedy et al. 2016), times its class's
    weight."""
    k = len(rows.labels)
    soft = np.eye(k)[rows.targets] * (1 - config.label_smoothing) + config.label_smoothing / k
    if config.class_weights:
        soft *= class_weights(counts(rows), config.class_weights)[rows.targets, None]
    return soft.astype(np.float32)


def weighed(config: TrainConfig, rows: Tensors, targets: np.ndarray) -> np.ndarray:
    """Soft targets (n, k), each row times the weight that `config.sample_weights` has for its sample.

    Raises ValueError where the file does not know all samples."""
    if not config.sample_weights:
        return targets
    if rows.keys is None:
        raise ValueError("sample_weights wants samples with keys, by which their weights are found")
    weights = by_keys(Path(config.sample_weights), "weight", rows.keys.tolist())
    return np.asarray(targets * weights[:, None], np.float32)


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
