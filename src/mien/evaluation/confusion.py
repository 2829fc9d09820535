"""One table, from which every score is read: targets and predictions in, counts (k, k) out; rows are the truth."""

from __future__ import annotations

import numpy as np


def confusion(targets: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Integer labels (n,) twice -> int64 (k, k); [i, j] counts the i that were called j."""
    return np.bincount(targets * classes + predictions, minlength=classes**2).reshape(classes, classes)


def accuracy(table: np.ndarray) -> float:
    """Share on the diagonal; nan of nothing."""
    return _over(np.trace(table), table.sum())


def precision(table: np.ndarray) -> np.ndarray:
    """(k,): of those called i, the share that are; 0 where none was called so."""
    return _shares(np.diag(table), table.sum(0))


def recall(table: np.ndarray) -> np.ndarray:
    """(k,): of the i, the share that were called so; 0 where there is none."""
    return _shares(np.diag(table), table.sum(1))


def f1(table: np.ndarray) -> np.ndarray:
    """(k,): harmonic mean of precision and recall."""
    return _shares(2 * np.diag(table), table.sum(0) + table.sum(1))


def _shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _over(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
