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


def conv(x: Any, filters: int, kernel: int = 3, strides: int = 1, activation: str | None = "relu") -> Any:
    """Convolution without bias, batch normalisation, activation."""
    x = layers.Conv2D(filters, kernel, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = BatchNorm(momentum=0.9, epsilon=1e-5)(x)
    return layers.Activation(activation)(x) if activation else x


def squeeze_excite(x: Any, ratio: int = 4) -> Any:
    """Weigh the channels by what the whole map shows (Hu et al. 2018)."""
    filters = x.shape[-1]
    s = layers.GlobalAveragePooling2D(keepdims=True)(x)
    s = layers.Conv2D(filters // ratio, 1, activation="relu")(s)
    s = layers.Conv2D(filters, 1, activation="sigmoid")(s)
    return layers.Multiply()([x, s])
