"""What augmentation does, to look at: a dataset in; a PNG with a face a row, as it is and as training may see it, out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from mien.card import Preprocessing
from mien.datasets import Dataset
from mien.datasets.base import SPLITS
from mien.image import encode
from mien.training.augment import Augment
from mien.training.config import RECIPES
from mien.training.mixing import Mix, plan
from mien.training.overrides import overridden

GAP, SCALE = 2, 2
"""White pixels between chips, and by how much these are enlarged."""


def contact_sheet(
    dataset: Dataset, model: str, faces: int, times: int, seed: int = 0, settings: Sequence[str] = ()
) -> tuple[bytes, int]:
    """A PNG of the first faces of each class in turn, with the augmentation of the network's recipe, `settings` of which are
    `name=value`, and how many they are. Raises ValueError."""
    if model not in RECIPES:
        raise ValueError(f"no recipe for {model!r}; there are: {', '.join(RECIPES)}")
    config = overridden(RECIPES[model], settings)
    chips = _some(dataset, config.preprocessing, faces).astype(np.float32)
    augment, how = Augment(config.augmentation, seed), np.random.default_rng(seed)
    columns = [chips]
    for epoch in range(times):
        augment.begin(epoch)
        x, _ = augment(chips, training=True)
        if config.augmentation.mixes:
            x = Mix()([x, plan(config.augmentation, how, len(chips))], training=True)
        columns.append(np.array(x))
    return encode(pasted(np.stack(columns, axis=1))), len(chips)


def _some(dataset: Dataset, preprocessing: Preprocessing, faces: int) -> np.ndarray:
    """Chips of Training, one of each class after another."""
    by_class: list[list[np.ndarray]] = [[] for _ in dataset.labels]
    for sample in dataset:
        mine = by_class[sample.label]
        if sample.split == SPLITS[0] and len(mine) < faces:
            mine.append(preprocessing.pixels(sample.image[None])[0])
            if all(len(chips) == faces for chips in by_class):
                break
    rounds = zip(*(chips for chips in by_class if chips), strict=False)
    chosen = list(islice((chip for one in rounds for chip in one), faces))
    if not chosen:
        raise ValueError("no samples in the split Training")
    return np.stack(chosen)


def pasted(chips: np.ndarray) -> np.ndarray:
    """(rows, columns, h, w, c) gray levels -> one uint8 picture."""
    rows, columns, h, w, _ = chips.shape
    out = np.full((rows * (h + GAP) - GAP, columns * (w + GAP) - GAP), 255, np.uint8)
    for (i, j), chip in ((at, chips[at][..., 0]) for at in np.ndindex(rows, columns)):
        out[i * (h + GAP) : i * (h + GAP) + h, j * (w + GAP) : j * (w + GAP) + w] = np.rint(chip).clip(0, 255)
    return out.repeat(SCALE, 0).repeat(SCALE, 1)
