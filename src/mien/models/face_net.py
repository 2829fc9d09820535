"""A small anchor-free face detector: one score, box and five points for each cell of maps at strides 8 to 64.

Full 3x3 convolutions where the channels are few, depth-wise separable residual blocks (Howard et al. 2017) further up,
an additive feature pyramid (Lin et al. 2017) and a small head for each level (Tian et al. 2019; Wu et al. 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from mien.models.layers import conv

OUTPUTS = 1 + 4 + 10
"""A cell's numbers: score, centre (2), size (2), five points (10)."""

FIRST = [-4.5, 0.0, 0.0, 1.0, 1.0, *[0.0] * 10]
"""The head's biases to begin with: a face is rare, and three cells wide."""


def face_net(
    *,
    stem: Sequence[int] = (16, 24),
    early: int = 1,
    widths: Sequence[int] = (64, 96, 128, 128),
    depths: Sequence[int] = (2, 3, 2, 1),
    neck: int = 64,
    head: int = 2,
) -> keras.Model:
    """RGB levels 0..255 (n, h, w, 3), sides multiples of 64 -> {"map_0": (n, h / 8, w / 8, 15), ...}, strides 8 to 64.

    The levels need no scaling: batch normalisation after the first convolution takes it out, and that saves a pass."""
    x = inputs = keras.Input((None, None, 3), name="images")
    for width in stem:
        x = conv(x, width, strides=2)
    for _ in range(early):
        x = _residual(x)
    levels = []
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        x = conv(x, width, strides=2) if stage == 0 else _separable(x, width, strides=2)
        for _ in range(depth):
            x = _residual(x)
        levels.append(x)
    maps = _heads(_pyramid(levels, neck), neck, head)
    return keras.Model(inputs, {f"map_{i}": level for i, level in enumerate(maps)})


def _separable(x: Any, width: int, strides: int = 1, activation: str | None = "relu") -> Any:
    x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x)
    x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.97, epsilon=1e-5)(x))
    return conv(x, width, kernel=1, activation=activation)


def _residual(x: Any) -> Any:
    return layers.Activation("relu")(layers.Add()([x, _separable(x, x.shape[-1], activation=None)]))


def _pyramid(levels: Sequence[Any], width: int) -> list[Any]:
    """What the coarse maps know is added to the fine ones."""
    levels = [conv(x, width, kernel=1) for x in levels]
    above = levels[-1]
    out = [above]
    for level in reversed(levels[:-1]):
        above = layers.Add()([level, layers.UpSampling2D(2)(above)])
        out.append(above)
    return out[::-1]


def _heads(levels: Sequence[Any], width: int, depth: int) -> list[Any]:
    maps = []
    for x in levels:
        for _ in range(depth):
            x = _separable(x, width)
        maps.append(layers.Conv2D(OUTPUTS, 1, padding="same", bias_initializer=keras.initializers.Constant(FIRST))(x))
    return maps
