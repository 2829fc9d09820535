"""How much a network computes: a Keras model in, floating-point operations for one input out."""

from __future__ import annotations

from math import prod
from typing import Any

import keras
from keras import layers


def flops(net: keras.Model) -> int:
    """Of convolutions, dense and recurrent layers, a multiplication and an addition counted as two; the rest is little."""
    return 2 * _multiplications(net)


def _multiplications(net: keras.Model) -> int:
    return sum(_of(op, prod(net.input_shape[1:])) for op in net.operations)


def _of(op: Any, whole: int) -> int:
    """Multiplications of one layer in a net whose input has `whole` numbers; a net within it runs on parts of that, such as
    the frames of a clip."""
    if isinstance(op, keras.Model):
        return _multiplications(op) * (whole // prod(op.input_shape[1:]))
    if isinstance(op, layers.LSTM):
        return op.input.shape[1] * (op.input.shape[2] + op.units) * 4 * op.units
    if isinstance(op, layers.SeparableConv2D):
        return prod(op.output.shape[1:3]) * (prod(op.depthwise_kernel.shape) + prod(op.pointwise_kernel.shape))
    if isinstance(op, layers.Conv2D | layers.DepthwiseConv2D):
        return prod(op.output.shape[1:3]) * prod(op.kernel.shape)
    if isinstance(op, layers.Dense):
        return prod(op.output.shape[1:-1]) * prod(op.kernel.shape)
    return 0
