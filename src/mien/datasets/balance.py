"""Make rare classes count: labels (and faces) in; weights, rows to draw, or new faces out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from mien.datasets.base import SPLITS, Dataset, Sample, Through
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


class Balanced(Through):
    """A dataset and after it, in Training, more samples of the smaller classes, `by` oversampling or SMOTE on pixels.

    Raises ValueError for another way; in SMOTE's, pictures must be gray and of one size."""

    def __init__(self, dataset: Dataset, by: str, seed: int = 0) -> None:
        if by not in ("oversample", "smote"):
            raise ValueError(f"by {by!r}; wanted oversample or smote")
        super().__init__(dataset)
        self.by, self.seed = by, seed

    @cached_property
    def _training(self) -> list[Sample]:
        return [sample for sample in self.dataset if sample.split == SPLITS[0]]

    def __len__(self) -> int:
        counts = np.bincount([sample.label for sample in self._training], minlength=1)
        return len(self.dataset) + int((counts.max() - counts[counts > 0]).sum())

    def __iter__(self) -> Iterator[Sample]:
        yield from self.dataset
        yield from self._repeated() if self.by == "oversample" else self._made()

    def _repeated(self) -> Iterator[Sample]:
        targets = np.array([sample.label for sample in self._training], int)
        rows = oversampled(targets, np.random.default_rng(self.seed))[len(targets) :]
        for number, row in enumerate(rows):
            yield replace(self._training[row], key=f"again-{number}-{self._training[row].key}")

    def _made(self) -> Iterator[Sample]:
        shapes = {sample.image.shape for sample in self._training}
        if len(shapes) != 1:
            said = ", ".join(map(str, sorted(shapes, key=str)[:5])) or "none"
            raise ValueError(f"SMOTE needs pictures of one size; there are: {said}; oversample takes all")
        (shape,) = shapes
        x = np.stack([sample.image.ravel() for sample in self._training]).astype(np.float32)
        made, labels = smote(x, np.array([sample.label for sample in self._training]), self.seed)
        for number, (row, label) in enumerate(zip(made[len(x) :], labels[len(x) :], strict=True)):
            image = np.rint(row).clip(0, 255).astype(np.uint8).reshape(shape)
            yield Sample(image, int(label), SPLITS[0], f"smote-{number}")
