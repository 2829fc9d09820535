"""mini-Xception's larger sister, as its authors ship it (Arriaga et al. 2017): 208,871 parameters for seven classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from mien.models.layers import averaged_maps


def big_xception(
    heads: Mapping[str, int],
    size: int = 48,
    channels: int = 1,
    *,
    stem: Sequence[int] = (32, 64),
    widths: Sequence[int] = (128, 256),
) -> keras.Model:
    """Chips scaled to -1..1 (n, size, size, channels) -> {head: logits (n, classes)}."""
    x = inputs = keras.Input((size, size, channels), name="chips")
    for width, strides in zip(stem, (2, 1), strict=True):
        x = layers.Conv2D(width, 3, strides=strides, use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
    for number, width in enumerate(widths):
        x = _block(x, width, relu_first=number > 0)
    return keras.Model(inputs, averaged_maps(x, heads))


def _block(x: Any, width: int, relu_first: bool) -> Any:
    shortcut = layers.BatchNormalization()(layers.Conv2D(width, 1, strides=2, padding="same", use_bias=False)(x))
    x = layers.Activation("relu")(x) if relu_first else x
    x = layers.BatchNormalization()(layers.SeparableConv2D(width, 3, padding="same", use_bias=False)(x))
    x = layers.SeparableConv2D(width, 3, padding="same", use_bias=False)(layers.Activation("relu")(x))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(layers.BatchNormalization()(x))
    return layers.Add()([x, shortcut])
