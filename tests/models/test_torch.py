"""The layers that train faster on PyTorch give what Keras's own give, forwards and backwards."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("keras")
pytest.importorskip("torch", reason="PyTorch is not installed; it is an alternative to TensorFlow for training")
pytestmark = pytest.mark.slow

CHECK = """
import torch
from mien.models.layers import Conv2D, DepthwiseConv2D

def both(layer, shape):
    x = torch.randn(2, *shape, requires_grad=True)
    layer.build(x.shape)
    of = [x, *(w.value for w in layer.trainable_weights)]
    for y in (layer(x, training=True), super(type(layer), layer).call(x)):
        yield y, torch.autograd.grad((y**2).sum(), of)

for strides in (1, 2):
    for shape in ((32, 32, 5), (31, 30, 5)):
        for layer in (Conv2D(7, 3, strides=strides, padding="same"), DepthwiseConv2D(3, strides=strides, padding="same")):
            (ours, ours_back), (theirs, theirs_back) = both(layer, shape)
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
            for a, b in zip(ours_back, theirs_back, strict=True):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-3)
print("same")
"""


def test_convolutions_are_the_same_as_kerass():
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.endswith("same\n"), done.stderr[-800:]
