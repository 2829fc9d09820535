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

from mien.runtime import session

CLOSE = 1e-4
"""Largest difference of any logit that is let pass."""


def export_onnx(net: keras.Model, path: Path) -> None:
    """Write `path`. Raises RuntimeError where the graph does not agree with the net to CLOSE.

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
                raise RuntimeError(f"the export to ONNX failed: {done.stderr.strip()[-500:]}")
    _check(net, path)


def _export(net: keras.Model, path: Path) -> None:
    """The whole batch may be of any size; outputs keep the heads' names."""
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec((None, *net.input_shape[1:]), tf.float32, name="chips")]
    function = tf.function(lambda chips: {name: tf.identity(z, name) for name, z in net(chips, training=False).items()})
    model, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=17)
    heads = sorted(net(np.zeros((1, *net.input_shape[1:]), np.float32), training=False))
    for output, head in zip(model.graph.output, heads, strict=True):
        _rename(model.graph, output.name, head)
    path.write_bytes(model.SerializeToString())


def _rename(graph: Any, old: str, new: str) -> None:
    for names in (names for node in graph.node for names in (node.input, node.output)):
        for i, name in enumerate(names):
            if name == old:
                names[i] = new
    for output in graph.output:
        output.name = new if output.name == old else output.name


def _check(net: keras.Model, path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(8, *net.input_shape[1:])).astype(np.float32)
    want = {name: keras.ops.convert_to_numpy(z) for name, z in net(x, training=False).items()}
    graph = session(path)
    for name, found in zip(want, graph.run(list(want), {graph.get_inputs()[0].name: x}), strict=True):
        gap = float(np.abs(found - want[name]).max())
        if gap > CLOSE:
            raise RuntimeError(f"{path}: the graph's {name} differs from the net's by {gap:.1e}")


if __name__ == "__main__":
    import mien.models.layers  # noqa: F401  (registers what the file may hold)

    _export(keras.saving.load_model(sys.argv[1]), Path(sys.argv[2]))
