"""Make rare classes count: labels (and faces) in; weights, rows to draw, or new faces out."""

from __future__ import annotations

from typing import Any

import numpy as np

from mien.errors import needs

BETA = 0.9999
"""Of the effective number: how fast further samples of a class stop to add (Cui et al. 2019, the value they use most)."""
WEIGHTS = INVERSE, EFFECTIVE = "inverse", "effective"
NEIGHBOURS = 5
"""Of SMOTE: between how many nearest faces of its class a new one may lie."""


def class_weights(counts: np.ndarray, how: str) -> np.ndarray:
    """Samples of each class (k,) -> weights (k,) whose mean over all samples is 1; 0 for a class without samples.

    `inverse`: one over the count, so that all classes weigh the same. `effective`: one over the effective number of
    samples, (1 - BETA^n) / (1 - BETA), which grows more slowly than the count (Cui et al. 2019). Raises ValueError."""
    if how not in WEIGHTS:
        raise ValueError(f"class weights {how!r}; wanted {' or '.join(WEIGHTS)}")
    counts = np.asarray(counts, np.float64)
    number = counts if how == INVERSE else (1 - BETA**counts) / (1 - BETA)
    weights = np.divide(1, number, out=np.zeros_like(number), where=counts > 0)
    return weights * counts.sum() / max((weights * counts).sum(), 1e-12)


def oversampled(targets: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Labels (n,) -> rows of them in which each class that is there comes as often as the largest.

    Every row comes once, then rows of the smaller classes again, drawn without preference."""
    found, counts = np.unique(targets, return_counts=True)
    again = [draw.choice(np.flatnonzero(targets == label), counts.max() - n) for label, n in zip(found, counts, strict=True)]
    return np.concatenate([np.arange(len(targets)), *again]) if len(targets) else np.zeros(0, int)


def smote(x: np.ndarray, targets: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, d) and labels (n,) -> the same and after them new rows, so that all classes are as large as the largest.

    A new row lies anywhere between one of its class and one of that one's nearest neighbours in the class (SMOTE, Chawla
    et al. 2002). A class of one sample is repeated. Raises MissingExtra without imbalanced-learn."""
    try:
        from imblearn.over_sampling import SMOTE
    except ImportError:
        raise needs("data", "SMOTE (imbalanced-learn)") from None
    found, counts = np.unique(targets, return_counts=True)
    if len(found) < 2 or (counts == counts.max()).all():
        return x, targets
    alone = found[counts == 1]
    for label in alone:  # a neighbour is needed
        x, targets = np.concatenate([x, x[targets == label]]), np.concatenate([targets, [label]])
    neighbours = int(min(NEIGHBOURS, np.unique(targets, return_counts=True)[1].min() - 1))
    made: tuple[Any, Any] = SMOTE(k_neighbors=neighbours, random_state=seed).fit_resample(x, targets)
    return made[0].astype(x.dtype), made[1]
