"""mini-Xception as the papers have it (Arriaga et al. 2017): 58,423 parameters for seven classes at 48x48."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers, regularizers

from mien.models.layers import averaged_maps

L2 = 0.01  # as in the authors' code


def mini_xception(
    heads: Mapping[str, int], size: int = 48, channels: int = 1, *, widths: Sequence[int] = (16, 32, 64, 128)
) -> keras.Model:
    """Chips scaled to -1..1 (n, size, size, channels) -> {head: logits (n, classes)}."""
    inputs = keras.Input((size, size, channels), name="chips")
    x = inputs
    for _ in range(2):
        x = layers.Conv2D(8, 3, use_bias=False, kernel_regularizer=regularizers.L2(L2))(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
    for width in widths:
        x = _block(x, width)
    return keras.Model(inputs, averaged_maps(x, heads))


def _block(x: Any, width: int) -> Any:
    shortcut = layers.BatchNormalization()(layers.Conv2D(width, 1, strides=2, padding="same", use_bias=False)(x))
    x = layers.Activation("relu")(layers.BatchNormalization()(_separable(x, width)))
    x = layers.BatchNormalization()(_separable(x, width))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    return layers.Add()([x, shortcut])


def _separable(x: Any, width: int) -> Any:
    l2 = regularizers.L2(L2)
    return layers.SeparableConv2D(width, 3, padding="same", use_bias=False, depthwise_regularizer=l2, pointwise_regularizer=l2)(x)
