"""Hold a dataset's samples in memory: a Dataset in, arrays of one split out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mien.card import Preprocessing
from mien.datasets import Dataset
from mien.datasets.votes import plurality, shares
from mien.labels import LabelSet
from mien.preprocess.landmarks import aligned


@dataclass(frozen=True)
class Tensors:
    """Faces of one split, row by row."""

    chips: np.ndarray
    """uint8 (n, size, size, depth), as the card's `pixels` gives them."""
    targets: np.ndarray
    """int64 (n,): the dataset's own label."""
    votes: np.ndarray
    """float32 (n, k): share of the people asked who chose each label. A row sums to less than one where some chose
    none of them, to zero where nobody was asked: as weights of a soft target, such rows count for less."""
    plurality: np.ndarray
    """int64 (n,): the label that more people chose than any other name; -1 where there is none, or it is no label."""
    labels: LabelSet

    def __len__(self) -> int:
        return len(self.chips)

    def __getitem__(self, rows: np.ndarray | slice) -> Tensors:
        return Tensors(self.chips[rows], self.targets[rows], self.votes[rows], self.plurality[rows], self.labels)

    def sha256(self) -> str:
        """Over pixels, labels and votes: two runs with one hash were fitted on the same data."""
        digest = hashlib.sha256()
        for array in (self.chips, self.targets, self.votes):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def read(dataset: Dataset, preprocessing: Preprocessing) -> Mapping[str, Tensors]:
    """Every split of the dataset in the size and channels that the card asks for."""
    rows: dict[str, tuple[list[np.ndarray], list[int], list[np.ndarray]]] = {}
    nobody = np.zeros(len(dataset.vote_labels or ()), np.float32)
    for sample in dataset:
        chips, targets, votes = rows.setdefault(sample.split, ([], [], []))
        chips.append(preprocessing.pixels(aligned(sample.image[None], preprocessing.align))[0])
        targets.append(sample.label)
        votes.append(nobody if sample.votes is None else sample.votes)
    return {split: _stack(*lists, dataset) for split, lists in rows.items()}


def _stack(chips: list[np.ndarray], targets: list[int], votes: list[np.ndarray], dataset: Dataset) -> Tensors:
    cast, of = np.stack(votes), (dataset.vote_labels, dataset.labels)
    return Tensors(np.stack(chips), np.array(targets), shares(cast, *of), plurality(cast, *of), dataset.labels)
