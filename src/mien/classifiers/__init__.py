"""Name expressions: chips in, probabilities out. What serves."""

from __future__ import annotations

import os
from typing import Protocol, runtime_checkable

import numpy as np

from mien.card import ModelCard
from mien.labels import LabelSet


@runtime_checkable
class Classifier(Protocol):
    """uint8 chips (n, h, w) or RGB (n, h, w, 3) -> float32 probabilities (n, k), rows of `labels`; n may be 0."""

    @property
    def labels(self) -> LabelSet: ...

    @property
    def card(self) -> ModelCard: ...

    def __call__(self, chips: np.ndarray) -> np.ndarray: ...


def load_classifier(name_or_path: str | os.PathLike[str] | None = None) -> Classifier:
    """A packaged model by name (`mien models list`), or one of a run folder or card by path.

    Raises ValueError with the names there are, or with what is wrong with the file."""
    from mien.classifiers.onnx import OnnxClassifier
    from mien.weights import find_card

    return OnnxClassifier(find_card(name_or_path))
