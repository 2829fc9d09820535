"""Turn a Keras net into an ONNX graph: net in, file out, checked to give the same numbers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mien.runtime import Graph

CLOSE = 1e-4
"""Largest difference of any output that is let pass, as a share of the largest output or of one."""
SIDE = 128
"""Pixels."""


def export_onnx(net: keras.Model, path: Path) -> None:
    """Write `path` for a net whose outputs have names. Raises RuntimeError where the graph does not agree with the net to CLOSE,
    OSError where it cannot be written.

    Keras exports through TensorFlow; a net that lives in another backend is handed to a process that has it."""
    if keras.backend.backend() == "tensorflow":
        _export(net, path)
    else:
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder) / "net.keras"
            net.save(saved)
            command = [sys.executable, "-m", "mien.training.export", str(saved), str(path)]
            environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                kind = OSError if "No space left" in done.stderr or "OSError" in done.stderr else RuntimeError
                raise kind(f"the export to ONNX failed: {done.stderr.strip()[-500:]}")
    _check(net, path)


def _export(net: keras.Model, path: Path) -> None:
    """The whole batch may be of any size; outputs keep the heads' names."""
    import tensorflow as tf
    import tf2onnx

    net = keras.models.clone_model(net, clone_function=_exportable)
    pictures = [net.inputs[0].name] if len(net.input_shape) == 4 and None in net.input_shape[1:] else []
    signature = [tf.TensorSpec((None, *net.input_shape[1:]), net.inputs[0].dtype, name=net.inputs[0].name)]
    function = tf.function(lambda x: {name: tf.identity(z, name) for name, z in net(x, training=False).items()})
    model, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=17, inputs_as_nchw=pictures)
    for output, head in zip(model.graph.output, sorted(net.output), strict=True):
        _rename(model.graph, output.name, head)
    for node in model.graph.node:
        if node.op_type == "Resize":
            _repeat_cells(node)
    path.write_bytes(model.SerializeToString())


def _exportable(layer: keras.layers.Layer) -> keras.layers.Layer:
    """The layer itself, with its weights; what would become dozens of nodes is exchanged for what becomes one."""
    return _Enlarge(layer.size) if isinstance(layer, keras.layers.UpSampling2D) else layer


class _Enlarge(keras.layers.Layer):
    """Keras's UpSampling2D, each cell repeated, in one operation of TensorFlow."""

    def __init__(self, factors: tuple[int, int]) -> None:
        super().__init__()
        self.factors = factors

    def call(self, x: Any) -> Any:
        import tensorflow as tf

        return tf.image.resize(x, tf.shape(x)[1:3] * self.factors, method="nearest")


def _repeat_cells(node: Any) -> None:
    """Say "each cell twice" in ONNX's own words; tf2onnx writes it with an attribute that is deprecated."""
    import onnx

    del node.attribute[:]
    names = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    node.attribute.extend(onnx.helper.make_attribute(name, value) for name, value in names.items())


def _rename(graph: Any, old: str, new: str) -> None:
    for names in (names for node in graph.node for names in (node.input, node.output)):
        for i, name in enumerate(names):
            if name == old:
                names[i] = new
    for output in graph.output:
        output.name = new if output.name == old else output.name


def _check(net: keras.Model, path: Path) -> None:
    x = _example(net)
    want = {name: keras.ops.convert_to_numpy(z) for name, z in net(x, training=False).items()}
    graph = Graph(path)
    planes = next(iter(graph.inputs.values()))[-1] != x.shape[-1]
    fed = np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if planes else x
    for name, found in zip(want, graph.run(fed, list(want)), strict=True):
        gap = float(np.abs(found - want[name]).max() / max(np.abs(found).max(), 1.0))
        if gap > CLOSE:
            raise RuntimeError(f"{path}: the graph's {name} differs from the net's by {gap:.1e}")


def _example(net: keras.Model) -> np.ndarray:
    """Noise in the form that the net takes; a side that may have any length gets SIDE."""
    shape = (2, *(side or SIDE for side in net.input_shape[1:]))
    draw = np.random.default_rng(0)
    return draw.normal(size=shape).astype(np.float32)


if __name__ == "__main__":
    import mien.training.standardise  # noqa: F401  # makes its layer known to Keras

    _export(keras.saving.load_model(sys.argv[1]), Path(sys.argv[2]))
