"""A network trained on PyTorch under the faster call gives what Keras's own gives, forwards and backwards."""

import os
import subprocess
import sys

import pytest

from helpers import faces_file, mien

pytest.importorskip("keras")
pytest.importorskip("torch", reason="PyTorch is not installed; it is an alternative to TensorFlow for training")
pytestmark = pytest.mark.slow

CHECK = """
import keras, numpy as np, torch
from keras import layers
from mien.models.face_net import face_net
from mien.models.mini_xception import mini_xception
from mien.models.on_torch import OnTorch, applied, trained
from mien.models.resnet import resnet

keras.config.set_floatx("float64")
keras.utils.set_random_seed(0)  # a channel that hardly varies magnifies rounding

def odd():
    x = inputs = keras.Input((31, 30, 5))
    for padding in ("same", "valid"):
        for strides in (1, 2):
            x = layers.Conv2D(6, 3, strides=strides, padding=padding)(x)
            x = layers.DepthwiseConv2D(3, padding=padding)(x)
        x = layers.AveragePooling2D(2, strides=1, padding=padding)(x)
    x = layers.BatchNormalization(trainable=False)(x)
    x = layers.Concatenate()([x, layers.Conv2D(4, 1, activation="relu", groups=2)(x)])
    return keras.Model(inputs, {"a": layers.Flatten()(x), "b": layers.Conv2D(2, 3, dilation_rate=2, padding="same")(x)})

def both(net, x):
    before = [np.array(w) for w in net.get_weights()]
    for model in (net, trained(net)):
        net.set_weights(before)
        maps = model(x, training=True)
        loss = sum((y**2).mean() for y in maps.values())
        grads = torch.autograd.grad(loss, [w.value for w in net.trainable_weights])
        # PyTorch's running variance is over n - 1
        rest = [w.value.clone() for w in net.weights if not w.path.endswith("moving_variance")]
        yield [*maps.values(), *grads, *rest]

heads = {"labels": 7, "votes": 8}
nets = face_net(widths=(16, 24, 32, 32), stem=(8, 8)), resnet(heads, dropout=0.0), mini_xception(heads), odd()
for net in nets:
    shape = [side or 128 for side in net.input_shape[1:]]
    x = torch.randn(2, *shape, dtype=torch.float64)
    assert isinstance(trained(net), OnTorch)
    for ours, theirs in zip(*both(net, x), strict=True):
        assert (ours - theirs).norm() <= 0.005 * theirs.norm() + 1e-6
    kerass = net(x, training=False)
    for name, array in applied(net)(x.numpy()).items():
        torch.testing.assert_close(torch.tensor(array), kerass[name].detach(), rtol=1e-5, atol=1e-5)
print("same")
"""


def test_a_step_is_the_same_as_kerass():
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.endswith("same\n"), done.stderr[-800:]


ALL = """
import keras, numpy as np, torch
from dataclasses import replace
from mien.labels import FER2013
from mien.models.on_torch import OnTorch, trained
from mien.training.config import RECIPES
from mien.training.trainer import network

for config in (*RECIPES.values(), replace(RECIPES["resnet"], standardise="zca")):
    net = network(config, FER2013)
    x = torch.randn(2, *net.input_shape[1:])
    assert isinstance(trained(net), OnTorch)
    for head, found in trained(net)(x, training=False).items():
        torch.testing.assert_close(found, net(x, training=False)[head], rtol=1e-4, atol=1e-4)
print("same")
"""


def test_every_network_runs_under_it_also_one_within_another():
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run([sys.executable, "-c", ALL], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.endswith("same\n"), done.stderr[-800:]


HALF = """
import keras, torch
from mien.models.on_torch import trained
from mien.models.resnet import resnet
from mien.training.trainer import computing_in

keras.utils.set_random_seed(0)
whole = resnet({"labels": 7}, dropout=0.0)
with computing_in("mixed_bfloat16"):
    net = resnet({"labels": 7}, dropout=0.0)
net.set_weights(whole.get_weights())
x = torch.rand(32, 48, 48, 1)

def gradient(model, weights):
    loss = keras.ops.mean(keras.ops.square(keras.ops.cast(model(x, training=True)["labels"], "float32")))
    grads = torch.cat([g.flatten() for g in torch.autograd.grad(loss, [w.value for w in weights])])
    assert torch.isfinite(grads).all() and grads.dtype == torch.float32
    return grads

calls = []
torch_norm = torch.nn.functional.batch_norm
torch.nn.functional.batch_norm = lambda x, *of: calls.append(x.dtype) or torch_norm(x, *of)
ours = gradient(trained(net), net.trainable_weights)
assert set(calls) == {torch.bfloat16}, calls  # or it is not the faster way
theirs, exact = gradient(net, net.trainable_weights), gradient(whole, whole.trainable_weights)
assert (ours - exact).norm() <= 1.2 * (theirs - exact).norm(), ((ours - exact).norm(), (theirs - exact).norm(), exact.norm())
print("same")
"""


def test_in_half_precision_a_gradient_is_as_near_to_the_exact_one_as_kerass():
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run([sys.executable, "-c", HALF], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.endswith("same\n"), done.stderr[-800:]


EXPORTED = """
import sys
from pathlib import Path
from dataclasses import replace
from mien.labels import FER2013
from mien.training.config import RECIPES
from mien.training.export import export_onnx
from mien.training.trainer import network
small = {"stem": 4, "widths": (8,), "depths": (1,), "excited": 0}
export_onnx(network(replace(RECIPES["resnet"], options=small, standardise="feature"), FER2013), Path(sys.argv[1]))
print("same")
"""


def test_a_layer_of_our_own_is_exported_from_it_too(tmp_path):
    pytest.importorskip("tensorflow")
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-c", EXPORTED, str(tmp_path / "net.onnx")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.endswith("same\n"), done.stderr[-800:]


def test_a_whole_run_on_it_is_scored_and_serves(tmp_path):
    pytest.importorskip("tensorflow")
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    options = '{"stem": 4, "widths": [8], "depths": [1], "excited": 0}'
    words = ("train", "--data", faces_file(tmp_path / "a.npz"), "--run", tmp_path / "run", "--epochs", "2", "--batch-size", "16")
    done = mien(*words, "--set", f"options={options}", env=environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "card.json").exists()
