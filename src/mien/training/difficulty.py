"""How easily each face is told: a dataset in; R(x), the share of many small nets that are right about it, out.

The dissertation's ease degree (section 3.5): the set is parted into K folds, a base classifier is fitted on each, and that is
repeated M times with other folds; all N = K M of them judge every sample, and R(x) = N(x) / N. Samples with R(x) of at least a
threshold are easy, the others difficult."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mien.page import drawn, pyplot
from mien.training.config import LABELS, TrainConfig
from mien.training.kept import CONFIG, same_or_new, save
from mien.training.tensors import Tensors
from mien.training.trainer import Trainer, predict

NOTE = "ease.json"
"""What the results in a folder are of."""
BASE = {"stem": 8, "widths": (16, 32, 64), "depths": (1, 1, 1), "excited": 0}
"""Options of the residual net that is the base classifier."""


@dataclass(frozen=True)
class Ease:
    """What K x M base classifiers say."""

    right: np.ndarray
    """int64 (n,): how many are right about each sample."""
    classifiers: int

    @property
    def degree(self) -> np.ndarray:
        """R(x) (n,), 0 to 1."""
        return self.right / self.classifiers


def ease(
    samples: Tensors, config: TrainConfig, folds: int, repeats: int, folder: Path, report: Callable[[int, dict[str, Any]], None]
) -> Ease:
    """Of the samples in their order; `report` gets each classifier's number and its epochs' rows. What is done is kept in the
    folder, so that a stopped run goes on. Raises ValueError where a fold does not fill a batch, or the folder has results of
    another config, K, M or data."""
    data = {"sha256": samples.sha256(), "classes": list(samples.labels)}
    used = any(folder.glob("right-*.npy")) or any(folder.glob("classifier-*"))
    same_or_new(folder / NOTE, {"folds": folds, "repeats": repeats, "data": data, CONFIG: config}, used)
    right = np.zeros(len(samples), np.int64)
    for repeat in range(repeats):
        fold = np.random.default_rng([config.seed, repeat]).permutation(len(samples)) % folds
        for number in range(folds):
            done = folder / f"right-{repeat}-{number}.npy"
            if not done.exists():
                at = repeat * folds + number
                save(done, _judged(config, samples, fold == number, folder / f"classifier-{repeat}-{number}", at, report))
            right += np.load(done)
    return Ease(right, folds * repeats)


def _judged(
    config: TrainConfig,
    samples: Tensors,
    fitted: np.ndarray,
    run: Path,
    number: int,
    report: Callable[[int, dict[str, Any]], None],
) -> np.ndarray:
    """bool (n,): what one base classifier, fitted on these, is right about."""
    config = replace(config, seed=config.seed + number, evaluate_every=config.epochs)
    trainer = Trainer(config, {"Training": samples[np.flatnonzero(fitted)]}, run)
    trainer.fit(report=lambda row: report(number, row))
    logits = predict(trainer.averaged(), samples, config.preprocessing)[LABELS]
    return logits.argmax(1) == samples.targets


def hardest(samples: Tensors, degree: np.ndarray, columns: int = 12) -> bytes:
    """A PNG: of each class that is there, in a row behind its name, the faces with the least R(x), which stands below each."""
    plt = pyplot()
    targets = np.unique(samples.targets)
    figure, axes = plt.subplots(len(targets), columns, figsize=(0.85 * columns + 1.2, 1.1 * len(targets)), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for row, target in zip(axes, targets, strict=True):
        mine = np.flatnonzero(samples.targets == target)
        least = mine[np.argsort(degree[mine], kind="stable")][:columns]
        row[0].text(-0.15, 0.5, samples.labels[target], transform=row[0].transAxes, ha="right", va="center")
        for axis, i in zip(row, least, strict=False):
            chip = samples.chips[i]
            axis.imshow(chip if chip.shape[-1] == 3 else chip[..., 0], cmap="gray", vmin=0, vmax=255)
            axis.text(0.5, -0.04, f"{degree[i]:.2f}", transform=axis.transAxes, ha="center", va="top", fontsize=8)
    figure.suptitle("The hardest faces of each class, and R(x), the share of nets that are right", fontsize=10)
    figure.tight_layout()
    return drawn(figure)
