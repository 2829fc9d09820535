"""Plain stacks of 3x3 convolutions (Simonyan and Zisserman 2015) sized for 48x48 chips, with batch normalisation.

Four stages of two are about what the best single nets on FER2013 have (Pramerdorfer and Kampel 2016; Khaireddin and Chen
2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
from keras import layers

from mien.models.layers import conv, dense_heads


def vgg(
    heads: Mapping[str, int],
    size: int = 48,
    channels: int = 1,
    *,
    widths: Sequence[int] = (32, 64, 128, 256),
    depths: Sequence[int] = (2, 2, 2, 2),
    hidden: int = 256,
    dropout: float = 0.4,
) -> keras.Model:
    """Standardised chips (n, size, size, channels) -> {head: logits (n, classes)}; `hidden` 0: no dense layer before them."""
    x = inputs = keras.Input((size, size, channels), name="chips")
    for width, depth in zip(widths, depths, strict=True):
        for _ in range(depth):
            x = conv(x, width)
        x = layers.MaxPooling2D(padding="same")(x)
    if hidden:
        x = layers.Dense(hidden, activation="relu")(layers.Dropout(dropout)(layers.Flatten()(x)))
        x = layers.Dropout(dropout, name="embedding")(x)
    else:
        x = layers.Dropout(dropout)(layers.GlobalAveragePooling2D(name="embedding")(x))
    return keras.Model(inputs, dense_heads(x, heads))
