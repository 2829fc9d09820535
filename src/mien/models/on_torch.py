"""Train a Keras network at PyTorch's own speed where Keras runs on PyTorch: the same weights, the same numbers.

Keras spends a third of a step on two CPU cores between PyTorch's calls, lays every map out anew around a convolution and
composes batch normalisation from elementary operations. Here the layers that matter are called straight
(docs/results.md, "Training"); all others, and every other backend, stay Keras's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers


def trained(net: keras.Model) -> Any:
    """The functional `net` as something to train: itself, or on PyTorch the same weights under a faster call."""
    return OnTorch(net) if keras.backend.backend() == "torch" else net


def applied(net: keras.Model) -> Callable[[np.ndarray], Any]:
    """The net as a function of arrays: (n, h, w, c) in, its outputs as arrays out, without gradients."""
    whole = trained(net)

    def run(x: np.ndarray) -> Any:
        return keras.tree.map_structure(keras.ops.convert_to_numpy, whole(x, training=False))

    if keras.backend.backend() != "torch":
        return run
    import torch

    return torch.no_grad()(run)


class OnTorch(layers.Layer):
    """A functional network as a layer that shares its weights."""

    def __init__(self, net: keras.Model) -> None:
        super().__init__()
        self.net = net
        self.plan = [(_call(op), *_ends(op)) for op in net.operations if not isinstance(op, layers.InputLayer)]

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        values = {id(self.net.input): inputs}
        for run, before, after in self.plan:
            found = run(bool(training), *(values[key] for key in before))
            values.update(zip(after, keras.tree.flatten(found), strict=True))
        return keras.tree.map_structure(lambda tensor: values[id(tensor)], self.net.output)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        return self.net.compute_output_spec(inputs)


def _ends(op: Any) -> tuple[list[int], list[int]]:
    """Keys of what a layer, or a net within the net, reads, and of what it gives."""
    node = op._inbound_nodes[0]
    return [id(tensor) for tensor in node.input_tensors], [id(tensor) for tensor in node.output_tensors]


def _call(op: Any) -> Callable[..., Any]:
    """How a layer is called: whether in training, and tensors (n, h, w, c), in, one out."""
    kind = type(op)
    if isinstance(op, keras.Model) and hasattr(op, "operations"):
        inner = OnTorch(op)
        return lambda training, x: inner.call(x, training)
    if not isinstance(op, layers.Layer):
        return _kerass(op)
    if kind in (layers.Conv2D, layers.DepthwiseConv2D) and _plain(op):
        return lambda training, x: _convolved(op, x)
    if kind is layers.BatchNormalization and op.axis in (-1, 3) and op.scale and op.center:
        return lambda training, x: _normalised(op, training, x)
    if kind is layers.AveragePooling2D and op.data_format == "channels_last" and _unpadded(op):
        return lambda training, x: _averaged(op, x)
    if kind is layers.Add:
        return lambda training, *x: sum(x[1:], start=x[0])
    if kind is layers.Activation and op.activation is keras.activations.relu:
        return lambda training, x: x.relu()
    return _kerass(op)


def _kerass(op: Any) -> Callable[..., Any]:
    """As Keras calls it, with whatever was given beside tensors."""
    arguments, keys = op._inbound_nodes[0].arguments, _ends(op)[0]

    def run(training: bool, *x: Any) -> Any:
        args, kwargs = arguments.fill_in(dict(zip(keys, x, strict=True)))
        return op(*args, **kwargs)

    return run


def _plain(op: Any) -> bool:
    """A kernel of 1 with strides of 2 hangs in PyTorch 2.13's gradient, and stays Keras's."""
    return (
        op.data_format == "channels_last"
        and op.activation is keras.activations.linear
        and tuple(op.dilation_rate) == (1, 1)
        and getattr(op, "groups", 1) == getattr(op, "depth_multiplier", 1) == 1
        and not (tuple(op.kernel_size) == (1, 1) and tuple(op.strides) != (1, 1))
    )


def _convolved(op: Any, inputs: Any) -> Any:
    import torch

    deep = type(op) is layers.DepthwiseConv2D
    dtype = getattr(torch, op.compute_dtype)
    kernel = op.kernel.value.to(dtype).permute(*(2, 3, 0, 1) if deep else (3, 2, 0, 1))
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    x = inputs.to(dtype).permute(0, 3, 1, 2)
    x, padding = _padded(x, op) if op.padding == "same" else (x, (0, 0))
    bias = op.bias.value.to(dtype) if op.use_bias else None
    x = torch.nn.functional.conv2d(x, kernel, bias, op.strides, padding, 1, x.shape[1] if deep else 1)
    return x.permute(0, 2, 3, 1)


def _padded(x: Any, op: Any) -> tuple[Any, tuple[int, int]]:
    """The map (n, c, h, w), and the zeros that PyTorch adds itself: where both sides need as many, all of them."""
    import torch

    over = zip(x.shape[2:], op.kernel_size, op.strides, strict=True)
    down, right = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size, kernel, stride in over)
    if down % 2 == right % 2 == 0:
        return x, (down // 2, right // 2)
    sides = (right // 2, right - right // 2, down // 2, down - down // 2)
    return torch.nn.functional.pad(x, sides), (0, 0)


def _unpadded(op: Any) -> bool:
    """Whether a pooling adds nothing around the map: it is not to, or its windows lie side by side and fill it."""
    sides = zip(op.input.shape[1:3], op.pool_size, op.strides, strict=True)
    return op.padding == "valid" or all(size and window == stride and size % stride == 0 for size, window, stride in sides)


def _averaged(op: Any, inputs: Any) -> Any:
    import torch

    return torch.nn.functional.avg_pool2d(inputs.permute(0, 3, 1, 2), op.pool_size, op.strides).permute(0, 2, 3, 1)


def _normalised(op: Any, training: bool, inputs: Any) -> Any:
    import torch

    mean, variance = op.moving_mean.value.data, op.moving_variance.value.data
    of = (mean, variance, op.gamma.value, op.beta.value, training and op.trainable, 1 - op.momentum, op.epsilon)
    x = inputs.to(getattr(torch, op.compute_dtype)).movedim(-1, 1)  # statistics are float32 whatever x is
    return torch.nn.functional.batch_norm(x, *of).movedim(1, -1)
