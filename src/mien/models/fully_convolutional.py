"""A net of convolutions, batch normalisation, non-linearities and global average pooling alone: no dense layer.

The web-API paper and the dissertation ("sequential fully-CNN") describe it in words; stages and widths are those of the
net that both start from (Arriaga et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
from keras import layers

from mien.models.layers import averaged_maps, conv


def fully_convolutional(
    heads: Mapping[str, int],
    size: int = 48,
    channels: int = 1,
    *,
    widths: Sequence[int] = (16, 32, 64, 128, 256),
    kernels: Sequence[int] = (7, 5, 3, 3, 3),
    dropout: float = 0.5,
) -> keras.Model:
    """Chips scaled to -1..1 (n, size, size, channels) -> {head: logits (n, classes)}; the last stage keeps its size."""
    x = inputs = keras.Input((size, size, channels), name="chips")
    for width, kernel in list(zip(widths, kernels, strict=True))[:-1]:
        x = conv(conv(x, width, kernel), width, kernel)
        x = layers.Dropout(dropout)(layers.AveragePooling2D(2, padding="same")(x))
    return keras.Model(inputs, averaged_maps(conv(x, widths[-1], kernels[-1]), heads))
