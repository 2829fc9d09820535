"""Standardise by the training set: chips in; chips with the set's mean and spread, or its correlations, taken out, out."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from mien.training.config import FEATURE

CHIPS = 10_000
"""Training chips, at most, that the statistics are taken of."""
EPSILON = 0.1
"""Of ZCA: added to the variances, in units of their mean, so that noise is not blown up."""


@keras.saving.register_keras_serializable("mien")
class Standardise(keras.layers.Layer):
    """(n, h, w, c) -> the same shape. `feature`: each pixel less its mean, over its deviation. `zca`: whitened, staying as
    near to the chip as can be (Krizhevsky 2009). Its weights are statistics: `adapt` sets them, training does not."""

    def __init__(self, kind: str, **more: Any) -> None:
        super().__init__(**more | {"trainable": False})
        self.kind = kind

    def build(self, shape: Any) -> None:
        size = int(np.prod(shape[1:]))
        self.mean = self.add_weight(shape=(size,), initializer="zeros", name="mean", trainable=False)
        one = (size,) if self.kind == FEATURE else (size, size)
        self.gain = self.add_weight(
            shape=one, initializer="ones" if self.kind == FEATURE else "identity", name="gain", trainable=False
        )

    def call(self, x: Any) -> Any:
        flat = ops.reshape(x, (-1, self.mean.shape[0])) - self.mean
        flat = flat * self.gain if self.kind == FEATURE else ops.matmul(flat, self.gain)
        return ops.reshape(flat, (-1, *x.shape[1:]))

    def adapt(self, chips: np.ndarray) -> None:
        """Take the statistics of normalised chips (n, h, w, c)."""
        x = chips.reshape(len(chips), -1).astype(np.float64)
        self.mean.assign(x.mean(0))
        if self.kind == FEATURE:
            self.gain.assign(1 / np.maximum(x.std(0), 1e-3))
            return
        variance, axes = np.linalg.eigh(np.cov(x, rowvar=False))
        self.gain.assign(axes / np.sqrt(np.maximum(variance, 0) + EPSILON * variance.mean()) @ axes.T)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind}
