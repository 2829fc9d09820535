"""One folder a class: `root/happy/1.png`, or with splits `root/train/happy/1.png`; a path in, Samples out, and back.

A folder that mien wrote has an index, `samples.csv`, that keeps the order, the votes and whose face each is.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from mien.datasets.base import SPLIT_NAMES, SPLITS, Sample, as_stored, labels_of, samples_of, split_named
from mien.datasets.label_map import LabelMap
from mien.datasets.rows import RowFile
from mien.image import LIMITS, SUFFIXES, encode, read_file
from mien.labels import LabelSet

INDEX = "samples.csv"
COLUMNS = ("file", "label", "split", "subject")
"""Of the index; the votes follow, a column a name."""
CKPLUS_FRAME = re.compile(r"(S\d{3})_\d{3}_\d{8}\.\w+", re.ASCII)
"""How CK+ (Lucey et al. 2010) names its frames: subject, sequence, number."""


class Folder:
    """Class names are the folders' names; FER2013's order where they are its seven, the alphabet's otherwise.

    Without folders for the splits, all samples belong to Training. Pictures are read as they are asked for. Where all are
    named as CK+'s frames, `S010_004_00000017.png`, the names say whose face each is."""

    def __init__(self, path: str | Path, labels: LabelMap | None = None) -> None:
        self.path, self._map = Path(path), labels
        self.problems: list[str] = []

    @cached_property
    def _index(self) -> list[dict[str, str]] | None:
        index = self.path / INDEX
        if not index.is_file():
            return None
        with index.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if rows and not set(COLUMNS) <= set(rows[0]):
            raise ValueError(f"{index}: the first line must begin with {','.join(COLUMNS)}; it has {','.join(rows[0])}")
        return rows

    @cached_property
    def _rows(self) -> list[dict[str, str]]:
        if self._index is not None:
            return self._index
        files = [
            (split, folder.name, file)
            for split, root in self._splits or [(SPLITS[0], self.path)]
            for folder in sorted(root.iterdir())
            if folder.is_dir()
            for file in sorted(folder.iterdir())
            if file.suffix.lower() in SUFFIXES
        ]
        subjects = _subjects([file.name for *_, file in files])
        return [
            {"file": file.relative_to(self.path).as_posix(), "label": label, "split": split, "subject": subject}
            for (split, label, file), subject in zip(files, subjects, strict=True)
        ]

    @cached_property
    def _splits(self) -> list[tuple[str, Path]]:
        """The folders that are named after a split."""
        folders = sorted(p for p in self.path.iterdir() if p.is_dir())
        return [(SPLIT_NAMES[p.name.lower()], p) for p in folders if p.name.lower() in SPLIT_NAMES]

    @property
    def has_splits(self) -> bool:
        return self._index is not None or bool(self._splits)

    @cached_property
    def labels(self) -> LabelSet:
        if not self._rows:
            raise ValueError(f"{self.path}: no pictures in folders named after their class, as in {self.path}/happy/1.png")
        if self._map:
            return self._map.labels
        return labels_of([*(row["label"] for row in self._rows), *(folder.name for folder in self._empty)])

    @cached_property
    def _empty(self) -> list[Path]:
        """Class folders of a set without an index in which there is nothing at all."""
        roots = [] if self._index is not None else [root for _, root in self._splits or [(SPLITS[0], self.path)]]
        return [folder for root in roots for folder in sorted(root.iterdir()) if folder.is_dir() and not any(folder.iterdir())]

    def _strays(self) -> Iterator[str]:
        """Pictures that belong to no class, or beside folders of splits to no split; a line each, or a line a folder."""
        if self._index is not None:
            return
        for root in {self.path, *(root for _, root in self._splits)}:
            for file in sorted(root.iterdir()):
                if file.suffix.lower() in SUFFIXES and file.is_file():
                    yield f"{file}: left out, for it is in no folder of a class"
        beside = [p for p in sorted(self.path.iterdir()) if p.is_dir() and p.name.lower() not in SPLIT_NAMES]
        for folder in beside if self._splits else ():
            count = sum(file.suffix.lower() in SUFFIXES for file in folder.rglob("*"))
            if count:
                yield f"{folder}: {count:,} pictures left out, for it is in no folder of a split"

    @cached_property
    def vote_labels(self) -> LabelSet | None:
        names = [name for name in (self._index[0] if self._index else ()) if name not in COLUMNS]
        return LabelSet(tuple(names)) if names else None

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Sample]:
        self.problems[:] = self._strays()
        yield from samples_of(self.path, self._rows, self._sample, lambda row: "", self.problems)

    def _sample(self, row: dict[str, str]) -> Sample:
        try:
            label = (self._map or self.labels).index(row["label"])
            votes = _votes([row[name] for name in self.vote_labels or ()])
            split = split_named(row["split"])
        except ValueError as error:
            raise ValueError(f"{self.path / INDEX}, {row['file']}: {error}") from error
        file = self.path / row["file"]
        if not file.resolve().is_relative_to(self.path.resolve()):
            raise ValueError(f"{self.path / INDEX}: {row['file']} lies outside the set")
        return Sample(as_stored(read_file(file, LIMITS.bytes), str(file)), label, split, row["file"], votes, row["subject"])


def _subjects(names: list[str]) -> list[str]:
    """Whose face each picture is, where all names say so; empty otherwise."""
    found = [CKPLUS_FRAME.fullmatch(name) for name in names]
    return [match[1] if match and all(found) else "" for match in found]


def _votes(cells: list[str]) -> np.ndarray | None:
    return np.array([int(cell) for cell in cells], np.uint8) if any(cells) else None


def _ask_for_a_folder_s_name(name: str) -> None:
    """Raises ValueError for a class that cannot be one folder inside another, such as `../x`."""
    if not name.strip(". ") or set(name) & set('/\\:*?"<>|') or not name.isprintable():
        raise ValueError(f"class {name!r:.60} cannot be the name of a folder; rename it by a map given as --labels")


class FolderWriter:
    """PNG files in `split/class/number.png`, and the index."""

    def __init__(self, path: Path, labels: LabelSet, vote_labels: LabelSet | None = None) -> None:
        for name in labels:
            _ask_for_a_folder_s_name(name)
        self.path, self.labels, self.vote_labels = path, labels, vote_labels
        path.mkdir(parents=True, exist_ok=True)
        self._index = RowFile(path / INDEX, [*COLUMNS, *(vote_labels or ())])
        self.done = self._index.done

    def __call__(self, sample: Sample) -> None:
        name, number = self.labels[sample.label], self._index.number
        file = Path(sample.split, name, f"{number:07d}.png")
        if number >= self.done:
            (self.path / file).parent.mkdir(parents=True, exist_ok=True)
            (self.path / file).write_bytes(encode(sample.image))
        votes = [""] * len(self.vote_labels or ()) if sample.votes is None else sample.votes.tolist()
        self._index.put([file.as_posix(), name, sample.split, sample.subject, *votes])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._index.close(whole=kind is None)
