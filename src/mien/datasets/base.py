"""What a labelled set of faces is: a path in, an iterable of Samples out."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar, runtime_checkable

import numpy as np

from mien.catalog import Catalog
from mien.datasets.label_map import LabelMap, LeftOut
from mien.errors import MienError
from mien.image import decode
from mien.labels import CKPLUS, FER2013, SYNONYMS, LabelSet

Item = TypeVar("Item")

SPLITS = ("Training", "PublicTest", "PrivateTest")
"""FER2013's names: fit on the first, choose on the second, report on the third."""
SPLIT_NAMES = {
    **{name.lower(): name for name in SPLITS},
    "train": "Training", "training": "Training",
    "val": "PublicTest", "valid": "PublicTest", "validation": "PublicTest",
    "test": "PrivateTest",
}  # fmt: skip
COLUMNS = {
    "image": ("image", "img", "picture"),
    "pixels": ("pixels",),
    "label": ("emotion", "label", "labels", "expression", "class", "target"),
    "split": ("usage", "split", "set"),
    "votes": ("votes",),
    "subject": ("subject", "subject_id", "person"),
}
"""What is looked for in a table, and what it may be called; the first name that is there counts."""
GRAY = ("1", "L", "LA", "I", "I;16", "F")
"""Pillow's modes of pictures without colour."""
VERSIONED = ".mien"
"""Ending of a folder of versions (mien.datasets.versions)."""
FRAMES = "cohn-kanade-images"
"""The folder by which CK+ in its sequences is known."""


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
    clip: str = ""
    """Which sequence it is a frame of, where a reader knows; files that mien writes hold stills."""


@runtime_checkable
class Dataset(Protocol):
    """Samples in a fixed order, read as they are asked for; what cannot be read is left out and named."""

    @property
    def labels(self) -> LabelSet: ...

    @property
    def vote_labels(self) -> LabelSet | None: ...

    @property
    def problems(self) -> list[str]:
        """A line for each item that the last pass left out."""

    def __len__(self) -> int:
        """So many come at most; what cannot be read and what a label map leaves out is counted too."""

    def __iter__(self) -> Iterator[Sample]: ...


class Through:
    """A dataset made of another one: its labels, problems and length; what comes by is the subclass's."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.labels, self.vote_labels = dataset, dataset.labels, dataset.vote_labels

    @property
    def problems(self) -> list[str]:
        return self.dataset.problems

    def __len__(self) -> int:
        return len(self.dataset)


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
        "ckplus": "mien.datasets.ckplus:CkPlus",
        "mien": "mien.datasets.versions:VersionedDataset",
        "zip": "mien.datasets.archive:Archive",
        "tar": "mien.datasets.archive:Archive",
        "gz": "mien.datasets.archive:Archive",
        "tgz": "mien.datasets.archive:Archive",
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
    """`npz`, `csv`, `zip` and so on by the ending; `folder` for a folder, or a name without an ending; `ckplus` for CK+'s;
    `mien` for versions, of which `faces.mien@1a2b3c` is an older one."""
    if f"{VERSIONED}@" in path.name or (path / "versions").is_dir():
        return "mien"
    if path.is_dir():
        return "ckplus" if frames_of(path) else "folder"
    return path.suffix.lstrip(".").lower() or "folder"


def frames_of(path: Path) -> Path | None:
    """CK+'s folder of sequences in this folder, or one level down; None where there is none."""
    return next((p for p in (path / FRAMES, *sorted(path.glob(f"*/{FRAMES}"))) if p.is_dir()), None)


def split_named(name: str) -> str:
    """FER2013's name of a split, by whatever name it goes. Raises ValueError."""
    found = SPLIT_NAMES.get(str(name).strip().lower())
    if found is None:
        raise ValueError(f"split {name!r} where {', '.join(SPLITS)} was wanted")
    return found


def by_split(number: Mapping[tuple[str, int], int], labels: LabelSet) -> dict[str, dict[str, int]]:
    """Samples of each split and label -> of each label in each split that is there."""
    there = {split for split, _ in number}
    return {split: {name: number.get((split, i), 0) for i, name in enumerate(labels)} for split in SPLITS if split in there}


def labels_of(names: Iterable[str]) -> LabelSet:
    """The label set of class names that were found: FER2013's where they are of its seven, CK+'s where contempt is the
    only other, the alphabet's order otherwise. One name in several spellings is one class, and beside usual names one that
    looks like a misspelt one is none, so that its samples are left out and named."""
    given = set(names)
    known = {CKPLUS[CKPLUS.index(name)] for name in given if name in CKPLUS}
    others = {name for name in given if name not in CKPLUS and not (known and misspelt(name))}
    found = sorted({*known, *{min(n for n in others if n.lower() == name.lower()) for name in others}})
    usual = (labels for labels in (FER2013, CKPLUS) if all(name in labels for name in found))
    return next(usual, None) or LabelSet(tuple(found))


def misspelt(name: str) -> str:
    """The usual name that this one, which is none, was meant to be; empty where it is like none."""
    near = get_close_matches(name.strip().lower(), [*CKPLUS, *SYNONYMS], 1, cutoff=0.8)
    return CKPLUS[CKPLUS.index(near[0])] if near and name not in CKPLUS else ""


def label_named(name: str, labels: LabelSet) -> int:
    """Its label. Raises ValueError, which says what may have been meant."""
    if name not in labels and (meant := misspelt(name)):
        raise ValueError(f"no class named {name!r}; was {meant} meant? --labels can say so, or keep it")
    return labels.index(name)


def columns_in(header: Iterable[str], *kinds: str) -> dict[str, int]:
    """What is looked for, if it is there -> its place among these names; case and blanks around them do not matter."""
    plain = [name.strip().lower() for name in header]
    found = {kind: next((plain.index(name) for name in COLUMNS[kind] if name in plain), None) for kind in kinds}
    return {kind: place for kind, place in found.items() if place is not None}


def samples_of(
    path: Path, items: Iterable[Item], read: Callable[[Item], Sample], name: Callable[[Item], str], problems: list[str]
) -> Iterator[Sample]:
    """What `read` makes of the items of the set at `path`; where it raises, the item is left out, and `problems` says why
    after what `name` says. Those whose label is in no label map share a line."""
    unknown: Counter[str] = Counter()
    for item in items:
        try:
            sample = read(item)
        except LeftOut as why:
            unknown[str(why)] += 1
        except (MienError, ValueError, TypeError, OverflowError) as error:
            problems.append(f"{name(item)}{error}")
        else:
            yield sample
    problems += [f"{path}: {count:,} left out: {why}" for why, count in unknown.items() if why]


def as_stored(data: bytes, name: str = "bytes") -> np.ndarray:
    """The bytes of a picture file -> uint8 (h, w) where it is gray, RGB (h, w, 3) otherwise. Raises MienError."""
    from PIL import Image

    image = decode(data, name=name)
    with Image.open(io.BytesIO(data)) as header:
        return np.ascontiguousarray(image[..., 0]) if header.mode in GRAY else image


def open_dataset(path: str | Path, labels: Mapping[str, str | None] | None = None) -> Dataset:
    """The dataset at `path`: .npz, .csv or .parquet, a folder with one folder a class, CK+'s folder, an archive of one,
    or versions, `faces.mien` or `faces.mien@ID`.

    `labels`: what the data says -> its class, or None to leave such samples out; see `mien.datasets.label_map`.
    Raises FileNotFoundError for a missing path and ValueError for an ending nobody reads."""
    path = Path(path)
    kind = kind_of(path)
    if not path.exists() and kind != "mien":
        raise FileNotFoundError(f"no dataset at {path}")
    if kind not in DATASETS:
        raise ValueError(
            f"{path}: datasets are .npz, .csv, .parquet, a folder with one folder a class, or one of them in a .zip, .tar, "
            ".tar.gz or .tgz"
        )
    dataset: Dataset = DATASETS[kind](path) if labels is None else DATASETS[kind](path, LabelMap(labels))
    return dataset
