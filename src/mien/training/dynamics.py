"""What a net says of each training sample, epoch after epoch: its probabilities in training in, dynamics.parquet out.

They are those of the training step itself, of the sample as it was varied then, so that recording costs next to nothing:
what else there is to know (p of the label, margin, loss, entropy, whether it is right) follows from the whole vector."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from mien.arrow import arrow
from mien.datasets.dynamics import FILE, schema
from mien.training.tensors import Tensors

PARTS = "dynamics"
"""Folder in the run folder: an array an epoch, until the run ends."""
SAMPLES = 4096
"""Of which the histories make a row group."""


class Record(keras.layers.Layer):
    """Logits (n, k) and whether each chip was mirrored (n, 1) -> the logits; in training both are kept, batch under batch."""

    def __init__(self, rows: int, **more: Any) -> None:
        """`rows` of an epoch."""
        super().__init__(dtype="float32", **more)
        self.rows = rows

    def build(self, shapes: Any) -> None:
        self.seen = self.add_weight((self.rows, shapes[0][-1] + 1), "zeros", trainable=False, name="seen")
        self.place = self.add_weight((), "zeros", "int32", trainable=False, name="place")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        logits, mirrored = inputs
        if training:
            now = ops.concatenate([ops.softmax(ops.stop_gradient(logits)), ops.cast(mirrored, "float32")], axis=1)
            rows = self.place + ops.arange(ops.shape(now)[0])
            self.seen.assign(ops.scatter_update(self.seen, rows[:, None], now))
            self.place.assign(self.place + ops.shape(now)[0])
        return logits

    def compute_output_shape(self, shapes: Any) -> Any:
        return shapes[0]


class Dynamics:
    """The record of a run in its folder: `keep` an epoch after another, `join` at the end."""

    def __init__(self, run: Path) -> None:
        self.parts, self.file = run / PARTS, run / FILE
        arrow("dynamics")

    def keep(self, epoch: int, rows: np.ndarray, seen: np.ndarray, samples: int) -> None:
        """`seen` (n, k + 1), what `Record` kept of these `rows` of so many samples; of those that come twice, the last."""
        whole = np.full((samples, seen.shape[1]), np.nan, np.float16)
        whole[rows] = seen
        self.parts.mkdir(parents=True, exist_ok=True)
        new = self.parts / "new.npy"
        np.save(new, whole)
        new.replace(self.parts / f"{epoch:05d}.npy")

    def join(self, fitted: Tensors, epochs: int) -> None:
        """Write the file, a history after another, and remove the parts; where they are joined already, nothing."""
        if not self.parts.is_dir():
            return
        parts = [np.load(self.parts / f"{epoch:05d}.npy", mmap_mode="r") for epoch in range(epochs)]
        kind = schema(fitted.labels)
        new = self.file.with_suffix(".new")
        with arrow().parquet.ParquetWriter(new, kind) as writer:
            for table in _tables(fitted, parts, kind):
                writer.write_table(table, row_group_size=len(table))  # whole histories
        new.replace(self.file)
        shutil.rmtree(self.parts)


def _tables(fitted: Tensors, parts: list[np.ndarray], kind: Any) -> Iterator[Any]:
    a, epochs, k = arrow(), len(parts), len(fitted.labels)
    given = fitted.targets if fitted.given is None else fitted.given
    for begin in range(0, len(fitted), SAMPLES):
        of = slice(begin, begin + SAMPLES)
        history = np.stack([part[of] for part in parts], axis=1)  # (n, epochs, k + 1)
        n = len(history)
        keys = np.array([""] * n) if fitted.keys is None else fitted.keys[of]
        columns = {
            "index": np.repeat(np.arange(begin, begin + n, dtype=np.int32), epochs),
            "key": a.array(np.repeat(keys, epochs)),
            "label": np.repeat(fitted.targets[of].astype(np.int16), epochs),
            "given": np.repeat(given[of].astype(np.int16), epochs),
            "epoch": np.tile(np.arange(1, epochs + 1, dtype=np.int16), n),
            "p": a.FixedSizeListArray.from_arrays(np.ascontiguousarray(history[..., :k]).reshape(-1), k),
            "agrees": a.array(agreement(history).ravel(), from_pandas=True),
        }
        yield a.table(columns, schema=kind)


def agreement(history: np.ndarray) -> np.ndarray:
    """Probabilities and whether mirrored (n, epochs, k + 1), NaN where a sample did not come -> float32 (n, epochs): 1 where
    the answer is that of the last epoch in which the chip was turned the other way, 0 where it is another, NaN before."""
    n, epochs, width = history.shape
    out = np.full((n, epochs), np.nan, np.float32)
    last = np.full((2, n), -1)
    for epoch in range(epochs):
        came = np.flatnonzero(~np.isnan(history[:, epoch, 0]))
        turned = history[came, epoch, width - 1].astype(int)
        said, other = history[came, epoch, : width - 1].argmax(1), last[1 - turned, came]
        out[came, epoch] = np.where(other < 0, np.nan, said == other)
        last[turned, came] = said
    return out
