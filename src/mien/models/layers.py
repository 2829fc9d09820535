"""The few building blocks that the networks share: a tensor in, a tensor out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import keras
from keras import layers


def dense_heads(x: Any, heads: Mapping[str, int]) -> dict[str, Any]:
    """Embeddings (n, d) -> {head: logits (n, classes)}."""
    return {name: layers.Dense(classes, name=name)(x) for name, classes in heads.items()}


def averaged_maps(x: Any, heads: Mapping[str, int]) -> dict[str, Any]:
    """Maps (n, h, w, d) -> {head: logits (n, classes)} without a dense layer: one map a class, averaged (Lin et al. 2014)."""
    return {
        name: layers.GlobalAveragePooling2D(name=name)(layers.Conv2D(classes, 3, padding="same")(x))
        for name, classes in heads.items()
    }


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


def names(net: keras.Model) -> list[str]:
    """Of its layers; Keras counts those without a name of their own on from net to net, here each net's begin anew:
    conv2d, conv2d_1."""
    counted: Counter[str] = Counter()
    found = []
    for layer in net.layers:
        kind = re.sub(r"_\d+$", "", layer.name)
        if kind.replace("_", "") == type(layer).__name__.lower():
            found.append(f"{kind}_{counted[kind]}" if counted[kind] else kind)
            counted[kind] += 1
        else:
            found.append(layer.name)
    return found


def weight_names(net: keras.Model) -> list[str]:
    """Of its weights in their order: the layer's of `names`, or the head's, and a number within it."""
    return [f"{name}/{i}" for name, layer in zip(names(net), net.layers, strict=True) for i in range(len(layer.weights))]


def head_names(net: keras.Model, heads: Collection[str]) -> list[str]:
    """The layers, as `names` has them, that hold the weights of these heads: their own, or the convolution before an average
    of maps; nothing of a net within the net."""
    own = dict(zip(net.layers, names(net), strict=True))
    found = []
    for layer in (layer for layer in net.layers if layer.name in heads):
        found.append(own[layer if layer.weights else _maker(layer.input)])
    return found


def embedding(net: keras.Model, head: str) -> Any:
    """What the head reads: the tensor (n, d) before its dense layer and dropout, or the average (n, d) of the maps before its
    last convolution. Raises ValueError for a net whose head is neither."""
    last = next((op for op in net.operations if op.name == head), None)
    if isinstance(last, layers.Dense):
        return _before(last, layers.Dropout).output
    if isinstance(last, layers.GlobalAveragePooling2D) and isinstance(_maker(last.input), layers.Conv2D):
        return layers.GlobalAveragePooling2D()(_maker(last.input).input)
    raise ValueError(f"{head} of {net.name} is neither a dense layer nor an average of maps; it has no embedding")


def _maker(tensor: Any) -> Any:
    """The layer that a tensor comes from."""
    return tensor._keras_history.operation


def _before(op: Any, passed: type) -> Any:
    """The layer before this one that is not of the kind that is passed over."""
    before = _maker(op.input)
    return _before(before, passed) if isinstance(before, passed) else before
