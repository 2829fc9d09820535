"""All scores of one model on one split: probabilities and labels in, a plain dict for card and report out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mien.evaluation import confusion as c
from mien.evaluation.calibration import expected_calibration_error
from mien.labels import LabelSet


def scores(probability: np.ndarray, targets: np.ndarray, labels: LabelSet) -> dict[str, Any]:
    """Probabilities (n, k), labels (n,) -> n, accuracy, macro_f1, ece, per class precision/recall/f1, confusion."""
    table = c.confusion(targets, probability.argmax(1), len(labels))
    columns = {"precision": c.precision(table), "recall": c.recall(table), "f1": c.f1(table)}
    return {
        "n": len(targets),
        "accuracy": c.accuracy(table),
        "macro_f1": float(c.f1(table).mean()),
        "ece": expected_calibration_error(probability, targets),
        "classes": {
            name: {"n": int(table[i].sum()), **{key: float(column[i]) for key, column in columns.items()}}
            for i, name in enumerate(labels)
        },
        "confusion": table.tolist(),
    }


def first_of_each(chips: Sequence[np.ndarray], seen: Iterable[bytes] = ()) -> np.ndarray:
    """bool (n,): chips whose pixels are neither among `seen` nor in an earlier row."""
    known = set(seen)
    fresh = np.zeros(len(chips), bool)
    for i, chip in enumerate(chips):
        pixels = chip.tobytes()
        fresh[i] = pixels not in known
        known.add(pixels)
    return fresh


def short(measured: dict[str, Any]) -> dict[str, Any]:
    """The scores without tables: what a card holds."""
    plain = {name: round(measured[name], 6) for name in ("accuracy", "macro_f1", "ece")}
    return {"n": measured["n"], **plain, "recall": {k: round(v["recall"], 6) for k, v in measured["classes"].items()}}


def interval(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Between which a share that was seen in n samples lies, at 95 % (Wilson 1927)."""
    if not n:
        return 0.0, 1.0
    middle, width = share + z * z / (2 * n), z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return (middle - width) / (1 + z * z / n), (middle + width) / (1 + z * z / n)
