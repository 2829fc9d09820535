"""Faces in csv files: a row a face, its gray levels in one column parted by blanks, or in a column each. A file in, Samples out.

The first is the form of the FER2013 challenge (Goodfellow et al. 2013): `emotion,pixels,Usage`; emotions are FER2013's
numbers, or names; in a file named ckextended 7 is contempt. The second is that of many notebooks: a label and `pixel0`,
`pixel1`, ...
"""

from __future__ import annotations

import csv
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from math import isqrt
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from mien.datasets.base import SPLITS, Sample, columns_in, label_named, labels_of, samples_of, split_named
from mien.datasets.fer2013 import SIDE
from mien.datasets.label_map import LabelMap, number_of
from mien.datasets.rows import RowFile, classes_column, classes_in
from mien.labels import CKPLUS, FER2013, LabelSet

CKEXTENDED = "ckextended"
"""In the name of a file: 7 is contempt, after FER2013's seven."""
LEVELS = np.array([str(level) for level in range(256)], object)
HEADER = ("emotion", "pixels", "Usage")
SUBJECT = "subject"
PIXEL = re.compile(r"([a-z_ ]*?)[_ ]*(\d+)")
"""The name of a column of one pixel, in small letters: a word, if there is one, and a number."""
csv.field_size_limit(10_000_000)


class CsvFaces:
    """A row that cannot be used is left out and named by its line; the header is line 1."""

    vote_labels: LabelSet | None = None

    def __init__(self, path: str | Path, labels: LabelMap | None = None) -> None:
        self.path, self._map = Path(path), labels
        self.problems: list[str] = []

    @cached_property
    def _first(self) -> list[str]:
        with self.path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            try:
                return next(csv.reader(file), [])
            except csv.Error as error:
                raise ValueError(f"{self.path}, line 1: {error}") from error

    @cached_property
    def _header(self) -> list[str]:
        return [name.strip().lower() for name in self._first]

    @cached_property
    def _classes(self) -> LabelSet | None:
        """The names and their order, where the header holds them: then labels are names, whatever they look like."""
        return classes_in(self._first)

    @cached_property
    def _place(self) -> dict[str, int]:
        """What is looked for -> its column."""
        found = columns_in(self._header, "label", "split", "subject", "pixels")
        if "label" not in found or not ("pixels" in found or self._pixels):
            raise ValueError(
                f"{self.path}: the first line must be emotion,pixels,Usage, or a label and a column a pixel; it is "
                f"{','.join(self._header)[:80]!r}"
            )
        return found

    @cached_property
    def _pixels(self) -> list[int]:
        """Columns of single pixels: those whose name is a number, or a word and a number, by that number; several words: the
        one that most have."""
        named = [(i, PIXEL.fullmatch(name)) for i, name in enumerate(self._header)]
        words = Counter(match[1] for _, match in named if match)
        word = words.most_common(1)[0][0] if words else ""
        return [i for _, i in sorted((int(match[2]), i) for i, match in named if match and match[1] == word)]

    @property
    def has_splits(self) -> bool:
        return "split" in self._place

    @property
    def _numbered(self) -> LabelSet:
        """What numbers stand for."""
        return CKPLUS if CKEXTENDED in self.path.name.lower() else FER2013

    @cached_property
    def labels(self) -> LabelSet:
        """Those of the label map; else FER2013's where labels are numbers, or the names that are there."""
        place, names = self._place["label"], set()
        if self._map or self._classes:
            return self._map.labels if self._map else self._classes  # type: ignore[return-value]
        for row, _ in self._rows():
            if len(row) > place and number_of(row[place]) is not None:
                return self._numbered
            names |= {row[place].strip()} if len(row) > place else set()
        return labels_of(names - {""})

    def __len__(self) -> int:
        with self.path.open("rb") as file:
            return max(sum(1 for line in file if line.strip()) - 1, 0)

    def __iter__(self) -> Iterator[Sample]:
        _ = self._place, self.labels
        self.problems.clear()
        rows = self._rows(self.problems)
        yield from samples_of(self.path, rows, self._sample, lambda row: f"{self.path}, line {row[1]}: ", self.problems)

    def _rows(self, problems: list[str] | None = None) -> Iterator[tuple[list[str], int]]:
        """The rows after the first that hold anything, and their lines."""
        with self.path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            for number, line in enumerate(file, 1):  # line by line: a quote that is not closed costs one
                try:
                    row = next(csv.reader([line.rstrip("\r\n")]), [])
                except csv.Error as error:
                    if problems is not None:
                        problems.append(f"{self.path}, line {number}: {error}")
                    continue
                if row and number > 1:
                    yield row, number

    def _sample(self, numbered: tuple[list[str], int]) -> Sample:
        row, line = numbered
        cells = {kind: row[i].strip() for kind, i in self._place.items() if i < len(row) and kind != "pixels"}
        if "label" not in cells or any(row[len(self._header) :]):
            raise ValueError(f"{len(row)} columns where {len(self._header)} were wanted")
        label = self._label(cells["label"])
        image = _square(self._text(row), self._size)
        split = split_named(cells["split"]) if cells.get("split") else SPLITS[0]
        return Sample(image, label, split, str(line), None, cells.get("subject", ""))

    def _label(self, cell: str) -> int:
        if self._map:
            return self._map.index(cell, self._classes or self._numbered)
        number = None if self._classes else number_of(cell)
        if number is None:
            return label_named(cell, self.labels)
        if not 0 <= number < len(self.labels):
            raise ValueError(f"label {cell} where 0 to {len(self.labels) - 1} was wanted")
        return number

    @cached_property
    def _size(self) -> int:
        """Pixels of a face: FER2013's, where one of the first rows has so many, else as many as most of them have."""
        if "pixels" not in self._place:
            return len(self._pixels)
        found = Counter(len(self._text(row).split()) for row, _ in islice(self._rows(), 50))
        squares = [n for n, _ in found.most_common() if n and isqrt(n) ** 2 == n]
        return SIDE * SIDE if SIDE * SIDE in found or not squares else squares[0]

    def _text(self, row: list[str]) -> str:
        """The row's gray levels, parted by blanks."""
        if "pixels" in self._place:
            return row[self._place["pixels"]] if len(row) > self._place["pixels"] else ""
        if len(row) != len(self._header):
            raise ValueError(f"{len(row)} columns where {len(self._header)} were wanted")
        return " ".join(row[i] for i in self._pixels)


def _square(text: str, size: int) -> np.ndarray:
    """So many gray levels, parted by blanks -> uint8 (side, side)."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            levels = np.fromstring(text, np.int64, sep=" ")
        except (DeprecationWarning, ValueError):
            wrong = next((word for word in text.split() if not word.isdigit()), text[:20])
            raise ValueError(f"{wrong!r:.40} is no pixel") from None
    if len(levels) != size:
        raise ValueError(f"{len(levels)} pixels where {size} were wanted")
    if levels.min() < 0 or levels.max() > 255:
        raise ValueError("pixels of less than 0 or more than 255")
    return levels.astype(np.uint8).reshape(isqrt(size), -1)


class CsvWriter:
    """The challenge's form: square gray faces of one size; numbers where the labels are FER2013's seven, names otherwise, and
    then the header holds them in their order; a column `subject` where a face has one."""

    def __init__(self, path: Path, labels: LabelSet, vote_labels: LabelSet | None = None) -> None:
        self.labels = labels
        self._rows = RowFile(path, [*HEADER, *classes_column(labels)])
        self.done = self._rows.done
        self._size: tuple[int, ...] = ()

    def __call__(self, sample: Sample) -> None:
        image, label = sample.image, sample.label if self.labels == FER2013 else self.labels[sample.label]
        if image.ndim != 2 or image.shape[0] != image.shape[1]:
            raise ValueError(f"{sample.key}: {image.shape}; csv holds square gray faces, Parquet and folders hold all")
        if image.shape != (self._size or image.shape):
            raise ValueError(f"{sample.key}: {image.shape} where all are {self._size}; Parquet and folders hold all sizes")
        if len(f"{label} {sample.subject} ".splitlines()) > 1:
            raise ValueError(f"{sample.key}: a class or subject of several lines; npz and Parquet hold them")
        self._size = image.shape
        if sample.subject and SUBJECT not in self._rows.header:
            self._rows.widen(SUBJECT)
        more = {SUBJECT: sample.subject}
        cells = [label, " ".join(LEVELS[image.ravel()]), sample.split]
        self._rows.put([*cells, *(more.get(name, "") for name in self._rows.header[len(cells) :])])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._rows.close(whole=kind is None)
