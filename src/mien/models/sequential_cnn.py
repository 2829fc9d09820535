"""The dissertation's sequential CNN: four valid convolutions and a wide dense layer; 2,345,607 parameters at 48x48."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
from keras import layers

from mien.models.layers import dense_heads


def sequential_cnn(
    heads: Mapping[str, int],
    size: int = 48,
    channels: int = 1,
    *,
    widths: Sequence[int] = (32, 64, 128, 128),
    hidden: int = 1024,
) -> keras.Model:
    """Chips scaled to 0..1 (n, size, size, channels) -> {head: logits (n, classes)}."""
    inputs = keras.Input((size, size, channels), name="chips")
    first, second, third, fourth = (layers.Conv2D(width, 3, activation="relu") for width in widths)
    x = layers.Dropout(0.25)(layers.MaxPooling2D()(second(first(inputs))))
    x = layers.MaxPooling2D()(third(x))
    x = layers.Dropout(0.25)(layers.MaxPooling2D()(fourth(x)))
    x = layers.Dense(hidden, activation="relu", name="embedding")(layers.Flatten()(x))
    return keras.Model(inputs, dense_heads(layers.Dropout(0.5)(x), heads))
