"""A residual net sized for 48x48 chips: full 3x3 convolutions where the map is small enough to afford them.

He et al. 2016 (residual blocks, projection shortcut by average pooling as in He et al. 2019), Hu et al. 2018
(squeeze-and-excitation, in the two last stages only: earlier it costs time on a CPU and gains nothing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from mien.models.layers import conv, dense_heads, squeeze_excite


def resnet(
    heads: Mapping[str, int],
    size: int = 48,
    channels: int = 1,
    *,
    stem: int = 16,
    widths: Sequence[int] = (24, 48, 96, 192),
    depths: Sequence[int] = (1, 2, 2, 1),
    excited: int = 2,
    dropout: float = 0.2,
) -> keras.Model:
    """Standardised chips (n, size, size, channels) -> {head: logits (n, classes)}; the last `excited` stages have SE."""
    inputs = keras.Input((size, size, channels), name="chips")
    x = conv(inputs, stem)
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        for number in range(depth):
            x = _block(x, width, strides=2 if number == 0 else 1, excite=stage >= len(widths) - excited)
    x = layers.GlobalAveragePooling2D(name="embedding")(x)
    x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, dense_heads(x, heads))


def _block(x: Any, width: int, strides: int, excite: bool) -> Any:
    y = conv(x, width, strides=strides)
    y = conv(y, width, activation=None)
    if excite:
        y = squeeze_excite(y)
    if strides > 1:
        x = layers.AveragePooling2D(strides, padding="same")(x)
    if x.shape[-1] != width:
        x = conv(x, width, kernel=1, activation=None)
    return layers.Activation("relu")(layers.Add()([x, y]))
