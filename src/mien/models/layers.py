"""The few building blocks that the networks share: a tensor in, a tensor out."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable("mien")
class BatchNorm(layers.BatchNormalization):
    """Batch normalisation that trains with PyTorch's fused kernel where Keras runs on PyTorch.

    Keras composes the training step from elementary operations; on two CPU cores the fused kernel made a whole
    training step 1.2 times as fast (docs/results.md, "Training"). Everywhere else, and in inference, it is Keras's own.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if keras.backend.backend() != "torch" or not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        import torch

        weight, bias = (v.value if v is not None else None for v in (self.gamma, self.beta))
        mean, variance = self.moving_mean.value.data, self.moving_variance.value.data
        outputs = torch.nn.functional.batch_norm(
            inputs.movedim(-1, 1), mean, variance, weight, bias, True, 1 - self.momentum, self.epsilon
        )
        return outputs.movedim(1, -1)


def _torch_conv(layer: Any, inputs: Any, kernel: Any, groups: int) -> Any:
    """The convolution of a layer with padding "same" on PyTorch, without the copies that Keras makes of its input.

    Keras lays every map out anew twice on the way in, and again in the gradient; as PyTorch reads the layout that Keras
    holds, none is needed (docs/results.md, "Training"). A kernel of 1 with strides of 2 hangs in PyTorch 2.13's gradient."""
    import torch

    (high, wide), (down, right) = layer.kernel_size, layer.strides
    x = inputs.permute(0, 3, 1, 2)
    pads = [max((-(-n // s) - 1) * s + k - n, 0) for n, s, k in ((x.shape[2], down, high), (x.shape[3], right, wide))]
    even = all(p % 2 == 0 for p in pads)
    if not even:
        x = torch.nn.functional.pad(x, (pads[1] // 2, pads[1] - pads[1] // 2, pads[0] // 2, pads[0] - pads[0] // 2))
    padding = (pads[0] // 2, pads[1] // 2) if even else 0
    bias = layer.bias.value if layer.use_bias else None
    x = torch.nn.functional.conv2d(
        x, kernel.contiguous(memory_format=torch.channels_last), bias, layer.strides, padding, 1, groups
    )
    return x.permute(0, 2, 3, 1)


@keras.saving.register_keras_serializable("mien")
class Conv2D(layers.Conv2D):
    """Keras's convolution, padded to "same"; trains faster where Keras runs on PyTorch."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if keras.backend.backend() != "torch" or not training:
            return super().call(inputs)
        return _torch_conv(self, inputs, self.kernel.value.permute(3, 2, 0, 1), 1)


@keras.saving.register_keras_serializable("mien")
class DepthwiseConv2D(layers.DepthwiseConv2D):
    """Keras's depth-wise convolution, padded to "same"; trains faster where Keras runs on PyTorch."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if keras.backend.backend() != "torch" or not training:
            return super().call(inputs)
        return _torch_conv(self, inputs, self.kernel.value.permute(2, 3, 0, 1), inputs.shape[-1])


def conv(x: Any, filters: int, kernel: int = 3, strides: int = 1, activation: str | None = "relu") -> Any:
    """Convolution without bias, batch normalisation, activation."""
    x = Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = BatchNorm(momentum=0.9, epsilon=1e-5)(x)
    return layers.Activation(activation)(x) if activation else x


def squeeze_excite(x: Any, ratio: int = 4) -> Any:
    """Weigh the channels by what the whole map shows (Hu et al. 2018)."""
    filters = x.shape[-1]
    s = layers.GlobalAveragePooling2D(keepdims=True)(x)
    s = layers.Conv2D(filters // ratio, 1, activation="relu")(s)
    s = layers.Conv2D(filters, 1, activation="sigmoid")(s)
    return layers.Multiply()([x, s])
