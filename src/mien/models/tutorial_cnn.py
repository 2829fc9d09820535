"""The tutorial's stack, layer by layer as its figure 21 prints it, 164 maps in the fourth convolution among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
from keras import layers

from mien.models.layers import dense_heads

WIDTHS = ((32, 32), (64, 164), (128, 128), (256, 256))
"""64 may have been meant instead of 164; what is printed is what was run."""


def tutorial_cnn(
    heads: Mapping[str, int],
    size: int = 48,
    channels: int = 1,
    *,
    widths: Sequence[Sequence[int]] = WIDTHS,
    hidden: int = 128,
    dropout: float = 0.2,
) -> keras.Model:
    """Chips scaled to 0..1 (n, size, size, channels) -> {head: logits (n, classes)}."""
    x = inputs = keras.Input((size, size, channels), name="chips")
    for stage in widths:
        for width in stage:
            x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(layers.BatchNormalization()(x))
    x = layers.BatchNormalization()(layers.Dense(hidden)(layers.Flatten()(x)))
    x = layers.Activation("relu", name="embedding")(x)
    return keras.Model(inputs, dense_heads(layers.Dropout(dropout)(x), heads))
