"""The few building blocks that the networks share: a tensor in, a tensor out."""

from __future__ import annotations

from typing import Any

from keras import layers


def conv(x: Any, filters: int, kernel: int = 3, strides: int = 1, activation: str | None = "relu") -> Any:
    """Convolution without bias, batch normalisation, activation."""
    x = layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
    return layers.Activation(activation)(x) if activation else x


def squeeze_excite(x: Any, ratio: int = 4) -> Any:
    """Weigh the channels by what the whole map shows (Hu et al. 2018)."""
    filters = x.shape[-1]
    s = layers.GlobalAveragePooling2D(keepdims=True)(x)
    s = layers.Conv2D(filters // ratio, 1, activation="relu")(s)
    s = layers.Conv2D(filters, 1, activation="sigmoid")(s)
    return layers.Multiply()([x, s])
