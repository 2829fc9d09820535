"""Several views of each face instead of one: a classifier in, one that averages what it says of them out.

They cost their number of times; scores with them are given in rows of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mien.card import ModelCard
from mien.classifiers import Classifier
from mien.image import resize
from mien.labels import LabelSet

PART = 44 / 48
"""Of a chip's side: what a crop keeps, as is usual with FER2013."""


def flip(chips: np.ndarray) -> Iterator[np.ndarray]:
    """The chips and their mirror images."""
    yield chips
    yield chips[:, :, ::-1]


def ten_crop(chips: np.ndarray) -> Iterator[np.ndarray]:
    """The four corners and the middle, enlarged to the whole, and their mirror images (Krizhevsky et al. 2012)."""
    h, w = chips.shape[1:3]
    high, wide = round(h * PART), round(w * PART)
    for top, left in ((0, 0), (0, w - wide), (h - high, 0), (h - high, w - wide), ((h - high) // 2, (w - wide) // 2)):
        crop = chips[:, top : top + high, left : left + wide]
        yield from flip(np.stack([resize(chip, w, h) for chip in crop]) if len(crop) else chips)


VIEWS: dict[str, Callable[[np.ndarray], Iterator[np.ndarray]]] = {"flip": flip, "ten_crop": ten_crop}


class Views:
    """A classifier that says the mean of what another one says of several views of each chip."""

    def __init__(self, classifier: Classifier, name: str) -> None:
        """Raises ValueError for a name that is none of VIEWS."""
        if name not in VIEWS:
            raise ValueError(f"no views named {name!r}; there are: {', '.join(VIEWS)}")
        self.classifier, self.name = classifier, name

    @property
    def labels(self) -> LabelSet:
        return self.classifier.labels

    @property
    def card(self) -> ModelCard:
        return self.classifier.card

    def __call__(self, chips: np.ndarray) -> np.ndarray:
        said = [self.classifier(np.ascontiguousarray(view)) for view in VIEWS[self.name](chips)]
        return np.asarray(np.mean(said, axis=0, dtype=np.float32))
