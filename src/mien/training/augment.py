"""Vary the training chips: gray levels in, moved, mirrored and partly erased gray levels out, inside the Keras graph."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import keras
import numpy as np
from keras import ops

from mien.training.augmentation import NONE, Augmentation


@keras.saving.register_keras_serializable("mien")
class Augment(keras.layers.Layer):
    """Float gray levels 0..255 (n, h, w, c) -> the same shape, varied in training, untouched otherwise; and (n, 1), 1 where the
    chip was mirrored.

    `begin(epoch)` sets the random state from seed and epoch alone, so that a resumed run draws what the first would."""

    def __init__(self, augmentation: Augmentation, seed: int = 0, **more: Any) -> None:
        super().__init__(**more)
        self.augmentation = augmentation if isinstance(augmentation, Augmentation) else Augmentation(**augmentation)
        self.seed = seed
        self.random = keras.random.SeedGenerator(seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "augmentation": asdict(self.augmentation), "seed": self.seed}

    def begin(self, epoch: int) -> None:
        self.random.state.assign(np.random.SeedSequence([self.seed, epoch]).generate_state(2))

    def call(self, x: Any, training: bool | None = None) -> Any:
        if not training or self.augmentation == NONE:
            return x, ops.zeros((ops.shape(x)[0], 1))
        column, row, mirrored = self._coordinates(x)
        return self._erase(self._light(_sample(x, column, row))), mirrored

    def _draw(self, x: Any, count: int, spread: float = 1.0) -> Any:
        """Even numbers from -spread to spread, (n, count)."""
        return keras.random.uniform((ops.shape(x)[0], count), -spread, spread, seed=self.random)

    def _coordinates(self, x: Any) -> tuple[Any, Any, Any]:
        """Where each output pixel is read from: column and row, (n, h, w), in pixels; and whether it is mirrored, (n, 1)."""
        a, (_, height, width, _) = self.augmentation, x.shape
        turn = self._draw(x, 1, a.rotation * np.pi / 180)
        stretch = ops.exp(self._draw(x, 2, a.scale))
        shear, shift, side = self._draw(x, 1, a.shear), self._draw(x, 2, a.shift), self._draw(x, 1)
        flip = ops.where(side < 0, -1.0, 1.0) if a.mirror else ops.ones_like(side)
        u, v = ops.meshgrid(ops.linspace(-1.0, 1.0, width), ops.linspace(-1.0, 1.0, height))
        u = flip[..., None] * stretch[:, :1, None] * u
        v = stretch[:, 1:, None] * v
        if a.crop:
            lost = a.crop * (self._draw(x, 1) + 1) / 2
            middle = lost * self._draw(x, 2)
            u = (1 - lost)[..., None] * u + middle[:, :1, None]
            v = (1 - lost)[..., None] * v + middle[:, 1:, None]
        cos, sin, shear = ops.cos(turn)[..., None], ops.sin(turn)[..., None], shear[..., None]
        column = u * cos - v * sin + shear * v + 2 * shift[:, :1, None]
        row = u * sin + v * cos + 2 * shift[:, 1:, None]
        return (column + 1) * (width - 1) / 2, (row + 1) * (height - 1) / 2, ops.cast(flip < 0, "float32")

    def _light(self, x: Any) -> Any:
        a = self.augmentation
        gain = ops.exp(self._draw(x, 1, a.contrast))[..., None, None]
        middle = ops.mean(x, axis=(1, 2, 3), keepdims=True)
        lift = self._draw(x, 1, 255 * a.brightness)[..., None, None]
        return ops.clip((x - middle) * gain + middle + lift, 0.0, 255.0)

    def _erase(self, x: Any) -> Any:
        """One rectangle a chip, gray as the chip's mean."""
        a, (_, height, width, _) = self.augmentation, x.shape
        low, high = a.erase_side
        side = low + (self._draw(x, 2) + 1) / 2 * (high - low)
        middle, chosen = (self._draw(x, 2) + 1) / 2, (self._draw(x, 1) + 1) / 2 < a.erase
        columns, rows = ops.linspace(0.0, 1.0, width), ops.linspace(0.0, 1.0, height)
        across = ops.abs(columns[None] - middle[:, :1]) < side[:, :1] / 2
        down = ops.abs(rows[None] - middle[:, 1:]) < side[:, 1:] / 2
        hole = down[:, :, None] & across[:, None, :] & chosen[..., None]
        return ops.where(hole[..., None], ops.mean(x, axis=(1, 2, 3), keepdims=True), x)


def _sample(x: Any, column: Any, row: Any) -> Any:
    """Read the chips (n, h, w, c) between pixels, bilinearly; outside, the border goes on."""
    height, width, depth = x.shape[1:]
    column, row = ops.clip(column, 0.0, width - 1.0), ops.clip(row, 0.0, height - 1.0)
    left, top = ops.minimum(ops.floor(column), width - 2.0), ops.minimum(ops.floor(row), height - 2.0)
    right, down = (column - left)[..., None], (row - top)[..., None]
    corner = ops.cast(top * width + left, "int32")
    flat = ops.reshape(x, (-1, height * width, depth))

    def at(offset: int) -> Any:
        index = ops.reshape(corner + offset, (-1, height * width, 1))
        return ops.reshape(ops.take_along_axis(flat, index, axis=1), (-1, height, width, depth))

    upper = at(0) * (1 - right) + at(1) * right
    lower = at(width) * (1 - right) + at(width + 1) * right
    return upper * (1 - down) + lower * down
