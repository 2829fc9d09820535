"""What nets say of samples that they were not fitted on: a dataset in; out-of-fold probabilities, a row a sample, out.

The set is parted into folds by person and picture (mien.datasets.split); for each a net is fitted on the others. A folder
keeps what is done, so that a stopped run goes on, and what it is of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mien.card import softmax
from mien.datasets import Dataset
from mien.datasets.base import Through
from mien.datasets.split import Parted, Split, fold_of
from mien.training.config import LABELS, TrainConfig
from mien.training.job import Source
from mien.training.kept import CONFIG, same_or_new, save
from mien.training.tensors import Tensors, joined, read
from mien.training.trainer import Trainer, predict

NOTE = "out_of_fold.json"
"""What the results in a folder are of."""


class OneSplit(Through):
    """A dataset whose samples are all of Training, and the fold of each after it was read."""

    def __init__(self, dataset: Dataset, folds: int, seed: int) -> None:
        super().__init__(dataset)
        self.folds, self.seed = folds, seed
        self.fold: list[int] = []

    def __iter__(self) -> Any:
        self.fold.clear()
        for sample in self.dataset:
            self.fold.append(fold_of(sample, self.folds, self.seed))
            yield replace(sample, split="Training")


def out_of_fold(
    dataset: Dataset, config: TrainConfig, folds: int, folder: Path, report: Callable[[int, dict[str, Any]], None]
) -> np.ndarray:
    """float32 (n, k) in the set's order; `report` gets the fold and each epoch's row.

    Raises ValueError where a fold is empty, or the folder has results of another config, number of folds or data."""
    parted = OneSplit(dataset, folds, config.seed)
    samples = read(parted, config.preprocessing).get("Training")
    fold = np.array(parted.fold)
    if samples is None or set(fold) != set(range(folds)):
        raise ValueError(f"{len(fold)} samples do not fill {folds} folds; give fewer --folds, or more data")
    data = {"sha256": samples.sha256(), "classes": list(samples.labels), "folds": hashlib.sha256(fold.tobytes()).hexdigest()}
    used = any(folder.glob("fold*"))
    same_or_new(folder / NOTE, {"folds": folds, "data": data, CONFIG: config}, used)
    out = np.zeros((len(samples), len(samples.labels)), np.float32)
    for number in range(folds):
        held = np.flatnonzero(fold == number)
        done = folder / f"fold{number}.npy"
        if not done.exists():
            save(done, _of_fold(config, samples, fold != number, held, folder / f"fold{number}", number, report))
        out[held] = np.load(done)
    return out


def _of_fold(
    config: TrainConfig,
    samples: Tensors,
    fitted: np.ndarray,
    held: np.ndarray,
    run: Path,
    number: int,
    report: Callable[[int, dict[str, Any]], None],
) -> np.ndarray:
    trainer = Trainer(config, {"Training": samples[np.flatnonzero(fitted)]}, run)
    trainer.fit(report=lambda row: report(number, row))
    return softmax(predict(trainer.averaged(), samples[held], config.preprocessing)[LABELS])


def parted(sources: Sequence[Source], config: TrainConfig, folds: int, fold: int) -> tuple[dict[str, Tensors], list[str]]:
    """Training and PublicTest of all sets, parted anew: this fold to choose on, all others to fit on; and what was left out."""
    rule = Split(within=("Training", "PublicTest"), folds=folds, fold=fold, seed=config.seed)
    sets, problems = [], list[str]()
    for source in sources:
        dataset = Parted(source.open(), rule)
        sets.append({split: data for split, data in read(dataset, config.preprocessing).items() if split != "PrivateTest"})
        problems += dataset.problems
    return dict(sets[0]) if len(sets) == 1 else joined(sets), problems
