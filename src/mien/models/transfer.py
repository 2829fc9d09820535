"""Any network of keras.applications as a trunk: its name in, the net under our heads out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from mien.models.layers import dense_heads

LEAST = 32
"""Pixels that these trunks need, most of them; smaller chips are enlarged."""


def transfer(
    heads: Mapping[str, int],
    size: int = 48,
    channels: int = 1,
    *,
    backbone: str = "MobileNetV2",
    weights: str = "",
    enlarge: int = 1,
    dropout: float = 0.2,
    **options: Any,
) -> keras.Model:
    """Chips scaled to -1..1 (n, size, size, channels) -> {head: logits (n, classes)}.

    `weights`: empty, a file that the trunk's own `save_weights` wrote, or `imagenet`, which Keras downloads. `enlarge`: how
    many times the chips' side. What is left goes to the trunk, such as alpha=0.35 for MobileNetV2. Its layers are the net's
    own, so stages can unfreeze them by name. Raises ValueError for a name that keras.applications does not have."""
    build, prepare = _of(backbone)
    inputs = keras.Input((size, size, channels), name="chips")
    x = layers.Concatenate()([inputs] * 3) if channels == 1 else inputs
    factor = max(enlarge, -(-LEAST // size))
    x = layers.UpSampling2D(factor, interpolation="bilinear")(x) if factor > 1 else x
    x = prepare(layers.Rescaling(127.5, 127.5)(x))
    trunk = build(include_top=False, weights=weights or None, input_tensor=x, **options)
    x = layers.GlobalAveragePooling2D(name="embedding")(trunk.output)
    return keras.Model(inputs, dense_heads(layers.Dropout(dropout)(x), heads))


def _of(backbone: str) -> tuple[Any, Any]:
    """The function that builds the trunk, and the one that brings levels 0..255 to what it was trained on."""
    there = {name: value for name, value in vars(keras.applications).items() if name[0].isupper() and callable(value)}
    if backbone not in there:
        raise ValueError(f"no backbone named {backbone!r} in keras.applications; there are: {', '.join(sorted(there))}")
    modules = (m for m in vars(keras.applications).values() if hasattr(m, "preprocess_input") and hasattr(m, backbone))
    module = next(modules, None)  # some have it within the net
    return there[backbone], module.preprocess_input if module else lambda levels: levels
