"""FER2013 as the challenge's csv, as an npz of arrays, or as an npz of JPEG 2000 mosaics: a file in, Samples out.

Goodfellow et al. 2013, "Challenges in representation learning"; votes of FER+ by Barsoum et al. 2016.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mien.datasets.base import SPLITS, Sample
from mien.labels import FER2013, FERPLUS, LabelSet

SIDE = 48
ARBITRARY_ROW = 2
"""Value of `pixel_source` where the image is one of the split's, but of which row is not known."""
MOSAIC = 64
"""Chips along each side of a mosaic in the packed file."""


class FerNpz:
    """Arrays `images` (n, 48, 48), `labels`, `usage` (0, 1, 2 for the three splits) and, if there, `ferplus_votes`.

    Rows whose `pixel_source` is 2 were matched to their votes at random, so their votes are left out."""

    labels: LabelSet = FER2013

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.problems: list[str] = []

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        try:
            with self.path.open("rb") as file, np.load(file) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (ValueError, OSError, EOFError, BadZipFile) as error:
            raise ValueError(f"{self.path} is no npz file, or not a whole one: {error}") from error
        if "images" not in arrays and "pick" in arrays:
            arrays["images"] = _unpack(arrays)
        missing = {"images", "labels", "usage"} - set(arrays)
        if missing:
            raise ValueError(f"{self.path}: no array named {', '.join(sorted(missing))}; there are: {', '.join(arrays)}")
        for name, most in (("labels", len(self.labels)), ("usage", len(SPLITS))):
            wrong = ~np.isin(arrays[name], np.arange(most))
            if wrong.any():
                raise ValueError(f"{self.path}: {name} holds {arrays[name][wrong][0]}; wanted 0 to {most - 1}")
        return arrays

    @property
    def vote_labels(self) -> LabelSet | None:
        return FERPLUS if "ferplus_votes" in self._arrays else None

    def __len__(self) -> int:
        return len(self._arrays["labels"])

    def __iter__(self) -> Iterator[Sample]:
        a, votes = self._arrays, self._arrays.get("ferplus_votes")
        matched = a.get("pixel_source", np.zeros(len(self))) != ARBITRARY_ROW
        for i, (image, label, usage) in enumerate(zip(a["images"], a["labels"], a["usage"], strict=True)):
            yield Sample(image, int(label), SPLITS[usage], str(i), votes[i] if votes is not None and matched[i] else None)


def _unpack(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Mosaics `jp2_*` of 64 x 64 chips and `pick`, the chip of each row -> images (n, 48, 48)."""
    from PIL import Image

    tiles = []
    for name in sorted(n for n in arrays if n.startswith("jp2_")):
        mosaic = np.asarray(Image.open(io.BytesIO(arrays[name].tobytes())))
        tiles.append(mosaic.reshape(MOSAIC, SIDE, MOSAIC, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE))
    return np.concatenate(tiles)[arrays["pick"]]


class FerCsv:
    """The challenge's file: a header `emotion,pixels,Usage`, then a row a face, its 2,304 gray levels parted by blanks."""

    labels: LabelSet = FER2013
    vote_labels: LabelSet | None = None

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.problems: list[str] = []

    def __len__(self) -> int:
        with self.path.open("rb") as file:
            return max(sum(1 for line in file if line.strip()) - 1, 0)

    def __iter__(self) -> Iterator[Sample]:
        with self.path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = [name.strip().lower() for name in next(rows, [])]
            if header[:2] != ["emotion", "pixels"]:
                raise ValueError(f"{self.path}: the first line must be emotion,pixels,Usage; it is {','.join(header)!r}")
            self.problems.clear()
            while (row := self._next(rows)) is not None:
                try:
                    sample = self._sample(row, rows.line_num)
                except ValueError as error:
                    self.problems.append(str(error))
                else:
                    yield sample

    def _next(self, rows: Any) -> list[str] | None:
        """The next row that holds anything; None at the end."""
        while True:
            try:
                row: list[str] = next(rows)
            except StopIteration:
                return None
            except csv.Error as error:
                self.problems.append(f"{self.path}, line {rows.line_num}: {error}")
            else:
                if row:
                    return row

    def _sample(self, row: list[str], line: int) -> Sample:
        try:
            if len(row) < 2:
                raise ValueError(f"{len(row)} columns where emotion, pixels and Usage were wanted")
            label, pixels = int(row[0]), np.array(row[1].split(), dtype=np.uint8)
            split = row[2].strip() if len(row) > 2 else SPLITS[0]
            if len(pixels) != SIDE * SIDE:
                raise ValueError(f"{len(pixels)} pixels where {SIDE * SIDE} were wanted")
            if not 0 <= label < len(self.labels):
                raise ValueError(f"label {label} where 0 to {len(self.labels) - 1} was wanted")
            if split not in SPLITS:
                raise ValueError(f"usage {split!r} where {', '.join(SPLITS)} was wanted")
        except (ValueError, IndexError, OverflowError) as error:
            raise ValueError(f"{self.path}, line {line}: {error}") from error
        return Sample(pixels.reshape(SIDE, SIDE), label, split, str(line))
