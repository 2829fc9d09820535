"""How easily each face of a set is told, as a file: keys, names and degrees in, a csv out, and back by keys."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

COLUMNS = ("key", "label", "ease", "easy")


def write_ease(path: Path, keys: Sequence[str], names: Sequence[str], degree: np.ndarray, threshold: float) -> None:
    """A row a sample: its key, the name of its class, R(x) from 0 to 1, and whether it is easy, R(x) being the threshold or
    more (the dissertation's section 3.5)."""
    new = path.with_suffix(".new.csv")
    with new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for key, name, one in zip(keys, names, degree, strict=True):
            writer.writerow([key, name, f"{one:.4f}", int(one >= threshold)])
    os.replace(new, path)


def read_ease(path: Path, keys: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """R(x) (n,) of the samples with these keys, as `mien data ease` wrote it. Raises ValueError as `by_keys` does, and where a
    sample's class has another name there: keys such as row numbers are those of other sets, too."""
    found = by_keys(path, "ease", keys)
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if "label" not in (rows.fieldnames or ()):
            raise ValueError(f"{path}: column label was wanted; make it anew from this data")
        there = {row["key"]: row["label"] for row in rows}
    other = [(key, there[key], name) for key, name in zip(keys, names, strict=True) if there[key] != name]
    if other:
        key, label, name = other[0]
        raise ValueError(
            f"{path}: {len(other):,} samples have another label there, such as {key!r}: {label} there, {name} in this data; "
            "make it anew from this data"
        )
    return found


def by_keys(path: Path, column: str, keys: Sequence[str]) -> np.ndarray:
    """The numbers (n,) that a csv has for these keys. Raises ValueError for a file of another kind, and for samples it lacks."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if not {"key", column} <= set(rows.fieldnames or ()):
            raise ValueError(f"{path}: columns key and {column} were wanted")
        found = {row["key"]: float(row[column]) for row in rows}
    missing = [key for key in keys if key not in found]
    if missing:
        raise ValueError(f"{path}: no {column} of {len(missing):,} samples, such as {missing[0]!r}; make it anew from this data")
    return np.array([found[key] for key in keys])
