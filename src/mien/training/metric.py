"""Losses on the embedding, which draw a class's faces together: labels and embeddings of a batch in, one number a sample out.

Each is written for a batch (n, d) and its labels (n,) as integers; a sample that has no partner in the batch costs nothing.
What is mean or sum over a batch in the papers is a mean here, so that weights do not depend on its size.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from mien.training.config import CENTER, ISLAND, LOCALITY, TRIPLET, TUPLET
from mien.training.losses import whole

ISLANDS = 10.0
"""Weight of the centres' cosines within the island loss, as in its paper."""
NEIGHBOURS = 20
"""Nearest samples of the same class that locality is preserved to, as in its paper; a batch may hold fewer."""
MARGIN = 0.5
"""Of the tuplet cluster loss: width of the belt between clusters, in squared distance on the unit sphere (0 to 4)."""
FAR, NOUGHT = 1e9, 1e-12


@keras.saving.register_keras_serializable("mien")
class Centers(keras.layers.Layer):
    """Embeddings (n, d) -> half the squared distance to each class's centre (n, k); the centres are learnt with the net.

    With `islands` their pairwise cosines + 1 are a loss of their own, so that classes lie apart like islands."""

    def __init__(self, classes: int, islands: float = 0.0, **more: Any) -> None:
        super().__init__(**more)
        self.classes, self.islands = classes, islands

    def build(self, shape: Any) -> None:
        self.centers = self.add_weight(shape=(self.classes, shape[-1]), initializer="glorot_uniform", name="centers")

    def call(self, x: Any) -> Any:
        if self.islands:
            self.add_loss(self.islands * apart(self.centers))
        return ops.sum((x[:, None] - self.centers[None]) ** 2, axis=-1) / 2

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "classes": self.classes, "islands": self.islands}


def unit(x: Any) -> Any:
    """Rows (n, d) -> of length one; of zeros, zeros, and a gradient that is a number."""
    return x * ops.rsqrt(ops.sum(x**2, axis=-1, keepdims=True) + NOUGHT)


def apart(centers: Any) -> Any:
    """Sum of cosine + 1 over all ordered pairs of different centres (k, d) (Cai et al. 2018)."""
    sphere, k = unit(centers), centers.shape[0]
    return ops.sum((ops.matmul(sphere, ops.transpose(sphere)) + 1) * (1 - ops.eye(k, dtype=centers.dtype)))


def center(targets: Any, distances: Any) -> Any:
    """What `Centers` gives (n, k) -> the sample's own class's (n,) (Wen et al. 2016)."""
    return ops.take_along_axis(distances, _column(targets), axis=1)[:, 0]


def locality(targets: Any, x: Any) -> Any:
    """Half the squared distance to the mean of the nearest samples of the same class, which is held (Li et al. 2017)."""
    x = whole(x)
    same = _same(targets, x.dtype) * (1 - _eye(x))
    ranked = ops.where(same > 0, _distances(x), FAR)
    nearest = ops.argsort(ops.argsort(ranked, axis=1), axis=1) < NEIGHBOURS
    near = same * ops.cast(nearest, x.dtype)
    count = ops.sum(near, axis=1, keepdims=True)
    middle = ops.stop_gradient(ops.matmul(near, x) / ops.maximum(count, 1))
    return ops.sum((x - middle) ** 2, axis=1) / 2 * ops.cast(count[:, 0] > 0, x.dtype)


def exponential_triplet(targets: Any, x: Any) -> Any:
    """Mean over each anchor's triplets of exp(squared distance to the positive - to the negative), on the unit sphere: the
    harder a triplet, the more its gradient weighs, without a margin to choose (after Guo et al. 2016)."""
    x = unit(whole(x))
    distances, same = _distances(x), _same(targets, x.dtype)
    positive, negative = same * (1 - _eye(x)), 1 - same
    pulled = ops.sum(positive * ops.exp(distances), axis=1) / ops.maximum(ops.sum(positive, axis=1), 1)
    pushed = ops.sum(negative * ops.exp(-distances), axis=1) / ops.maximum(ops.sum(negative, axis=1), 1)
    return pulled * pushed


def tuplet_cluster(targets: Any, x: Any) -> Any:
    """Positives lie within, all others outside a sphere round their class's centre in the batch, a margin apart (Liu et al.
    2017). Its radius, learnt by two layers there, is half-way between the mean distances of both here, and held."""
    x = unit(whole(x))
    same = _same(targets, x.dtype)
    centers = ops.matmul(same, x) / ops.sum(same, axis=1, keepdims=True)  # each sample's own class's
    distances = ops.sum((x[None] - centers[:, None]) ** 2, axis=-1)  # of sample j from the centre of i's class
    own, others = ops.sum(same, axis=1), ops.sum(1 - same, axis=1)
    radius = (ops.sum(same * distances, axis=1) / own + ops.sum((1 - same) * distances, axis=1) / ops.maximum(others, 1)) / 2
    radius = ops.stop_gradient(radius)[:, None]
    within = ops.relu(distances - radius + MARGIN / 2) * same
    without = ops.relu(radius + MARGIN / 2 - distances) * (1 - same)
    lonely = ops.cast(ops.logical_or(others < 1, own < 2), x.dtype)
    return (_mean_of_positive(within) + _mean_of_positive(without)) * (1 - lonely)


METRIC_LOSSES = {CENTER: center, ISLAND: center, LOCALITY: locality, TRIPLET: exponential_triplet, TUPLET: tuplet_cluster}


def measured(metric: str, embedding: Any, classes: int, weight: float) -> Any:
    """What the metric's loss, which has this weight, reads: distances to centres where it has some, else the embedding."""
    if metric not in (CENTER, ISLAND):
        return embedding
    return Centers(classes, weight * ISLANDS if metric == ISLAND else 0.0, name="centers", dtype="float32")(embedding)


def _mean_of_positive(x: Any) -> Any:
    """(n, m) -> (n,): of those that are above zero alone, as easy ones shall not thin out the hard."""
    return ops.sum(x, axis=1) / ops.maximum(ops.sum(ops.cast(x > 0, x.dtype), axis=1), 1)


def _distances(x: Any) -> Any:
    """Squared, of each to each (n, n)."""
    squares = ops.sum(x**2, axis=1)
    return ops.relu(squares[:, None] + squares[None] - 2 * ops.matmul(x, ops.transpose(x)))


def _same(targets: Any, dtype: Any) -> Any:
    """(n, n): 1 where two samples are of one class."""
    column = _column(targets)
    return ops.cast(column == ops.transpose(column), dtype)


def _column(targets: Any) -> Any:
    return ops.cast(ops.reshape(targets, (-1, 1)), "int32")


def _eye(x: Any) -> Any:
    rows = ops.arange(ops.shape(x)[0])
    return ops.cast(rows[:, None] == rows[None], x.dtype)
