"""What a labelled set of faces is: a path in, an iterable of Samples out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from mien.catalog import Catalog
from mien.labels import LabelSet

SPLITS = ("Training", "PublicTest", "PrivateTest")
"""FER2013's names: fit on the first, choose on the second, report on the third."""


@dataclass(frozen=True)
class Sample:
    """One labelled face."""

    image: np.ndarray
    """uint8 (h, w) or (h, w, 3) in RGB."""
    label: int
    split: str
    key: str
    """Where it came from: a row number or a path; unique in its dataset."""
    votes: np.ndarray | None = None
    """How many people chose each name of the dataset's `vote_labels`; None: nobody was asked."""


@runtime_checkable
class Dataset(Protocol):
    """Samples in a fixed order, read as they are asked for; what cannot be read is left out and named."""

    labels: LabelSet
    vote_labels: LabelSet | None
    problems: list[str]
    """A line for each item that the last pass left out."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Sample]: ...


DATASETS = Catalog(
    "dataset format",
    {
        "npz": "mien.datasets.fer2013:FerNpz",
        "csv": "mien.datasets.fer2013:FerCsv",
        "folder": "mien.datasets.folder:Folder",
    },
    group="mien.datasets",
)


def open_dataset(path: str | Path) -> Dataset:
    """The dataset at `path`: FER2013 as .npz or .csv, or a folder with one folder a class.

    Raises FileNotFoundError for a missing path and ValueError for an ending nobody reads."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no dataset at {path}")
    kind = "folder" if path.is_dir() else path.suffix.lstrip(".").lower()
    if kind not in DATASETS:
        raise ValueError(f"{path}: datasets are .npz, .csv, or a folder with one folder a class")
    dataset: Dataset = DATASETS[kind](path)
    return dataset
