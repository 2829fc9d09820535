"""What several people said of a face: their votes in, shares or the label of the majority out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mien.datasets.base import Sample, Through
from mien.labels import LabelSet


def shares(votes: np.ndarray, voters: LabelSet | None, labels: LabelSet) -> np.ndarray:
    """Votes over the voters' names -> shares of all votes, float32 (n, k), over the labels; other names are left out."""
    if voters is None:
        return np.zeros((len(votes), len(labels)), np.float32)
    ours = votes.astype(np.float32) @ voters.mapping_to(labels)
    return ours / np.maximum(votes.sum(1, keepdims=True), 1).astype(np.float32)


def plurality(votes: np.ndarray, voters: LabelSet | None, labels: LabelSet) -> np.ndarray:
    """Votes over the voters' names -> the label that won alone (n,); -1 for a tie, for a name that is no label, for none."""
    if voters is None:
        return np.full(len(votes), -1)
    ours = votes.astype(np.float32) @ voters.mapping_to(labels)
    most = votes.max(1)
    alone = (votes == most[:, None]).sum(1) == 1
    return np.where(alone & (most > 0) & (ours.max(1) == most), ours.argmax(1), -1)


def votes_for(votes: np.ndarray | None, of: LabelSet | None, to: LabelSet | None) -> np.ndarray | None:
    """Votes for some names -> the same for others, where all of them are among these; else None, as if nobody was asked."""
    if votes is None or of is None or to is None or any(name not in to for name in of):
        return None
    out = np.zeros(len(to), votes.dtype)
    out[[to.index(name) for name in of]] = votes
    return out


class AsMostSaw(Through):
    """A dataset whose labels are those that most people saw; samples on which they did not agree, or of which nobody was asked,
    are left out."""

    def __iter__(self) -> Iterator[Sample]:
        for sample in self.dataset:
            label = most_people(sample, self.vote_labels, self.labels)
            if label >= 0:
                yield replace(sample, label=label)


def most_people(sample: Sample, voters: LabelSet | None, labels: LabelSet) -> int:
    """The same for one sample, of which nobody may have been asked."""
    return -1 if sample.votes is None else int(plurality(sample.votes[None], voters, labels)[0])
