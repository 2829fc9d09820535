"""Hold a dataset's samples in memory: a Dataset in, arrays of one split out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
    """uint8 (n, size, size, depth), as the card's `pixels` gives them; of clips (n, frames, size, size, depth)."""
    targets: np.ndarray
    """int64 (n,): the dataset's own label."""
    votes: np.ndarray
    """float32 (n, k): share of the people asked who chose each label. A row sums to less than one where some chose
    none of them, to zero where nobody was asked: as weights of a soft target, such rows count for less."""
    plurality: np.ndarray
    """int64 (n,): the label that more people chose than any other name; -1 where there is none, or it is no label."""
    labels: LabelSet
    source: np.ndarray | None = None
    """int64 (n,): which of several sets it is from; None: all are from one."""
    keys: np.ndarray | None = None
    """str (n,): where each came from; None: it is not known, or was made up."""
    clips: np.ndarray | None = None
    """str (n,): the sequence that each is a frame of, in its order; None: these are stills, or clips already."""
    given: np.ndarray | None = None
    """int64 (n,): what the data says, where some of the `targets` were exchanged on purpose; None: none were."""

    def __len__(self) -> int:
        return len(self.chips)

    def __getitem__(self, rows: np.ndarray | slice) -> Tensors:
        more = (None if array is None else array[rows] for array in (self.source, self.keys, self.clips, self.given))
        return Tensors(self.chips[rows], self.targets[rows], self.votes[rows], self.plurality[rows], self.labels, *more)

    def sha256(self) -> str:
        """Over pixels, labels and votes: two runs with one hash were fitted on the same data."""
        digest = hashlib.sha256()
        for array in (self.chips, self.targets, self.votes):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def read(dataset: Dataset, preprocessing: Preprocessing) -> Mapping[str, Tensors]:
    """Every split of the dataset in the size and channels that the card asks for."""
    rows: dict[str, tuple[list[np.ndarray], list[int], list[np.ndarray], list[str], list[str]]] = {}
    nobody = np.zeros(len(dataset.vote_labels or ()), np.float32)
    for sample in dataset:
        chips, targets, votes, keys, clips = rows.setdefault(sample.split, ([], [], [], [], []))
        keys.append(sample.key)
        clips.append(sample.clip)
        chips.append(preprocessing.pixels(aligned(sample.image[None], preprocessing.align))[0])
        targets.append(sample.label)
        votes.append(nobody if sample.votes is None else sample.votes)
    return {split: _stack(*lists, dataset) for split, lists in rows.items()}


def _stack(
    chips: list[np.ndarray],
    targets: list[int],
    votes: list[np.ndarray],
    keys: list[str],
    clips: list[str],
    dataset: Dataset,
) -> Tensors:
    cast, of = np.stack(votes), (dataset.vote_labels, dataset.labels)
    seen, names = (shares(cast, *of), plurality(cast, *of)), np.array(clips) if any(clips) else None
    return Tensors(np.stack(chips), np.array(targets), *seen, dataset.labels, keys=np.array(keys), clips=names)


def joined(sets: Sequence[Mapping[str, Tensors]]) -> dict[str, Tensors]:
    """Splits of several sets as one, with the classes of the first; each row knows its set.

    Raises ValueError for a set with another class."""
    first = next(iter(sets[0].values())).labels
    found: dict[str, list[Tensors]] = {}
    for number, splits in enumerate(sets):
        for split, data in splits.items():
            found.setdefault(split, []).append(_renamed(data, first, number))
    return {split: _one_behind_another(parts, first) for split, parts in found.items()}


def _renamed(data: Tensors, labels: LabelSet, number: int) -> Tensors:
    """With the classes of other labels, found by their names. Keys of a second set begin with `2:`: the first may have them."""
    if missing := [name for name in data.labels if name not in labels]:
        raise ValueError(
            f"set {number + 1} has classes that the first has not: {', '.join(missing)}; a label map can rename them"
        )
    place = np.array([labels.index(name) for name in data.labels])
    votes = np.zeros((len(data), len(labels)), np.float32)
    votes[:, place] = data.votes
    plurality = np.where(data.plurality < 0, -1, place[data.plurality])
    keys = data.keys if data.keys is None or not number else np.array([f"{number + 1}:{key}" for key in data.keys])
    renamed = replace(data, targets=place[data.targets], votes=votes, plurality=plurality, labels=labels)
    return replace(renamed, keys=keys, source=np.full(len(data), number))


def _one_behind_another(parts: Sequence[Tensors], labels: LabelSet) -> Tensors:
    columns = zip(*((p.chips, p.targets, p.votes, p.plurality, p.source, p.keys) for p in parts), strict=True)
    chips, targets, votes, most, source, keys = (np.concatenate(column) for column in columns)
    clips = np.concatenate([_own_clips(p) for p in parts]) if any(p.clips is not None for p in parts) else None
    return Tensors(chips, targets, votes, most, labels, source, keys, clips)


def _own_clips(data: Tensors) -> np.ndarray:
    """Names of sequences that no other set has; each still is one of its own."""
    number = 0 if data.source is None else data.source[0]
    names = np.arange(len(data)) if data.clips is None else data.clips
    return np.array([f"{number} {name}" for name in names])


def in_clips(data: Tensors, frames: int) -> Tensors:
    """Frames joined into clips of so many, evenly over each sequence, with its last frame's label; the rows of a set without
    sequences as they are."""
    if data.clips is None:
        return data
    ends = np.flatnonzero(np.append(data.clips[1:] != data.clips[:-1], True)) + 1
    begins = np.append(0, ends[:-1])
    rows = np.stack([np.rint(np.linspace(a, b - 1, frames)).astype(int) for a, b in zip(begins, ends, strict=True)])
    return replace(data[ends - 1], chips=data.chips[rows], keys=data.clips[ends - 1], clips=None)
