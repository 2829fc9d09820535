"""What a labelled set of faces is: a path in, an iterable of Samples out."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import numpy as np

from mien.catalog import Catalog
from mien.image import decode
from mien.labels import FER2013, LabelSet

SPLITS = ("Training", "PublicTest", "PrivateTest")
"""FER2013's names: fit on the first, choose on the second, report on the third."""
SPLIT_NAMES = {
    **{name.lower(): name for name in SPLITS},
    "train": "Training", "training": "Training",
    "val": "PublicTest", "valid": "PublicTest", "validation": "PublicTest",
    "test": "PrivateTest",
}  # fmt: skip


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
    subject: str = ""
    """Whose face it is, where that is known; a person's faces stay in one split."""


@runtime_checkable
class Dataset(Protocol):
    """Samples in a fixed order, read as they are asked for; what cannot be read is left out and named."""

    labels: LabelSet
    vote_labels: LabelSet | None
    problems: list[str]
    """A line for each item that the last pass left out."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Sample]: ...


class Writer(Protocol):
    """Takes the samples of a set one by one, in order; a context manager that leaves the whole file behind.

    What was written before a run was stopped is gone on with, where the format allows it."""

    done: int
    """Samples that an earlier run wrote; given once more, in the same order, they are passed over."""

    def __call__(self, sample: Sample) -> None:
        """Raises ValueError for a sample that this format cannot hold."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None: ...


DATASETS = Catalog(
    "dataset format",
    {
        "npz": "mien.datasets.fer2013:FerNpz",
        "csv": "mien.datasets.tables:CsvFaces",
        "folder": "mien.datasets.folder:Folder",
        "parquet": "mien.datasets.parquet:ParquetDataset",
    },
    group="mien.datasets",
)
WRITERS = Catalog(
    "dataset format to write",
    {
        "npz": "mien.datasets.fer2013:NpzWriter",
        "csv": "mien.datasets.tables:CsvWriter",
        "folder": "mien.datasets.folder:FolderWriter",
        "parquet": "mien.datasets.parquet:ParquetWriter",
    },
    group="mien.dataset_writers",
)


def kind_of(path: Path) -> str:
    """`npz`, `csv`, `parquet` by the ending; `folder` for a folder, or a name without an ending."""
    return "folder" if path.is_dir() or not path.suffix else path.suffix.lstrip(".").lower()


def split_named(name: str) -> str:
    """FER2013's name of a split, by whatever name it goes. Raises ValueError."""
    found = SPLIT_NAMES.get(name.strip().lower())
    if found is None:
        raise ValueError(f"split {name!r} where {', '.join(SPLITS)} was wanted")
    return found


def labels_of(names: Iterable[str]) -> LabelSet:
    """The label set of class names that were found: FER2013's where they are of its seven, the alphabet's order otherwise."""
    found = sorted(set(names))
    return FER2013 if all(name in FER2013 for name in found) else LabelSet(tuple(found))


def as_stored(data: bytes, name: str = "bytes") -> np.ndarray:
    """The bytes of a picture file -> uint8 (h, w) where it is gray, RGB (h, w, 3) otherwise. Raises MienError."""
    from PIL import Image

    image = decode(data, name=name)
    with Image.open(io.BytesIO(data)) as header:
        return np.ascontiguousarray(image[..., 0]) if header.mode in ("1", "L") else image


def open_dataset(path: str | Path) -> Dataset:
    """The dataset at `path`: .npz, .csv or .parquet, or a folder with one folder a class.

    Raises FileNotFoundError for a missing path and ValueError for an ending nobody reads."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no dataset at {path}")
    kind = kind_of(path)
    if kind not in DATASETS:
        raise ValueError(f"{path}: datasets are .npz, .csv, .parquet, or a folder with one folder a class")
    dataset: Dataset = DATASETS[kind](path)
    return dataset
