"""The record of how a net came to know its training samples, as a file: dynamics.parquet in; histories, a row a sample, out.

Columns: `index`, the sample's place in the split Training; `key`, where it came from; `label`, which it was fitted to, and
`given`, which the data says (they differ where a label was exchanged on purpose); `epoch`, from 1; `p`, float16 (k,), the
probabilities of the classes in that epoch's training step, NaN where the sample did not come; `agrees`, 1 where that answer is
the one that the mirror image last had."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mien.arrow import arrow
from mien.labels import LabelSet

FILE = "dynamics.parquet"
NAMES = b"mien"


def schema(labels: LabelSet) -> Any:
    """Of the file."""
    a = arrow()
    fields = [
        ("index", a.int32()), ("key", a.string()), ("label", a.int16()), ("given", a.int16()), ("epoch", a.int16()),
        ("p", a.list_(a.float16(), len(labels))), ("agrees", a.float32()),
    ]  # fmt: skip
    return a.schema(fields, metadata={NAMES: json.dumps({"labels": list(labels)})})


@dataclass(frozen=True)
class Histories:
    """Of n samples over T epochs."""

    labels: LabelSet
    keys: np.ndarray
    """str (n,)."""
    label: np.ndarray
    """int64 (n,): which each was fitted to."""
    given: np.ndarray
    """int64 (n,): which the data says."""
    p: np.ndarray
    """float16 (n, T, k); NaN where a sample did not come."""
    agrees: np.ndarray
    """float32 (n, T), NaN where it is not known."""

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: np.ndarray | slice) -> Histories:
        return Histories(self.labels, *(array[rows] for array in (self.keys, self.label, self.given, self.p, self.agrees)))

    @property
    def exchanged(self) -> np.ndarray:
        """bool (n,): whose label was exchanged on purpose."""
        return self.label != self.given


def read_histories(path: Path) -> Histories:
    """Of a file, or of the run folder that it is in. Raises FileNotFoundError and ValueError, which say what was wanted."""
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f"no {FILE} at {path}; mien train --dynamics leaves one in its run folder")
    try:
        stored = arrow().parquet.ParquetFile(file)
        names = json.loads((stored.schema_arrow.metadata or {})[NAMES])["labels"]
        parts = [_histories(table, LabelSet(tuple(names))) for table in _groups(stored)]
    except (KeyError, ValueError, OSError, arrow().ArrowException) as error:
        raise ValueError(f"{file} is no record of a training run: {error!r}") from error
    if not parts:
        raise ValueError(f"{file} has no samples")
    columns = zip(*((h.keys, h.label, h.given, h.p, h.agrees) for h in parts), strict=True)
    return Histories(parts[0].labels, *map(np.concatenate, columns))


def _groups(file: Any) -> Iterator[Any]:
    for number in range(file.num_row_groups):
        yield file.read_row_group(number)


def _histories(table: Any, labels: LabelSet) -> Histories:
    epochs = int(np.max(table["epoch"].to_numpy()))
    first = slice(None, None, epochs)
    p = table["p"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, epochs, len(labels))
    keys = np.array(table["key"].to_pylist()[first], str)
    label, given = (table[name].to_numpy()[first].astype(np.int64) for name in ("label", "given"))
    agrees = table["agrees"].to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, epochs)
    return Histories(labels, keys, label, given, p, agrees)
