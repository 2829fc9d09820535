"""A masked LSTM over sequences of features: sequences and what was to be said of each in, an ONNX graph that says it out.

It serves twice: histories of training samples (P of a wrong label) and windows of a live stream (share of right answers)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mien.errors import needs

UNITS, LAYERS, DROPOUT = 64, 1, 0.2


@dataclass(frozen=True)
class Settings:
    """How the LSTM is made and fitted."""

    units: int = UNITS
    layers: int = LAYERS
    epochs: int = 12
    batch_size: int = 512
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    seed: int = 0


def fit(x: np.ndarray, y: np.ndarray, x_held: np.ndarray, y_held: np.ndarray, settings: Settings = Settings()) -> bytes:
    """An ONNX graph: `x` (n, T, d) -> `p` (n,).

    `x`, `x_held`: float32 sequences whose first feature is 1 in each step that is there, and zeros behind them; `y`, `y_held`:
    0 to 1 (n,). The epoch that is best on what is held out is kept, and calibrated on it (Platt 1999)."""
    import keras

    keras.utils.set_random_seed(settings.seed)
    there = x[..., 0] > 0
    mean, deviation = x[there].mean(0), x[there].std(0)
    deviation[deviation < 1e-6] = 1.0
    mean[0] = 0.0  # stays 1 where there is a step
    net = network(x.shape[2], settings)
    steps = -(-len(x) // settings.batch_size) * settings.epochs
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)
    net.compile(keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay, global_clipnorm=1.0), _entropy)
    seen, held = (_standard(a, mean, deviation) for a in (x, x_held))
    best, weights = np.inf, net.get_weights()
    for _ in range(settings.epochs):
        net.fit(seen, y, batch_size=settings.batch_size, verbose=0)
        loss = float(net.evaluate(held, y_held, batch_size=settings.batch_size, verbose=0))
        if loss < best:
            best, weights = loss, net.get_weights()
    net.set_weights(weights)
    logits = net.predict(held, batch_size=settings.batch_size, verbose=0)[:, 0]
    return graph(weights, settings.layers, mean, deviation, *platt(logits, y_held))


def network(width: int, settings: Settings) -> Any:
    """Standardised sequences (n, T, width) -> logits (n, 1)."""
    import keras

    x = z = keras.Input((None, width))
    mask = keras.ops.greater(x[..., 0], 0.5)
    for number in range(settings.layers):
        z = keras.layers.LSTM(settings.units, return_sequences=number < settings.layers - 1)(z, mask=mask)
    return keras.Model(x, keras.layers.Dense(1)(keras.layers.Dropout(DROPOUT)(z)))


def _standard(x: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    return np.where(x[..., :1] > 0, (x - mean) / deviation, 0).astype(np.float32)


def _entropy(y: Any, logits: Any) -> Any:
    import keras

    return keras.losses.binary_crossentropy(keras.ops.reshape(y, (-1, 1)), logits, from_logits=True)


def platt(logits: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and offset by which sigmoid(slope x logit + offset) is calibrated; Newton's steps on the cross-entropy."""
    w, z = np.array([1.0, 0.0]), np.stack([logits, np.ones_like(logits)], axis=1).astype(float)
    for _ in range(30):
        p = 1 / (1 + np.exp(-z @ w))
        bend = (z * (p * (1 - p))[:, None]).T @ z + 1e-6 * np.eye(2)
        step = np.linalg.solve(bend, z.T @ (p - y))
        w -= step
        if np.abs(step).max() < 1e-8:
            break
    return float(w[0]), float(w[1])


def graph(weights: list[np.ndarray], layers: int, mean: np.ndarray, deviation: np.ndarray, slope: float, offset: float) -> bytes:
    """The net in ONNX's own LSTM, which is told how long each sequence is; Keras's gates are i, f, c, o, ONNX's i, o, f, c."""
    try:
        from onnx import TensorProto, checker, helper, numpy_helper
    except ImportError:
        raise needs("train", "writing a monitor (onnx)") from None
    stored = {
        "mean": mean, "deviation": deviation, "kernel": weights[-2] * slope, "offset": weights[-1] * slope + offset,
        "first": np.array(0), "steps": np.array([1]), "ones": np.array([1]),
    }  # fmt: skip
    nodes = [
        helper.make_node("Gather", ["x", "first"], ["there"], axis=2),
        helper.make_node("ReduceSum", ["there", "steps"], ["many"], keepdims=0),
        helper.make_node("Cast", ["many"], ["lengths"], to=TensorProto.INT32),
        helper.make_node("Sub", ["x", "mean"], ["middle"]),
        helper.make_node("Div", ["middle", "deviation"], ["standard"]),
        helper.make_node("Transpose", ["standard"], ["z0"], perm=[1, 0, 2]),
    ]
    for i in range(layers):
        kernel, recurrent, bias = weights[3 * i : 3 * i + 3]
        stored |= {f"W{i}": _gates(kernel.T)[None], f"R{i}": _gates(recurrent.T)[None]}
        stored[f"B{i}"] = np.concatenate([_gates(bias), np.zeros_like(bias)])[None]
        inputs = [f"z{i}", f"W{i}", f"R{i}", f"B{i}", "lengths"]
        nodes.append(helper.make_node("LSTM", inputs, [f"all{i}", f"end{i}"], hidden_size=len(recurrent)))
        nodes.append(helper.make_node("Squeeze", [f"all{i}", "steps"], [f"z{i + 1}"]))
    last = layers - 1
    nodes += [
        helper.make_node("Squeeze", [f"end{last}", "zero"], ["end"]),
        helper.make_node("Gemm", ["end", "kernel", "offset"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["share"]),
        helper.make_node("Squeeze", ["share", "ones"], ["p"]),
    ]
    stored["zero"] = np.array([0])
    whole = ("first", "steps", "ones", "zero")
    made = [numpy_helper.from_array(a.astype(np.int64 if n in whole else np.float32), n) for n, a in stored.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "steps", len(mean)])
    p = helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n"])
    model = helper.make_model(
        helper.make_graph(nodes, "monitor", [x], [p], made), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    checker.check_model(model)
    return bytes(model.SerializeToString())


def _gates(rows: np.ndarray) -> np.ndarray:
    i, f, c, o = np.split(rows, 4)
    return np.concatenate([i, o, f, c])
