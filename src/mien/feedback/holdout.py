"""The faces on which models are compared: a split of a dataset without copies in; what two models say of it, judged, out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.card import Preprocessing
from mien.classifiers import Classifier, load_classifier
from mien.datasets import Dataset
from mien.evaluation.scores import first_of_each
from mien.feedback.gate import USUAL, Rules, Verdict, compare
from mien.labels import LabelSet

AT_ONCE = 256


@dataclass(frozen=True)
class HoldOut:
    """Faces that no model is fitted to."""

    chips: list[np.ndarray]
    """uint8, each (h, w) or (h, w, 3)."""
    targets: np.ndarray
    """int64 (n,)."""
    labels: LabelSet


def faces_of(dataset: Dataset, split: str) -> HoldOut:
    """Of one split, each picture once, and none that is in another split, too. Raises ValueError where nothing is left."""
    samples = list(dataset)
    others = {s.image.tobytes() for s in samples if s.split != split}
    own = [s for s in samples if s.split == split]
    fresh = first_of_each([s.image for s in own], others)
    kept = [s for s, new in zip(own, fresh, strict=True) if new]
    if not kept:
        there = ", ".join(sorted({s.split for s in samples})) or "nothing"
        raise ValueError(f"no faces of a split {split!r} to compare models on; there is: {there}")
    return HoldOut([s.image for s in kept], np.array([s.label for s in kept]), dataset.labels)


def said(model: str | os.PathLike[str], faces: HoldOut) -> np.ndarray:
    """Probabilities (n, k) in the order of the faces' labels. Raises ValueError for a model that lacks one of them."""
    return probabilities(load_classifier(model), faces.chips, faces.labels)


def probabilities(classifier: Classifier, pictures: Sequence[np.ndarray], labels: LabelSet) -> np.ndarray:
    """Of faces of any size, uint8 (h, w) or (h, w, 3) each: (n, k) in the order of `labels`. Raises ValueError as `said` does."""
    if missing := [name for name in labels if name not in classifier.labels]:
        raise ValueError(f"{classifier.card.name} does not know {', '.join(missing)}, of which there are faces")
    sized = Preprocessing(size=classifier.card.preprocessing.size, channels=classifier.card.preprocessing.channels).sized
    chips = [sized(picture[None])[0] for picture in pictures]
    chips = [chip[..., 0] if chip.shape[2] == 1 else chip for chip in chips]
    parts = [classifier(np.stack(chips[i : i + AT_ONCE])) for i in range(0, len(chips), AT_ONCE)]
    return np.concatenate(parts)[:, [classifier.labels.index(name) for name in labels]]


def judged(champion: str, challenger: str, faces: HoldOut, rules: Rules = USUAL) -> Verdict:
    """Of two models that `mien predict --model` takes."""
    return compare(said(champion, faces), said(challenger, faces), faces.targets, faces.labels, rules)
