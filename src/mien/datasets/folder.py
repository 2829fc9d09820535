"""One folder a class: `root/happy/1.png`, or with splits `root/train/happy/1.png`; a path in, Samples out, and back.

A folder that mien wrote has an index, `samples.csv`, that keeps the order, the votes and whose face each is.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from mien.datasets.base import SPLIT_NAMES, SPLITS, Sample, as_stored, label_named, labels_of, samples_of, split_named
from mien.datasets.label_map import LabelMap, LeftOut
from mien.datasets.rows import CLASSES, RowFile, classes_column, classes_in
from mien.image import LIMITS, SUFFIXES, encode, read_file
from mien.labels import CKPLUS, LabelSet

INDEX = "samples.csv"
COLUMNS = ("file", "label", "split", "subject")
"""Of the index; the votes follow, a column a name."""
OURS = re.compile(r"\d{7}\.png")
"""How mien names pictures."""
MORE = "\0"
"""Stands in the index's rows for cells that are missing, or beyond the first line's."""
UNREAD = ("", ".avif", ".heic", ".heif", ".icns", ".ico", ".j2k", ".jp2", ".pbm", ".pgm", ".pnm", ".ppm", ".ras", ".raw", ".tga")
"""Endings of pictures that are not read here, none among them."""
CKPLUS_FRAME = re.compile(r"(S\d{3})_\d{3}_\d{8}\.\w+", re.ASCII)
"""How CK+ (Lucey et al. 2010) names its frames: subject, sequence, number."""


class Folder:
    """Class names are the folders' names; FER2013's order where they are its seven, the alphabet's otherwise.

    Without folders for the splits, all samples belong to Training. Folders within a class that has a usual name, such as one a
    person, are of that class. Pictures are read as they are asked for. Where all are
    named as CK+'s frames, `S010_004_00000017.png`, the names say whose face each is."""

    def __init__(self, path: str | Path, labels: LabelMap | None = None) -> None:
        self.path, self._map = Path(path), labels
        self.problems: list[str] = []

    @cached_property
    def _index(self) -> list[dict[str, str]] | None:
        index = self.path / INDEX
        if not index.is_file():
            return None
        try:
            with index.open(newline="", encoding="utf-8-sig") as file:
                rows = list(csv.DictReader(file, restkey=MORE, restval=MORE))
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{index} is no csv in UTF-8: {error}") from error
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
            for folder in _folders(root)
            for file in sorted(folder.rglob("*") if self._known(folder) else folder.iterdir())
            if file.suffix.lower() in SUFFIXES and not _hidden(file, folder)
        ]
        subjects = _subjects([file.name for *_, file in files])
        return [
            {"file": file.relative_to(self.path).as_posix(), "label": label, "split": split, "subject": subject}
            for (split, label, file), subject in zip(files, subjects, strict=True)
        ]

    def _known(self, folder: Path) -> bool:
        """Whether it certainly is a class, so that folders within it are no classes: it has a usual name, or the map's."""
        try:
            return folder.name in CKPLUS or (self._map is not None and self._map.index(folder.name) >= 0)
        except LeftOut:
            return False

    @cached_property
    def _splits(self) -> list[tuple[str, Path]]:
        """The folders that are named after a split."""
        return [(SPLIT_NAMES[p.name.lower()], p) for p in _folders(self.path) if p.name.lower() in SPLIT_NAMES]

    @property
    def has_splits(self) -> bool:
        return self._index is not None or bool(self._splits)

    @cached_property
    def labels(self) -> LabelSet:
        if not self._rows:
            raise ValueError(f"{self.path}: no pictures in folders named after their class, as in {self.path}/happy/1.png")
        if known := self._map.labels if self._map else classes_in(self._rows[0]):
            return known
        said = (row["label"] for row in self._rows if row["label"] != MORE)
        return labels_of([*said, *(folder.name for folder in self._empty)])

    @cached_property
    def _empty(self) -> list[Path]:
        """Class folders of a set without an index in which there is nothing at all."""
        roots = [] if self._index is not None else [root for _, root in self._splits or [(SPLITS[0], self.path)]]
        return [folder for root in roots for folder in _folders(root) if not any(folder.iterdir())]

    def _strays(self) -> Iterator[str]:
        """What looks like a picture and is no sample, a line each or a line a folder: of a kind that nobody reads, of no
        class, beside folders of splits of no split, or not in the index."""
        if self._index is not None:
            yield from self._not_in_the_index()
            return
        roots = {self.path, *(root for _, root in self._splits)}
        for file in (file for root in sorted(roots) for file in sorted(root.iterdir())):
            if file.suffix.lower() in SUFFIXES and file.is_file():
                yield f"{file}: left out, for it is in no folder of a class"
        for file in (file for root in roots for folder in _folders(root) for file in sorted(folder.rglob("*"))):
            if file.suffix.lower() in UNREAD and file.is_file() and not _hidden(file, self.path):
                yield f"{file}: left out, for it is no picture that mien reads ({', '.join(SUFFIXES)})"
        for folder in (folder for root in roots for folder in _folders(root) if root != self.path or not self._splits):
            inner = [] if self._known(folder) else [p for p in _folders(folder) for p in p.rglob("*")]
            if count := sum(file.suffix.lower() in SUFFIXES for file in inner):
                yield f"{folder}: {count:,} pictures left out, for they lie in folders within that of a class"
        beside = [p for p in _folders(self.path) if p.name.lower() not in SPLIT_NAMES]
        for folder in beside if self._splits else ():
            count = sum(file.suffix.lower() in SUFFIXES for file in folder.rglob("*"))
            if count:
                yield f"{folder}: {count:,} pictures left out, for it is in no folder of a split"

    def _not_in_the_index(self) -> Iterator[str]:
        named = {row["file"] for row in self._rows}
        files = (file for file in sorted(self.path.rglob("*")) if file.suffix.lower() in SUFFIXES and file.is_file())
        new = Counter(file.parent for file in files if file.relative_to(self.path).as_posix() not in named)
        for folder, count in new.items():
            yield f"{folder}: {count:,} pictures left out, for they are not in {INDEX}; remove it to take what the folders hold"

    @cached_property
    def vote_labels(self) -> LabelSet | None:
        if not self._index:
            return None
        names = [name for name in self._index[0] if name not in (*COLUMNS, MORE) and not name.startswith(CLASSES)]
        return LabelSet(tuple(names)) if names else None

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Sample]:
        self.problems[:] = self._strays()
        yield from samples_of(self.path, self._rows, self._sample, lambda row: "", self.problems)

    def _sample(self, row: dict[str, str]) -> Sample:
        try:
            if MORE in row or MORE in row.values():
                raise ValueError("there are fewer cells, or more, than in the first line")
            label = self._map.index(row["label"]) if self._map else label_named(row["label"], self.labels)
            votes = _votes({name: row[name] for name in self.vote_labels or ()})
            split = split_named(row["split"])
            if Path(row["file"]).is_absolute() or ".." in Path(row["file"]).parts:
                raise ValueError("it lies outside the set")
        except ValueError as error:
            raise ValueError(f"{self.path / INDEX if self._index else self.path}, {row['file']}: {error}") from error
        file = self.path / row["file"]
        return Sample(as_stored(read_file(file, LIMITS.bytes), str(file)), label, split, row["file"], votes, row["subject"])


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".") and p.name != "__MACOSX")


def _hidden(file: Path, root: Path) -> bool:
    """A file that begins with a dot, or lies in such a folder."""
    return any(part.startswith(".") for part in file.relative_to(root).parts)


def _subjects(names: list[str]) -> list[str]:
    """Whose face each picture is, where all names say so; empty otherwise."""
    found = [CKPLUS_FRAME.fullmatch(name) for name in names]
    return [match[1] if match and all(found) else "" for match in found]


def _votes(cells: Mapping[str, str]) -> np.ndarray | None:
    wrong = next((name for name, cell in cells.items() if cell and not cell.isdigit()), None)
    if wrong is not None:
        raise ValueError(f"{wrong} is {cells[wrong]!r:.40} where a number of votes was wanted")
    return np.array([int(cell or 0) for cell in cells.values()], np.uint8) if any(cells.values()) else None


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
        self._index = RowFile(path / INDEX, [*COLUMNS, *(vote_labels or ()), *classes_column(labels)])
        self.done = self._index.done

    def __call__(self, sample: Sample) -> None:
        name, number = self.labels[sample.label], self._index.number
        file = Path(sample.split, name, f"{number:07d}.png")
        if number >= self.done:
            (self.path / file).parent.mkdir(parents=True, exist_ok=True)
            (self.path / file).write_bytes(encode(sample.image))
        votes = [""] * len(self.vote_labels or ()) if sample.votes is None else sample.votes.tolist()
        more = [""] * (len(self._index.header) - len(COLUMNS) - len(votes))
        self._index.put([file.as_posix(), name, sample.split, sample.subject, *votes, *more])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._index.close(whole=kind is None)
