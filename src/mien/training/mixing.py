"""Mix two faces into one sample: chips of a batch in; each with a share, or a part, of the next one in it out.

mixup (Zhang et al. 2018) adds two chips, cutmix (Yun et al. 2019) pastes a rectangle of one into the other; the target is
mixed alike. How is drawn for an epoch before it begins, from seed and epoch alone; the mixing is done in the graph."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from mien.training.augmentation import Augmentation


def plan(a: Augmentation, draw: np.random.Generator, n: int) -> np.ndarray:
    """float32 (n, 5): share of the chip itself, and left, top, right, bottom, in shares of the side, of the part that the
    other gives; with both kinds on, each sample draws its kind."""
    cut = draw.random(n) < (0.5 if a.mixup else 1.0) if a.cutmix else np.zeros(n, bool)
    own = np.where(cut, draw.beta(a.cutmix or 1, a.cutmix or 1, n), draw.beta(a.mixup or 1, a.mixup or 1, n))
    half, middle = np.sqrt(1 - own)[:, None] / 2, draw.random((n, 2))
    box = np.clip(np.hstack([middle - half, middle + half]), 0, 1) * cut[:, None]
    return np.hstack([np.where(cut, 1.0, own)[:, None], box]).astype(np.float32)


def unmixed(n: int) -> np.ndarray:
    """The plan (n, 5) that leaves all as they are."""
    return np.tile(np.array([1, 0, 0, 0, 0], np.float32), (n, 1))


def mixed_targets(targets: np.ndarray, how: np.ndarray, batch: int) -> np.ndarray:
    """Target rows (n, k) of whole batches -> what each mixed chip shows, by share or by area."""
    area = (how[:, 3] - how[:, 1]) * (how[:, 4] - how[:, 2])
    own = (how[:, 0] * (1 - area))[:, None]
    other = np.roll(targets.reshape(-1, batch, targets.shape[1]), 1, axis=1).reshape(targets.shape)
    return (own * targets + (1 - own) * other).astype(np.float32)


@keras.saving.register_keras_serializable("mien")
class Mix(keras.layers.Layer):
    """Chips (n, h, w, c) and their `plan` (n, 5) -> (n, h, w, c) in training; the other chip is the one before in the batch."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        x, how = inputs
        if not training:
            return x
        other, (_, height, width, _) = ops.roll(x, 1, axis=0), x.shape
        column, row = (ops.linspace(0.5 / n, 1 - 0.5 / n, n) for n in (width, height))
        across = (column[None] > how[:, 1:2]) & (column[None] < how[:, 3:4])
        down = (row[None] > how[:, 2:3]) & (row[None] < how[:, 4:5])
        part = (down[:, :, None] & across[:, None, :])[..., None]
        own = how[:, 0][:, None, None, None]
        return ops.where(part, other, own * x + (1 - own) * other)

    def compute_output_shape(self, shapes: Any) -> Any:
        return shapes[0]
