"""A net that reads a clip: each frame through one encoder, the frames' embeddings through an LSTM, one answer a clip.

The web-API paper's CNN and LSTM, which it names and does not describe; wired as in Donahue et al. 2015 (LRCN)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops

from mien.models.layers import dense_heads
from mien.models.resnet import resnet


def cnn_lstm(
    heads: Mapping[str, int],
    size: int = 48,
    channels: int = 1,
    *,
    frames: int = 8,
    units: int = 64,
    dropout: float = 0.2,
    **encoder: Any,
) -> keras.Model:
    """Standardised clips (n, frames, size, size, channels) -> {head: logits (n, classes)}; `encoder` are options of `resnet`."""
    inputs = keras.Input((frames, size, size, channels), name="clips")
    encode = resnet({"unused": 1}, size, channels, **encoder)
    encode = keras.Model(encode.input, encode.get_layer("embedding").output, name="encoder")
    x = encode(ops.reshape(inputs, (-1, size, size, channels)))
    x = layers.LSTM(units, unroll=True, name="embedding")(ops.reshape(x, (-1, frames, x.shape[-1])))
    return keras.Model(inputs, dense_heads(layers.Dropout(dropout)(x), heads))
